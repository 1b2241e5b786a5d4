package av

import (
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/internal/testvideo"
)

// A disk that fills up in mid-run, here a limit on the size of files: the run fails, says so, and leaves nothing.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	testvideo.FFmpeg(t, dir, "-f", "lavfi", "-i", "testsrc2=s=960x540:d=3", "-c:v", "ffv1", "in.mkv")
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	limit := was
	limit.Cur = 1_000_000 // more than the log that go test keeps of this process, whose writes it would break too
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was)
	for _, name := range []string{"out.mkv", "out.mov", "out.ts"} {
		codec := ""
		if name == "out.ts" {
			codec = "mpeg2video"
		}
		_, err := Transcode(t.Context(), filepath.Join(dir, "in.mkv"), filepath.Join(dir, name), TranscodeOptions{Codec: codec, ConstantRate: true}, func(*frame.Picture) error { return nil })
		if !errors.Is(err, ErrOutput) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("left: %v (%v)", list, err)
	}
}
