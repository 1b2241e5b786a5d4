package compositor

import "math"

// How skin is told from what has its colour: wood, sand, a beige wall. Tuned on the faces of 14 clips and portraits, by what
// the mean of the visible skin says of the brightness and hue of the face beside it.
const (
	enoughSkin = 0.06 // share of skin in the ring from which it is believed fully
	wallDoubt  = 1.5  // how much a colour that is common in the background must be commoner beside the face to be skin
	skinTop    = 0.03 // share of the skin, from the brightest, that may be a gleam
	vivid      = 2.0  // weight of colour against luma in that order: dull samples are hair and the shadow under the chin
	skinRank   = 0.25 // share of the skin that counts, from there
	browRank   = 0.5  // and of the skin above the forehead, where there is no neck's shade
)

// palette counts the samples of skin's chroma box by luma, Cb and Cr.
type palette struct {
	n    float64 // weight of all samples, in the box or not
	bins [paletteLuma][paletteCb][paletteCr]tally
}

const (
	chromaBin   = 1. / 64
	paletteLuma = 10
	paletteCb   = 15 // from leastCb
	paletteCr   = 12 // from leastCr
	leastCb     = -51. / 224
	leastCr     = 5. / 224
)

func (p *palette) add(w, y, cb, cr float64) {
	p.n += w
	if isSkin(y, cb, cr) {
		i, j, k := clampInt(y*paletteLuma, 0, paletteLuma-1), clampInt((cb-leastCb)/chromaBin, 0, paletteCb-1), clampInt((cr-leastCr)/chromaBin, 0, paletteCr-1)
		p.bins[i][j][k].add(w, y, cb, cr)
	}
}

// around is the weight of a bin and its neighbours.
func (p *palette) around(i, j, k int) (n float64) {
	for a := max(0, i-1); a <= min(paletteLuma-1, i+1); a++ {
		for b := max(0, j-1); b <= min(paletteCb-1, j+1); b++ {
			for c := max(0, k-1); c <= min(paletteCr-1, k+1); c++ {
				n += p.bins[a][b][c].n
			}
		}
	}
	return n
}

// skin is the mean of the brighter skin around the core, and how far it is to be believed, 0..1.
func (s *scan) skin() (mean tally, share float64) {
	found := s.bare(&s.ring, func(t tally) float64 { return (t.y + vivid*(t.cr-t.cb)) / t.n / (1 + vivid*.35) })
	share = found.weight() / s.all.n
	if !(share > 0.01) {
		return tally{}, 0
	}
	return found.mean(skinTop, skinRank), min(1, share/enoughSkin)
}

// forehead is the mean of the brighter skin above the forehead, and how much of what lies there is skin, 0..1.
func (s *scan) forehead() (mean tally, share float64) {
	found := s.bare(s.brow, func(t tally) float64 { return t.y / t.n })
	return found.mean(skinTop, browRank), found.weight() / max(s.brow.n, 1)
}

// bare is the skin among samples beside the core, by rank. Colours that are as common in the background are not skin, whatever they
// look like.
func (s *scan) bare(of *palette, rank func(tally) float64) (found brightest) {
	for i := range of.bins {
		for j := range of.bins[i] {
			for k := range of.bins[i][j] {
				t := of.bins[i][j][k]
				if t.n == 0 {
					continue
				}
				keep := 1.
				if s.wall.n > 0 {
					here, there := of.around(i, j, k)/of.n, s.wall.around(i, j, k)/s.wall.n
					keep = max(0, 1-wallDoubt*there/here)
				}
				if keep > 0 {
					found.join(rank(t), tally{keep * t.n, keep * t.y, keep * t.cb, keep * t.cr})
				}
			}
		}
	}
	return found
}

// isSkin is the chroma box of Chai and Ngan, IEEE T-CSVT 9(4), 1999 (Cb 77..127, Cr 133..173 of 8-bit codes), which holds
// skin of every tone, without its yellow corner, where fair hair and wood lie. Its grey edges draw in with brightness where that is
// little, for chroma shrinks with it: at 0.4 of their exposure, 8 of 50 faces had no skin beside them, 33 without it. Very dark and burnt
// samples have no reliable chroma.
func isSkin(y, cb, cr float64) bool {
	faint := min(1, y/fullChroma) / 224
	return y > 0.08 && y < 0.95 && cb >= leastCb && cb <= -faint && cr >= 5*faint && cr <= 45./224 && cr >= -0.75*cb
}

// fullChroma is the luma from which the box is as its authors have it.
const fullChroma = 0.35

// brightest sums samples by rank, to find the mean of the brighter ones.
type brightest [64]tally

// join adds a sum of samples alike at its rank, 0..1.
func (b *brightest) join(rank float64, t tally) {
	c := &b[clampInt(rank*float64(len(b)), 0, len(b)-1)]
	c.n, c.y, c.cb, c.cr = c.n+t.n, c.y+t.y, c.cb+t.cb, c.cr+t.cr
}

func (b *brightest) weight() (n float64) {
	for i := range b {
		n += b[i].n
	}
	return n
}

// mean is the mean of the given share of the weight, the brightest first, after skipping another share.
func (b *brightest) mean(skip, share float64) (t tally) {
	all := b.weight()
	skip, want := skip*all, share*all
	for i := len(b) - 1; i >= 0 && t.n < want; i-- {
		c := b[i]
		if c.n <= skip {
			skip -= c.n
			continue
		}
		f := min(c.n-skip, want-t.n) / c.n
		skip = 0
		t.n, t.y, t.cb, t.cr = t.n+f*c.n, t.y+f*c.y, t.cb+f*c.cb, t.cr+f*c.cr
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

// blackLevel is the luma below which 2 % of the picture lie, by a coarse grid of pixels outside of faces.
func (s *scan) blackLevel() float64 {
	const across, classes = 64, 64
	var count [classes]int
	n := 0
	pic := s.read.pic
	step := max(1, float64(max(pic.W, pic.H))/across)
	for y := step / 2; y < float64(pic.H); y += step {
		for x := step / 2; x < float64(pic.W); x += step {
			px, py := math.Floor(x)+.5, math.Floor(y)+.5
			if s.mask.beyond(px-s.mask.x, py-s.mask.y) <= s.mask.apart || s.other(px, py) {
				continue
			}
			count[clampInt(s.read.luma(int(x), int(y))*classes, 0, classes-1)]++
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
