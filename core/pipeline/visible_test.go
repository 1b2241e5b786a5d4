package pipeline

import (
	"math/rand/v2"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/tracker"
)

// A face that shows for a moment between two people who cross, and is carried on at either end of that, never wears its surrogate
// on one of them: there it is a cover, which hides the same place.
func TestCarriedOnOverSomebodyElse(t *testing.T) {
	const frames, seen, until = 60, 30, 33 // frames in which the face in the middle shows
	box := func(x float64) frame.Rect { return frame.Rect{X0: x, Y0: 100, X1: x + 70, Y1: 180} }
	r := rand.New(rand.NewPCG(1, 1))
	var c cast
	see := func() int {
		s, outline := wandering(r, .05)
		c.sights = append(c.sights, &sight{face: pack(s, outline, nil)})
		return len(c.sights) - 1
	}
	// The passer-by comes from the left, is hidden from frame 28 on, and is not found again.
	passer := tracker.Tracklet{ID: 1, Confirmed: true}
	for f := range int64(34) {
		e := tracker.Entry{Frame: f, Box: box(40 + 8*float64(f)), Tag: -1, Kind: tracker.Extended}
		if e.Cover = e.Box; f < 28 {
			e.Kind, e.Tag = tracker.Observed, see()
		}
		passer.Entries = append(passer.Entries, e)
	}
	between := tracker.Tracklet{ID: 2, Confirmed: true, Ambiguous: true}
	for f := range int64(frames) {
		e := tracker.Entry{Frame: f, Box: box(270), Tag: -1, Kind: tracker.Extended}
		if e.Cover = e.Box.Grow(.3, .3); f >= seen && f < until {
			e.Kind, e.Tag, e.Cover = tracker.Observed, see(), e.Box
		}
		between.Entries = append(between.Entries, e)
	}
	c.tracklets = []tracker.Tracklet{passer, between}
	for i := range c.tracklets {
		c.masks = append(c.masks, masksOf(&c.tracklets[i], c.sights))
	}

	worn, covered := 0, 0
	for _, f := range c.visible(1, []int{1}) {
		at := c.tracklets[1].At(f.Frame)
		if f.Rect() != at.Cover {
			t.Fatalf("frame %d: %v is hidden, want %v", f.Frame, f.Rect(), at.Cover)
		}
		other := c.tracklets[0].At(f.Frame)
		on := at.Kind == tracker.Extended && other != nil && other.Box.IoU(f.Rect()) > .3
		switch {
		case on && f.Renderable():
			t.Errorf("frame %d: the surrogate is worn at %v, on the face at %v", f.Frame, f.Rect(), other.Box)
		case on:
			covered++
		case f.Renderable():
			worn++
		}
	}
	if worn < until-seen || covered < 3 {
		t.Errorf("worn in %d frames, covered for the other's sake in %d", worn, covered)
	}
	// Of one person there is no other to be taken for.
	for _, f := range c.visible(1, []int{0, 1}) {
		if f.Frame >= seen-carryMax+1 && f.Frame < seen && !f.Renderable() {
			t.Errorf("frame %d: covered for a tracklet of the same person", f.Frame)
		}
	}
}

// What is carried on over a face that somebody saw is left to that one where it hides the place, and covered where it leaves a part.
func TestCarriedOnBehindAFace(t *testing.T) {
	whole := frame.Rect{X0: 100, Y0: 100, X1: 170, Y1: 180}
	half := whole
	half.X1 = 136
	for _, tc := range []struct {
		name string
		seen frame.Rect
		left bool
	}{{"the same place", whole, true}, {"a third aside", frame.Rect{X0: 122, Y0: 100, X1: 192, Y1: 180}, true}, {"half of it", half, false}} {
		c := cast{sights: []*sight{{}}, tracklets: []tracker.Tracklet{
			{ID: 1, Confirmed: true, Entries: []tracker.Entry{{Box: tc.seen, Cover: tc.seen, Kind: tracker.Observed}}},
			{ID: 2, Confirmed: true, Entries: []tracker.Entry{{Box: whole, Cover: whole, Tag: -1, Kind: tracker.Extended}}},
		}}
		for i := range c.tracklets {
			c.masks = append(c.masks, masksOf(&c.tracklets[i], c.sights))
		}
		if v := tc.seen.IoU(whole); v <= sameFace {
			t.Fatalf("%s: an overlap of %.2f", tc.name, v)
		}
		faces := c.visible(1, []int{1})
		if (len(faces) == 0) != tc.left || len(faces) == 1 && (faces[0].Rect() != whole || faces[0].Renderable()) {
			t.Errorf("%s: %+v, want nothing: %v", tc.name, faces, tc.left)
		}
	}
}
