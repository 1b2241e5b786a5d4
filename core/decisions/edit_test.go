package decisions

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// edited has one of everything that can be said by hand.
func edited() *List {
	l := sample()
	l.Tracks[0].Spans = []Span{{First: 3, Last: 3, Action: Blur}}
	l.Tracks = append(l.Tracks,
		Track{ID: 3, Action: Blur, Keys: []Key{{Frame: 1, Box: [4]float64{0, 0, 10, 10}}, {Frame: 5, Box: [4]float64{40, 80, 50, 90}}}},
		Track{ID: 4, Person: 2, Keys: []Key{{Frame: 7, Box: [4]float64{0, 0, 10, 10}}}})
	l.Zones = []Zone{
		{ID: 1, First: 3, Last: 4, Box: &[4]float64{300, 0, 400, 100}, Action: Cover, Why: "a screen"},
		{ID: 2, First: 2, Last: 2, Box: &[4]float64{0, 0, 60, 70}, Action: Keep},
		{ID: 3, First: 9, Last: 9, Action: Cover},
	}
	return l
}

func TestWhatIsSaidByHand(t *testing.T) {
	var b bytes.Buffer
	if err := edited().Write(&b); err != nil {
		t.Fatal(err)
	}
	l, err := Read(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	was, jobs := sample().ByFrame(), l.ByFrame()
	type seen struct {
		track  int
		action Action
	}
	want := map[int64][]seen{
		1: {{3, Blur}}, 2: {{2, Keep}, {-2, Keep}, {1, Keep}, {3, Blur}}, 3: {{1, Blur}, {3, Blur}, {-1, Cover}},
		4: {{3, Blur}, {-1, Cover}}, 5: {{3, Blur}}, 7: {{4, Keep}}, 9: {{-3, Cover}},
	}
	for f := range int64(10) {
		var got []seen
		for _, j := range jobs[f] {
			got = append(got, seen{j.Track.ID, j.Action})
		}
		for _, s := range want[f] {
			if !slices.Contains(got, s) {
				t.Errorf("frame %d: %v, want %v among them", f, got, s)
			}
		}
		if len(got) != len(want[f]) {
			t.Errorf("frame %d: %v, want %v", f, got, want[f])
		}
	}
	if f := jobs[3][0].Face; len(was[3]) != 1 || f == nil {
		t.Fatal("frame 3")
	}
	for _, j := range jobs[3] {
		if j.Track.ID == 3 && j.Face.Box != [4]float64{20, 40, 30, 50} {
			t.Errorf("half way between two keys: %v", j.Face.Box)
		}
	}
	if r := jobs[9][0].Face.Rect(); r.W() != 640 || r.H() != 480 {
		t.Errorf("a zone without a box: %v", r)
	}
}

// A part of a track may have another action. What would have been replaced says so, and a track of nobody needs an action.
func TestSpans(t *testing.T) {
	l := sample()
	face := l.Tracks[0].Faces[0]
	l.Tracks = []Track{{ID: 1, Person: l.Persons[0].ID, Spans: []Span{{First: 2, Last: 3, Action: Keep}, {First: 4, Last: 4, Action: Cover}, {First: 8, Last: 9, Action: Blur}}}}
	l.Zones = []Zone{{ID: 1, First: 6, Last: 6, Action: Keep}}
	for f := int64(1); f < 10; f++ {
		face.Frame = f
		l.Tracks[0].Faces = append(l.Tracks[0].Faces, face)
	}
	if err := l.Validate(); err != nil {
		t.Fatal(err)
	}
	jobs := l.ByFrame()
	for f, want := range map[int64]Action{1: Replace, 2: Keep, 3: Keep, 4: Cover, 5: Replace, 6: Keep, 7: Replace, 8: Blur, 9: Blur} {
		for _, j := range jobs[f] {
			if j.Track.ID == 1 && (j.Action != want || j.Shadow != (want != Replace)) {
				t.Errorf("frame %d: %s (shadow %v), want %s", f, j.Action, j.Shadow, want)
			}
		}
	}
	for name, edit := range map[string]func(*Track){
		"beyond the track": func(t *Track) { t.Spans[2].Last = 10 },
		"before the track": func(t *Track) { t.Spans[0].First = 0 },
		"overlapping":      func(t *Track) { t.Spans[1].First = 3 },
		"inverted":         func(t *Track) { t.Spans[0].Last = 1 },
		"unknown action":   func(t *Track) { t.Spans[0].Action = "hide" },
		"no action":        func(t *Track) { t.Spans[0].Action = "" },
		"nobody, replaced": func(t *Track) { t.Person, t.Action, t.Spans[0].Action = 0, Cover, Replace },
		"nobody, nothing":  func(t *Track) { t.Person = 0 },
	} {
		bad := *l
		bad.Tracks = []Track{l.Tracks[0]}
		bad.Tracks[0].Spans = slices.Clone(l.Tracks[0].Spans)
		edit(&bad.Tracks[0])
		if err := bad.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	nobody := *l
	nobody.Tracks = []Track{{ID: 1, Action: Cover, Faces: l.Tracks[0].Faces}}
	if err := nobody.Validate(); err != nil {
		t.Errorf("a track of nobody that is covered: %v", err)
	}
}

// What was drawn by hand hides whatever is there; what a detector saw does not lie over a surrogate.
func TestByHandIsOnTop(t *testing.T) {
	at := func(x0, x1 float64) *Face { return &Face{Box: [4]float64{x0, 0, x1, 10}} }
	jobs := []Job{
		{Track: &Track{ID: -1}, Face: at(0, 5), Action: Cover},
		{Track: &Track{ID: 4, Keys: make([]Key, 1)}, Face: at(0, 2), Action: Blur},
		{Track: &Track{ID: 2}, Face: at(0, 20), Action: Replace},
		{Track: &Track{ID: 3}, Face: at(0, 9), Action: Cover},
	}
	SortForPainting(jobs)
	var got []int
	for _, j := range jobs {
		got = append(got, j.Track.ID)
	}
	if !slices.Equal(got, []int{3, 2, 4, -1}) {
		t.Errorf("painted in the order %v", got)
	}
}

func TestHandmadeFaults(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		edit       func(*List)
	}{
		{"a drawn face cannot be replaced", "no face to be rendered", func(l *List) { l.Tracks[2].Action = Replace }},
		{"a drawn track of nobody", "needs the action", func(l *List) { l.Tracks[2].Action = "" }},
		{"keys out of order", "out of order", func(l *List) { l.Tracks[2].Keys[1].Frame = 1 }},
		{"keys and faces", "both", func(l *List) { l.Tracks[2].Faces = l.Tracks[0].Faces }},
		{"an empty key", "box", func(l *List) { l.Tracks[2].Keys[0].Box = [4]float64{} }},
		{"a zone beyond the video", "frames 3 to 10", func(l *List) { l.Zones[0].Last = 10 }},
		{"a zone that replaces", "cover, blur or keep", func(l *List) { l.Zones[0].Action = Replace }},
		{"a zone twice", "unique", func(l *List) { l.Zones[1].ID = 1 }},
		{"an inverted zone", "box", func(l *List) { l.Zones[0].Box[0] = 500 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := edited()
			tc.edit(l)
			if err := l.Validate(); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// What is wrong with a document is told with the line it stands in.
func TestFaultsNameTheLine(t *testing.T) {
	var b bytes.Buffer
	if err := edited().Write(&b); err != nil {
		t.Fatal(err)
	}
	whole := b.String()
	line := func(text string) int { return 1 + strings.Count(whole[:strings.Index(whole, text)], "\n") }
	for _, tc := range []struct{ name, old, new, at string }{
		{"an unknown action", `"action":"keep"}`, `"action":"hide"}`, `"action":"keep"}`},
		{"a frame beyond", `{"f":3,"b"`, `{"f":33,"b"`, `{"f":3,"b"`},
		{"a key out of order", `{"f":5,"b"`, `{"f":0,"b"`, `{"f":5,"b"`},
		{"a mistyped key", `"why":"a screen"`, `"wyh":"a screen"`, `"why":"a screen"`},
		{"a string for a number", `"k":3`, `"k":"3"`, `"k":3`},
		{"no JSON", `"shots": [`, `"shots" [`, `"shots": [`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if !strings.Contains(whole, tc.old) {
				t.Fatalf("no %s in\n%s", tc.old, whole)
			}
			_, err := Read(strings.NewReader(strings.Replace(whole, tc.old, tc.new, 1)))
			var f *Fault
			if !errors.As(err, &f) || f.Line != line(tc.at) || f.Reason == "" {
				t.Errorf("%v, want line %d", err, line(tc.at))
			}
		})
	}
	if _, err := Read(strings.NewReader(whole + "{}")); !errors.Is(err, ErrInvalid) {
		t.Errorf("two documents: %v", err)
	}
	if _, err := Read(strings.NewReader(whole[:len(whole)/2])); err == nil || !strings.Contains(err.Error(), "ends early") {
		t.Errorf("half a document: %v", err)
	}
}

// docs/decisions.schema.json is the schema of the types.
func TestSchema(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "decisions.schema.json")
	if *update {
		if err := os.WriteFile(path, Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, Schema()) {
		t.Error("docs/decisions.schema.json differs from the types; go test ./core/decisions -run TestSchema -update")
	}
	var s struct {
		Properties map[string]any
		Required   []string
	}
	if err := json.Unmarshal(have, &s); err != nil || s.Properties["zones"] == nil || !slices.Contains(s.Required, "source") {
		t.Errorf("%v %+v", err, s.Required)
	}
}

func TestForeign(t *testing.T) {
	src := sample().Source
	good := `{"frame":1,"box":[0,0,10,10],"track":"a"}

{"frame":5,"box":[40,0,50,10],"track":"a","score":0.5}
{"frame":2,"box":[7,7,9,9]}
{"frame":3,"box":[7,7,9,9],"track":"b","action":"keep"}`
	all, err := ReadForeign(strings.NewReader(good), src)
	if err != nil || len(all) != 4 {
		t.Fatal(all, err)
	}
	l := sample()
	loose, err := l.AddForeign(all, "imported")
	if err != nil || len(loose) != 1 || loose[0].Frame != 2 || len(l.Tracks) != 4 {
		t.Fatalf("%v, %d loose, %d tracks", err, len(loose), len(l.Tracks))
	}
	if jobs := l.ByFrame(); len(jobs[4]) != 1 || jobs[4][0].Action != Cover || jobs[4][0].Face.Box != [4]float64{30, 0, 40, 10} {
		t.Errorf("between two detections: %+v", jobs[4])
	}
	for _, tc := range []struct{ line, want string }{
		{`{"frame":10,"box":[0,0,1,1]}`, "frame 10"},
		{`{"frame":1}`, "no box"},
		{`{"frame":1,"box":[0,0,0,1]}`, "box"},
		{`{"frame":1,"box":[0,0,1e9,1]}`, "box"},
		{`{"frame":1,"box":[0,0,1,1],"score":2}`, "score"},
		{`{"frame":1,"box":[0,0,1,1],"action":"keep"}`, "without a track"},
		{`{"frame":1,"box":[0,0,1,1],"track":"a","action":"keep"}`, "in another"},
		{`{"frame":1,"bbox":[0,0,1,1]}`, "unknown field"},
		{`{"frame":1,"box":[0,0,1,1]} {}`, "more than one"},
		{`nonsense`, "invalid"},
	} {
		_, err := ReadForeign(strings.NewReader(good+"\n"+tc.line), src)
		var f *Fault
		if !errors.As(err, &f) || f.Line != 6 || !strings.Contains(f.Reason, tc.want) {
			t.Errorf("%s: %v, want line 6 and %q", tc.line, err, tc.want)
		}
	}
	twice := []Foreign{all[0], all[0]}
	if _, err := sample().AddForeign(twice, "imported"); err == nil {
		t.Error("a track with two boxes in one frame was taken")
	}
}

func FuzzForeign(f *testing.F) {
	f.Add([]byte(`{"frame":1,"box":[0,0,10,10],"track":"a"}` + "\n" + `{"frame":2,"box":[7,7,9,9]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		l := sample()
		all, err := ReadForeign(bytes.NewReader(b), l.Source)
		if err != nil {
			return
		}
		if _, err := l.AddForeign(all, "imported"); err == nil {
			l.ByFrame()
		}
	})
}
