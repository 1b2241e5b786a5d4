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

// colors turns a patch's R'G'B', 0..255, into a picture's component codes, through the tone.
type colors struct {
	rgb             bool
	kr, kg, kb      float32 // of numbers 0..255
	cbScale, crBack float32
	crScale, cbBack float32
	gain, lift      float32 // luma: y·gain + lift
	chroma          float32
	cb, cr          float32 // chroma shift
	span, zero      [3]float32
}

func newColors(pic *frame.Picture, t Tone, p *frame.Patch) colors {
	kr, kb := luma(pic.Matrix)
	c := colors{
		rgb: pic.Layout.RGB,
		kr:  float32(kr / 255), kg: float32((1 - kr - kb) / 255), kb: float32(kb / 255),
		cbScale: float32(1 / (2 * (1 - kb))), cbBack: float32(2 * (1 - kb)),
		crScale: float32(1 / (2 * (1 - kr))), crBack: float32(2 * (1 - kr)),
		gain: 1, chroma: 1,
	}
	for i := range pic.Layout.Colors() {
		k := componentCodes(pic, i)
		c.span[i], c.zero[i] = float32(k.span), float32(k.zero)
	}
	if t != (Tone{}) {
		c.match(t, p)
	}
	return c
}

// split is Y' 0..1, Cb and Cr −½..½ of R'G'B' 0..255.
func (c *colors) split(r, g, b float32) (y, cb, cr float32) {
	y = c.kr*r + c.kg*g + c.kb*b
	return y, (b*(1./255) - y) * c.cbScale, (r*(1./255) - y) * c.crScale
}

// convert is the picture's codes, not rounded, of R'G'B' 0..255.
func (c *colors) convert(r, g, b float32) (c0, c1, c2 float32) {
	y, cb, cr := c.split(r, g, b)
	y = y*c.gain + c.lift
	cb, cr = cb*c.chroma+c.cb, cr*c.chroma+c.cr
	if c.rgb {
		red, blue := y+cr*c.crBack, y+cb*c.cbBack
		green := (y - c.kr*255*red - c.kb*255*blue) / (c.kg * 255)
		y, cb, cr = clamp01(red), clamp01(green), clamp01(blue)
	} else {
		y, cb, cr = clamp01(y), clamp01(cb+.5)-.5, clamp01(cr+.5)-.5
	}
	return y*c.span[0] + c.zero[0], cb*c.span[1] + c.zero[1], cr*c.span[2] + c.zero[2]
}

// The colour match, tuned by eye on 33 faces of 15 portraits and clips.
const (
	// A wider range turns a surrogate into a lamp or a shadow when the surroundings are a window or a night.
	minGain, maxGain = 0.40, 1.60
	maxCast          = 0.06
	skinPull         = 0.85 // the skin in sight is neck and ears, more in shade than a face
	huePull          = 0.75 // the surrogate keeps some of its own hue
	surroundPull     = 0.5  // without skin, the surroundings tell exposure and cast, loosely
	paleness         = 0.15 // without skin, so much less saturation: a pale face is odd in no shot, an orange one in many
	faceRank         = 0.5  // share of the patch's texels, from the brightest, that is compared with the skin in sight
	noHaze           = 0.06 // a black level up to here is plain black
	minContrast      = 0.65
)

// match sets gain, lift and cast from the tone and the patch's own statistics.
// With skin in sight the surrogate takes its brightness and, mostly, its hue; without, it follows the surroundings.
func (c *colors) match(t Tone, p *frame.Patch) {
	var all brightest
	step := max(1, p.Size/64)
	for j := step / 2; j < p.Size; j += step {
		for i := step / 2; i < p.Size; i += step {
			s := p.RGBA[4*(j*p.Size+i):]
			if w := trustOf[s[3]]; w > 0 {
				y, cb, cr := c.split(float32(s[0]), float32(s[1]), float32(s[2]))
				all.add(float64(w), float64(y), float64(cb), float64(cr))
			}
		}
	}
	face := all.mean(faceRank)
	if !(face.n > 0 && face.y > 0) {
		return
	}
	have := face.y / face.n
	skin := t.skin()
	gain := math.Pow(t.luma()/have, skin*skinPull) * math.Pow(max(0.05, t.luma())/0.45, (1-skin)*surroundPull)
	gain = min(maxGain, max(minGain, gain))
	// Haze lifts black and leaves the level of the skin: contrast shrinks about it.
	level := have * gain
	contrast := min(1, max(minContrast, (level-(t.black()-noHaze))/level))
	chroma := gain * contrast * (1 - (1-skin)*paleness)
	c.gain, c.lift, c.chroma = float32(gain*contrast), float32(level*(1-contrast)), float32(chroma)
	cast := func(want, have float64) float32 {
		shift := skin*huePull*(want-have*chroma) + (1-skin)*surroundPull*want
		return float32(min(maxCast, max(-maxCast, shift)))
	}
	c.cb, c.cr = cast(t.cb(), face.cb/face.n), cast(t.cr(), face.cr/face.n)
}

// clamp01 spells out the comparisons: the builtins' care for NaN and −0 costs a quarter of prepare.
func clamp01(v float32) float32 {
	if v < 0 {
		return 0
	}
	if v > 1 {
		return 1
	}
	return v
}
