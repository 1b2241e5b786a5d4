package ffcli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/internal/testvideo"
)

// A run that is stopped in its second pass leaves nothing under the final name; --resume takes its first pass up and gives
// the same bytes as a run that was not stopped. Other settings do not take it up.
func TestResume(t *testing.T) {
	needNetworks(t)
	dir := t.TempDir()
	mustRun(t, dir, "registry", "init")
	clip, whole, out := filepath.Join(dir, "clip.mkv"), filepath.Join(dir, "whole.mkv"), filepath.Join(dir, "out.mkv")
	testvideo.FFmpeg(t, dir, "-ss", "2.8", "-i", absolute(t, sampleClip), "-frames:v", "8", "-c:v", "libx264", "-c:a", "copy", clip)
	mustRun(t, dir, "redact", clip, "-o", whole, "--k", "3", "--no-verify")

	ctx, cancel := context.WithCancel(context.Background())
	var errs bytes.Buffer
	stop := writerFunc(func(b []byte) (int, error) {
		if strings.Contains(string(b), `"pass":"render"`) {
			cancel()
		}
		return len(b), nil
	})
	code := Run(ctx, []string{"ksamenet", "redact", clip, "-o", out, "--k", "3", "--json", "--no-verify",
		"--registry", filepath.Join(dir, "people.db"), "--key-file", filepath.Join(dir, "key", "people.key")}, nil, stop, &errs)
	if _, err := os.Stat(out); code != exitFailed || err == nil {
		t.Fatalf("stopped: exit %d, output: %v\n%s", code, err, errs.String())
	}
	checkpoint := checkpointPath(job{output: out})
	kept := read(t, checkpoint)
	if bytes.Contains(kept, []byte("mbedding")) {
		t.Error("the checkpoint speaks of embeddings")
	}
	left := filepath.Join(dir, ".out.mkv.ksamenet-4194305.part") // a process id that Linux does not give
	if err := os.WriteFile(left, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}

	_, said := mustRun(t, dir, "redact", clip, "-o", out, "--k", "3", "--resume", "--no-verify")
	if !strings.Contains(said, "is taken up") {
		t.Errorf("the first pass was made again:\n%s", said)
	}
	if !bytes.Equal(read(t, whole), read(t, out)) {
		t.Error("the resumed run gave another file")
	}
	for _, p := range []string{checkpoint, left} {
		if _, err := os.Stat(p); err == nil {
			t.Errorf("%s stays", p)
		}
	}

	if err := os.WriteFile(checkpoint, kept, 0o644); err != nil {
		t.Fatal(err)
	}
	_, said = mustRun(t, dir, "redact", clip, "-o", out, "--k", "2", "--resume", "--overwrite", "--no-verify")
	if !strings.Contains(said, "other settings") || strings.Contains(said, "is taken up") {
		t.Errorf("other settings:\n%s", said)
	}
}

func TestRoom(t *testing.T) {
	if err := roomFor(10, 10, "d"); err != nil {
		t.Error(err)
	}
	if err := roomFor(11_000, 10_000, "d"); err == nil || !strings.Contains(err.Error(), "10 kB free") {
		t.Errorf("%v", err)
	}
}
