// Package compositor lays surrogate faces over filmed ones, in the stream's own pixel format, and covers what cannot be
// replaced. It is the only package that writes to a picture.
//
// The mechanism is out = B·(1−m) + m·W(G): background B, mask m, surrogate G placed by a similarity transform W
// (docs/guarantee.md). Inside the core, which holds the person's whole face oval, forehead and jaw included, m is
// exactly 1 and no source sample is read; outside the mask no sample is written. Colour is matched by a Tone of a few
// bits that is measured outside the core. There is no landmark warp, no local colour transfer and no copy, blurred or
// not, of the original: measurements showed that each of them gives the person away.
//
// Interlaced pictures are blended as whole frames: both fields show the surrogate of one moment, and the chroma that either field
// shares with the core is the surrogate's.
package compositor

import (
	"errors"
	"fmt"
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// Errors that callers branch on. On either the caller covers the face instead.
var (
	ErrPlacement = errors.New("compositor: unusable placement")
	ErrOval      = errors.New("compositor: unusable face oval")
)

// MaxGrow is the largest factor by which a placement is enlarged so that the surrogate covers the person's oval.
// What is still uncovered is filled with the surrogate's own border colours.
const MaxGrow = 1.12

// maxSoft bounds the blur of a surrogate, in shares of its mean radius: its expression must stay readable.
const maxSoft = 0.03

// Surrogate is one face to lay over a picture.
type Surrogate struct {
	Patch *frame.Patch
	// Placement maps the patch's unit square to picture pixels: x = P[0]u + P[1]v + P[2], y = P[3]u + P[4]v + P[5].
	// It must be a similarity without reflection (P[0] = P[4], P[1] = −P[3]).
	Placement [6]float64
	// Oval is the outline that the mask's core holds, in picture pixels: at least 3 points in any order; its convex hull counts. It
	// holds all of the person's face (Holds), and should be no drawing of it: the edge of the mask is seen.
	Oval []frame.Point
	// Grow enlarges the placement about the middle of the surrogate, 1..MaxGrow. 0 lets Compose take Fit's answer for
	// this picture alone; callers that know the whole track smooth Fit over time, so that the face does not breathe.
	Grow float64
	// Tone adapts the surrogate's colour to the shot. The zero Tone leaves the surrogate's own colours.
	Tone Tone
	// Match, when it is set, is taken in place of the one that follows from Tone and Patch.
	Match *Match
	// Seed chooses the grain. It is a function of the picture's number alone, so that grain says nothing of anybody.
	Seed uint64
	// Halo surrounds the surrogate with a soft bright rim, which tells the viewer that the face is synthetic.
	Halo bool
	// Later is where the face is in the second field of an interlaced picture, half a frame after the first; nil: where it is in the
	// first. Progressive pictures have one moment, and ignore it.
	Later *Moment
}

// Moment is where a face is at one time: Placement and Oval as in Surrogate.
type Moment struct {
	Placement [6]float64
	Oval      []frame.Point
}

// Result says what Compose painted.
type Result struct {
	Box    frame.Rect // smallest box of pixels that may have changed, within the picture
	Core   frame.Rect // box of the core; may exceed the picture
	Grow   float64    // the enlargement used
	Filled float64    // share of the core that shows fill in place of surrogate, 0..1
}

// Compositor keeps the scratch memory of Compose, so that the steady state allocates nothing.
// It belongs to one goroutine at a time.
type Compositor struct {
	tex   texture
	match Match
	// One row of samples: where they lie in the texture, their surrogate values, and m.
	cells []cell
	value []float32
	glow  []float32
	mask  []float32
}

// New makes a Compositor.
func New() *Compositor { return &Compositor{} }

// Compose lays s over pic in place. Equal arguments give equal bytes.
// On an error pic is untouched: the face is still in the clear, and the caller must Cover it or stop.
func (c *Compositor) Compose(pic *frame.Picture, s Surrogate) (Result, error) {
	if err := pic.Validate(); err != nil {
		return Result{}, err
	}
	if err := s.Patch.Validate(); err != nil {
		return Result{}, err
	}
	if g := s.Grow; g != 0 && !(g >= 1-1e-9 && g <= MaxGrow+1e-9) { // room for the rounding of a caller that smooths
		return Result{}, fmt.Errorf("%w: grow %v is outside 1..%v", ErrPlacement, g, MaxGrow)
	}
	opacity := newOpacity(s.Patch)
	all := rows{0, 1}
	var lays [2]lay
	n := 1
	first, err := newLay(Moment{s.Placement, s.Oval}, &opacity, s.Grow, all)
	if err != nil {
		return Result{}, err
	}
	lays[0] = first
	if s.Later != nil && pic.Fields != frame.Progressive {
		early, late := rows{0, 2}, rows{1, 2}
		if pic.Fields == frame.BottomFirst {
			early, late = late, early
		}
		second, err := newLay(*s.Later, &opacity, first.grow, late)
		if err != nil {
			return Result{}, err
		}
		lays[0].rows, lays[1], n = early, second, 2
	}
	if s.Match == nil {
		c.match = MatchOf(pic, s.Tone, s.Patch)
		s.Match = &c.match
	}
	var res Result
	for _, l := range lays[:n] {
		res = res.join(c.paint(pic, &s, l))
	}
	return res, nil
}

// rows are the rows of every component that are painted: first, first+step, … In an interlaced picture rows of subsampled chroma
// belong to the fields in turn, as those of luma do.
type rows struct{ first, step int }

// lay is a surrogate laid at a moment.
type lay struct {
	place  similarity
	out    outline
	grow   float64
	filled float64
	rows   rows
}

// newLay lays a patch at m, enlarged by grow or, where that is 0, as far as it must be.
func newLay(m Moment, o *opacity, grow float64, rows rows) (lay, error) {
	place, err := newSimilarity(m.Placement)
	if err != nil {
		return lay{}, err
	}
	out, err := newOutline(m.Oval)
	if err != nil {
		return lay{}, err
	}
	if grow == 0 {
		grow = o.fit(place, &out)
	}
	place = place.growAbout(o.x, o.y, grow)
	return lay{place, out, grow, o.uncovered(place, &out), rows}, nil
}

// paint writes l's rows.
func (c *Compositor) paint(pic *frame.Picture, s *Surrogate, l lay) Result {
	res := Result{Core: l.out.box(0), Grow: l.grow, Filled: l.filled}
	m := newMask(l.out, pic)
	m.stand(l.place)
	if s.Halo {
		m.widenHalo()
	}
	res.Box = m.box().Intersect(pic.Bounds())
	if res.Box.Empty() {
		res.Box = frame.Rect{}
		return res
	}
	res.Box = frame.Rect{X0: math.Floor(res.Box.X0), Y0: math.Floor(res.Box.Y0), X1: math.Ceil(res.Box.X1), Y1: math.Ceil(res.Box.Y1)}
	col := newColors(pic, *s.Match)
	c.tex.prepare(s.Patch, l.place, res.Box, &col, min(s.Tone.blur(), maxSoft*l.out.c0))
	for first, n := 0, pic.Layout.Colors(); first < n; {
		end := first + 1
		for end < n && sameSampling(pic.Layout.Components[first], pic.Layout.Components[end]) {
			end++
		}
		c.blend(pic, first, end, l.place, &m, &col, newGrain(s.Tone.grain(), s.Seed), res.Box, l.rows)
		first = end
	}
	return res
}

// join is what both fields' results say together.
func (r Result) join(o Result) Result {
	return Result{Box: r.Box.Union(o.Box), Core: r.Core.Union(o.Core), Grow: o.Grow, Filled: max(r.Filled, o.Filled)}
}

func sameSampling(a, b frame.Component) bool { return a.SubX == b.SubX && a.SubY == b.SubY }

// Fit is the enlargement, 1..MaxGrow, with which s's patch covers nearly all of its oval: the value that Compose takes
// when s.Grow is 0. It varies smoothly with the placement and the oval. Its other fields are ignored.
func Fit(s Surrogate) (float64, error) {
	if err := s.Patch.Validate(); err != nil {
		return 0, err
	}
	place, err := newSimilarity(s.Placement)
	if err != nil {
		return 0, err
	}
	out, err := newOutline(s.Oval)
	if err != nil {
		return 0, err
	}
	o := newOpacity(s.Patch)
	return o.fit(place, &out), nil
}

// similarity maps the unit square to pixels: x = a·u − b·v + tx, y = b·u + a·v + ty.
type similarity struct{ a, b, tx, ty float64 }

// Limits of a placement in pixels: beyond them a face is either too small to see or a broken track.
const (
	minScale = 4
	maxScale = 1 << 15
	maxShift = 1 << 20
)

func newSimilarity(m [6]float64) (similarity, error) {
	s := similarity{a: (m[0] + m[4]) / 2, b: (m[3] - m[1]) / 2, tx: m[2], ty: m[5]}
	scale := s.scale()
	switch {
	case !(scale >= minScale && scale <= maxScale): // NaN fails too
		return s, fmt.Errorf("%w: scale of %v px", ErrPlacement, scale)
	case !(math.Abs(s.tx) <= maxShift && math.Abs(s.ty) <= maxShift):
		return s, fmt.Errorf("%w: origin %v, %v", ErrPlacement, s.tx, s.ty)
	case !(math.Abs(m[0]-m[4]) <= 1e-6*scale && math.Abs(m[1]+m[3]) <= 1e-6*scale):
		return s, fmt.Errorf("%w: %v is not a similarity", ErrPlacement, m)
	}
	return s, nil
}

// scale is the side of the patch in pixels.
func (s similarity) scale() float64 { return math.Hypot(s.a, s.b) }

func (s similarity) point(u, v float64) (x, y float64) {
	return s.a*u - s.b*v + s.tx, s.b*u + s.a*v + s.ty
}

// inverse maps pixels to the unit square.
func (s similarity) inverse() similarity {
	d := s.a*s.a + s.b*s.b
	i := similarity{a: s.a / d, b: -s.b / d}
	i.tx = -(i.a*s.tx - i.b*s.ty)
	i.ty = -(i.b*s.tx + i.a*s.ty)
	return i
}

// growAbout enlarges s by g and keeps patch position (u, v) where it is.
func (s similarity) growAbout(u, v, g float64) similarity {
	x, y := s.point(u, v)
	r := similarity{a: s.a * g, b: s.b * g}
	r.tx, r.ty = x-(r.a*u-r.b*v), y-(r.b*u+r.a*v)
	return r
}
