package landmark

import (
	"math"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/frame"
)

// The standard outline is the mean head's, widened so that it holds most people as it is. Of 12 real people the radius by the mean
// head's was .94 to 1.06 at the sides, 1.02 to 1.08 at the top and 1.02 to 1.13 at the chin of closed mouths; an open mouth lowers
// the chin by up to a fifth.
const (
	outlineSide = 1.03
	outlineTop  = 1.05
	outlineChin = 1.05
	outlineJaw  = .2 // of a mouth that is wide open, on top of outlineChin
	// The chin of a head that is bent back shows from below, which no point of the mean head's outline is: of six people, bent back
	// by 15° to 27°, its radius was 1.15 to 1.25. It is the chin's alone: sizes that hold it would swell all of the face.
	outlineTip  = .03
	outlineBack = .15 // on top of outlineTip, from backFull on
	backFrom    = 5.  // degrees
	backFull    = 20.
)

// OutlineStep is how much one step of size adds to the standard outline, in parts of it.
const OutlineStep = .05

// Outline is the outline, in picture px, of a face that is placed at p and looks like a, size steps larger than the standard one.
// It is a function of its arguments and of the mean head: it tells nothing more of a person.
func (h *Head) Outline(p align.Placement, a appearance.Appearance, size float64) []frame.Point {
	out, c := h.standard(a)
	k, m := 1+OutlineStep*size, p.Matrix()
	for i, q := range out {
		out[i] = m.Apply(frame.Point{X: c.X + k*(q.X-c.X), Y: c.Y + k*(q.Y-c.Y)})
	}
	return out
}

// standard is the standard outline in patch coordinates, and the middle that it grows about.
func (h *Head) standard(a appearance.Appearance) ([]frame.Point, frame.Point) {
	v := a.Values()
	out := make([]frame.Point, len(oval))
	box := frame.Rect{X0: math.Inf(1), Y0: math.Inf(1), X1: math.Inf(-1), Y1: math.Inf(-1)}
	for i, k := range oval {
		q := h.project(k, v.Yaw, v.Pitch)
		out[i] = q
		box = frame.Rect{X0: min(box.X0, q.X), Y0: min(box.Y0, q.Y), X1: max(box.X1, q.X), Y1: max(box.Y1, q.Y)}
	}
	open := v.Expression[mouthOpen]
	for _, p := range parts {
		open += p.share * v.Expression[p.unit]
	}
	c := box.Center()
	back := clamp((-v.Pitch-backFrom)/(backFull-backFrom), 0, 1)
	for i, q := range out {
		down := outlineTop
		if q.Y > c.Y {
			below := (q.Y - c.Y) / math.Hypot(q.X-c.X, q.Y-c.Y) // 1 at the chin's tip
			below *= below
			down = outlineChin + outlineJaw*min(open, 1)*below + (outlineTip+outlineBack*back)*below*below
		}
		out[i] = frame.Point{X: c.X + outlineSide*(q.X-c.X), Y: c.Y + down*(q.Y-c.Y)}
	}
	return out, c
}
