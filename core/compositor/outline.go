package compositor

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/ksamenet/ksamenet/core/frame"
)

// dilation grows the person's oval. It is small because the series exceeds the oval already; more would show as a rim around the
// surrogate.
const dilation = 1.01

// order of the series. Third order exceeds the ovals of 33 faces by 5.7 % in the mean, fourth by 3 %, fifth by 1.9 %, and heads that
// are bent or turned, whose jaws have corners, by more: their surrogates looked swollen. The finer, the more of an outline's own shape
// the edge draws, where a caller hands it a person's (core/pipeline does not).
const order = 6

// outline is the core's edge as a radius over the angle, a Fourier series about a centre:
// R(θ) = c0 + Σ cn·cos nθ + sn·sin nθ. It holds the oval, and of its shape it keeps 2·order+1 numbers only
// (size, aspect, taper, jaw), so that its edge is smooth whatever it is given.
type outline struct {
	x, y   float64
	c0     float64
	c, s   [order]float64
	lo, hi float64 // least and greatest radius
	steep  float64 // bound of |dR/dθ| / R
}

// angles is the number of directions in which an outline is fitted and bounded.
const angles = 72

var unit = func() (t [angles][2]float64) {
	for i := range t {
		t[i][1], t[i][0] = math.Sincos(2 * math.Pi * float64(i) / angles)
	}
	return t
}()

// maxOval bounds the points of an oval, so that its hull needs no allocation.
const maxOval = 128

func newOutline(oval []frame.Point) (outline, error) {
	var hull [2 * maxOval]frame.Point
	n, err := convexHull(oval, &hull)
	if err != nil {
		return outline{}, err
	}
	h := hull[:n]
	var o outline
	area, ox, oy := 0.0, h[0].X, h[0].Y // relative to a hull point: no digits are lost far from the origin
	for i, p := range h {
		q := h[(i+1)%n]
		px, py, qx, qy := p.X-ox, p.Y-oy, q.X-ox, q.Y-oy
		k := px*qy - qx*py
		area += k
		o.x += (px + qx) * k
		o.y += (py + qy) * k
	}
	if !(area > 1) {
		return o, fmt.Errorf("%w: area of %v px²", ErrOval, area/2)
	}
	o.x, o.y = ox+o.x/(3*area), oy+o.y/(3*area)

	// Least squares over equally spaced angles is the discrete Fourier transform.
	for _, d := range unit {
		r := rayHull(h, o.x, o.y, d[0], d[1])
		o.c0 += r / angles
		c, s := harmonics(d[0], d[1])
		for k := range order {
			o.c[k] += r * c[k] * 2 / angles
			o.s[k] += r * s[k] * 2 / angles
		}
	}
	o.bound()
	if o.lo < o.c0/4 {
		// A sliver: its series may turn negative. A circle covers more, so it is the private choice.
		o.c, o.s = [order]float64{}, [order]float64{}
		o.bound()
	}
	need := 1.0
	for _, p := range h {
		dx, dy := p.X-o.x, p.Y-o.y
		if r := math.Hypot(dx, dy); r > 0 {
			need = max(need, r/o.at(dx/r, dy/r))
		}
	}
	need *= dilation
	o.c0 *= need
	for k := range order {
		o.c[k] *= need
		o.s[k] *= need
	}
	o.bound()
	return o, nil
}

// Holds says that the core of the mask that Compose lays for an oval (Surrogate.Oval) holds all points.
// Errors: ErrOval.
func Holds(oval, points []frame.Point) (bool, error) {
	o, err := newOutline(oval)
	if err != nil {
		return false, err
	}
	for _, p := range points {
		dx, dy := p.X-o.x, p.Y-o.y
		if r := math.Hypot(dx, dy); r > 0 && !(r <= o.at(dx/r, dy/r)) { // NaN is not held
			return false, nil
		}
	}
	return true, nil
}

// bound sets lo, hi and steep with a margin for what lies between the tested angles.
func (o *outline) bound() {
	o.lo, o.hi, o.steep = math.Inf(1), 0, 0
	for _, d := range unit {
		r := o.at(d[0], d[1])
		o.lo, o.hi = min(o.lo, r), max(o.hi, r)
	}
	var slope, bend float64 // bounds of |dR/dθ| and |d²R/dθ²|
	for k := range order {
		a, n := math.Hypot(o.c[k], o.s[k]), float64(k+1)
		slope, bend = slope+n*a, bend+n*n*a
	}
	const between = math.Pi / angles // from any angle to a tested one, at most
	tested := 0.
	for _, d := range unit {
		tested = max(tested, math.Abs(o.slope(d[0], d[1])))
	}
	slope = min(slope, tested+bend*between)
	o.lo, o.hi = o.lo-slope*between, o.hi+slope*between
	if o.lo > 0 {
		o.steep = slope / o.lo
	}
}

// slope is dR/dθ in the direction of the unit vector (c, s).
func (o *outline) slope(c, s float64) (v float64) {
	cs, sn := harmonics(c, s)
	for k := range order {
		v += float64(k+1) * (o.s[k]*cs[k] - o.c[k]*sn[k])
	}
	return v
}

// at is the radius in the direction of the unit vector (c, s).
func (o *outline) at(c, s float64) float64 {
	// Clenshaw's recurrence for both sums.
	var a, a1, b, b1 float64
	for k := order - 1; k >= 0; k-- {
		a, a1 = o.c[k]+2*c*a-a1, a
		b, b1 = o.s[k]+2*c*b-b1, b
	}
	return o.c0 + a*c - a1 + b*s
}

// box bounds the outline moved out by d pixels.
func (o *outline) box(d float64) frame.Rect {
	b := frame.Rect{X0: o.x, Y0: o.y, X1: o.x, Y1: o.y}
	for _, u := range unit {
		r := o.at(u[0], u[1])
		x, y := o.x+r*u[0], o.y+r*u[1]
		b = frame.Rect{X0: min(b.X0, x), Y0: min(b.Y0, y), X1: max(b.X1, x), Y1: max(b.Y1, y)}
	}
	d += o.hi * 0.01 // the true extreme lies between two tested angles
	return frame.Rect{X0: b.X0 - d, Y0: b.Y0 - d, X1: b.X1 + d, Y1: b.Y1 + d}
}

func harmonics(c, s float64) (cs, sn [order]float64) {
	cs[0], sn[0] = c, s
	for k := 1; k < order; k++ {
		cs[k], sn[k] = cs[k-1]*c-sn[k-1]*s, sn[k-1]*c+cs[k-1]*s
	}
	return cs, sn
}

// rayHull is the distance from an inner point (x, y) of a convex polygon to its edge in direction (dx, dy).
func rayHull(h []frame.Point, x, y, dx, dy float64) float64 {
	best := math.Inf(1)
	for i, p := range h {
		q := h[(i+1)%len(h)]
		nx, ny := q.Y-p.Y, p.X-q.X // outwards, for the hull's orientation
		if f := nx*dx + ny*dy; f > 0 {
			best = min(best, (nx*(p.X-x)+ny*(p.Y-y))/f)
		}
	}
	return best
}

// convexHull writes the hull of pts, with positive area in image coordinates, to hull and returns its length.
// Source: Andrew's monotone chain (1979).
func convexHull(pts []frame.Point, hull *[2 * maxOval]frame.Point) (int, error) {
	if len(pts) < 3 || len(pts) > maxOval {
		return 0, fmt.Errorf("%w: %d points", ErrOval, len(pts))
	}
	var sorted [maxOval]frame.Point
	p := sorted[:copy(sorted[:], pts)]
	for _, q := range p {
		if !(math.Abs(q.X) <= maxShift && math.Abs(q.Y) <= maxShift) {
			return 0, fmt.Errorf("%w: point %v", ErrOval, q)
		}
	}
	slices.SortFunc(p, func(a, b frame.Point) int {
		if d := cmp.Compare(a.X, b.X); d != 0 {
			return d
		}
		return cmp.Compare(a.Y, b.Y)
	})
	n := 0
	turn := func(q frame.Point, from int) {
		for n >= from+2 {
			a, b := hull[n-2], hull[n-1]
			if (b.X-a.X)*(q.Y-a.Y)-(b.Y-a.Y)*(q.X-a.X) > 0 {
				break
			}
			n--
		}
		hull[n] = q
		n++
	}
	for _, q := range p {
		turn(q, 0)
	}
	upper := n - 1
	for i := len(p) - 2; i >= 0; i-- {
		turn(p[i], upper)
	}
	n-- // the first point comes twice
	if n < 3 {
		return 0, fmt.Errorf("%w: all points lie on a line", ErrOval)
	}
	return n, nil
}
