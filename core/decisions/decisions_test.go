package decisions

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/appearance"
)

func sample() *List {
	look := appearance.Quantize(appearance.Raw{Yaw: 12, Pitch: -3})
	return &List{
		Format: Format, Version: Version, Tool: "ksamenet test",
		Source:   Source{SHA256: strings.Repeat("0", 64), Frames: 10, Width: 640, Height: 480},
		Policy:   Policy{K: 3, Donors: 4, Certified: true, Fallback: "solid"},
		Shots:    []Shot{{First: 0, Last: 9}},
		Clusters: []Cluster{{ID: 7, Members: 3, Donors: []int{1, 2, 3, 4}}},
		Persons:  []Person{{ID: 1, Registry: 5, Cluster: 7, Action: Replace}, {ID: 2, Cluster: 7, Action: Keep}},
		Tracks: []Track{
			{ID: 1, Person: 1, Faces: []Face{
				{Frame: 2, Box: [4]float64{10, 10, 50, 60}, Place: &align.Placement{X: 30, Y: 35, Scale: 60, Roll: 0.1}, Oval: [][2]float64{{10, 10}, {50, 10}, {30, 60}}, Look: &look},
				{Frame: 3, Box: [4]float64{11, 10, 51, 60}},
			}},
			{ID: 2, Person: 2, Faces: []Face{{Frame: 2, Box: [4]float64{100, 10, 110, 22}}}},
		},
	}
}

func TestWriteReadRoundTrip(t *testing.T) {
	var a, b bytes.Buffer
	if err := sample().Write(&a); err != nil {
		t.Fatal(err)
	}
	l, err := Read(bytes.NewReader(a.Bytes()))
	if err != nil {
		t.Fatalf("%v\n%s", err, a.String())
	}
	if err := l.Write(&b); err != nil {
		t.Fatal(err)
	}
	if a.String() != b.String() {
		t.Errorf("second writing differs:\n%s\n%s", a.String(), b.String())
	}
}

// A face that is to be replaced but cannot be rendered is covered; a kept person's face is kept.
func TestByFrame(t *testing.T) {
	j := sample().ByFrame()
	if len(j[2]) != 2 || j[2][0].Action != Keep || j[2][1].Action != Replace || j[2][1].Cluster != 7 {
		t.Errorf("frame 2: %+v", j[2])
	}
	if len(j[3]) != 1 || j[3][0].Action != Cover {
		t.Errorf("frame 3: %+v", j[3])
	}
	if len(j[4]) != 0 {
		t.Errorf("frame 4: %+v", j[4])
	}
}

// A large cover is painted before a small surrogate, a small surrogate before a large one.
func TestPaintingOrder(t *testing.T) {
	l := sample()
	f := l.Tracks[0].Faces[0]
	small, large := f, f
	small.Box, large.Box = [4]float64{0, 0, 5, 5}, [4]float64{0, 0, 90, 90}
	cover := Face{Frame: f.Frame, Box: [4]float64{0, 0, 200, 200}}
	l.Tracks = []Track{{ID: 1, Person: 1, Faces: []Face{large}}, {ID: 2, Person: 1, Faces: []Face{cover}}, {ID: 3, Person: 1, Faces: []Face{small}}}
	var order []int
	for _, j := range l.ByFrame()[f.Frame] {
		order = append(order, j.Track.ID)
	}
	if !slices.Equal(order, []int{2, 3, 1}) {
		t.Errorf("painted in the order %v", order)
	}
}

func TestValidateRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit func(*List)
		want string
	}{
		{"format", func(l *List) { l.Format = "x" }, "format"},
		{"newer version", func(l *List) { l.Version = Version + 1 }, "version"},
		{"unknown action", func(l *List) { l.Persons[0].Action = "passthrough" }, "action"},
		{"no cluster", func(l *List) { l.Clusters = nil }, "cluster 7"},
		{"unknown person", func(l *List) { l.Tracks[0].Person = 9 }, "person 9"},
		{"frame order", func(l *List) { l.Tracks[0].Faces[1].Frame = 2 }, "out of order"},
		{"frame beyond", func(l *List) { l.Tracks[0].Faces[1].Frame = 10 }, "beyond"},
		{"NaN box", func(l *List) { l.Tracks[0].Faces[1].Box[0] = math.NaN() }, "box"},
		{"inverted box", func(l *List) { l.Tracks[0].Faces[1].Box[2] = 0 }, "box"},
		{"zero scale", func(l *List) { l.Tracks[0].Faces[0].Place.Scale = 0 }, "placement"},
		{"outline", func(l *List) { l.Tracks[0].Faces[0].Oval[1][0] = math.Inf(1) }, "outline"},
		{"off grid", func(l *List) { l.Tracks[0].Faces[0].Look.Yaw = 100 }, "grid"},
		{"no donors", func(l *List) { l.Clusters[0].Donors = nil }, "donors"},
		{"duplicate track", func(l *List) { l.Tracks[1].ID = 1 }, "track 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := sample()
			tc.edit(l)
			err := l.Validate()
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want ErrInvalid with %q", err, tc.want)
			}
		})
	}
}

// A list of version 1 says how far a mouth is open in steps of a fifteenth.
func TestReadUpgrades(t *testing.T) {
	old := sample()
	old.Version = 1
	old.Tracks[0].Faces[0].Look.Expression[1], old.Tracks[0].Faces[0].Look.Expression[appearance.MouthOpen] = 7, 7
	var a bytes.Buffer
	if err := old.Write(&a); err != nil {
		t.Fatal(err)
	}
	l, err := Read(&a)
	if err != nil {
		t.Fatal(err)
	}
	got := l.Tracks[0].Faces[0].Look.Values().Expression
	if want := 7. / 15; l.Version != Version || math.Abs(got[appearance.MouthOpen]-want) > 1e-9 || math.Abs(got[1]-want) > 1e-9 {
		t.Errorf("version %d, mouth %v, smile %v; want %d and %v", l.Version, got[appearance.MouthOpen], got[1], Version, want)
	}
	old.Tracks[0].Faces[0].Look.Expression[appearance.MouthOpen] = 200
	if err := old.Write(&a); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(&a); !errors.Is(err, ErrInvalid) {
		t.Errorf("a mouth off the grid was read: %v", err)
	}
}

func TestReadRefusesUnknownField(t *testing.T) {
	var a bytes.Buffer
	if err := sample().Write(&a); err != nil {
		t.Fatal(err)
	}
	s := strings.Replace(a.String(), `"person": 1`, `"persn": 1`, 1)
	if _, err := Read(strings.NewReader(s)); !errors.Is(err, ErrInvalid) {
		t.Errorf("a mistyped key was read: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	var a bytes.Buffer
	if err := sample().Write(&a); err != nil {
		f.Fatal(err)
	}
	f.Add(a.Bytes())
	a.Reset()
	if err := edited().Write(&a); err != nil {
		f.Fatal(err)
	}
	f.Add(a.Bytes())
	f.Add([]byte(`{"format":"ksamenet-decisions","version":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		l.ByFrame() // what was accepted can be indexed, written and read again
		var again bytes.Buffer
		if err := l.Write(&again); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(&again); err != nil {
			t.Fatalf("a list that was accepted is refused when it is written: %v", err)
		}
	})
}
