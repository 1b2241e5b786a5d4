package landmark

import (
	"math"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
)

func TestRegionFollowsTheMesh(t *testing.T) {
	h := head(t)
	for _, roll := range []float64{0, 35, -120, 180} {
		m := posed(h, 0, 0, roll, 200, 400, 300)
		r := m.region()
		if d := math.Abs(math.Remainder(r.angle*180/math.Pi-roll, 360)); d > 2 {
			t.Errorf("roll %v: the region is turned by %v°", roll, r.angle*180/math.Pi)
		}
		// The upright box of the head does not change with roll.
		up := posed(h, 0, 0, 0, 200, 400, 300)
		if want := up.region().side; math.Abs(r.side-want) > .03*want {
			t.Errorf("roll %v: side %v, upright %v", roll, r.side, want)
		}
		// The crop's middle (index 96) must show the region's middle (continuous coordinates).
		c := r.crop().Apply(frame.Point{X: crop / 2, Y: crop / 2})
		if math.Hypot(c.X+.5-r.center.X, c.Y+.5-r.center.Y) > 1e-6 {
			t.Errorf("roll %v: the crop's middle lies at %v, the region's at %v", roll, c, r.center)
		}
	}
}

func TestFirstRegion(t *testing.T) {
	r := regionOf([5]frame.Point{{X: 100, Y: 100}, {X: 140, Y: 100}, {X: 120, Y: 120}, {X: 105, Y: 140}, {X: 135, Y: 140}})
	if r.center != (frame.Point{X: 120, Y: 120}) || r.side != firstScale*40 || r.angle != 0 {
		t.Errorf("frontal: got %+v", r)
	}
	// In profile the eyes fall together; the distance to the mouth keeps the size.
	r = regionOf([5]frame.Point{{X: 100, Y: 100}, {X: 104, Y: 100}, {X: 90, Y: 120}, {X: 100, Y: 140}, {X: 104, Y: 140}})
	if r.side != firstScale*.9*40 {
		t.Errorf("profile: side %v", r.side)
	}
}

func TestMeshParts(t *testing.T) {
	m := posed(head(t), 0, 0, 0, 200, 400, 300)
	m.Points[468] = [3]float32{300, 250, 0}
	for i := 469; i < 473; i++ {
		m.Points[i] = [3]float32{305, 250, 0}
	}
	f := m.Five()
	if f[0] != (frame.Point{X: 304, Y: 250}) {
		t.Errorf("the left iris's centre is %v", f[0])
	}
	if !(f[3].X < f[2].X && f[2].X < f[4].X && f[3].Y > f[2].Y) {
		t.Errorf("nose and mouth corners out of order: %v", f)
	}
	box := m.Box()
	for _, p := range m.Oval() {
		if p.X < box.X0 || p.X > box.X1 || p.Y < box.Y0 || p.Y > box.Y1 {
			t.Errorf("outline point %v outside the box %v", p, box)
		}
	}
	// Clockwise: the signed area of the outline is positive with y down.
	area, o := 0.0, m.Oval()
	for i := range o {
		j := (i + 1) % len(o)
		area += o[i].X*o[j].Y - o[j].X*o[i].Y
	}
	if area/2 < .5*box.Area() {
		t.Errorf("outline of area %v in a box of %v", area/2, box.Area())
	}
}
