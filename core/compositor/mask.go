package compositor

import (
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// Widths of the mask's soft rim, in shares of the outline's mean radius. Tuned by eye on the clips of talking people: a narrower
// feather shows a seam, a wider one lets a halo of skin stand on the hair, and a longer reach gives everybody a surrogate's broad head.
const (
	featherShare = 0.06 // fill fades out
	reachShare   = 0.08 // the surrogate's own silhouette may exceed the core by this much
	shadowDepth  = 0.3  // of the jaw's shadow in the rim; the rim is narrow, and more looks like a drawn line
	shadowRise   = 0.6  // share of the reach over which it falls
	shadowFrom   = 0.35 // cosine of the angle to the chin within which there is any
	shadowFull   = 0.8  // and within which all
	browSoft     = 2.2  // times as wide as elsewhere the rim is above the forehead, where the person's own goes on in another tone
	browFrom     = 0.35 // cosine of the angle to the crown from which it widens
	browFull     = 0.8  // and from which it has that width
	haloShare    = 0.45 // the halo's width
	haloRise     = 0.35 // share of the halo's width over which its glow rises
	haloGlow     = 0.75 // share of white where it is brightest
)

// mask is m: 1 on the core, then the greater of a feather and the surrogate's own opacity, which ends at reach.
// It is one function of the place for all components, else a rim of surrogate chroma would stand on the background's luma.
type mask struct {
	outline
	feather, reach float64 // pixels, but above the forehead, where both are up to spread times as wide
	spread         float64
	// widen is how many pixels beyond the outline m is still 1, so that no chroma sample that a core pixel shares keeps
	// anything of the source: the way from a sample to the farthest pixel that it serves.
	widen float64
	halo  float64 // width of the halo in pixels; 0: none
	// down is the way from the forehead to the chin in the picture, a unit vector.
	downX, downY float64
	// apart is how many pixels beyond the outline a pixel shares no sample with the core.
	apart float64
}

func newMask(o outline, pic *frame.Picture) mask {
	m := mask{outline: o}
	l := pic.Layout
	for _, c := range l.Components[:l.Colors()] {
		w, h := float64(int(1)<<c.SubX), float64(int(1)<<c.SubY)
		offX, offY := siting(l, c)
		reachY, apartY := max(offY-.5, h-.5-offY), h-1
		if pic.Fields != frame.Progressive && c.SubY > 0 {
			// Each row of chroma serves h rows of its own field, which lie two apart (Rec. ITU-T H.264, figure 6-2 and 6-3).
			reachY, apartY = 2*(h-1)-reachY, 2*(h-1)
		}
		m.widen = max(m.widen, math.Hypot(max(offX-.5, w-.5-offX), reachY))
		m.apart = max(m.apart, math.Hypot(w-1, apartY))
	}
	m.widen, m.apart = m.widen*(1+o.steep), m.apart*(1+o.steep)
	m.feather = max(featherShare*o.c0, 1.5)
	m.reach = max(reachShare*o.c0, m.feather)
	m.spread = browSoft
	return m
}

// widenHalo makes the rim a halo: the fill fades out over its whole width.
func (m *mask) widenHalo() {
	m.halo = max(haloShare*m.c0, 3)
	m.feather, m.reach, m.spread = m.halo, m.halo, 1
}

// stand says how the head of a surrogate at place stands.
func (m *mask) stand(place similarity) {
	n := place.scale()
	m.downX, m.downY = -place.b/n, place.a/n
}

// glow is the share of white, 0..1, at a point e pixels past the opaque part of the mask.
func (m *mask) glow(e float64) float32 {
	return float32(haloGlow * smoothstep(e/m.halo/haloRise))
}

func (m *mask) box() frame.Rect { return m.outline.box(m.widen + m.reach*m.spread) }

// beyond is the distance of the point at (dx, dy) from the centre to the outline, along the ray; negative inside.
func (m *mask) beyond(dx, dy float64) float64 {
	r := math.Sqrt(dx*dx + dy*dy)
	if r == 0 {
		return -m.lo
	}
	return r - m.at(dx/r, dy/r)
}

// past is how many pixels the point at (dx, dy) from the centre lies beyond the opaque part of the mask, in pixels of a rim that is
// as wide as reach: above the forehead it is wider.
func (m *mask) past(dx, dy float64) float64 {
	e := m.beyond(dx, dy) - m.widen
	up := -dx*m.downX - dy*m.downY
	if e <= 0 || up <= 0 {
		return e
	}
	turn := (up/math.Sqrt(dx*dx+dy*dy) - browFrom) / (browFull - browFrom)
	return e / (1 + (m.spread-1)*smoothstep(turn))
}

// rim returns, for a point e pixels past the opaque part, the feather's mask and the limit on the surrogate's own opacity.
func (m *mask) rim(e float64) (feather, limit float32) {
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

// shade is how much darker, 0..1, the surrogate gets at (dx, dy), e pixels past the opaque part: a jaw shades the neck below it, and
// without that a face floats. It is the surrogate's own colour that darkens, where it fades out: what lies beyond is not touched.
func (m *mask) shade(dx, dy, e float64) float32 {
	down := dx*m.downX + dy*m.downY
	r2 := dx*dx + dy*dy
	if down <= 0 || down*down <= shadowFrom*shadowFrom*r2 || e >= m.reach {
		return 0
	}
	turn := (down/math.Sqrt(r2) - shadowFrom) / (shadowFull - shadowFrom)
	return float32(shadowDepth * smoothstep(turn) * smoothstep(e/m.reach/shadowRise))
}

// outer is the radius beyond which m is 0.
func (m *mask) outer() float64 { return m.hi + m.widen + m.reach*m.spread }

func smoothstep(t float64) float64 {
	if t <= 0 {
		return 0
	}
	if t >= 1 {
		return 1
	}
	return t * t * (3 - 2*t)
}
