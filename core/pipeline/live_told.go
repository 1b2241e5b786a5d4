package pipeline

import (
	"slices"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/tracker"
)

// LiveFace is a face of a painted picture, or a place where one may be.
type LiveFace struct {
	Track    int        // 0: seen, but on no track. Ids are never used again in a stream
	Box      frame.Rect // px; may reach beyond the picture
	Replaced bool       // else covered
	Why      string     // why it was covered
}

// LiveMiss is a face that was found after pictures had left that may show it.
type LiveMiss struct {
	Track    int
	Box      frame.Rect // where it was found
	Pictures int        // that left without it
}

// Faces are those of the picture that was painted last. They hold until the next Paint.
func (l *Live) Faces() []LiveFace { return l.shown }

// Missed are the faces that the picture examined last showed for the first time, in the middle of a shot and of the picture,
// when pictures had left already in which they may have been. A look-ahead of Config.Extend pictures leaves none. They hold until
// the next Examine.
func (l *Live) Missed() []LiveMiss { return l.missed }

func whyOf(j decisions.Job, did decisions.Action) string {
	switch {
	case did == decisions.Replace:
		return ""
	case j.Action == decisions.Replace:
		return "the surrogate could not be composed"
	}
	return j.Track.Why
}

// lookedTooLate notes a new track that may have been there in pictures which have left.
func (l *Live) lookedTooLate(t *tracker.Track, tracks []*tracker.Track) {
	if t.First != l.count || t.Hits != 1 {
		return
	}
	inside := frame.Rect{X1: float64(l.size[0]), Y1: float64(l.size[1])}
	edge := t.Box.W() / 4
	if t.Box.X0 < edge || t.Box.Y0 < edge || t.Box.X1 > inside.X1-edge || t.Box.Y1 > inside.Y1-edge {
		return // it comes in
	}
	c := t.Box.Center()
	if slices.ContainsFunc(tracks, func(o *tracker.Track) bool {
		return o.ID != t.ID && o.State != tracker.Removed && c.X > o.Cover.X0 && c.X < o.Cover.X1 && c.Y > o.Cover.Y0 && c.Y < o.Cover.Y1
	}) {
		return // its place was covered
	}
	gone := l.count
	if len(l.held) > 0 {
		gone = l.held[0].at
	}
	if n := int(gone - max(l.first, t.First-int64(l.cfg.Extend))); n > 0 {
		l.missed = append(l.missed, LiveMiss{Track: t.ID, Box: t.Box, Pictures: n})
		l.books.missed += int64(n)
	}
}
