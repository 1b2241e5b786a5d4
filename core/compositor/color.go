package compositor

import (
	"math"

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
	knee   [3]float32 // from here on brightness rises slower, so that eyes and teeth do not glow; hi for chroma
}

const (
	kneeAt    = 0.80
	kneeSlope = 0.40
)

// adapt is the tone's part, in Y' 0..1 and Cb, Cr −½..½: y·gain + lift, c·chroma + y·cast. A cast grows with brightness as a
// coloured light does: dark eyes and brows take little of it.
type adapt struct{ gain, lift, chroma, cb, cr float64 }

func newColors(pic *frame.Picture, t Tone, p *frame.Patch) colors {
	kr, kb := luma(pic.Matrix)
	a := adapt{gain: 1, chroma: 1}
	if t != (Tone{}) {
		a = match(t, p, kr, kb)
	}
	var c colors
	origin := a.apply(kr, kb, pic.Layout.RGB, 0, 0, 0)
	red, green, blue := a.apply(kr, kb, pic.Layout.RGB, 1, 0, 0), a.apply(kr, kb, pic.Layout.RGB, 0, 1, 0), a.apply(kr, kb, pic.Layout.RGB, 0, 0, 1)
	for i := range pic.Layout.Colors() {
		k := componentCodes(pic, i)
		for j, v := range [3]float64{red[i], green[i], blue[i]} {
			c.m[i][j] = float32((v - origin[i]) * k.span / 255)
		}
		c.m[i][3] = float32(origin[i]*k.span + k.zero)
		c.white[i] = float32(k.zero)
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

// apply is the picture's components, as numbers, of R'G'B' 0..1.
func (a adapt) apply(kr, kb float64, rgb bool, r, g, b float64) [3]float64 {
	y, cb, cr := split(kr, kb, r, g, b)
	y, cb, cr = y*a.gain+a.lift, cb*a.chroma+y*a.cb, cr*a.chroma+y*a.cr
	if !rgb {
		return [3]float64{y, cb, cr}
	}
	red, blue := y+cr*2*(1-kr), y+cb*2*(1-kb)
	return [3]float64{red, (y - kr*red - kb*blue) / (1 - kr - kb), blue}
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

// The colour match, tuned by eye on the faces of 15 portraits and clips.
const (
	// A wider range turns a surrogate into a lamp or a shadow when the surroundings are a window or a night.
	minGain, maxGain = 0.30, 1.60
	maxCast          = 0.06
	lumaPull         = 0.90 // the surrogate keeps a little of its own brightness
	huePull          = 0.85 // and of its own hue
	looseHue         = 0.55 // more of it when no skin was seen
	faceRank         = 0.5  // share of the patch's texels, from the brightest, that is compared
	noHaze           = 0.06 // a black level up to here is plain black
	minContrast      = 0.65
	minVivid         = 0.40 // range of the factor that makes skin paler or more vivid
	maxVivid         = 1.40
)

// match finds gain, lift and cast from the tone and the patch's own statistics.
func match(t Tone, p *frame.Patch, kr, kb float64) adapt {
	var all brightest
	step := max(1, p.Size/64)
	for j := step / 2; j < p.Size; j += step {
		for i := step / 2; i < p.Size; i += step {
			s := p.RGBA[4*(j*p.Size+i):]
			if w := trustOf[s[3]]; w > 0 {
				y, cb, cr := split(kr, kb, float64(s[0])/255, float64(s[1])/255, float64(s[2])/255)
				all.join(y, tally{float64(w), float64(w) * y, float64(w) * cb, float64(w) * cr})
			}
		}
	}
	face := all.mean(0, faceRank)
	if !(face.n > 0 && face.y > 0) {
		return adapt{gain: 1, chroma: 1}
	}
	have := face.y / face.n
	gain := min(maxGain, max(minGain, math.Pow(t.luma()/have, lumaPull)))
	// Haze lifts black and leaves the level of the skin: contrast shrinks about it.
	level := have * gain
	contrast := min(1, max(minContrast, (level-(t.black()-noHaze))/level))
	a := adapt{gain: gain * contrast, lift: level * (1 - contrast), chroma: gain * contrast}
	pull := looseHue + t.skin()*(huePull-looseHue)
	// Paler or more vivid skin first, by a factor that leaves teeth and eyes grey; what is left is the light's colour.
	fcb, fcr := face.cb/face.n*a.chroma, face.cr/face.n*a.chroma
	if v := fcb*fcb + fcr*fcr; v > 0 {
		vivid := min(maxVivid, max(minVivid, (t.cb()*fcb+t.cr()*fcr)/v))
		a.chroma *= 1 + pull*(vivid-1)
	}
	cast := func(want, hue float64) float64 {
		return min(maxCast, max(-maxCast, pull*(want-hue*a.chroma))) / have
	}
	a.cb, a.cr = cast(t.cb(), face.cb/face.n), cast(t.cr(), face.cr/face.n)
	return a
}
