package ffcli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/report"
	"github.com/ksamenet/ksamenet/internal/testvideo"
)

// shortClip is a part of the sample small enough to be rendered several times.
func shortClip(t *testing.T, dir string) string {
	t.Helper()
	clip := filepath.Join(dir, "clip.mkv")
	testvideo.FFmpeg(t, dir, "-ss", "1", "-i", absolute(t, sampleClip), "-frames:v", "16", "-vf", "scale=640:-2", "-an", "-c:v", "libx264", "-crf", "16", clip)
	return clip
}

// edit reads a list, changes it and writes it under another name.
func edit(t *testing.T, from, to string, change func(*decisions.List)) {
	t.Helper()
	l, err := decisions.Read(bytes.NewReader(read(t, from)))
	if err != nil {
		t.Fatal(err)
	}
	change(l)
	var b bytes.Buffer
	if err := l.Write(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Faces that the list forgot are found in the output, covered and rendered again; without the watch they stay, and verify
// tells, by the list or by comparing pictures.
func TestVerify(t *testing.T) {
	needNetworks(t)
	dir := t.TempDir()
	mustRun(t, dir, "registry", "init")
	clip := shortClip(t, dir)
	cast, forgot := filepath.Join(dir, "cast.json"), filepath.Join(dir, "forgot.json")
	mustRun(t, dir, "analyze", clip, "-o", cast, "--uncertified")
	edit(t, cast, forgot, func(l *decisions.List) {
		l.Tracks, l.Persons, l.Source.Faces = nil, nil, 0
	})
	shown, mended := filepath.Join(dir, "shown.mkv"), filepath.Join(dir, "mended.mkv")
	mustRun(t, dir, "render", "--decisions", forgot, clip, "-o", shown, "--no-verify")
	for _, args := range [][]string{{"verify", clip, shown}, {"verify", clip, shown, "--decisions", forgot}} {
		code, out, errs := ksamenet(t, dir, args...)
		if code != exitIncomplete || !strings.Contains(out, "frame 0: face at") {
			t.Errorf("%v: exit %d\n%s\n%s", args, code, out, errs)
		}
	}
	_, errs := mustRun(t, dir, "render", "--decisions", forgot, clip, "-o", mended)
	if !strings.Contains(errs, "rendered again") {
		t.Errorf("the watch said nothing:\n%s", errs)
	}
	mustRun(t, dir, "verify", clip, mended)
	var rep report.Report
	if err := json.Unmarshal(read(t, mended+".report.json"), &rep); err != nil {
		t.Fatal(err)
	}
	if w := rep.Watch; w == nil || w.Found < 16 || w.Exposed != 0 || rep.Coverage.Covered < w.Found {
		t.Errorf("%+v, %+v", rep.Watch, rep.Coverage)
	}
	if code, _, errs := ksamenet(t, dir, "verify", clip, sampleClip); code != exitFailed || !strings.Contains(errs, "ends after 16 frames") {
		t.Errorf("files of different lengths: exit %d\n%s", code, errs)
	}
	noLeftovers(t, dir)
}
