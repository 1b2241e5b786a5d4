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
	gain, mean      float32 // luma: (y − mean)·contrast·gain + mean·gain
	contrast        float32
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
		gain: 1, contrast: 1,
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
	y = ((y-c.mean)*c.contrast + c.mean) * c.gain
	cb, cr = cb*c.gain+c.cb, cr*c.gain+c.cr
	if c.rgb {
		red, blue := y+cr*c.crBack, y+cb*c.cbBack
		green := (y - c.kr*255*red - c.kb*255*blue) / (c.kg * 255)
		y, cb, cr = clamp01(red), clamp01(green), clamp01(blue)
	} else {
		y, cb, cr = clamp01(y), clamp01(cb+.5)-.5, clamp01(cr+.5)-.5
	}
	return y*c.span[0] + c.zero[0], cb*c.span[1] + c.zero[1], cr*c.span[2] + c.zero[2]
}

// Limits of the colour match. Tuned by eye: a wider range turns a surrogate into a lamp or a shadow when the
// surroundings are a window or a night.
const (
	minGain, maxGain         = 0.40, 1.60
	minContrast, maxContrast = 0.80, 1.15
	maxCast                  = 0.06
)

// match sets gain, contrast and cast from the tone and the patch's own statistics.
// With skin in sight the surrogate takes its brightness and hue; without, it follows the surroundings at a third.
func (c *colors) match(t Tone, p *frame.Patch) {
	var n, y1, y2, b1, r1 float64
	step := max(1, p.Size/64)
	for j := step / 2; j < p.Size; j += step {
		for i := step / 2; i < p.Size; i += step {
			s := p.RGBA[4*(j*p.Size+i):]
			w := float64(trustOf[s[3]])
			if w == 0 {
				continue
			}
			y, cb, cr := c.split(float32(s[0]), float32(s[1]), float32(s[2]))
			n += w
			y1 += w * float64(y)
			y2 += w * float64(y) * float64(y)
			b1 += w * float64(cb)
			r1 += w * float64(cr)
		}
	}
	if n == 0 || y1 <= 0 {
		return
	}
	mean, cb, cr := y1/n, b1/n, r1/n
	spread := math.Sqrt(max(0, y2/n-mean*mean))
	skin := t.skin()
	gain := math.Pow(t.luma()/mean, skin) * math.Pow(max(0.05, t.luma())/0.45, (1-skin)*0.33)
	gain = min(maxGain, max(minGain, gain))
	if spread > 0 {
		contrast := math.Pow(t.spread()/(spread*gain), 0.25)
		c.contrast = float32(min(maxContrast, max(minContrast, contrast)))
	}
	cast := func(want, have float64) float32 {
		shift := skin*(want-have*gain) + (1-skin)*0.25*want
		return float32(min(maxCast, max(-maxCast, shift)))
	}
	c.gain, c.mean = float32(gain), float32(mean)
	c.cb, c.cr = cast(t.cb(), cb), cast(t.cr(), cr)
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
