package compositor

import (
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// edges estimates how blurred a picture is where somebody looks at it: from the energies of central differences over
// ±1 and ±3 pixels, whose ratio falls from 3 at an ideal step edge towards 1 as its blur grows. Each energy is the sum of
// products of two neighbouring rows (or columns), in which noise, being independent, cancels and edges do not.
type edges struct{ near, far float64 }

const (
	nearReach, farReach = 1, 3
	edgeReach           = 5   // pixels from a place that add may read, with a margin
	minEdge             = 0.5 // sum of squared differences per pixel below which there is no edge to speak of
	minBlur, maxBlur    = 0.3, 6
	// Edges at all angles are crossed along rows and columns: that widens a circle's sharp edge by this variance (measured).
	slant = 0.5
)

// add looks at the place (x, y); get is the luma, 0..1, and row the distance of the neighbouring row.
func (e *edges) add(get func(x, y int) float64, x, y, row int, columns bool) {
	difference := func(x, y, dx, dy int) float64 {
		return (get(x+dx, y+dy) - get(x-dx, y-dy)) / float64(2*(dx+dy))
	}
	e.near += difference(x, y, nearReach, 0) * difference(x, y+row, nearReach, 0)
	e.far += difference(x, y, farReach, 0) * difference(x, y+row, farReach, 0)
	if columns {
		e.near += difference(x, y, 0, nearReach) * difference(x+1, y, 0, nearReach)
		e.far += difference(x, y, 0, farReach) * difference(x+1, y, 0, farReach)
	}
}

// sigma is the standard deviation of the blur in pixels, minBlur..maxBlur; 0 when there is nothing to see.
func (e *edges) sigma() float64 {
	if !(e.far*255*255 > minEdge) {
		return 0
	}
	ratio := e.near / e.far
	lo, hi := minBlur, float64(maxBlur)
	for range 24 {
		mid := (lo + hi) / 2
		if stepEnergy(nearReach, mid)/stepEnergy(farReach, mid) > ratio {
			lo = mid
		} else {
			hi = mid
		}
	}
	s := (lo + hi) / 2
	return math.Sqrt(max(minBlur*minBlur, s*s-slant))
}

// stepEnergy is the energy of central differences over ±reach across a unit step of the given blur: the autocorrelation
// of the box is a triangle, that of the blurred step's slope a Gaussian of √2 times the width.
func stepEnergy(reach, sigma float64) float64 {
	a, d := 2*reach, sigma*math.Sqrt2
	return (math.Erf(a/(d*math.Sqrt2)) - d/a*math.Sqrt(2/math.Pi)*(1-math.Exp(-a*a/(2*d*d)))) / a
}

// blur is the blur of the face's own distance: that of the sharper side, since long hair is soft, and a background out of focus is
// behind. 0 when there was no edge to tell.
func (s *scan) blur() float64 {
	l, r := s.sharp[0].sigma(), s.sharp[1].sigma()
	if l == 0 || r == 0 {
		return max(l, r)
	}
	return min(l, r)
}

// edgesAt adds the place (x, y) if all that add reads lies inside the picture.
func (r *reader) edgesAt(e *edges, x, y int) {
	if x < edgeReach || y < edgeReach || x >= r.pic.W-edgeReach || y >= r.pic.H-edgeReach {
		return
	}
	row := 1
	if r.pic.Fields != frame.Progressive {
		row = 2 // the next row of the same field
	}
	e.add(r.luma, x, y, row, row == 1)
}

// soften blurs the texture by a Gaussian of sigma texels, as two extended box filters each way.
// Source: Gwosdek, Grewenig, Bruhn, Weickert: Theoretical Foundations of Gaussian Convolution by Extended Box Filtering (2011).
func (t *texture) soften(sigma float64) {
	v := sigma * sigma / 2 // of each of the two boxes
	r := int((math.Sqrt(12*v+1) - 1) / 2)
	n := float64(r)
	edge := float32((2*n + 1) * (v - n*(n+1)/3) / (2 * ((n+1)*(n+1) - v)))
	for i := range t.planes {
		t.hint[0] = resize(t.hint[0], max(t.w, t.h))
		line := t.hint[0]
		for range 2 {
			for y := range t.h {
				box(t.planes[i][y*t.w:], 1, t.w, r, edge, line)
			}
			for x := range t.w {
				box(t.planes[i][x:], t.w, t.h, r, edge, line)
			}
		}
	}
}

// box replaces n samples at the given stride by the means over 2r+1 of them and the share edge of the next on each side.
// line is scratch. Beyond the ends the end samples count on.
func box(p []float32, stride, n, r int, edge float32, line []float32) {
	line = line[:n]
	for i := range line {
		line[i] = p[i*stride]
	}
	at := func(i int) float32 { return line[min(n-1, max(0, i))] }
	norm := 1 / (float32(2*r+1) + 2*edge)
	sum := float32(0)
	for i := -r; i <= r; i++ {
		sum += at(i)
	}
	for i := range line {
		p[i*stride] = (sum + edge*(at(i-r-1)+at(i+r+1))) * norm
		sum += at(i+r+1) - at(i-r)
	}
}
