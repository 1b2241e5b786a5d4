package pipeline

import (
	"slices"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/tracker"
	"github.com/ksamenet/ksamenet/core/verify"
)

const (
	// sameFace is the overlap from which a face that nobody saw and one that somebody saw are taken as one.
	sameFace = 0.5
	// strayShare is the share of the smaller of two boxes that must lie in the other for a face that nobody saw to be doubtful.
	strayShare = 0.3
)

// spend gives what visible does, and lets go of the masks: the list takes their place in memory.
func (c *cast) spend(i int, own []int) []decisions.Face {
	faces := c.visible(i, own)
	c.masks[i] = nil
	return faces
}

// visible are the faces of tracklet i, one of those of a person (own), without those entries that were only extended to where
// another tracklet was really seen: around a split both stand in one place, and the one that was seen is the face.
//
// An entry that was only extended, and may stand on somebody else, wears nobody's surrogate: it is covered. A face that shows for
// three frames between two people who cross is carried on over either of them, and would be taken for whom it is not.
func (c *cast) visible(i int, own []int) []decisions.Face {
	t := &c.tracklets[i]
	var out []decisions.Face
	for k, f := range facesOf(t, c.masks[i]) {
		e := &t.Entries[k]
		if e.Kind == tracker.Extended {
			if slices.ContainsFunc(c.tracklets, func(o tracker.Tracklet) bool {
				x := o.At(e.Frame)
				return o.ID != t.ID && x != nil && x.Kind == tracker.Observed && x.Box.IoU(e.Box) > sameFace && hides(x.Box, e.Box)
			}) {
				continue
			}
			if c.strays(e, own) {
				f.Look, f.Place, f.Oval = nil, nil, nil
			}
		}
		out = append(out, f)
	}
	return out
}

// hides says that what is laid over x leaves nothing of e to be known by: of boxes that overlap by half one may be half as wide.
func hides(x, e frame.Rect) bool { return !verify.Exposes(e, e, []verify.Region{{Box: x}}) }

// strays says that extended entry e may lie on the face of a tracklet that is not of own: seen there, or itself only carried on.
func (c *cast) strays(e *tracker.Entry, own []int) bool {
	for j := range c.tracklets {
		if slices.Contains(own, j) {
			continue
		}
		if x := c.tracklets[j].At(e.Frame); x != nil && share(e.Box, x.Box) > strayShare {
			return true
		}
	}
	return false
}

// share is how much of the smaller of two boxes lies in the other, 0..1.
func share(a, b frame.Rect) float64 {
	least := min(a.Area(), b.Area())
	if !(least > 0) {
		return 0
	}
	return a.Intersect(b).Area() / least
}
