package compositor

import (
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// Widths of the mask's soft rim, in shares of the outline's mean radius. Tuned by eye on five portraits and the clips
// of talking people: a narrower feather shows a seam, a wider one lets a halo of skin stand on the hair.
const (
	featherShare = 0.10 // fill fades out
	reachShare   = 0.24 // the surrogate's own silhouette may exceed the core by this much
)

// mask is m: 1 on the core, then the greater of a feather and the surrogate's own opacity, which ends at reach.
type mask struct {
	outline
	slack          float64 // pixels beyond the outline at which m is still 1
	feather, reach float64 // pixels
}

// newMask makes the mask for a layout. The slack keeps m = 1 on every chroma sample that any core pixel shares.
func newMask(o outline, l *frame.Layout) mask {
	step := 1.0
	for _, c := range l.Components[:l.Colors()] {
		step = max(step, float64(uint(1)<<max(c.SubX, c.SubY)))
	}
	m := mask{outline: o, slack: step * (1 + o.steep)}
	m.feather = max(featherShare*o.c0, 1.5)
	m.reach = max(reachShare*o.c0, m.feather)
	return m
}

func (m *mask) box() frame.Rect { return m.outline.box(m.slack + m.reach) }

// rim returns, for a point outside the core, the feather's mask and the limit on the surrogate's own opacity.
// (dx, dy) is relative to the centre.
func (m *mask) rim(dx, dy float64) (feather, limit float32) {
	r := math.Sqrt(dx*dx + dy*dy)
	if r == 0 {
		return 1, 1
	}
	e := r - m.at(dx/r, dy/r) - m.slack
	switch {
	case e <= 0:
		return 1, 1
	case e >= m.reach:
		return 0, 0
	}
	limit = float32(1 - smoothstep(e/m.reach))
	if e < m.feather {
		feather = float32(1 - smoothstep(e/m.feather))
	}
	return feather, limit
}

// inner is the radius within which m is 1 at every angle; beyond outer it is 0.
func (m *mask) inner() float64 { return m.lo }
func (m *mask) outer() float64 { return m.hi + m.slack + m.reach }

func smoothstep(t float64) float64 {
	if t <= 0 {
		return 0
	}
	if t >= 1 {
		return 1
	}
	return t * t * (3 - 2*t)
}
