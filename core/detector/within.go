package detector

import (
	"context"
	"fmt"
	"math"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/frame"
)

const (
	partStep = 64  // px that a part's sides are rounded up to, so that few shapes occur
	gridPx   = 32  // px of the coarsest cell of a network
	partMost = .75 // of the whole look's cost from which the whole is looked at
)

// Within looks at a part of pic alone, at the scale at which the first look sees the whole; that one must be neither turned
// nor mirrored. seen is what was looked at, px: part and what lies around it, or the whole of pic where that costs little
// more. The slice is valid until the next call. Errors as of Detect.
func (d *Detector) Within(ctx context.Context, pic *frame.Picture, part frame.Rect) (found []Detection, seen frame.Rect, err error) {
	if err := pic.Validate(); err != nil {
		return nil, seen, fmt.Errorf("detector: %w", err)
	}
	l := d.looks[0]
	if l.Turn != 0 || l.Mirror != 0 {
		return nil, seen, fmt.Errorf("detector: a part cannot be looked at turned or mirrored")
	}
	w, h, m := l.plan(pic.W, pic.H)
	x, pw := along(part.X0/m[0], part.X1/m[0], w)
	y, ph := along(part.Y0/m[4], part.Y1/m[4], h)
	d.found = d.found[:0]
	if float64(pw*ph) >= partMost*float64(w*h) {
		if err := d.see(ctx, l, pic, w, h, m, inset{}); err != nil {
			return nil, seen, err
		}
		d.found = suppress(d.found, d.cfg.Overlap)
		return d.found, pic.Bounds(), nil
	}
	if d.part == nil {
		d.part = &look{Look: l.Look}
	}
	at := align.Matrix{m[0], 0, m[0] * float64(x), 0, m[4], m[4] * float64(y)}
	if err := d.see(ctx, d.part, pic, pw, ph, at, inset{}); err != nil {
		return nil, seen, err
	}
	d.found = suppress(d.found, d.cfg.Overlap)
	seen = frame.Rect{X0: at[2], Y0: at[5], X1: at[2] + m[0]*float64(pw), Y1: at[5] + m[4]*float64(ph)}
	return d.found, seen.Intersect(pic.Bounds()), nil
}

// along is where a part from lo to hi lies in an input of n px: its first px, on the network's coarsest grid, so that it sees the
// same there as in a look at the whole, and its length, a multiple of partStep unless it reaches the end. What is not finite is everything.
func along(lo, hi float64, n int) (first, size int) {
	if !(lo > 0) {
		lo = 0
	}
	if !(hi < float64(n)) {
		hi = float64(n)
	}
	first = int(min(lo, float64(n-1))) / gridPx * gridPx
	size = min(n-first, (int(math.Ceil(max(hi, lo+1)))-first+partStep-1)/partStep*partStep)
	return first, size
}
