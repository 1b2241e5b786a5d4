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

// Too few people: refused with exit code 4 before anything is read or written, and with the ways out.
func TestFilterTooFewPeople(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mustRun(t, dir, "registry", "init")
	var out, errs bytes.Buffer
	in := strings.NewReader("no stream")
	code := Run(t.Context(), []string{"ksamenet", "filter", "--registry", filepath.Join(dir, "people.db"), "--key-file", filepath.Join(dir, "key", "people.key")}, in, &out, &errs)
	if code != exitTooFew || out.Len() > 0 || in.Len() != 9 {
		t.Errorf("exit %d, %d bytes written, %d left to read", code, out.Len(), in.Len())
	}
	for _, want := range []string{"0 distinct people are enrolled, k = 5 are needed", "registry enroll", "--k 1", "--uncertified"} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("no %q in\n%s", want, errs.String())
		}
	}
}

// A face that comes into sight in the middle of the picture may have been there before: pictures that had left by then make the exit
// code 3, and the report says NOT CERTIFIED with their number. With the usual look-ahead none has left.
func TestFilterFindsAFaceTooLate(t *testing.T) {
	t.Parallel()
	needNetworks(t)
	dir := t.TempDir()
	clip := filepath.Join(dir, "clip.nut")
	testvideo.FFmpeg(t, dir, "-i", absolute(t, sampleClip), "-f", "lavfi", "-i", "testsrc2=s=640x360:r=25", "-filter_complex",
		"[0]crop=340:340:130:130,scale=100:100[face];[1][face]overlay=270:130:enable='gte(n,5)',format=yuv420p", "-frames:v", "9", "-an", "-c:v", "rawvideo", clip)
	stream := read(t, clip)
	mustRun(t, dir, "registry", "init")
	for _, tc := range []struct {
		name string
		args []string
		code int
		told string
		lost int64
	}{
		{"no look-ahead", []string{"--lookahead", "0"}, exitIncomplete, "5 pictures had left", 5},
		{"look-ahead", nil, exitDone, "", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rep := filepath.Join(dir, tc.name+".json")
			args := append([]string{"ksamenet", "filter", "--uncertified", "--report", rep, "--registry", filepath.Join(dir, "people.db"), "--key-file", filepath.Join(dir, "key", "people.key")}, tc.args...)
			var out, errs bytes.Buffer
			code := Run(t.Context(), args, bytes.NewReader(stream), &out, &errs)
			if code != tc.code || !strings.Contains(errs.String(), tc.told) || out.Len() < len(stream)*9/10 {
				t.Errorf("exit %d, want %d; %d bytes written of %d\n%s", code, tc.code, out.Len(), len(stream), errs.String())
			}
			var r report.Report
			if err := json.Unmarshal(read(t, rep), &r); err != nil {
				t.Fatal(err)
			}
			if r.Coverage.Uncovered != tc.lost || r.Coverage.Faces == 0 || r.Verdict != report.NotCertified {
				t.Errorf("verdict %s, %+v; want %d uncovered", r.Verdict, r.Coverage, tc.lost)
			}
		})
	}
}
