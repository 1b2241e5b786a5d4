package compositor

import "math"

// Tone is what a surrogate's colour may learn of a shot: brightness, colour cast and sharpness of what surrounds the face,
// and the picture's black level, on a coarse grid. It never contains a pixel of the core. The zero Tone means "not known".
type Tone struct {
	Luma  uint8 `json:"y"`  // 1..63 for 0..1: luma that the bright half of a face can be expected to have there
	Black uint8 `json:"b"`  // 0..15 for 0..0.3: luma below which 2 % of the picture lie (haze and lifted blacks)
	Cb    int8  `json:"cb"` // −16..15, in steps of 1/96 of the full chroma range; likewise
	Cr    int8  `json:"cr"`
	Skin  uint8 `json:"k"`           // 0..3: how much skin was seen
	Blur  uint8 `json:"bl"`          // 0..7: 0 sharp, else a Gaussian blur of 0.6·√2^(Blur−1) pixels
	Grain uint8 `json:"g,omitempty"` // 0..7: 0 none, else noise of a standard deviation of 0.004·√2^(Grain−1) of the luma range
}

// ToneBits is the upper bound of information that one Tone carries. A caller that uses one Tone for a whole track
// passes as many bits once, not per picture.
const ToneBits = 6 + 4 + 5 + 5 + 2 + 3 + 3

const (
	chromaStep = 1. / 96
	firstBlur  = 0.6
	firstGrain = 0.004 // one code of 8 bits
)

func (t Tone) luma() float64  { return float64(t.Luma) / 63 }
func (t Tone) black() float64 { return float64(t.Black) / 50 }
func (t Tone) cb() float64    { return float64(t.Cb) * chromaStep }
func (t Tone) cr() float64    { return float64(t.Cr) * chromaStep }
func (t Tone) blur() float64 {
	if t.Blur == 0 {
		return 0
	}
	return firstBlur * math.Pow(2, float64(t.Blur-1)/2)
}

func (t Tone) grain() float64 {
	if t.Grain == 0 {
		return 0
	}
	return firstGrain * math.Pow(2, float64(t.Grain-1)/2)
}

func (t Tone) skin() float64 { return float64(t.Skin) / 3 }

// Surround is a Tone before quantisation: what one picture says around a core, in Y' 0..1 and Cb, Cr
// −½..½ of the picture's own matrix. Skin is 0..1, Blur in pixels and 0 when there was no edge to tell. The zero Surround is "nothing seen".
type Surround struct {
	Luma, Black, Cb, Cr, Skin, Blur float64
	Grain                           float64 // standard deviation of the noise, of the luma range
	// Side is the natural logarithm of how much brighter the picture's right half of what surrounds the face is than the left, by
	// skin and clothes; Sides how far they are to be believed, 0..1.
	Side, Sides float64
	Seen        float64 // share of the ring that lies inside the picture
}

// Tone rounds s to the grid.
func (s Surround) Tone() Tone {
	if !(s.Seen > 0) {
		return Tone{}
	}
	grid := func(v, lo, hi float64) float64 {
		if math.IsNaN(v) {
			return lo
		}
		return math.Round(min(hi, max(lo, v)))
	}
	return Tone{
		Luma:  uint8(grid(s.Luma*63, 1, 63)),
		Black: uint8(grid(s.Black*50, 0, 15)),
		Cb:    int8(grid(s.Cb/chromaStep, -16, 15)),
		Cr:    int8(grid(s.Cr/chromaStep, -16, 15)),
		Skin:  uint8(grid(s.Skin*3, 0, 3)),
		Blur:  uint8(grid(2*math.Log2(max(s.Blur, 1e-3)/firstBlur)+1, 0, 7)),
		Grain: uint8(grid(2*math.Log2(max(s.Grain, 1e-6)/firstGrain)+1, 0, 7)),
	}
}

// MeanSurround averages measurements of one track, or of a shot. Pictures that show skin count more, since only they
// tell how bright skin is in this light.
func MeanSurround(all []Surround) Surround {
	var m Surround
	var n, blurred float64
	for _, s := range all {
		w := s.Seen * (0.05 + s.Skin)
		if !(w > 0) || math.IsInf(w, 0) {
			continue
		}
		n += w
		m.Luma += w * s.Luma
		m.Black += w * s.Black
		m.Cb += w * s.Cb
		m.Cr += w * s.Cr
		m.Skin += w * s.Skin
		m.Seen += w * s.Seen
		m.Grain += w * s.Grain
		if s.Blur > 0 {
			blurred += w
			m.Blur += w * s.Blur
		}
	}
	if n == 0 {
		return Surround{}
	}
	if blurred > 0 {
		m.Blur /= blurred
	}
	return Surround{Luma: m.Luma / n, Black: m.Black / n, Cb: m.Cb / n, Cr: m.Cr / n, Skin: m.Skin / n, Blur: m.Blur, Seen: m.Seen / n, Grain: m.Grain / n}
}
