package tracker

import (
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// shiftScratch holds the candidates of cameraShift.
type shiftScratch struct{ seeds []int }

const (
	shiftSeeds  = 4   // tracks whose displacements are tried: bounds the work with many faces
	shiftTracks = 3   // fewer than this cannot tell the camera's movement from two faces', one of them missed
	shiftStill  = 0.6 // share of the tracks explained without a shift from which none is looked for
	shiftGain   = 1.5 // how much better than "no shift" a shift must explain the frame
)

// cameraShift is the common displacement, in pixels, that brings the predicted boxes onto the sure observations of this
// frame: camera shake and knocks, which move all faces at once. Zero when the prediction explains the frame as well.
//
// Every displacement of a few steady tracks to a plausible observation is tried, and the one with the widest support wins.
func (k *Tracker) cameraShift() frame.Point {
	s := &k.s
	seeds := s.shift.seeds[:0]
	live := 0
	for r, t := range k.tracks {
		if !t.steady() {
			continue
		}
		live++
		if len(seeds) < shiftSeeds {
			seeds = append(seeds, r)
		}
	}
	s.shift.seeds = seeds
	if live < shiftTracks || s.sure < shiftTracks {
		return frame.Point{}
	}
	still := k.support(frame.Point{})
	if still > shiftStill*float64(live) {
		return frame.Point{}
	}
	var best frame.Point
	most := max(still*shiftGain, float64(live)/2)
	for _, r := range seeds {
		box := k.tracks[r].m.box()
		a, size := box.Center(), math.Sqrt(box.Area())
		for c := range s.sure {
			b := s.obs[c].Box.Center()
			d := frame.Point{X: b.X - a.X, Y: b.Y - a.Y}
			if math.Hypot(d.X, d.Y) > k.cfg.MaxJump*size || !k.scaleFits(box, s.obs[c].Box) {
				continue
			}
			if v := k.support(d); v > most {
				most, best = v, d
			}
		}
	}
	return best
}

// support counts the tracks that have an observation where shift d takes them; near ones count in part.
func (k *Tracker) support(d frame.Point) float64 {
	s, sum := &k.s, 0.0
	for _, t := range k.tracks {
		if !t.steady() {
			continue
		}
		box := shift(t.m.box(), d)
		a, size, best := box.Center(), math.Sqrt(box.Area()), 0.0
		for c := range s.sure {
			b := s.obs[c].Box.Center()
			if v := 1 - 2*math.Hypot(a.X-b.X, a.Y-b.Y)/size; v > best && k.scaleFits(box, s.obs[c].Box) {
				best = v
			}
		}
		sum += best
	}
	return sum
}

// steady says that t can testify to the camera's movement.
func (t *Track) steady() bool { return t.takes() && !t.weak && t.Hits >= 2 && t.misses == 0 }

func (k *Tracker) scaleFits(a, b frame.Rect) bool {
	return b.H() < a.H()*k.cfg.MaxScale && a.H() < b.H()*k.cfg.MaxScale
}

func shift(b frame.Rect, d frame.Point) frame.Rect {
	return frame.Rect{X0: b.X0 + d.X, Y0: b.Y0 + d.Y, X1: b.X1 + d.X, Y1: b.Y1 + d.Y}
}
