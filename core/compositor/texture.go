package compositor

import (
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// texture is a patch made ready for sampling: turned into the picture's colour components, brought near the picture's
// resolution, and extended beyond the patch by its own border colours, so that every position of the core has a colour that
// comes from the surrogate alone.
type texture struct {
	x0, y0, w, h int     // the part kept, in texels of the level
	scale        float64 // texels of the level per unit of the patch
	planes       [4][]float32
	hint         [4][]float32 // scratch of upsample
	fade         []float32    // edgeFade of the columns
	fill         fill
}

// alphaPlane is the index of the alpha among texture.planes; the colour components come first.
const alphaPlane = 3

// magnify is the magnification from which a texture is first doubled with a cubic filter: bilinear sampling alone shows
// its diamonds from there on.
const magnify = 1.4

// ownBlur is the blur of the generator's sharpest edges, in texels of the patch (eyelids of the 128² network).
const ownBlur = 0.8

// prepare fills t for painting the pixels of box through place, as blurred as a picture of the given blur (pixels).
func (t *texture) prepare(p *frame.Patch, place similarity, box frame.Rect, col *colors, blur float64) {
	texelsPerPx := float64(p.Size) / place.scale()
	level, px := 0, 1/texelsPerPx // px: the side of a texel of the level, in pixels
	for level < 4 && (px < math.Sqrt2/2 || 2*px <= 1.2*blur) {
		level, px = level+1, 2*px
	}
	n := p.Size >> level
	t.scale = float64(n)
	t.extent(place, box, n)
	t.fill.build(p)
	for i := range t.planes {
		t.planes[i] = resize(t.planes[i], t.w*t.h)
	}
	block := 1 << level
	fade := edgeTable(n)
	t.fade = resize(t.fade, t.w)
	for x := range t.fade {
		t.fade[x] = fade(t.x0 + x)
	}
	step := fillPatch / float32(n) // cells of the fill per texel
	depth := poreStrength(px)
	for y := range t.h {
		ty := t.y0 + y
		lo, hi := y*t.w, (y+1)*t.w
		p0, p1, p2, pa := t.planes[0][lo:hi], t.planes[1][lo:hi], t.planes[2][lo:hi], t.planes[alphaPlane][lo:hi]
		fy, skin := fade(ty), poreRow(ty)
		for x := range p0 {
			tx := t.x0 + x
			var s texel
			var alpha float32
			if f := min(fy, t.fade[x]); f > 0 {
				s, alpha = average(p, tx*block, ty*block, block, f)
			}
			if s.w < 1 {
				c := bilinear(t.fill.level[0], fillSide, (float32(tx)+.5)*step+fillFrom, (float32(ty)+.5)*step+fillFrom)
				k := 1 - s.w
				s.r, s.g, s.b = s.r+k*c.r, s.g+k*c.g, s.b+k*c.b
			}
			if depth > 0 {
				s.pored(skin, tx, depth)
			}
			p0[x], p1[x], p2[x] = col.convert(s.r, s.g, s.b)
			pa[x] = alpha
		}
	}
	// A texel's own extent and the sampling between texels blur by about half its side, and the generator draws no sharper.
	own := max(px/2, ownBlur/texelsPerPx)
	if rest := blur*blur - own*own; rest > 0.09*px*px {
		t.soften(math.Sqrt(rest) / px)
		return
	}
	if blur < own && px > 1 {
		t.sharpen(float32(min(1, 1.4*(px-1))))
	}
	if px > magnify {
		t.upsample()
	}
}

// sharpness is how much of what a 3×3 binomial filter takes away sharpen adds at most. More shows as a bright line along dark ones.
const sharpness = 0.8

// sharpen gives a magnified texture in sharp surroundings back some of the contrast of its smallest detail: an unsharp mask of the
// colours, k of its full strength. It adds nothing that the surrogate does not have, and leaves the alpha alone.
func (t *texture) sharpen(k float32) {
	low := resize(t.hint[0], t.w*t.h)
	for _, plane := range t.planes[:alphaPlane] {
		for y := range t.h {
			up, row, down := plane[max(0, y-1)*t.w:][:t.w], plane[y*t.w:][:t.w], plane[min(t.h-1, y+1)*t.w:][:t.w]
			l := low[y*t.w:][:t.w]
			for x := range l {
				l[x] = up[x] + 2*row[x] + down[x]
			}
		}
		for y := range t.h {
			row, l := plane[y*t.w:][:t.w], low[y*t.w:][:t.w]
			left := l[0]
			for x, here := range l {
				right := l[min(t.w-1, x+1)]
				row[x] += k * sharpness * (row[x] - (left+2*here+right)/16)
				left = here
			}
		}
	}
	t.hint[0] = low
}

// average is the mean colour of block×block texels from (x, y), with a weight of f, and the mean alpha 0..1, times f.
//
// Colours count where alpha is 0 too: there the generator draws what is next to a face, temples, ears, jaw and hair, which
// becomes a head better than any extension of the border's colours.
func average(p *frame.Patch, x, y, block int, f float32) (t texel, alpha float32) {
	if block == 1 {
		s := p.RGBA[4*(y*p.Size+x):][:4:4]
		return texel{f * float32(s[0]), f * float32(s[1]), f * float32(s[2]), f}, float32(s[3]) * (f / 255)
	}
	var r, g, b, a int32
	for j := y; j < y+block; j++ {
		q := p.RGBA[4*(j*p.Size+x):][:4*block]
		for i := 0; i < len(q); i += 4 {
			s := q[i : i+4 : i+4]
			r, g, b, a = r+int32(s[0]), g+int32(s[1]), b+int32(s[2]), a+int32(s[3])
		}
	}
	k := f / float32(block*block)
	return texel{k * float32(r), k * float32(g), k * float32(b), f}, float32(a) * (k / 255)
}

// extent keeps the texels that box needs, at most half a patch beyond each side.
func (t *texture) extent(place similarity, box frame.Rect, n int) {
	inv := place.inverse()
	lo, hi := [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}
	for _, c := range [4][2]float64{{box.X0, box.Y0}, {box.X1, box.Y0}, {box.X0, box.Y1}, {box.X1, box.Y1}} {
		u, v := inv.point(c[0], c[1])
		lo[0], lo[1] = min(lo[0], u), min(lo[1], v)
		hi[0], hi[1] = max(hi[0], u), max(hi[1], v)
	}
	from := func(u float64) int { return int(math.Floor(min(1.5, max(-.5, u))*float64(n))) - 3 }
	t.x0, t.y0 = from(lo[0]), from(lo[1])
	t.w, t.h = from(hi[0])+7-t.x0, from(hi[1])+7-t.y0
}

// trustOf is how far a texel's colour counts as the face's, by its alpha.
var trustOf = func() (t [256]float32) {
	for i := range t {
		t[i] = min(1, max(0, (float32(i)/255-.7)/.28))
	}
	return t
}()

// edgeTable is edgeFade along one axis of n texels; 0 outside.
func edgeTable(n int) func(int) float32 {
	scale := 1 / (float32(n) * border)
	return func(i int) float32 {
		d := (float32(min(i, n-1-i)) + .5) * scale
		switch {
		case d < 0:
			return 0
		case d > 1:
			return 1
		}
		return d
	}
}

// upsample doubles t by Catmull-Rom interpolation, whose weights at the quarter phases are constant.
func (t *texture) upsample() {
	w, h := t.w, t.h
	for i := range t.planes {
		src := t.planes[i]
		wide := resize(t.hint[0], 2*w*h)
		t.hint[0] = wide
		for y := range h {
			double(wide[y*2*w:(y+1)*2*w], 1, src[y*w:(y+1)*w], 1, w)
		}
		dst := resize(t.hint[1], 4*w*h)
		for x := range 2 * w {
			double(dst[x:], 2*w, wide[x:], 2*w, h)
		}
		t.planes[i], t.hint[1] = dst, src
	}
	t.x0, t.y0, t.w, t.h, t.scale = 2*t.x0, 2*t.y0, 2*w, 2*h, 2*t.scale
}

// double writes 2n samples at stride ds for n samples at stride ss. Source: Catmull and Rom, 1974, at t = ¼ and ¾.
func double(dst []float32, ds int, src []float32, ss, n int) {
	const a, b, c, d = -9. / 128, 111. / 128, 29. / 128, -3. / 128
	for i := range n {
		m := src[i*ss]
		l, r := src[max(0, i-1)*ss], src[min(n-1, i+1)*ss]
		ll, rr := src[max(0, i-2)*ss], src[min(n-1, i+2)*ss]
		dst[2*i*ds] = d*ll + c*l + b*m + a*r
		dst[(2*i+1)*ds] = a*l + b*m + c*r + d*rr
	}
}

// resize returns a slice of n elements with undefined content, reusing s's memory where it suffices.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}
