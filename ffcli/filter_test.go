package ffcli

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/report"
	"github.com/ksamenet/ksamenet/internal/testvideo"
)

// TestProgram is the program itself, for tests that need a process with pipes and signals.
func TestProgram(t *testing.T) {
	args := os.Getenv("KSAMENET_TEST_ARGS")
	if args == "" {
		t.Skip("run by other tests")
	}
	os.Exit(Main(append([]string{"ksamenet"}, strings.Split(args, "\n")...), os.Stdin, os.Stdout, os.Stderr))
}

// program is a process of the command line.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, "-test.run", "^TestProgram$")
	c.Env = append(os.Environ(), "KSAMENET_TEST_ARGS="+strings.Join(args, "\n"))
	return c
}

// ffmpeg … | ksamenet filter … | ffmpeg … works in one pass: every picture with its faces replaced, the sound as it was.
func TestFilterBetweenPipes(t *testing.T) {
	t.Parallel()
	needNetworks(t)
	dir := t.TempDir()
	db, key, rep := filepath.Join(dir, "people.db"), filepath.Join(dir, "key", "people.key"), filepath.Join(dir, "run.json")
	mustRun(t, dir, "registry", "init")
	clip, out := filepath.Join(dir, "clip.mkv"), filepath.Join(dir, "out.mkv")
	testvideo.FFmpeg(t, dir, "-i", absolute(t, sampleClip), "-f", "lavfi", "-i", "sine", "-map", "0:v", "-map", "1", "-t", "0.32", "-vf", "scale=640:-2", "-c:v", "ffv1", "-c:a", "pcm_s16le", clip)
	tool := testvideo.Tool(t, "ffmpeg")
	from := exec.Command(tool, "-v", "error", "-i", clip, "-map", "0", "-c", "copy", "-c:v", "rawvideo", "-f", "nut", "-")
	through := program(t, "filter", "--uncertified", "--registry", db, "--key-file", key, "--json", "--report", rep)
	to := exec.Command(tool, "-v", "error", "-i", "-", "-map", "0", "-c", "copy", "-c:v", "ffv1", out)
	var said bytes.Buffer
	through.Stderr = &said
	var err error
	if through.Stdin, err = from.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if to.Stdin, err = through.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*exec.Cmd{to, through, from} {
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []*exec.Cmd{to, through, from} { // the last first: waiting for a writer closes its pipe
		if err := c.Wait(); err != nil {
			t.Fatalf("%v: %v\n%s", c.Args, err, said.String())
		}
	}
	if n, want := frames(t, out), frames(t, clip); n != want {
		t.Errorf("%d pictures of %d", n, want)
	}
	sameStreams(t, clip, out)
	var r report.Report
	if err := json.Unmarshal(read(t, rep), &r); err != nil {
		t.Fatal(err)
	}
	n := int64(frames(t, clip))
	if r.Verdict != report.NotCertified || r.Coverage.Replaced < n || r.Coverage.Uncovered != 0 || r.Output.Frames != n || len(r.Input.SHA256) != 64 || len(r.Output.SHA256) != 64 {
		t.Errorf("%+v", r)
	}
	var sum struct {
		Event  string
		Frames int64
	}
	lines := strings.Split(strings.TrimSpace(said.String()), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &sum); err != nil || sum.Event != "summary" || sum.Frames != n {
		t.Errorf("said %q", said.String())
	}
}

// Mistakes are told before any network is opened.
func TestFilterUsage(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		in   io.Reader
		want string
	}{
		{"a file", []string{"clip.mp4"}, strings.NewReader(""), "ksamenet redact"},
		{"format", []string{"--format", "mp4"}, strings.NewReader(""), "nut or matroska"},
		{"look-ahead", []string{"--lookahead", "1000"}, strings.NewReader(""), "lookahead"},
		{"pace", []string{"--pace", "slow"}, strings.NewReader(""), "live or file"},
		{"detail", []string{"--detail", "low"}, strings.NewReader(""), "full or fast"},
		{"mode", []string{"--mode", "distinct"}, strings.NewReader(""), "mode"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := Run(t.Context(), append([]string{"ksamenet", "filter"}, c.args...), c.in, &out, &errs)
			if code != exitUsage || !strings.Contains(errs.String(), c.want) || out.Len() > 0 {
				t.Errorf("exit %d\n%s", code, errs.String())
			}
		})
	}
}

// A reader that goes away ends the run with a word, and code 1; a stream that breaks off is written and told.
func TestFilterBrokenPipes(t *testing.T) {
	t.Parallel()
	needNetworks(t)
	dir := t.TempDir()
	in := filepath.Join(dir, "in.nut")
	testvideo.FFmpeg(t, dir, "-f", "lavfi", "-i", "testsrc2=s=320x240", "-t", "0.4", "-c:v", "rawvideo", in)
	mustRun(t, dir, "registry", "init")
	stream := read(t, in)
	args := []string{"filter", "--uncertified", "--registry", filepath.Join(dir, "people.db"), "--key-file", filepath.Join(dir, "key", "people.key")}
	gone := program(t, args...)
	gone.Stdin = bytes.NewReader(stream)
	var said bytes.Buffer
	gone.Stderr = &said
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	gone.Stdout = w
	r.Close()
	err = gone.Run()
	w.Close()
	if gone.ProcessState.ExitCode() != exitFailed || !strings.Contains(said.String(), "closed it") {
		t.Errorf("%v: exit %d\n%s", err, gone.ProcessState.ExitCode(), said.String())
	}
	var out, errs bytes.Buffer
	code := Run(t.Context(), append([]string{"ksamenet"}, args...), bytes.NewReader(stream[:len(stream)/2]), &out, &errs)
	if code != exitFailed || !strings.Contains(errs.String(), "ended early") || out.Len() < len(stream)/4 {
		t.Errorf("exit %d, %d bytes\n%s", code, out.Len(), errs.String())
	}
}
