package ffcli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/ffcli/internal/av"
)

// lumas are the luma planes of a file, row by row without padding.
func lumas(t *testing.T, path string) (out [][]byte, w int) {
	t.Helper()
	_, err := av.Decode(context.Background(), path, av.DecodeOptions{}, func(pic *frame.Picture) error {
		var b []byte
		for y := range pic.H {
			b = append(b, pic.Planes[0].Data[y*pic.Planes[0].Stride:][:pic.W]...)
		}
		out, w = append(out, b), pic.W
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out, w
}

// Edits change the frames and places that they speak of, and not a sample elsewhere.
func TestEditedLists(t *testing.T) {
	needNetworks(t)
	dir := t.TempDir()
	mustRun(t, dir, "registry", "init")
	clip := shortClip(t, dir)
	cast := filepath.Join(dir, "cast.json")
	mustRun(t, dir, "analyze", clip, "-o", cast, "--uncertified")
	render := func(name, list string) [][]byte {
		out := filepath.Join(dir, name+".mkv")
		mustRun(t, dir, "render", "--decisions", list, clip, "-o", out, "--no-verify", "--codec", "ffv1")
		l, _ := lumas(t, out)
		return l
	}
	plain := render("plain", cast)
	_, w := lumas(t, clip)
	for _, tc := range []struct {
		name        string
		change      func(*decisions.List)
		first, last int
		box         func(*decisions.List) [4]float64 // all that may change, with a cover's margin
	}{
		{"zone", func(l *decisions.List) {
			l.Zones = []decisions.Zone{{ID: 1, First: 4, Last: 7, Box: &[4]float64{8, 300, 40, 340}, Action: decisions.Cover}}
		}, 4, 7, func(*decisions.List) [4]float64 { return [4]float64{0, 290, 50, 350} }},
		{"drawn", func(l *decisions.List) {
			l.Tracks = append(l.Tracks, decisions.Track{ID: 99, Action: decisions.Blur, Keys: []decisions.Key{{Frame: 9, Box: [4]float64{8, 280, 40, 320}}, {Frame: 12, Box: [4]float64{60, 280, 92, 320}}}})
		}, 9, 12, func(*decisions.List) [4]float64 { return [4]float64{0, 260, 112, 344} }},
		{"part hidden", func(l *decisions.List) {
			l.Tracks[0].Spans = []decisions.Span{{First: 3, Last: 5, Action: decisions.Cover}}
		}, 3, 5, whereTrack},
		{"part kept", func(l *decisions.List) {
			l.Tracks[0].Spans = []decisions.Span{{First: 6, Last: 9, Action: decisions.Keep}}
		}, 6, 9, whereTrack},
		{"zone over a face", func(l *decisions.List) {
			box := whereTrack(l)
			l.Zones = []decisions.Zone{{ID: 1, First: 2, Last: 4, Box: &box, Action: decisions.Cover}}
		}, 2, 4, func(l *decisions.List) [4]float64 {
			b := whereTrack(l)
			r := frame.Rect{X0: b[0], Y0: b[1], X1: b[2], Y1: b[3]}.Grow(.3, .3) // a cover's margin grows with its box
			return [4]float64{r.X0, r.Y0, r.X1, r.Y1}
		}},
		{"zone that keeps a face", func(l *decisions.List) {
			box := whereTrack(l)
			l.Zones = []decisions.Zone{{ID: 1, First: 8, Last: 10, Box: &box, Action: decisions.Keep}}
		}, 8, 10, whereTrack},
		{"hide", func(l *decisions.List) { l.Tracks[0].Action = decisions.Cover }, 0, 15, whereTrack},
		{"keep", func(l *decisions.List) { l.Tracks[0].Action = decisions.Keep }, 0, 15, whereTrack},
	} {
		t.Run(tc.name, func(t *testing.T) {
			list := filepath.Join(dir, tc.name+".json")
			edit(t, cast, list, tc.change)
			var box [4]float64
			edit(t, list, list, func(l *decisions.List) { box = tc.box(l) })
			changed := render(tc.name, list)
			for f := range plain {
				n := 0
				for i, v := range plain[f] {
					if changed[f][i] == v {
						continue
					}
					n++
					x, y := float64(i%w), float64(i/w)
					if f < tc.first || f > tc.last || x < box[0] || x >= box[2] || y < box[1] || y >= box[3] {
						t.Fatalf("frame %d: the sample at %.0f,%.0f changed", f, x, y)
					}
				}
				if f >= tc.first && f <= tc.last && n == 0 {
					t.Errorf("frame %d: nothing changed", f)
				}
			}
		})
	}
}

// whereTrack is all of the picture that the first track ever takes, with room for hair and margins.
func whereTrack(l *decisions.List) [4]float64 {
	var r frame.Rect
	for _, f := range l.Tracks[0].Faces {
		r = r.Union(f.Rect())
	}
	r = r.Grow(.4, .5)
	return [4]float64{r.X0, r.Y0, r.X1, r.Y1}
}

func TestDecisionsCommand(t *testing.T) {
	dir := t.TempDir()
	list := filepath.Join(dir, "cast.json")
	text := `{"format": "ksamenet-decisions", "version": 1, "tool": "t",
 "source": {"sha256": "00", "frames": 50, "faces": 2, "width": 640, "height": 360},
 "policy": {"k": 1, "donors": 4, "certified": false, "fallback": "solid"},
 "shots": [{"first": 0, "last": 49}], "clusters": [],
 "persons": [{"id": 1, "cluster": 0, "action": "cover"}],
 "tracks": [{"id": 1, "person": 1, "tone": {"y": 1, "b": 0, "cb": 0, "cr": 0, "k": 0, "bl": 0}, "faces": [
  {"f": 3, "b": [10, 10, 50, 60]},
  {"f": 4, "b": [10, 10, 50, 60]}]}]
}`
	put := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put(list, text)
	if out, _ := mustRun(t, dir, "decisions", "check", list); !strings.Contains(out, "1 persons, 1 tracks") {
		t.Error(out)
	}
	out, _ := mustRun(t, dir, "decisions", "show", list)
	for _, s := range []string{"50 frames of 640x360", "cover", "3-4"} {
		if !strings.Contains(out, s) {
			t.Errorf("show does not say %q:\n%s", s, out)
		}
	}
	bad := filepath.Join(dir, "bad.json")
	put(bad, strings.Replace(text, `{"f": 4,`, `{"f": 2,`, 1))
	if code, _, errs := ksamenet(t, dir, "decisions", "check", bad); code != exitFailed || !strings.Contains(errs, "bad.json: line 8: track 1: frame 2") {
		t.Errorf("exit %d: %s", code, errs)
	}
	found, merged := filepath.Join(dir, "found.jsonl"), filepath.Join(dir, "merged.json")
	put(found, `{"frame": 10, "box": [100, 100, 140, 150]}`+"\n"+`{"frame": 20, "box": [300, 100, 340, 150], "track": "x"}`+"\n")
	mustRun(t, dir, "decisions", "import", list, found, "-o", merged)
	if out, _ := mustRun(t, dir, "decisions", "show", merged); !strings.Contains(out, "imported: x") || !strings.Contains(out, "0-22") {
		t.Error(out)
	}
	put(found, "{}\n")
	code, _, errs := ksamenet(t, dir, "decisions", "import", list, found, "-o", filepath.Join(dir, "none.json"))
	if _, err := os.Stat(filepath.Join(dir, "none.json")); code != exitFailed || !strings.Contains(errs, "found.jsonl: line 1: no box") || err == nil {
		t.Errorf("exit %d: %s", code, errs)
	}
	if out, _ := mustRun(t, dir, "decisions", "schema"); !strings.Contains(out, "json-schema.org") {
		t.Error(out)
	}
}

// Windows of time become zones of the list; a bad line is named, and nothing is written.
func TestImportWindows(t *testing.T) {
	dir := t.TempDir()
	list := decisions.List{Format: decisions.Format, Version: decisions.Version,
		Source: decisions.Source{SHA256: strings.Repeat("0", 64), Frames: 250, Width: 64, Height: 48, ConstantRate: true, Rate: "25", Timecode: "10:00:00:00"}}
	cast, out := filepath.Join(dir, "cast.json"), filepath.Join(dir, "out.json")
	var b bytes.Buffer
	if err := list.Write(&b); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"cast.json": b.String(), "good.csv": "in,out,action\n10:00:01:00,10:00:02:00,cover\n4.0,5.0,blur\n", "bad.csv": "in,out,action\n10:00:01:00,10:00:02:00,cover\n11:00:00:00,11:00:01:00,cover\n",
		"good.edl": "TITLE: X\n001 AX V C 00:00:00:00 00:00:01:00 10:00:01:00 10:00:02:00\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{in("bad.csv")}, exitFailed, "line 3: 11:00:00:00 lies outside the film"},
		{[]string{in("good.edl")}, exitUsage, "--action process"}, {[]string{in("good.edl"), "--action", "replace"}, exitUsage, "process, cover"},
		{[]string{in("good.edl"), "--action", "cover", "--edl-side", "left"}, exitUsage, "record or source"},
	} {
		code, _, errs := ksamenet(t, dir, append([]string{"decisions", "import", cast, "-o", out}, c.args...)...)
		if _, err := os.Stat(out); code != c.code || !strings.Contains(errs, c.want) || err == nil {
			t.Errorf("%v: exit %d, written %v\n%s", c.args, code, err == nil, errs)
		}
	}
	mustRun(t, dir, "decisions", "import", cast, in("good.csv"), "-o", out)
	if l := mustReadList(t, out); len(l.Zones) != 2 || l.Zones[0].First != 25 || l.Zones[0].Last != 49 || l.Zones[1].First != 100 || l.Zones[1].Action != decisions.Blur {
		t.Errorf("%+v", l.Zones)
	}
	mustRun(t, dir, "decisions", "import", cast, in("good.edl"), "--action", "process", "-o", out, "--overwrite")
	if l := mustReadList(t, out); len(l.Zones) != 2 || l.Zones[0].Last != 24 || l.Zones[0].Action != decisions.Keep || l.Zones[1].First != 50 || l.Zones[1].Last != 249 {
		t.Errorf("%+v", l.Zones)
	}
}
