package compositor

import (
	"github.com/ksamenet/ksamenet/core/frame"
)

// luma are the coefficients of R and B in Y' (BT.601-7 2.5.1, BT.709-6 3.2, BT.2020-2 table 4).
func luma(m frame.Matrix) (kr, kb float64) {
	switch m {
	case frame.BT601:
		return 0.299, 0.114
	case frame.BT2020:
		return 0.2627, 0.0593
	default:
		return 0.2126, 0.0722
	}
}

// codes says how a component's code values stand for numbers: code = number·span + zero, with numbers 0..1, or −½..½ for chroma.
type codes struct{ span, zero float64 }

// componentCodes is the code of colour component i. R'G'B' is always full range, as the hosts deliver it.
func componentCodes(pic *frame.Picture, i int) codes {
	depth := pic.Layout.Components[i].Depth
	unit, top := float64(int(1)<<(depth-8)), float64(int(1)<<depth-1)
	chroma := !pic.Layout.RGB && i > 0
	switch {
	case pic.Layout.RGB, pic.FullRange && !chroma:
		return codes{span: top}
	case pic.FullRange:
		return codes{span: top, zero: 128 * unit}
	case chroma:
		return codes{span: 224 * unit, zero: 128 * unit}
	default:
		return codes{span: 219 * unit, zero: 16 * unit}
	}
}

// colors turns a patch's R'G'B', 0..255, into a picture's component codes, through the tone. All of it is affine, so that
// one matrix does it.
type colors struct {
	m      [3][4]float32
	lo, hi [3]float32 // nominal range of the codes
	white  [3]float32
	black  [3]float32
	knee   [3]float32 // from here on brightness rises slower, so that eyes and teeth do not glow; hi for chroma
}

const (
	kneeAt    = 0.80
	kneeSlope = 0.40
)

func newColors(pic *frame.Picture, a Match) colors {
	kr, kb := luma(pic.Matrix)
	var c colors
	origin := a.apply(kr, kb, pic.Layout.RGB, 0, 0, 0)
	red, green, blue := a.apply(kr, kb, pic.Layout.RGB, 1, 0, 0), a.apply(kr, kb, pic.Layout.RGB, 0, 1, 0), a.apply(kr, kb, pic.Layout.RGB, 0, 0, 1)
	for i := range pic.Layout.Colors() {
		k := componentCodes(pic, i)
		for j, v := range [3]float64{red[i], green[i], blue[i]} {
			c.m[i][j] = float32((v - origin[i]) * k.span / 255)
		}
		c.m[i][3] = float32(origin[i]*k.span + k.zero)
		c.white[i], c.black[i] = float32(k.zero), float32(k.zero)
		if i == 0 || pic.Layout.RGB {
			c.white[i] = float32(k.span + k.zero)
		}
		lo := 0.
		if i > 0 && !pic.Layout.RGB {
			lo = -.5
		}
		c.lo[i], c.hi[i] = float32(lo*k.span+k.zero), float32((lo+1)*k.span+k.zero)
		if c.knee[i] = c.hi[i]; a.gain > 1 && lo == 0 {
			c.knee[i] = float32(kneeAt*k.span + k.zero)
		}
	}
	return c
}

// split is Y', Cb, Cr of R'G'B', all 0..1 or −½..½.
func split(kr, kb, r, g, b float64) (y, cb, cr float64) {
	y = kr*r + (1-kr-kb)*g + kb*b
	return y, (b - y) / (2 * (1 - kb)), (r - y) / (2 * (1 - kr))
}

// convert is the picture's codes, not rounded, of R'G'B' 0..255.
func (c *colors) convert(r, g, b float32) (c0, c1, c2 float32) {
	m := &c.m
	return c.within(0, m[0][0]*r+m[0][1]*g+m[0][2]*b+m[0][3]),
		c.within(1, m[1][0]*r+m[1][1]*g+m[1][2]*b+m[1][3]),
		c.within(2, m[2][0]*r+m[2][1]*g+m[2][2]*b+m[2][3])
}

// within spells out the comparisons: the builtins' care for NaN and −0 costs a quarter of prepare.
func (c *colors) within(i int, v float32) float32 {
	if v < c.lo[i] {
		return c.lo[i]
	}
	if v > c.knee[i] {
		v = c.knee[i] + (v-c.knee[i])*kneeSlope
		if v > c.hi[i] {
			return c.hi[i]
		}
	}
	return v
}
