//go:build zoo

package ffcli

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/ksamenet/ksamenet/internal/testvideo"
)

var kills = flag.Int("kills", 50, "how often TestKilled kills the program")

// TestKilled ends the program by SIGKILL at random moments: the final name is free or holds the whole result, and --resume
// always finishes with the same bytes.
func TestKilled(t *testing.T) {
	needNetworks(t)
	dir := t.TempDir()
	bin := filepath.Join(dir, "ksamenet")
	if b, err := exec.Command("go", "build", "-o", bin, "./ksamenet").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	clip, whole, out := filepath.Join(dir, "clip.mkv"), filepath.Join(dir, "whole.mkv"), filepath.Join(dir, "out.mkv")
	testvideo.FFmpeg(t, dir, "-ss", "2.8", "-i", absolute(t, sampleClip), "-frames:v", "24", "-c:v", "libx264", "-c:a", "copy", clip)
	args := []string{"redact", clip, "--k", "3", "--no-verify", "--resume", "--registry", filepath.Join(dir, "people.db"), "--key-file", filepath.Join(dir, "key", "people.key")}
	mustRun(t, dir, "registry", "init")
	start := time.Now()
	if b, err := exec.Command(bin, append(args, "-o", whole)...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	wall, want := time.Since(start), read(t, whole)
	rng := rand.New(rand.NewPCG(1, 2))
	killed, resumed := 0, 0
	for range *kills {
		cmd := exec.Command(bin, append(args, "-o", out)...)
		var said bytes.Buffer
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(rng.Float64()*1.1*float64(wall)), func() { _ = cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		if bytes.Contains(said.Bytes(), []byte("is taken up")) {
			resumed++
		}
		if err != nil {
			killed++
			if cmd.ProcessState.ExitCode() >= 0 {
				t.Fatalf("after %d kills: %v\n%s", killed, err, said.Bytes())
			}
		}
		if _, statErr := os.Stat(out); statErr == nil { // whole, or nothing
			if !bytes.Equal(read(t, out), want) {
				t.Fatalf("after %d kills the final name holds something else (%v)", killed, err)
			}
			for _, p := range []string{out, out + ".report.json"} {
				if err := os.Remove(p); err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
			}
		}
	}
	if b, err := exec.Command(bin, append(args, "-o", out)...).CombinedOutput(); err != nil {
		t.Fatalf("the last run: %v\n%s", err, b)
	}
	if !bytes.Equal(read(t, out), want) {
		t.Error("the last run gave another file")
	}
	noLeftovers(t, dir)
	t.Logf("%d runs, %d killed, %d took up a first pass", *kills, killed, resumed)
}
