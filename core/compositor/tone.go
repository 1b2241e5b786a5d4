package compositor

import (
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// Tone is what a surrogate's colour may learn of a shot: brightness, colour cast and sharpness of what surrounds the face,
// and the picture's black level, on a coarse grid. It never contains a pixel of the core. The zero Tone means "not known".
type Tone struct {
	Luma  uint8 `json:"y"`  // 1..63 for 0..1: mean luma of the brighter skin around the core or, without skin, of all around it
	Black uint8 `json:"b"`  // 0..15 for 0..0.3: luma below which 2 % of the picture lie (haze and lifted blacks)
	Cb    int8  `json:"cb"` // −16..15, in steps of 1/96 of the full chroma range; of the same samples as Luma
	Cr    int8  `json:"cr"`
	Skin  uint8 `json:"k"`  // 0..3: how much skin was seen
	Blur  uint8 `json:"bl"` // 0..7: 0 sharp, else a Gaussian blur of 0.6·√2^(Blur−1) pixels
}

// ToneBits is the upper bound of information that one Tone carries. A caller that uses one Tone for a whole track
// passes as many bits once, not per picture.
const ToneBits = 6 + 4 + 5 + 5 + 2 + 3

const (
	chromaStep = 1. / 96
	firstBlur  = 0.6
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

func (t Tone) skin() float64 { return float64(t.Skin) / 3 }

// Surround is a Tone before quantisation: the statistics of one picture around a core, in Y' 0..1 and Cb, Cr
// −½..½ of the picture's own matrix. Skin is 0..1, Blur in pixels and 0 when there was no edge to tell. The zero Surround is "nothing seen".
type Surround struct {
	Luma, Black, Cb, Cr, Skin, Blur float64
	Seen                            float64 // share of the ring that lies inside the picture
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
	return Surround{m.Luma / n, m.Black / n, m.Cb / n, m.Cr / n, m.Skin / n, m.Blur, m.Seen / n}
}

// The ring runs from the core's edge to ringShare of its mean radius beyond it.
const (
	ringShare   = 0.40
	ringSamples = 4096 // about as many pixels are looked at, whatever the face's size
	enoughSkin  = 0.08 // share of skin in the ring from which it is believed fully
	skinRank    = 0.3  // share of the skin, from the brightest, that counts
)

// MeasureTone looks at the ring around the core that Compose would paint for oval, and at nothing inside the core.
// It returns ErrOval for an unusable oval and frame.ErrLayout for an unusable picture.
func MeasureTone(pic *frame.Picture, oval []frame.Point) (Surround, error) {
	if err := pic.Validate(); err != nil {
		return Surround{}, err
	}
	out, err := newOutline(oval)
	if err != nil {
		return Surround{}, err
	}
	m := newMask(out, pic.Layout)
	ring := ringShare * out.c0
	box := out.box(m.apart + ring)
	inside := box.Intersect(pic.Bounds())
	if inside.Empty() {
		return Surround{}, nil
	}
	step := max(1, math.Sqrt(box.Area()/ringSamples))
	read := newReader(pic)
	var all tally
	var skin brightest
	var sharp edges
	safe := m.apart + edgeReach*(1+m.steep)
	total := 0.0
	for y := box.Y0 + step/2; y < box.Y1; y += step {
		for x := box.X0 + step/2; x < box.X1; x += step {
			// Whole pixels: the position that is tested is the position that is read.
			px, py := math.Floor(x)+.5, math.Floor(y)+.5
			dx, dy := px-out.x, py-out.y
			e := m.beyond(dx, dy)
			if e <= m.apart || e > m.apart+ring {
				continue
			}
			w := 1 + dy/math.Hypot(dx, dy) // the neck is below, hair and sky are above
			total += w
			if px < 0 || py < 0 || px >= float64(pic.W) || py >= float64(pic.H) {
				continue
			}
			luma, cb, cr := read.at(int(px), int(py))
			all.add(w, luma, cb, cr)
			if isSkin(luma, cb, cr) {
				skin.add(w, luma, cb, cr)
			}
			if e > safe {
				read.edgesAt(&sharp, int(px), int(py))
			}
		}
	}
	if all.n == 0 || total == 0 {
		return Surround{}, nil
	}
	s := Surround{Seen: all.n / total, Black: blackLevel(&read, pic, &m), Blur: sharp.sigma()}
	t := all
	if share := skin.weight() / all.n; pic.Layout.Colors() == 3 && share > 0.01 {
		s.Skin = min(1, share/enoughSkin)
		t = skin.mean(skinRank)
	}
	s.Luma, s.Cb, s.Cr = t.y/t.n, t.cb/t.n, t.cr/t.n
	return s, nil
}

// blackLevel is the luma below which 2 % of the picture lie, by a coarse grid of pixels outside the core.
func blackLevel(read *reader, pic *frame.Picture, m *mask) float64 {
	const across, classes = 64, 64
	var count [classes]int
	n := 0
	step := max(1, float64(max(pic.W, pic.H))/across)
	for y := step / 2; y < float64(pic.H); y += step {
		for x := step / 2; x < float64(pic.W); x += step {
			dx, dy := math.Floor(x)+.5-m.x, math.Floor(y)+.5-m.y
			if m.beyond(dx, dy) <= m.apart {
				continue
			}
			luma, _, _ := read.at(int(x), int(y))
			count[clampInt(luma*classes, 0, classes-1)]++
			n++
		}
	}
	left := n / 50
	for i, c := range count {
		if left -= c; left < 0 {
			return float64(i) / classes
		}
	}
	return 0
}

// isSkin is the chroma box of Chai and Ngan, IEEE T-CSVT 9(4), 1999 (Cb 77..127, Cr 133..173 of 8-bit codes), which holds
// skin of every tone, without its yellow corner, where fair hair and wood lie; very dark and burnt samples have no
// reliable chroma.
func isSkin(y, cb, cr float64) bool {
	return y > 0.08 && y < 0.95 && cb >= -51./224 && cb <= -1./224 && cr >= 5./224 && cr <= 45./224 && cr >= -0.75*cb
}

// brightest sums samples by luma, to find the mean of the brighter ones: the dark ones of a ring's skin-coloured samples
// are hair and the shadow under the chin.
type brightest [32]tally

func (b *brightest) add(w, y, cb, cr float64) {
	b[min(len(b)-1, max(0, int(y*float64(len(b)))))].add(w, y, cb, cr)
}

func (b *brightest) weight() (n float64) {
	for i := range b {
		n += b[i].n
	}
	return n
}

// mean is the mean of the given share of the weight, the brightest first, to whole classes of luma.
func (b *brightest) mean(share float64) (t tally) {
	want := b.weight() * share
	for i := len(b) - 1; i >= 0 && t.n < want; i-- {
		c := &b[i]
		t.n, t.y, t.cb, t.cr = t.n+c.n, t.y+c.y, t.cb+c.cb, t.cr+c.cr
	}
	return t
}

type tally struct{ n, y, cb, cr float64 }

func (t *tally) add(w, y, cb, cr float64) {
	t.n += w
	t.y += w * y
	t.cb += w * cb
	t.cr += w * cr
}

// reader turns single pixels of any layout into Y', Cb, Cr.
type reader struct {
	pic    *frame.Picture
	codes  [3]codes
	kr, kb float64
}

func newReader(pic *frame.Picture) reader {
	r := reader{pic: pic}
	r.kr, r.kb = luma(pic.Matrix)
	for i := range pic.Layout.Colors() {
		r.codes[i] = componentCodes(pic, i)
	}
	return r
}

// luma is Y' alone.
func (r *reader) luma(x, y int) float64 {
	if r.pic.Layout.RGB {
		v, _, _ := r.at(x, y)
		return v
	}
	c := r.pic.Layout.Components[0]
	return (float64(sampleAt(&r.pic.Planes[c.Plane], c, x, y)) - r.codes[0].zero) / r.codes[0].span
}

func (r *reader) at(x, y int) (luma, cb, cr float64) {
	var v [3]float64
	for i := range r.pic.Layout.Colors() {
		c := r.pic.Layout.Components[i]
		code := sampleAt(&r.pic.Planes[c.Plane], c, x>>c.SubX, y>>c.SubY)
		v[i] = (float64(code) - r.codes[i].zero) / r.codes[i].span
	}
	if !r.pic.Layout.RGB {
		return v[0], v[1], v[2]
	}
	luma = r.kr*v[0] + (1-r.kr-r.kb)*v[1] + r.kb*v[2]
	return luma, (v[2] - luma) / (2 * (1 - r.kb)), (v[0] - luma) / (2 * (1 - r.kr))
}

// sampleAt is the code of the sample in column x and row y of component c.
func sampleAt(pl *frame.Plane, c frame.Component, x, y int) int {
	at := y*pl.Stride + c.Offset + x*c.Step
	v := int(pl.Data[at])
	if c.Bytes() == 2 {
		v |= int(pl.Data[at+1]) << 8
	}
	return v >> c.Shift & (1<<c.Depth - 1)
}

// setSample writes a code.
func setSample(pl *frame.Plane, c frame.Component, x, y, code int) {
	at := y*pl.Stride + c.Offset + x*c.Step
	v := code << c.Shift
	pl.Data[at] = byte(v)
	if c.Bytes() == 2 {
		pl.Data[at+1] = byte(v >> 8)
	}
}
