package tracker

import (
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// coverGrowth is a share of width and height per frame and edge: what an unseen face may have moved against its course.
const coverGrowth = 0.02

// coverUnseen is where a face may be n frames away from its observation: the place it was seen at, the place its course
// leads to, and everything between, dilated by Dilate and more with time. Rounding and doubt favour the larger box.
func (c *Config) coverUnseen(seen, expected frame.Rect, n int) frame.Rect {
	a, b := seen.Center(), expected.Center()
	dx, dy := b.X-a.X, b.Y-a.Y
	if far, reach := math.Hypot(dx, dy), c.Reach*math.Sqrt(seen.Area()); far > reach {
		expected = shift(expected, frame.Point{X: dx * (reach/far - 1), Y: dy * (reach/far - 1)})
	}
	all := seen.Union(expected)
	// The margin belongs to the face, not to the length of its course.
	g := c.Dilate + coverGrowth*float64(n)
	w, h := max(seen.W(), expected.W())*g, max(seen.H(), expected.H())*g
	return frame.Rect{X0: all.X0 - w, Y0: all.Y0 - h, X1: all.X1 + w, Y1: all.Y1 + h}
}

// At says what must be covered for t at an earlier frame, for a stream that is rendered some frames late: between two of
// its last 64 observations the box is interpolated; before the first one the course is followed back, up to
// Config.Extend frames. False for a frame it says nothing about: farther back, or after the last observation (see Cover).
func (t *Track) At(index int64) (frame.Rect, bool) {
	h, c := &t.recent, t.cfg
	n := min(h.n, historyLen)
	for i := 1; i <= n; i++ {
		p := (h.n - i) % historyLen
		switch {
		case index == h.at[p]:
			return h.box[p], true
		case index > h.at[p] && i == 1:
			return frame.Rect{}, false
		case index > h.at[p]:
			q := (h.n - i + 1) % historyLen
			f := float64(index-h.at[p]) / float64(h.at[q]-h.at[p])
			mid := boxOf(lerp4(coordinates(h.box[p]), coordinates(h.box[q]), f))
			return mid.Grow(c.Dilate, c.Dilate), true
		}
	}
	back := t.First - index
	if h.n == 0 || h.n > historyLen || back <= 0 || back > int64(c.Extend) {
		return frame.Rect{}, false
	}
	first := h.box[0]
	v := t.velocity()
	if h.n > 1 {
		a, b := first.Center(), h.box[n-1].Center()
		frames := float64(h.at[n-1] - h.at[0])
		v = frame.Point{X: (b.X - a.X) / frames, Y: (b.Y - a.Y) / frames}
	}
	d := frame.Point{X: -v.X * float64(back), Y: -v.Y * float64(back)}
	return c.coverUnseen(first, shift(first, d), int(back)), true
}
