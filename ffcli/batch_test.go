package ffcli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ksamenet/ksamenet/internal/testvideo"
)

// Several files: what is stopped leaves nothing under a final name, --resume does what is missing and proves the rest by
// hash, and two at once give the same bytes as one after another.
func TestBatch(t *testing.T) {
	needNetworks(t)
	dir := t.TempDir()
	in := filepath.Join(dir, "in")
	if err := os.MkdirAll(filepath.Join(in, "day2"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, at := range map[string]string{"a.mkv": "2.8", filepath.Join("day2", "b.mkv"): "5"} {
		testvideo.FFmpeg(t, dir, "-ss", at, "-i", absolute(t, sampleClip), "-frames:v", "6", "-c:v", "libx264", "-c:a", "copy", filepath.Join(in, name))
	}
	for _, name := range []string{"notes.txt", "broken.mp4"} {
		if err := os.WriteFile(filepath.Join(in, name), []byte("no film"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	names := []string{"a.mkv", filepath.Join("day2", "b.mkv")}
	args := []string{"redact", in, "--k", "2", "--no-verify", "--output-dir"}

	one := filepath.Join(dir, "one") // one after another
	mustRun(t, dir, "registry", "init")
	other := t.TempDir() // the same registry, as it is before anybody is enrolled
	for _, name := range []string{"people.db", filepath.Join("key", "people.key")} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(other, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(other, name), read(t, filepath.Join(dir, name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	code, _, said := ksamenet(t, dir, append(args, one)...)
	if code != exitFailed || !strings.Contains(said, "broken.mp4") || !strings.Contains(said, "notes.txt") || !strings.Contains(said, "1 of 3 files were not") {
		t.Fatalf("one after another: exit %d\n%s", code, said)
	}
	for _, want := range []string{"FILE", "REPLACED", "VERDICT", "CERTIFIED"} {
		if !strings.Contains(said, want) {
			t.Errorf("the summary lacks %s:\n%s", want, said)
		}
	}

	two := filepath.Join(dir, "two")
	ctx, cancel := context.WithCancel(context.Background())
	var errs bytes.Buffer
	stop := writerFunc(func(b []byte) (int, error) {
		if strings.Contains(string(b), `"pass":"render"`) {
			cancel()
		}
		return len(b), nil
	})
	full := append([]string{"ksamenet"}, append(args, two, "--jobs", "2", "--json", "--registry", filepath.Join(other, "people.db"), "--key-file", filepath.Join(other, "key", "people.key"))...)
	if code := Run(ctx, full, nil, stop, &errs); code != exitFailed || !strings.Contains(errs.String(), "interrupted") {
		t.Fatalf("stopped: exit %d\n%s", code, errs.String())
	}
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(two, name)); err == nil {
			t.Errorf("stopped, and %s is there", name)
		}
	}
	noLeftovers(t, two)

	code, lines, said := ksamenet(t, other, append(args, two, "--jobs", "2", "--resume", "--json")...)
	if code != exitFailed {
		t.Fatalf("resumed: exit %d\n%s", code, said)
	}
	files := map[float64]map[string]any{}
	for line := range strings.Lines(lines) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if e["event"] == "file" {
			files[e["file"].(float64)] = e
		} else if _, ok := e["file"]; !ok && e["event"] != "batch" {
			t.Errorf("a line without the file's number: %s", line)
		}
	}
	for _, name := range names {
		if !bytes.Equal(read(t, filepath.Join(one, name)), read(t, filepath.Join(two, name))) {
			t.Errorf("%s: two at once and one after another give different files", name)
		}
	}
	if len(files) != 3 || files[1]["exit_code"] != 0. || files[2]["exit_code"] != 1. || files[3]["verdict"] != "CERTIFIED" {
		t.Errorf("files: %v", files)
	}
	if log := string(read(t, filepath.Join(two, "a.mkv.log"))); strings.Count(log, "exit code") != 2 || !strings.Contains(log, "exit code 0") {
		t.Errorf("the log of a.mkv:\n%s", log)
	}

	// Finished files are proved by their hash: one that was changed is none.
	before, _ := os.Stat(filepath.Join(two, "a.mkv"))
	_, _, said = ksamenet(t, other, append(args, two, "--resume")...)
	if after, err := os.Stat(filepath.Join(two, "a.mkv")); err != nil || !after.ModTime().Equal(before.ModTime()) || strings.Count(said, "is done already") != 2 {
		t.Errorf("what was done was done again (%v):\n%s", err, said)
	}
	if err := os.WriteFile(filepath.Join(two, "a.mkv"), []byte("another"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, _, said = ksamenet(t, other, append(args, two, "--resume")...)
	if strings.Count(said, "is done already") != 1 || !strings.Contains(said, "exists already") {
		t.Errorf("a changed output:\n%s", said)
	}
}

// Names are settled before any network is opened: collisions, outputs that exist or are inputs, folders that are closed.
func TestPlan(t *testing.T) {
	dir := t.TempDir()
	path := func(names ...string) string { return filepath.Join(append([]string{dir}, names...)...) }
	for _, d := range []string{"a", "b", "out", "shut"} {
		if err := os.Mkdir(path(d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{path("a", "x.mp4"), path("b", "x.mp4"), path("b", "y.mp4"), path("out", "y.mp4")} {
		if err := os.WriteFile(f, []byte(f), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"collision", []string{path("a"), path("b"), "-o", path("out")}, exitUsage, "would both become"},
		{"exists", []string{path("b"), "-o", path("out")}, exitUsage, "exists already"},
		{"same", []string{path("a"), "-o", path("a"), "--overwrite"}, exitUsage, "same file"},
		{"no folder", []string{path("a"), "-o", path("new")}, exitUsage, "--output-dir"},
		{"empty", []string{path("shut"), "-o", path("out")}, exitUsage, "no video in"},
		{"report's folder", []string{path("a", "x.mp4"), "-o", path("z.mp4"), "--report", path("nowhere", "r.json")}, exitFailed, "nothing can be written"},
		{"folder is a file", []string{path("a", "x.mp4"), "--output-dir", path("b", "y.mp4", "sub")}, exitFailed, "cannot be made"},
		{"jobs", []string{path("a"), "-o", path("out"), "--jobs", "0"}, exitUsage, "jobs is 0"},
	} {
		code, _, said := ksamenet(t, dir, append([]string{"redact"}, tc.args...)...)
		if code != tc.code || !strings.Contains(said, tc.want) {
			t.Errorf("%s: exit %d\n%s", tc.name, code, said)
		}
	}
	if list, err := os.ReadDir(path("out")); err != nil || len(list) != 1 {
		t.Errorf("the output folder holds %v (%v)", list, err)
	}
}

// What can decode is listed; a device that is not there is refused before work.
func TestHwaccel(t *testing.T) {
	code, out, said := ksamenet(t, t.TempDir(), "redact", "--hwaccel", "list")
	if code != exitDone || !strings.Contains(out, "device") {
		t.Errorf("list: exit %d\n%s%s", code, out, said)
	}
}

// Decisions keep the order of the files, whichever analysis ends first.
func TestOrder(t *testing.T) {
	o := newOrder(4)
	var mu sync.Mutex
	var got []int
	var wg sync.WaitGroup
	for _, file := range []int{3, 4, 1, 2} {
		wg.Go(func() {
			if file == 2 { // fails before its turn
				o.pass(2)
				return
			}
			time.Sleep(time.Duration(4-file) * time.Millisecond)
			if err := o.wait(t.Context(), file); err != nil {
				t.Error(err)
			}
			mu.Lock()
			got = append(got, file)
			mu.Unlock()
			o.pass(file)
			o.pass(file)
		})
	}
	wg.Wait()
	if len(got) != 3 || got[0] != 1 || got[1] != 3 || got[2] != 4 {
		t.Errorf("order %v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newOrder(2).wait(ctx, 2); err == nil {
		t.Error("waits though the run is over")
	}
}
