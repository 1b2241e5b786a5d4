package pipeline

import (
	"cmp"
	"math"
	"slices"

	"github.com/ksamenet/ksamenet/core/tracker"
)

// twinShift is how far apart two placements are at most, in parts of their scale, for landmarks of one face.
const twinShift = 0.15

// twinsOf finds for each tracklet those others, seen in more frames, that were seen with the landmarks of the same face in the same frame.
// A detector may find a face that the picture's edge cuts in a second box beside the first, and the mesh the one face in both.
func twinsOf(tracklets []tracker.Tracklet, masks [][]*drawn) [][]int {
	twins := make([][]int, len(tracklets))
	seen := make([]int, len(tracklets)) // frames
	order := make([]int, 0, len(tracklets))
	for i := range tracklets {
		for _, e := range tracklets[i].Entries {
			if e.Kind == tracker.Observed {
				seen[i]++
			}
		}
		if len(tracklets[i].Entries) > 0 {
			order = append(order, i)
		}
	}
	first := func(i int) int64 { return tracklets[i].Entries[0].Frame }
	last := func(i int) int64 { return tracklets[i].Entries[len(tracklets[i].Entries)-1].Frame }
	slices.SortFunc(order, func(i, j int) int { return cmp.Or(cmp.Compare(first(i), first(j)), i-j) })
	var open []int // tracklets that began before and have not ended
	for _, i := range order {
		open = slices.DeleteFunc(open, func(j int) bool { return last(j) < first(i) })
		for _, j := range open {
			if coincide(&tracklets[i], masks[i], &tracklets[j], masks[j]) {
				less, more := i, j
				if seen[i] > seen[j] {
					less, more = j, i
				}
				twins[less] = append(twins[less], more)
			}
		}
		open = append(open, i)
	}
	return twins
}

// coincide says that a and b, with their masks, show one face in a frame in which both were seen.
func coincide(a *tracker.Tracklet, of []*drawn, b *tracker.Tracklet, with []*drawn) bool {
	i, j := 0, 0
	for i < len(a.Entries) && j < len(b.Entries) {
		x, y := &a.Entries[i], &b.Entries[j]
		if x.Frame == y.Frame && x.Kind == tracker.Observed && y.Kind == tracker.Observed && of[i] != nil && with[j] != nil {
			p, q := of[i].place, with[j].place
			if math.Hypot(p.X-q.X, p.Y-q.Y) < twinShift*min(p.Scale, q.Scale) {
				return true
			}
		}
		if x.Frame <= y.Frame {
			i++
		} else {
			j++
		}
	}
	return false
}
