package attack

import (
	"math"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
)

// Signals that pass from a filmed face to its output besides the cluster: the channels of the cluster-leak. The first two
// enter the generator with every picture, the light once a track; the tone enters the compositor once a track, outline and
// placement with every picture.
const (
	Expression = "expression" // units and gaze
	Pose       = "pose"       // yaw and pitch
	Lighting   = "light"
	Tone       = "tone"
	Outline    = "outline"   // of the mask, on the surrogate
	Placement  = "placement" // position, size and roll
	AllSignals = "all signals"
)

// Signals are the channels of the cluster-leak, in the order of the results.
var Signals = []string{Expression, Pose, Lighting, Tone, Outline, Placement, AllSignals}

// supports is the number of directions in which an outline is measured: more than the mask's smooth curve has freedom for.
const supports = 24

// Trail is what passes of one person in one recording, or in several: rows of each signal by its name, one a picture.
type Trail map[string][][]float64

// TrailOf reads the signals of a person (an id of the list) off a decision list: all that a rendering is told of them.
func TrailOf(l *decisions.List, person int) Trail {
	out := Trail{}
	for i := range l.Tracks {
		t := &l.Tracks[i]
		if t.Person != person || l.ActionOf(t) != decisions.Replace {
			continue
		}
		for j := range t.Faces {
			f := &t.Faces[j]
			if !f.Renderable() {
				continue
			}
			var all []float64
			for _, s := range Signals[:len(Signals)-1] {
				row := signal(s, t, f, l.Source.Width, l.Source.Height)
				all = append(all, row...)
				out[s] = append(out[s], row)
			}
			out[AllSignals] = append(out[AllSignals], all)
		}
	}
	return out
}

// signal is one signal of a face as numbers.
func signal(name string, t *decisions.Track, f *decisions.Face, w, h int) []float64 {
	a, tone := f.Look.Values(), t.Tone
	switch name {
	case Expression:
		return append(a.Expression[:], a.GazeYaw, a.GazePitch)
	case Pose:
		return []float64{a.Yaw, a.Pitch}
	case Lighting:
		return []float64{float64(t.Light.Azimuth), float64(t.Light.Elevation), float64(t.Light.Strength)}
	case Tone:
		return []float64{float64(tone.Luma), float64(tone.Black), float64(tone.Cb), float64(tone.Cr), float64(tone.Skin), float64(tone.Blur), float64(tone.Grain)}
	case Outline:
		return support(outlineOf(f))
	}
	p := f.Place
	return []float64{p.X / float64(w), p.Y / float64(h), p.Scale / float64(w), p.Roll}
}

// outlineOf is the outline in patch coordinates. A placement that cannot be turned back has none.
func outlineOf(f *decisions.Face) []frame.Point {
	inv, err := f.Place.Matrix().Invert()
	if err != nil {
		return nil
	}
	out := make([]frame.Point, len(f.Oval))
	for i, q := range f.Oval {
		out[i] = inv.Apply(frame.Point{X: q[0], Y: q[1]})
	}
	return out
}

// support is the support function of the points' convex hull about the patch's middle.
func support(points []frame.Point) []float64 {
	out := make([]float64, supports)
	for d := range out {
		sin, cos := math.Sincos(2 * math.Pi * float64(d) / supports)
		for i, p := range points {
			if v := (p.X-.5)*cos + (p.Y-.5)*sin; i == 0 || v > out[d] {
				out[d] = v
			}
		}
	}
	return out
}

// Of the stand-ins for a signal that is held still: half axes of the outline in patch coordinates (a mean face's), and the
// placement's size as a share of the picture's shorter side.
const (
	stillAcross, stillDown = .29, .37
	stillSize              = .62
)

// Isolate is a decision list that renders one person of l, as cluster 1 with the given donors, driven by one signal alone
// (AllSignals: by all of them). Everything else is held still, the same for everybody: what tells two people apart in its
// renderings came through that signal. l is not changed.
func Isolate(l *decisions.List, person int, name string, donors []int) *decisions.List {
	own := func(s string) bool { return name == AllSignals || name == s }
	out := &decisions.List{
		Format: l.Format, Version: l.Version, Tool: l.Tool, Source: l.Source, Policy: l.Policy, Shots: l.Shots,
		Clusters: []decisions.Cluster{{ID: 1, Members: 1, Donors: donors}},
		Persons:  []decisions.Person{{ID: person, Cluster: 1, Action: decisions.Replace}},
	}
	for i := range l.Tracks {
		from := &l.Tracks[i]
		if from.Person != person || l.ActionOf(from) != decisions.Replace {
			continue
		}
		t := decisions.Track{ID: from.ID, Person: person}
		if own(Tone) {
			t.Tone = from.Tone
		}
		if own(Lighting) {
			t.Light = from.Light
		}
		for j := range from.Faces {
			if f := &from.Faces[j]; f.Renderable() {
				t.Faces = append(t.Faces, isolated(f, own, l.Source.Width, l.Source.Height))
			}
		}
		if len(t.Faces) > 0 {
			out.Tracks = append(out.Tracks, t)
		}
	}
	out.Source.Faces = out.Faces()
	return out
}

func isolated(f *decisions.Face, own func(string) bool, w, h int) decisions.Face {
	var look appearance.Appearance
	if own(Expression) {
		look.Expression, look.GazeYaw, look.GazePitch = f.Look.Expression, f.Look.GazeYaw, f.Look.GazePitch
	}
	if own(Pose) {
		look.Yaw, look.Pitch = f.Look.Yaw, f.Look.Pitch
	}
	outline := outlineOf(f)
	if !own(Outline) {
		outline = outline[:0]
		for d := range supports {
			sin, cos := math.Sincos(2 * math.Pi * float64(d) / supports)
			outline = append(outline, frame.Point{X: .5 + stillAcross*cos, Y: .5 + stillDown*sin})
		}
	}
	place := *f.Place
	if !own(Placement) {
		place = align.Placement{X: float64(w) / 2, Y: float64(h) / 2, Scale: stillSize * float64(min(w, h))}
	}
	out := decisions.Face{Frame: f.Frame, Look: &look, Place: &place}
	m := place.Matrix()
	for i, p := range outline {
		q := m.Apply(p)
		out.Oval = append(out.Oval, [2]float64{q.X, q.Y})
		if i == 0 {
			out.Box = [4]float64{q.X, q.Y, q.X, q.Y}
		}
		out.Box = [4]float64{min(out.Box[0], q.X), min(out.Box[1], q.Y), max(out.Box[2], q.X), max(out.Box[3], q.Y)}
	}
	return out
}

// Blank is a mid-grey picture to render signals on: nothing of the film is in it, nor its colour matrix.
func Blank(index int64, w, h int) *frame.Picture {
	out := frame.New(frame.I420, w, h)
	out.Index, out.Matrix = index, frame.BT709
	for i := range out.Planes {
		for j := range out.Planes[i].Data {
			out.Planes[i].Data[j] = 128
		}
	}
	return out
}
