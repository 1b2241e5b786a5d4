package compositor

import (
	"math"
	"slices"

	"github.com/ksamenet/ksamenet/core/frame"
)

// opacity answers where a patch is opaque.
type opacity struct {
	patch *frame.Patch
	x, y  float64 // centre of mass of the alpha, in the unit square
}

// border is the rim of a patch, as a share of its side, over which its alpha is faded out: a face that the crop cuts
// would else show the crop's straight edge.
const border = 0.04

func newOpacity(p *frame.Patch) opacity {
	o := opacity{patch: p, x: .5, y: .5}
	step := max(1, p.Size/64)
	var sum, sx, sy float64
	for j := step / 2; j < p.Size; j += step {
		for i := step / 2; i < p.Size; i += step {
			a := float64(p.RGBA[4*(j*p.Size+i)+3])
			sum += a
			sx += a * float64(i)
			sy += a * float64(j)
		}
	}
	if sum > 0 {
		o.x, o.y = (sx/sum+.5)/float64(p.Size), (sy/sum+.5)/float64(p.Size)
	}
	return o
}

// at is the alpha, 0..1, at a position of the unit square, with the border fade; 0 outside.
func (o *opacity) at(u, v float64) float64 {
	f := edgeFade(u, v)
	if f == 0 {
		return 0
	}
	n := o.patch.Size
	x, y := u*float64(n)-.5, v*float64(n)-.5
	i, j := int(math.Floor(x)), int(math.Floor(y))
	fx, fy := x-float64(i), y-float64(j)
	get := func(i, j int) float64 {
		i, j = min(n-1, max(0, i)), min(n-1, max(0, j))
		return float64(o.patch.RGBA[4*(j*n+i)+3])
	}
	top := get(i, j)*(1-fx) + get(i+1, j)*fx
	bottom := get(i, j+1)*(1-fx) + get(i+1, j+1)*fx
	return f * (top*(1-fy) + bottom*fy) / 255
}

// edgeFade is 0 outside the unit square, 1 inside, with a ramp of width border between.
func edgeFade(u, v float64) float64 {
	d := min(u, v, 1-u, 1-v)
	return min(1, max(0, d/border))
}

// chromaRim is by how many pixels the mask's opaque part exceeds the outline in 4:2:0, nearly: on a small face it counts.
const chromaRim = 1.3

// fit is the enlargement, 1..MaxGrow, about the centre of mass that makes the patch opaque on nine tenths of the outline.
// All of it would let one odd direction (an open mouth's chin) blow up the face; the rest is filled.
func (o *opacity) fit(place similarity, out *outline) float64 {
	const (
		far, near = 1.25, 0.6
		step      = 1.0 / 64
	)
	inv := place.inverse()
	var need [angles]float64
	for k, d := range unit {
		r := out.at(d[0], d[1]) + chromaRim
		u, v := inv.point(out.x+r*d[0], out.y+r*d[1])
		u, v = u-o.x, v-o.y
		last, t := 0.0, far
		for ; t > near; t -= step {
			a := o.at(o.x+t*u, o.y+t*v)
			if a >= .5 {
				if a > last && t < far {
					t += step * (a - .5) / (a - last)
				}
				break
			}
			last = a
		}
		need[k] = 1 / t
	}
	slices.Sort(need[:])
	rank := 0.9 * (angles - 1)
	lo := int(rank)
	g := need[lo] + (need[lo+1]-need[lo])*(rank-float64(lo))
	return min(MaxGrow, max(1, g))
}

// uncovered is the share of the core, sampled on a grid, where the patch is less than half opaque.
func (o *opacity) uncovered(place similarity, out *outline) float64 {
	const n = 24
	inv := place.inverse()
	bare, all := 0, 0
	for j := range n {
		dy := ((float64(j)+.5)/n*2 - 1) * out.hi
		for i := range n {
			dx := ((float64(i)+.5)/n*2 - 1) * out.hi
			r := math.Hypot(dx, dy)
			if r > 0 && r > out.at(dx/r, dy/r) {
				continue
			}
			all++
			if u, v := inv.point(out.x+dx, out.y+dy); o.at(u, v) < .5 {
				bare++
			}
		}
	}
	if all == 0 {
		return 0
	}
	return float64(bare) / float64(all)
}
