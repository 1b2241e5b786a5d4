package attack

import (
	"math"
	"testing"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/compositor"
	"github.com/ksamenet/ksamenet/core/decisions"
)

// filmed is a list of two people in one picture, one of whom cannot be rendered in the second.
func filmed(yaw int8, across float64) *decisions.List {
	face := func(f int64) decisions.Face {
		look := appearance.Appearance{Yaw: yaw, GazeYaw: 1}
		look.Expression[0] = 9
		place := align.Placement{X: 100, Y: 80, Scale: 90, Roll: .1}
		out := decisions.Face{Frame: f, Look: &look, Place: &place, Box: [4]float64{60, 40, 140, 120}}
		for d := range 12 {
			s, c := math.Sincos(2 * math.Pi * float64(d) / 12)
			out.Oval = append(out.Oval, [2]float64{100 + across*c, 80 + 33*s})
		}
		return out
	}
	return &decisions.List{
		Format: decisions.Format, Version: decisions.Version, Source: decisions.Source{Frames: 2, Width: 200, Height: 160},
		Clusters: []decisions.Cluster{{ID: 7, Members: 5, Donors: []int{1, 2}}},
		Persons:  []decisions.Person{{ID: 1, Cluster: 7, Action: decisions.Replace}, {ID: 2, Cluster: 7, Action: decisions.Replace}},
		Tracks: []decisions.Track{
			{ID: 1, Person: 1, Tone: compositor.Tone{Luma: 30, Cr: 2}, Light: appearance.Light{Azimuth: 1}, Faces: []decisions.Face{face(0), {Frame: 1, Box: [4]float64{60, 40, 140, 120}}}},
			{ID: 2, Person: 2, Faces: []decisions.Face{face(0)}},
		},
	}
}

// Two people who differ in everything but one signal give the same list when everything else is held still.
func TestIsolateHoldsTheRestStill(t *testing.T) {
	a, b := filmed(12, 28), filmed(-30, 35)
	b.Tracks[0].Tone, b.Tracks[0].Light = compositor.Tone{Luma: 11}, appearance.Light{Azimuth: -2}
	f := &b.Tracks[0].Faces[0]
	f.Look.Expression[3], f.Look.GazePitch = 15, -2
	f.Place.X, f.Place.Roll = 60, -.2
	for _, name := range append(Signals, "nothing") {
		x, y := Isolate(a, 1, name, []int{3, 4}), Isolate(b, 1, name, []int{3, 4})
		for _, l := range []*decisions.List{x, y} {
			if err := l.Validate(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if len(l.Tracks) != 1 || len(l.Tracks[0].Faces) != 1 || l.Persons[0].Cluster != 1 {
				t.Fatalf("%s: %+v", name, l)
			}
		}
		p, q := TrailOf(x, 1), TrailOf(y, 1)
		for _, signal := range Signals[:len(Signals)-1] {
			same := true
			for i, v := range p[signal][0] {
				same = same && math.Abs(v-q[signal][0][i]) < 1e-9
			}
			if want := signal != name && name != AllSignals; same != want {
				t.Errorf("isolated %s: %s equal is %v: %v, %v", name, signal, same, p[signal][0], q[signal][0])
			}
		}
	}
	if a.Tracks[0].Faces[0].Look.Yaw != 12 || len(a.Tracks[0].Faces) != 2 {
		t.Error("Isolate changed the list it was given")
	}
}

func TestTrail(t *testing.T) {
	trail := TrailOf(filmed(12, 28), 1)
	for _, name := range Signals {
		if len(trail[name]) != 1 {
			t.Errorf("%s: %d pictures, want the one that can be rendered", name, len(trail[name]))
		}
	}
	if p := trail[Pose][0]; p[0] != 12 {
		t.Errorf("pose %v", p)
	}
	if o := trail[Outline][0]; len(o) != supports || math.Abs(o[0]-28./90) > .01 || math.Abs(o[supports/4]-33./90) > .01 {
		t.Errorf("outline %v", o)
	}
	if len(trail[AllSignals][0]) != 18+2+3+7+supports+4 {
		t.Errorf("%d numbers", len(trail[AllSignals][0]))
	}
	if n := len(TrailOf(filmed(0, 28), 3)); n != 0 {
		t.Errorf("a person who is not there: %d", n)
	}
}

func TestBlankSaysNothing(t *testing.T) {
	p := Blank(5, 33, 20)
	if err := p.Validate(); err != nil || p.Index != 5 || p.W != 33 {
		t.Fatalf("%+v, %v", p, err)
	}
	for i := range p.Planes {
		for _, v := range p.Planes[i].Data {
			if v != 128 {
				t.Fatalf("plane %d holds %d", i, v)
			}
		}
	}
}
