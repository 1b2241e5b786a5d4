package compositor

import (
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// Reach is a box of pixels that holds every sample of pic that Compose reads or writes for s; it may exceed the picture. Surrogates
// with disjoint reaches may be composed at once, each by a Compositor of its own: the order says nothing then.
// Errors: ErrOval.
func Reach(pic *frame.Picture, s Surrogate) (frame.Rect, error) {
	r, err := reachOf(pic, s.Oval, s.Halo)
	if err != nil || s.Later == nil || pic.Fields == frame.Progressive {
		return r, err
	}
	later, err := reachOf(pic, s.Later.Oval, s.Halo)
	return r.Union(later), err
}

func reachOf(pic *frame.Picture, oval []frame.Point, halo bool) (frame.Rect, error) {
	o, err := newOutline(oval)
	if err != nil {
		return frame.Rect{}, err
	}
	m := newMask(o, pic)
	if halo {
		m.widenHalo()
	}
	// A sample of subsampled chroma serves 4 rows of an interlaced picture at most.
	b := m.box()
	return frame.Rect{X0: math.Floor(b.X0) - 4, Y0: math.Floor(b.Y0) - 4, X1: math.Ceil(b.X1) + 4, Y1: math.Ceil(b.Y1) + 4}, nil
}
