package landmark

import (
	"context"
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// The network's answer depends on where its crop lies: of crops that differ by 2 % of their side, 5 % in size and 2°, it reads the gap of
// a talking mouth with a deviation of half of what the gap itself varies by, on a face of 70 pixels with glasses (asl_hungry; a tenth on
// one of 90 pixels without, asl_night). The mean of several crops takes that noise out without blurring time.
const (
	steadyShift = .028 // of the crop's side: a ring, whose deviation along either axis is .02
	steadySize  = .05  // natural logarithm
	steadyTurn  = .04  // radians
)

// MaxLooks bounds the looks of Steady.
const MaxLooks = 16

// Steady measures the face that has the given mesh in this very picture by the mean of that mesh and of more looks, up to MaxLooks, at
// slightly different crops around it. Each is one run. Presence is the mean.
// Errors: as Follow's.
func (a *Analyzer) Steady(ctx context.Context, pic *frame.Picture, mesh *Mesh, more int) (Result, error) {
	more = min(max(0, more), MaxLooks)
	var sum [Points][3]float64
	add := func(m *Mesh) {
		for k, p := range m.Points {
			for axis, v := range p {
				sum[k][axis] += float64(v)
			}
		}
	}
	add(mesh)
	presence, at := mesh.Presence, mesh.region()
	for i := range more {
		m, err := a.look(ctx, pic, at.beside(i+1))
		if err != nil {
			return Result{}, err
		}
		add(&m)
		presence += m.Presence
	}
	n := float64(more + 1)
	mean := Mesh{Presence: presence / n}
	for k, p := range sum {
		for axis, v := range p {
			mean.Points[k][axis] = float32(v / n)
		}
	}
	return a.measure(ctx, mean)
}

// beside is the i-th region, from 1, around r. Successive ones lie apart by the golden angle, so that any number of them is spread evenly
// (Vogel, "A better way to construct the sunflower head", 1979).
func (r region) beside(i int) region {
	sin, cos := math.Sincos(float64(i) * math.Pi * (3 - math.Sqrt(5)))
	r.center.X += steadyShift * r.side * cos
	r.center.Y += steadyShift * r.side * sin
	// Larger and smaller, turned one way and the other, by turns.
	r.side *= math.Exp(steadySize * float64(1-2*(i%2)))
	r.angle += steadyTurn * float64(1-2*(i/2%2))
	return r
}
