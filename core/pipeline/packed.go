package pipeline

import (
	"slices"
	"time"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/landmark"
)

// anchor is where the parts of a face are: its mesh turned back (landmark.Geometry), and its outline in patch coordinates.
type anchor struct {
	geometry landmark.Geometry
	outline  []frame.Point
}

// outlinePoints of a face are packed; with another number every face is an anchor.
const outlinePoints = 36

// packed is what a sight keeps of a measured face until the film's end. There are as many as faces in pictures, 90,000 of one face
// in an hour, and most of a face is where it was when it was last seen: places are differences to an anchor that others share, in
// bytes. One sight takes 1 KB rather than 3.
type packed struct {
	pts      time.Duration
	presence float64
	raw      appearance.Raw
	place    align.Placement
	seat     *align.Matrix // from the outline's coordinates to those it was moved to; nil: it was not
	base     *anchor
	own      bool                                              // base is the face itself
	rest     [landmark.Features - landmark.Coordinates]float32 // of the geometry, as they are
	places   [landmark.Coordinates + 2*outlinePoints]int8      // differences to base, of packStep
}

// packStep is a quarter of a pixel of a patch of 256; the mesh' own noise is four times as large. A byte reaches an eighth of the patch.
const packStep = 1. / 1024

// pack packs a face. like is the anchor that the last one was packed against, nil at the start; the next one to use is in the result.
func pack(s landmark.Sample, outline []frame.Point, like *anchor) *packed {
	p := &packed{pts: s.PTS, presence: s.Presence, raw: s.Raw, place: s.Placement, base: like}
	copy(p.rest[:], s.Geometry[landmark.Coordinates:])
	if like == nil || !p.differ(s.Geometry, outline) {
		p.base, p.own = &anchor{*s.Geometry, outline}, true
	}
	return p
}

// differ writes the differences to base, and says whether bytes hold them.
func (p *packed) differ(g *landmark.Geometry, outline []frame.Point) bool {
	if len(outline) != outlinePoints || len(p.base.outline) != outlinePoints {
		return false
	}
	put := func(i int, d float64) bool {
		v := d/packStep + .5
		if !(v > -128 && v < 128) { // a number that is none does not fit either
			return false
		}
		p.places[i] = int8(int(v+256) - 256) // rounded down, below zero as well
		return true
	}
	for i := range landmark.Coordinates {
		if !put(i, float64(g[i])-float64(p.base.geometry[i])) {
			return false
		}
	}
	for i, q := range outline {
		b := p.base.outline[i]
		if k := landmark.Coordinates + 2*i; !put(k, q.X-b.X) || !put(k+1, q.Y-b.Y) {
			return false
		}
	}
	return true
}

// sample is the face as it was, but for the rounding.
func (p *packed) sample() landmark.Sample {
	s := landmark.Sample{PTS: p.pts, Presence: p.presence, Raw: p.raw, Placement: p.place, Geometry: &p.base.geometry}
	if p.own {
		return s
	}
	g := p.base.geometry
	for i := range landmark.Coordinates {
		g[i] += packStep * float32(p.places[i])
	}
	copy(g[landmark.Coordinates:], p.rest[:])
	s.Geometry = &g
	return s
}

// reseat moves the outline into the coordinates of another placement than the face's: on the picture it stays where it was measured.
func (p *packed) reseat(to align.Placement) error {
	if to == p.place {
		return nil
	}
	inv, err := to.Matrix().Invert()
	if err != nil {
		return err
	}
	m := inv.Mul(p.place.Matrix())
	p.seat = &m
	return nil
}

// outline is the face's, in patch coordinates.
func (p *packed) outline() []frame.Point {
	out := p.measured()
	if p.seat != nil {
		for i, q := range out {
			out[i] = p.seat.Apply(q)
		}
	}
	return out
}

// measured is the outline in the coordinates in which it was packed.
func (p *packed) measured() []frame.Point {
	if p.own {
		return slices.Clone(p.base.outline)
	}
	out := make([]frame.Point, outlinePoints)
	for i, b := range p.base.outline {
		k := landmark.Coordinates + 2*i
		out[i] = frame.Point{X: b.X + packStep*float64(p.places[k]), Y: b.Y + packStep*float64(p.places[k+1])}
	}
	return out
}
