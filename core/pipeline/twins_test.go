package pipeline

import (
	"testing"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/tracker"
)

// A face found in a second box beside the first is no twin when that box is carried on: it is covered there, and the first is worn.
func TestTwins(t *testing.T) {
	at := func(id, from, seen, until, to int, x, face float64) (tracker.Tracklet, []*drawn) {
		tr := tracker.Tracklet{ID: id, Confirmed: true}
		var masks []*drawn
		for f := from; f < to; f++ {
			box := frame.Rect{X0: x, Y0: 100, X1: x + 80, Y1: 200}
			e := tracker.Entry{Frame: int64(f), Box: box, Cover: box, Tag: -1, Kind: tracker.Extended}
			if f >= seen && f < until {
				e.Kind = tracker.Observed
			}
			tr.Entries = append(tr.Entries, e)
			masks = append(masks, &drawn{place: align.Placement{X: face, Y: 150, Scale: 100}, size: 1})
		}
		return tr, masks
	}
	for _, tc := range []struct {
		name              string
		seen, until, face int
		twin              bool
	}{
		{"the same landmarks", 20, 22, 210, true},
		{"a neighbour", 20, 22, 110, false},
		{"the same place, later", 42, 44, 210, false},
	} {
		a, am := at(1, 0, 0, 40, 52, 170, 205)
		b, bm := at(2, tc.seen-5, tc.seen, tc.until, tc.until+8, 60, float64(tc.face))
		c := cast{tracklets: []tracker.Tracklet{b, a}, masks: [][]*drawn{bm, am}}
		c.twins = twinsOf(c.tracklets, c.masks)
		for _, f := range c.visible(0, []int{0}) {
			kind := c.tracklets[0].At(f.Frame).Kind
			if worn := f.Renderable(); worn == (tc.twin && kind == tracker.Extended) {
				t.Errorf("%s: frame %d, seen %v: worn %v", tc.name, f.Frame, kind == tracker.Observed, worn)
			}
		}
		for _, f := range c.visible(1, []int{1}) {
			if !f.Renderable() {
				t.Errorf("%s: the first is not worn in frame %d", tc.name, f.Frame)
			}
		}
		if same := c.visible(0, []int{0, 1}); tc.twin && !same[0].Renderable() {
			t.Errorf("%s: covered for a tracklet of the same person", tc.name)
		}
	}
}
