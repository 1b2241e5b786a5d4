package pipeline

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/landmark"
	"github.com/ksamenet/ksamenet/core/tracker"
)

// wandering is a face whose places wander by up to move patch sides about where they rest.
func wandering(r *rand.Rand, move float64) (landmark.Sample, []frame.Point) {
	var g landmark.Geometry
	for i := range landmark.Coordinates {
		g[i] = float32(math.Sin(float64(i)) + move*(2*r.Float64()-1))
	}
	g[landmark.Coordinates], g[landmark.Coordinates+1] = r.Float32(), -r.Float32()
	var outline []frame.Point
	for i := range outlinePoints {
		outline = append(outline, frame.Point{X: .5 + .4*math.Cos(float64(i)) + move*(2*r.Float64()-1), Y: .5 + move*(2*r.Float64()-1)})
	}
	s := landmark.Sample{PTS: time.Second, Presence: .9, Geometry: &g, Placement: align.Placement{X: 100, Y: 50, Scale: 80, Roll: .1}}
	s.Raw.Expression[3], s.Raw.Yaw = .4, 12
	return s, outline
}

// TestPacked: what comes out is what went in, to half a step, whether a face fits its anchor or not.
func TestPacked(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	var like *anchor
	anchors := 0
	for i := range 200 {
		move := .05
		if i%50 == 49 {
			move = .4 // a jump that bytes do not reach
		}
		s, outline := wandering(r, move)
		p := pack(s, outline, like)
		if p.base != like {
			anchors++
		}
		like = p.base
		got := p.sample()
		if got.PTS != s.PTS || got.Presence != s.Presence || got.Raw != s.Raw || got.Placement != s.Placement {
			t.Fatalf("%d: %+v, want %+v", i, got, s)
		}
		for k, v := range s.Geometry {
			if d := math.Abs(float64(got.Geometry[k] - v)); d > .51*packStep {
				t.Fatalf("%d: value %d is off by %g", i, k, d)
			}
		}
		for k, q := range p.outline() {
			if d := math.Hypot(q.X-outline[k].X, q.Y-outline[k].Y); d > .73*packStep {
				t.Fatalf("%d: point %d is off by %g", i, k, d)
			}
		}
	}
	if anchors < 5 || anchors > 9 { // the first, each jump, and the way back
		t.Errorf("%d anchors", anchors)
	}
}

// TestPackedNaN: a place that is no number stays none, so that the face is covered.
func TestPackedNaN(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	s, outline := wandering(r, .01)
	first := pack(s, outline, nil)
	s.Geometry[7] = float32(math.NaN())
	if p := pack(s, outline, first.base); !math.IsNaN(float64(p.sample().Geometry[7])) {
		t.Errorf("it became %v", p.sample().Geometry[7])
	}
	s.Geometry[7] = 0
	outline[3].X = math.Inf(1)
	if p := pack(s, outline, first.base); !math.IsInf(p.outline()[3].X, 1) {
		t.Errorf("infinity became %v", p.outline()[3].X)
	}
	if p := pack(s, outline[:9], first.base); len(p.outline()) != 9 {
		t.Errorf("%d of 9 points", len(p.outline()))
	}
}

// TestSightIsSmall: an hour of one face is 90,000 of them, in one shot, or with what stays of a shot that has ended.
func TestSightIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(sight{}) + unsafe.Sizeof(packed{}); n > 800 {
		t.Errorf("a sight takes %d bytes", n)
	}
	if n := unsafe.Sizeof(sight{}) + unsafe.Sizeof(drawn{}) + unsafe.Sizeof(tracker.Entry{}); n > 224 {
		t.Errorf("of a sight %d bytes stay", n)
	}
}
