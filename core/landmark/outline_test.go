package landmark

import (
	"math"
	"testing"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/frame"
)

// extent is the bounding box of points.
func extent(points []frame.Point) frame.Rect {
	r := frame.Rect{X0: math.Inf(1), Y0: math.Inf(1), X1: math.Inf(-1), Y1: math.Inf(-1)}
	for _, q := range points {
		r = frame.Rect{X0: min(r.X0, q.X), Y0: min(r.Y0, q.Y), X1: max(r.X1, q.X), Y1: max(r.Y1, q.Y)}
	}
	return r
}

// The standard outline holds the mean head's own at every pose, moves with the placement, grows by steps, and follows the jaw.
func TestOutlineOfTheMeanHead(t *testing.T) {
	h := head(t)
	p := align.Placement{X: 400, Y: 300, Scale: 200}
	for yaw := -appearance.YawLimit; yaw <= appearance.YawLimit; yaw += 5 {
		for pitch := -appearance.PitchLimit; pitch <= appearance.PitchLimit; pitch += 5 {
			a := appearance.Appearance{Yaw: int8(yaw), Pitch: int8(pitch)}
			std := extent(h.Outline(p, a, 0))
			m := p.Matrix()
			for _, k := range oval {
				if q := m.Apply(h.project(k, float64(yaw), float64(pitch))); !(q.X > std.X0 && q.X < std.X1 && q.Y > std.Y0 && q.Y < std.Y1) {
					t.Fatalf("yaw %d, pitch %d: point %d of the mean head at %v is outside %v", yaw, pitch, k, q, std)
				}
			}
			if more := extent(h.Outline(p, a, 2)); math.Abs(more.W()/std.W()-1-2*OutlineStep) > 1e-9 || math.Abs(more.H()/std.H()-1-2*OutlineStep) > 1e-9 {
				t.Fatalf("two steps larger: %v of %v", more, std)
			}
			a.Expression[mouthOpen] = appearance.MouthLevels - 1
			if open := extent(h.Outline(p, a, 0)); open.Y0 != std.Y0 || open.W() != std.W() || !(open.H() > 1.05*std.H()) {
				t.Fatalf("yaw %d, pitch %d: an open mouth makes %v of %v", yaw, pitch, open, std)
			}
		}
	}
	q := align.Placement{X: 500, Y: 310, Scale: 400, Roll: .3}
	inv, err := q.Matrix().Invert()
	if err != nil {
		t.Fatal(err)
	}
	back := p.Matrix().Mul(inv)
	a := appearance.Appearance{Yaw: 20, Pitch: -4}
	there := h.Outline(q, a, 1)
	for i, want := range h.Outline(p, a, 1) {
		if got := back.Apply(there[i]); math.Hypot(got.X-want.X, got.Y-want.Y) > 1e-6 {
			t.Fatalf("point %d does not move with the placement: %v, want %v", i, got, want)
		}
	}
}
