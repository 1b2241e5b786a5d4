package verify

import (
	"cmp"
	"math"
	"slices"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
)

// Region is a part of one picture that was rendered, covered, or left clear on request.
type Region struct {
	Box  frame.Rect    // all of it, when Hull is nil
	Hull []frame.Point // convex outline, in order of angle
	Kept bool          // a face that is shown on request: no other one is hidden by it
	// Turned says that it is a surrogate which lies on its side or upside down: of such a head, chin and neck pass for another face.
	Turned bool
}

// turnedFrom is the roll from which a surrogate lies on its side, radians.
const turnedFrom = math.Pi / 3

// Regions are those of the jobs of one picture: the outline of a surrogate, the box of everything else.
func Regions(jobs []decisions.Job) []Region {
	out := make([]Region, 0, len(jobs))
	for _, j := range jobs {
		r := Region{Box: j.Face.Rect(), Kept: j.Action == decisions.Keep && !j.ByHand()}
		if j.Action == decisions.Replace && len(j.Face.Oval) >= 3 {
			pts := make([]frame.Point, len(j.Face.Oval))
			for i, q := range j.Face.Oval {
				pts[i] = frame.Point{X: q[0], Y: q[1]}
			}
			r.Hull = hull(pts)
			r.Box = bounds(pts)
			r.Turned = j.Face.Place != nil && !(math.Abs(math.Remainder(j.Face.Place.Roll, 2*math.Pi)) < turnedFrom)
		}
		out = append(out, r)
	}
	return out
}

func (r *Region) holds(p frame.Point) bool {
	if p.X < r.Box.X0 || p.X >= r.Box.X1 || p.Y < r.Box.Y0 || p.Y >= r.Box.Y1 {
		return false
	}
	for i := range r.Hull {
		if turn(r.Hull[i], r.Hull[(i+1)%len(r.Hull)], p) < 0 {
			return false
		}
	}
	return true
}

const (
	middle = 0.6 // of a face's width and height: what makes a face known
	probes = 8   // points in each direction

	keptFace = 0.3 // overlap from which a detection is the kept face
)

// Hidden is the share of the middle of face that regions hold together, 0..1. An empty box is hidden: it shows nothing. A kept
// face hides itself alone, known by its place and size: who stands before or behind it is not exempt.
func Hidden(face frame.Rect, regions []Region) float64 {
	if face.Empty() {
		return 1
	}
	core := face.Grow((middle-1)/2, (middle-1)/2)
	n := 0
	for y := range probes {
		for x := range probes {
			p := frame.Point{X: core.X0 + core.W()*(float64(x)+.5)/probes, Y: core.Y0 + core.H()*(float64(y)+.5)/probes}
			if slices.ContainsFunc(regions, func(r Region) bool { return r.holds(p) && (!r.Kept || r.Box.IoU(face) >= keptFace) }) {
				n++
			}
		}
	}
	return float64(n) / (probes * probes)
}

func bounds(pts []frame.Point) frame.Rect {
	r := frame.Rect{X0: pts[0].X, Y0: pts[0].Y, X1: pts[0].X, Y1: pts[0].Y}
	for _, p := range pts {
		r = frame.Rect{X0: min(r.X0, p.X), Y0: min(r.Y0, p.Y), X1: max(r.X1, p.X), Y1: max(r.Y1, p.Y)}
	}
	return r
}

// hull is the convex hull by Andrew's monotone chain (Information Processing Letters 9, 1979). pts is sorted in place.
func hull(pts []frame.Point) []frame.Point {
	slices.SortFunc(pts, func(a, b frame.Point) int { return cmp.Or(cmp.Compare(a.X, b.X), cmp.Compare(a.Y, b.Y)) })
	half := func(at func(int) frame.Point) (h []frame.Point) {
		for i := range pts {
			p := at(i)
			for len(h) > 1 && turn(h[len(h)-2], h[len(h)-1], p) <= 0 {
				h = h[:len(h)-1]
			}
			h = append(h, p)
		}
		return h[:len(h)-1]
	}
	lower := half(func(i int) frame.Point { return pts[i] })
	return append(lower, half(func(i int) frame.Point { return pts[len(pts)-1-i] })...)
}

// turn is positive when a, b, c turn the way of the hull.
func turn(a, b, c frame.Point) float64 { return (b.X-a.X)*(c.Y-a.Y) - (b.Y-a.Y)*(c.X-a.X) }
