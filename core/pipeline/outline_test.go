package pipeline

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/compositor"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/landmark"
	"github.com/ksamenet/ksamenet/core/tracker"
)

// shape is a person's face: its radii by the standard outline's, at the sides and below the middle, and noise.
type shape struct{ side, chin, noise float64 }

// measured is the outline of a person of this shape, in picture px.
func (s shape) measured(p align.Placement, look appearance.Appearance, r *rand.Rand) []frame.Point {
	place := align.Placement{Scale: 1}
	std := meanHead().Outline(place, look, 0)
	var c frame.Point
	for _, q := range std {
		c.X, c.Y = c.X+q.X/float64(len(std)), c.Y+q.Y/float64(len(std))
	}
	shift, m := place.Matrix().Apply(frame.Point{}), p.Matrix()
	out := make([]frame.Point, len(std))
	for i, q := range std {
		k := 1 + s.noise*(2*r.Float64()-1)
		x, y := k*s.side*(q.X-c.X), k*.94*(q.Y-c.Y)
		if y > 0 {
			y *= s.chin
		}
		out[i] = m.Apply(frame.Point{X: c.X + x - shift.X, Y: c.Y + y - shift.Y})
	}
	return out
}

// track assembles a track of one face from measured outlines.
func (s shape) track(t *testing.T, n int, place align.Placement, raw func(i int) appearance.Raw) ([][][2]float64, [][]frame.Point) {
	t.Helper()
	r := rand.New(rand.NewPCG(4, 4))
	inv, err := place.Matrix().Invert()
	if err != nil {
		t.Fatal(err)
	}
	tr := &tracker.Tracklet{Last: int64(n - 1)}
	var sights []*sight
	for i := range n {
		box := frame.Rect{X0: place.X - 60, Y0: place.Y - 80, X1: place.X + 60, Y1: place.Y + 80}
		tr.Entries = append(tr.Entries, tracker.Entry{Frame: int64(i), Kind: tracker.Observed, Box: box, Cover: box, Tag: i})
		var outline []frame.Point
		for _, q := range s.measured(place, appearance.Quantize(raw(i)), r) {
			outline = append(outline, inv.Apply(q))
		}
		sample := landmark.Sample{Raw: raw(i), Placement: place, Geometry: &landmark.Geometry{}}
		sights = append(sights, &sight{face: pack(sample, outline, nil)})
	}
	poses := measured(tr, sights)
	steady(poses)
	var ovals [][][2]float64
	var own [][]frame.Point
	for i, f := range facesOf(tr, masksOf(tr, sights)) {
		ovals = append(ovals, f.Oval)
		var q []frame.Point
		for _, p := range poses[i].outline {
			q = append(q, place.Matrix().Apply(p))
		}
		own = append(own, q)
	}
	return ovals, own
}

var talking = func(i int) appearance.Raw {
	r := appearance.Raw{Yaw: 30 * math.Sin(float64(i)/9), Pitch: 5 * math.Cos(float64(i)/11)}
	r.Expression[2] = .4 + .4*math.Sin(float64(i)/4)
	return r
}

// Two people of different faces who stand and look alike get the same mask, point by point: in a file and in a stream.
func TestOutlineTellsNobody(t *testing.T) {
	place := align.Placement{X: 317.3, Y: 244.1, Scale: 180, Roll: .1}
	narrow, wide := shape{.87, .93, 0}, shape{.97, 1, .01}
	a, _ := narrow.track(t, 60, place, talking)
	b, _ := wide.track(t, 60, place, talking)
	if !reflect.DeepEqual(a, b) {
		t.Errorf("files: the outlines of two faces differ:\n%v\n%v", a[0], b[0])
	}
	r := rand.New(rand.NewPCG(5, 5))
	live := func(s shape) [][2]float64 {
		raw := appearance.Raw{Yaw: -12}
		res := landmark.Result{Presence: 1, Raw: raw, Placement: place}
		f := newLiveFace(1)
		opened, err := f.opener.Next(res.Sample(0))
		if err != nil {
			t.Fatal(err)
		}
		f = newLiveFace(1)
		res.Oval = s.measured(place, appearance.Quantize(opened.Raw), r)
		return f.replace(0, 0, &tracker.Track{}, res).Face.Oval
	}
	if a, b := live(narrow), live(wide); len(a) == 0 || !reflect.DeepEqual(a, b) {
		t.Errorf("streams: the outlines of two faces differ:\n%v\n%v", a, b)
	}
}

// A head that is shown at another pitch than was measured leaves what must be hidden where it was.
func TestReseatedOutlineStaysOnThePicture(t *testing.T) {
	from, to := align.Placement{X: 400, Y: 300, Scale: 200, Roll: .3}, align.Placement{X: 403, Y: 309, Scale: 193, Roll: .28}
	s := pack(landmark.Sample{Placement: from, Geometry: &landmark.Geometry{}}, []frame.Point{{X: .2, Y: .3}, {X: .8, Y: .4}, {X: .5, Y: 1.1}}, nil)
	var want []frame.Point
	for _, q := range s.outline() {
		want = append(want, from.Matrix().Apply(q))
	}
	if err := s.reseat(to); err != nil {
		t.Fatal(err)
	}
	for i, q := range s.outline() {
		if p := to.Matrix().Apply(q); math.Hypot(p.X-want[i].X, p.Y-want[i].Y) > 1e-9 {
			t.Errorf("point %d is at %v, was at %v", i, p, want[i])
		}
	}
	if err := s.reseat(align.Placement{}); err == nil {
		t.Error("a placement without an extent is taken")
	}
}

// Whatever was measured lies in the core of the mask, also of faces far from the mean, of noise and of what is no face at all (I4).
func TestOutlineHoldsWhatWasMeasured(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	larger := 0
	for range 300 {
		s := shape{.8 + .5*r.Float64(), .8 + .6*r.Float64(), .2 * r.Float64()}
		place := align.Placement{X: 900 * r.Float64(), Y: 600 * r.Float64(), Scale: 20 + 400*r.Float64(), Roll: 6 * r.Float64()}
		look := appearance.Quantize(appearance.Raw{Yaw: 150*r.Float64() - 75, Pitch: 60*r.Float64() - 30})
		m := s.measured(place, look, r)
		d := drawnFor(rounded(place), look, m)
		if d.size > leastSize {
			larger++
		}
		if d.own != nil {
			t.Errorf("%+v at %+v: no standard outline holds it", s, look)
		}
		if holds, err := compositor.Holds(d.points(), m); err != nil || !holds {
			t.Fatalf("%+v at %+v, size %v: %v, %v", s, look, d.size, holds, err)
		}
	}
	if larger < 50 || larger > 280 {
		t.Errorf("%d of 300 faces needed a larger outline: the shapes try little", larger)
	}
	ovals, own := shape{1.02, 1.1, .05}.track(t, 80, align.Placement{X: 300, Y: 200, Scale: 150}, talking)
	for i := range ovals {
		if holds, err := compositor.Holds(points(nil, ovals[i]), own[i]); err != nil || !holds {
			t.Fatalf("frame %d of a track: %v, %v", i, holds, err)
		}
	}
	place := align.Placement{X: 300, Y: 200, Scale: 150}
	astray := []frame.Point{{X: 290, Y: 190}, {X: 5000, Y: 190}, {X: 300, Y: 220}}
	d := drawnFor(place, appearance.Appearance{}, astray)
	if holds, err := compositor.Holds(d.points(), astray); err != nil || !holds || d.own == nil {
		t.Errorf("no face at all: %v, %v", holds, err)
	}
	nan := drawnFor(place, appearance.Appearance{}, []frame.Point{{X: math.NaN()}, {X: 1}, {Y: 1}})
	if _, err := compositor.Holds(nan.points(), nil); err == nil {
		t.Error("an outline of NaN can be drawn")
	}
}

// One size for nearly all of a track; around a face that needs more the mask grows and shrinks by little in each frame.
func TestSizesAreCalm(t *testing.T) {
	track := make([]*drawn, 200)
	for i := range track {
		if i%50 != 7 {
			track[i] = &drawn{size: float64(i % 2)}
		}
	}
	track[100].size = 3
	need := make([]float64, len(track))
	for i, d := range track {
		if d != nil {
			need[i] = d.size
		}
	}
	settleSizes(track)
	for i, d := range track {
		if d == nil {
			continue
		}
		if d.size < need[i]-1e-9 {
			t.Errorf("frame %d: size %v, it needs %v", i, d.size, need[i])
		}
		if far := i < 100-2*holdSize || i > 100+2*holdSize; far && d.size != 1 {
			t.Errorf("frame %d: size %v, the usual one is 1", i, d.size)
		}
		if i > 0 && track[i-1] != nil && math.Abs(d.size-track[i-1].size) > .2 {
			t.Errorf("frame %d: from %v to %v at once", i, track[i-1].size, d.size)
		}
	}
	f := newLiveFace(1)
	f.size = 2
	place := align.Placement{X: 300, Y: 200, Scale: 150}
	res := landmark.Result{Presence: 1, Placement: place}
	res.Oval = shape{side: .9, chin: .9}.measured(place, appearance.Appearance{}, rand.New(rand.NewPCG(1, 1)))
	for i := range 250 {
		if f.replace(int64(i), 0, &tracker.Track{}, res); i == 0 && (f.size < 1.9 || f.size >= 2) {
			t.Errorf("a live mask went from 2 to %v at once", f.size)
		}
	}
	if math.Abs(f.size-1) > 1e-6 {
		t.Errorf("a live mask that need not be large has size %v after ten seconds", f.size)
	}
}
