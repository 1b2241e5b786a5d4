package compositor

import (
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// Match turns a surrogate's colours into those of its shot, in Y' 0..1 and Cb, Cr −½..½: y·gain + lift, c·chroma + y·cast. A cast
// grows with brightness as a coloured light does: dark eyes and brows take little of it. It follows from a Tone and the surrogate.
type Match struct{ gain, lift, chroma, cb, cr float64 }

// Toward is m moved by the share k of the way to n. A face that turns or opens its mouth changes its patch's mean, and a stream's tone
// moves on in steps: eased by its caller from picture to picture, neither shows as flicker.
func (m Match) Toward(n Match, k float64) Match {
	to := func(a, b float64) float64 { return a + k*(b-a) }
	return Match{to(m.gain, n.gain), to(m.lift, n.lift), to(m.chroma, n.chroma), to(m.cb, n.cb), to(m.cr, n.cr)}
}

// apply is the picture's components, as numbers, of R'G'B' 0..1.
func (a Match) apply(kr, kb float64, rgb bool, r, g, b float64) [3]float64 {
	y, cb, cr := split(kr, kb, r, g, b)
	y, cb, cr = y*a.gain+a.lift, cb*a.chroma+y*a.cb, cr*a.chroma+y*a.cr
	if !rgb {
		return [3]float64{y, cb, cr}
	}
	red, blue := y+cr*2*(1-kr), y+cb*2*(1-kb)
	return [3]float64{red, (y - kr*red - kb*blue) / (1 - kr - kb), blue}
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

// MatchOf is how the patch p becomes a face of tone t in a picture like pic, of which only the matrix is read. The zero Tone changes
// nothing.
func MatchOf(pic *frame.Picture, t Tone, p *frame.Patch) Match {
	if t == (Tone{}) {
		return Match{gain: 1, chroma: 1}
	}
	kr, kb := luma(pic.Matrix)
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
		return Match{gain: 1, chroma: 1}
	}
	have := face.y / face.n
	gain := min(maxGain, max(minGain, math.Pow(t.luma()/have, lumaPull)))
	// Haze lifts black and leaves the level of the skin: contrast shrinks about it.
	level := have * gain
	contrast := min(1, max(minContrast, (level-(t.black()-noHaze))/level))
	a := Match{gain: gain * contrast, lift: level * (1 - contrast), chroma: gain * contrast}
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
