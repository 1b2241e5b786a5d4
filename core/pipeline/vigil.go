package pipeline

import (
	"context"
	"slices"

	"github.com/ksamenet/ksamenet/core/detector"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/tracker"
)

// vigil is the second detector's watch over the original. It may be deceived by a single picture, and is asked about every one
// of the output, so it looks at every picture here: at what has changed since it last looked there, now and then at all.
type vigil struct {
	seen  tracker.Scene
	since int                  // pictures since it looked at the whole
	found []detector.Detection // in the newest picture; what lies in parts that have not changed is what it was
}

const (
	// changeMargin is how far around a change it looks, in widths and heights of the change, and cellMargin in cells of the
	// picture's 64×36: a face that has changed in part is to be seen as a whole.
	changeMargin = 0.5
	cellMargin   = 3
	// Scores of the second detector: from watchDoubt on a find is remembered (the output is coded anew: a print on a chest had .39 in
	// the original and .67 in the output), from alarmNear on covered where nothing hides it (prints with .47, .52 and .57 in the original had
	// .62 and .63 in the output of nine faces, which was then rendered three times), from hintLeast the first detector is asked.
	watchDoubt = 0.3
	alarmNear  = 0.45
	alarmLeast = 0.6 // what the watch over the output takes for a face
	hintLeast  = 0.5
	// nearShare is the share of a picture that a find may take which is covered from alarmNear on: where a collar and a shawl are half the
	// picture, rendering twice is the lesser evil.
	nearShare = 0.03
	// nearReach is how many pictures before or after it another such find makes one believed.
	nearReach = 12
)

// look finds what looks like a face in pic, of a picture that cuts has just judged. known are parts whose change says nothing.
// all says that it looked at the whole of pic;
// most is how many pictures there may be from one look at the whole to the next. The slice is the caller's.
func (v *vigil) look(ctx context.Context, eye faceWatch, cuts *tracker.CutDetector, pic *frame.Picture, fresh bool, most int, known []frame.Rect) (found []detector.Detection, all bool, err error) {
	v.since++
	part, whole := pic.Bounds(), fresh || v.since >= most
	var change frame.Rect
	if !whole {
		if change = cuts.Change(&v.seen, pic.W, pic.H, known); change.Empty() {
			return v.carried(known), false, nil
		}
		part = around(change, pic)
	}
	found, seen, err := eye.Within(ctx, pic, part)
	if err != nil {
		return nil, false, err
	}
	if all = seen == pic.Bounds(); all {
		cuts.Remember(&v.seen)
		v.since, v.found = 0, v.found[:0]
	} else {
		cuts.RememberPart(&v.seen, pic.W, pic.H, change)
	}
	carried := slices.DeleteFunc(v.carried(known), func(d detector.Detection) bool {
		return holds(seen, d.Box.Center()) || slices.ContainsFunc(found, func(f detector.Detection) bool { return f.Box.IoU(d.Box) > followIoU })
	})
	v.found = append(append(v.found[:0], carried...), found...)
	return slices.Clone(v.found), all, nil
}

// carried are the finds that lie where nothing has changed. A face that is known may have moved.
func (v *vigil) carried(known []frame.Rect) []detector.Detection {
	return slices.DeleteFunc(slices.Clone(v.found), func(d detector.Detection) bool {
		return slices.ContainsFunc(known, func(k frame.Rect) bool { return holds(k, d.Box.Center()) })
	})
}

func holds(r frame.Rect, p frame.Point) bool {
	return p.X >= r.X0 && p.X < r.X1 && p.Y >= r.Y0 && p.Y < r.Y1
}

// around is a change with what belongs to it.
func around(change frame.Rect, pic *frame.Picture) frame.Rect {
	r := change.Grow(changeMargin, changeMargin)
	dx, dy := float64(pic.W)/64*cellMargin, float64(pic.H)/36*cellMargin
	return frame.Rect{X0: r.X0 - dx, Y0: r.Y0 - dy, X1: r.X1 + dx, Y1: r.Y1 + dy}.Intersect(pic.Bounds())
}
