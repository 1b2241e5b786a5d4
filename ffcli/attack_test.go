package ffcli

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/attack"
	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/internal/testvideo"
)

// Clear faces are recognised and leave the performance whole; surrogates are not recognised, and still perform.
func TestAttackSample(t *testing.T) {
	needNetworks(t)
	dir := t.TempDir()
	clip, list, out := filepath.Join(dir, "clip.mkv"), filepath.Join(dir, "cast.json"), filepath.Join(dir, "out.mkv")
	testvideo.FFmpeg(t, dir, "-i", absolute(t, sampleClip), "-an", "-frames:v", "21", "-c:v", "ffv1", clip)
	mustRun(t, dir, "registry", "init")
	mustRun(t, dir, "analyze", clip, "-o", list, "--uncertified")
	mustRun(t, dir, "render", clip, "-o", out, "--decisions", list, "--uncertified", "--codec", "ffv1")

	run := func(output string, flags ...string) (r attack.Result, table string) {
		t.Helper()
		result := filepath.Join(t.TempDir(), "result.json")
		code, table, errs := ksamenet(t, dir, append([]string{"attack", clip, output, "--utility", "--json", result}, flags...)...)
		if err := json.Unmarshal(read(t, result), &r); err != nil {
			t.Fatalf("%v\n%s", err, errs)
		}
		if want := map[bool]int{true: exitDone, false: exitIncomplete}[r.Holds()]; code != want {
			t.Errorf("exit %d, want %d\n%s\n%s", code, want, table, errs)
		}
		if !strings.Contains(errs, "the very recording") {
			t.Errorf("nothing is said of what the attacker holds:\n%s", errs)
		}
		return r, table
	}
	lines := filepath.Join(dir, "lines.csv")
	clear, table := run(clip, "--csv", lines)
	if len(clear.Attacks) != 12 || clear.Pairs[0].Frames != 21 || clear.Format != attack.Format || len(clear.Models) < 6 {
		t.Errorf("result %+v", clear)
	}
	for _, a := range clear.Attacks {
		if a.Rank1 != 1 || a.People < 3 || a.Holds {
			t.Errorf("clear faces: %s with %s: rank-1 %v of %d", a.Attack, a.Recognizer, a.Rank1, a.People)
		}
	}
	u := clear.Utility
	if u.Landmarks < .999 || u.PoseError.Yaw > 1e-6 || u.Flicker.Added != 0 || u.Detection[1].Ratio != 1 || u.Measured < 60 {
		t.Errorf("an original against itself: %+v", u)
	}
	if !strings.Contains(table, "BEATEN") || !strings.Contains(table, "temporal correlation") {
		t.Errorf("table:\n%s", table)
	}
	f, err := os.Open(lines)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if rows, err := csv.NewReader(f).ReadAll(); err != nil || len(rows) != 1+12*clear.Attacks[0].People {
		t.Errorf("%d lines of CSV for %d trials each, %v", len(rows), clear.Attacks[0].People, err)
	}

	redacted, _ := run(out, "--decisions", list)
	for _, a := range redacted.Attacks {
		if a.People < 3 || a.PerPerson[0].Group == 0 {
			t.Errorf("redacted: %+v", a)
		}
		// Five people are too few for a verdict, and pose and hair are those of the original; but all of them at once is more.
		if a.Attack == attack.Naive && a.Channel == attack.FaceOnly && a.Rank1 == 1 {
			t.Errorf("everybody is recognised: %+v", a)
		}
	}
	if u := redacted.Utility; u.Measured < 60 || u.PoseError.Yaw > 6 || u.Detection[1].Ratio < .95 || u.LandmarksPicture < .5 || u.Flicker.Original <= 0 {
		t.Errorf("the performance of the surrogates: %+v", u)
	}

	short := filepath.Join(dir, "short.mkv")
	testvideo.FFmpeg(t, dir, "-i", out, "-frames:v", "20", "-c:v", "copy", short)
	for _, pair := range [][2]string{{clip, short}, {short, clip}} {
		if code, _, errs := ksamenet(t, dir, "attack", pair[0], pair[1], "-q", "--every", "21"); code != exitFailed || !strings.Contains(errs, "20 pictures") {
			t.Errorf("%v: exit %d: %s", pair, code, errs)
		}
	}
	noLeftovers(t, dir)
}

func TestAttackUsage(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a, b := write("a.mp4", "x"), write("b.mp4", "y")
	write("in/c.mp4", "x")
	write("out/c.mp4", "x")
	write("three/pairs.csv", "original,output,session\na,b,1\na,b,2\na,b,3\n")
	write("typo/pairs.csv", "original,ouput\na,b\n")
	write("hole/pairs.csv", "original,output\na,\n")
	write("none/pairs.csv", "original,output\n")
	write("nobody/pairs.csv", "original,session\na,1\nb,2\n")
	write("odd/pairs.csv", "original,expression\na,bored\n")
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"no output":           {[]string{a}, "an original and its output"},
		"a file and a folder": {[]string{a, dir}, "two files or two folders"},
		"no pairs":            {[]string{filepath.Join(dir, "in"), filepath.Join(dir, "none")}, "no file of"},
		"no list":             {[]string{filepath.Join(dir, "in"), filepath.Join(dir, "out"), "--decisions", dir}, "no decision list for c.mp4"},
		"no data set":         {[]string{"--dataset", dir}, "pairs.csv is missing"},
		"data set and files":  {[]string{a, b, "--dataset", dir}, "leave out the arguments"},
		"three sessions":      {[]string{"--dataset", filepath.Join(dir, "three")}, "3 sessions"},
		"mistyped column":     {[]string{"--dataset", filepath.Join(dir, "typo")}, `column "ouput"`},
		"an empty cell":       {[]string{"--dataset", filepath.Join(dir, "hole")}, "line 2"},
		"an empty set":        {[]string{"--dataset", filepath.Join(dir, "none")}, "names no pair"},
		"result over input":   {[]string{a, b, "--json", b, "--overwrite"}, "the same file"},
		"result is there":     {[]string{a, b, "--csv", filepath.Join(dir, "in", "c.mp4")}, "exists already"},
		"every":               {[]string{a, b, "--every", "0"}, "every is 0"},
		"a sweep's flag":      {[]string{a, b, "--folds", "3"}, "--folds is for sweeps"},
		"no number":           {[]string{a, "--k", "2,many"}, "numbers from 1 to 100"},
		"k of nobody":         {[]string{a, "--k", "0"}, "numbers from 1 to 100"},
		"no originals":        {[]string{"--k", "2"}, "originals, please"},
		"a missing original":  {[]string{filepath.Join(dir, "none.mp4"), "--k", "2"}, "none.mp4"},
		"an empty folder":     {[]string{filepath.Join(dir, "three", "empty"), "--k", "2"}, "no such file"},
		"lists in a sweep":    {[]string{a, "--k", "2", "--decisions", a}, "analysed anew"},
		"sessions of nobody":  {[]string{"--k", "2", "--dataset", filepath.Join(dir, "nobody")}, "no person"},
		"an odd expression":   {[]string{"--k", "2", "--dataset", filepath.Join(dir, "odd")}, `expression "bored"`},
		"page over input":     {[]string{a, "--k", "2", "--html", a, "--overwrite"}, "the same file"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errs := ksamenet(t, dir, append([]string{"attack"}, tc.args...)...)
			if code != exitUsage || !strings.Contains(errs, tc.want) {
				t.Errorf("exit %d: %s; want 2 and %q", code, errs, tc.want)
			}
		})
	}
}

func TestReadDataset(t *testing.T) {
	dir := t.TempDir()
	text := "original,output,person,session,decisions\nin/a.mp4,out/a.mp4,Ada,1,cast/a.json\n/far/b.mp4,out/b.mp4,Bo,2,\n"
	if err := os.WriteFile(filepath.Join(dir, "pairs.csv"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := readDataset(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	want := []duel{
		{original: filepath.Join(dir, "in/a.mp4"), output: filepath.Join(dir, "out/a.mp4"), decisions: filepath.Join(dir, "cast/a.json"), person: "Ada", session: "1"},
		{original: "/far/b.mp4", output: filepath.Join(dir, "out/b.mp4"), person: "Bo", session: "2"},
	}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %+v", got)
	}
}

// A recording is about the person with the most and largest faces that have landmarks, however large a covered hand is beside them.
func TestLeadingPerson(t *testing.T) {
	face := decisions.Face{Box: [4]float64{0, 0, 10, 10}, Look: &appearance.Appearance{}, Place: &align.Placement{Scale: 10}, Oval: make([][2]float64, 3)}
	hand := decisions.Face{Box: [4]float64{0, 0, 40, 40}}
	l := &decisions.List{Tracks: []decisions.Track{
		{ID: 1, Faces: []decisions.Face{hand, hand}},
		{ID: 2, Person: 7, Faces: []decisions.Face{face, face}},
		{ID: 3, Person: 4, Faces: []decisions.Face{face}},
	}}
	if got := leading(l); got != 7 {
		t.Errorf("the recording is about person %d, want 7", got)
	}
	l.Tracks = l.Tracks[:1]
	l.Tracks[0].Person = 3
	if got := leading(l); got != 3 {
		t.Errorf("without landmarks it is about person %d, want 3", got)
	}
}
