package tracker

import "github.com/ksamenet/ksamenet/core/frame"

// Scene is a small copy of a picture, kept to tell later whether anything has changed since. The zero value is of no picture.
type Scene struct {
	grid  grid
	taken bool
}

// The change of a cell's mean luma, in levels, that counts: coding noise of a still background stays below 3 at constant
// quality, a face that turns or moves by a third of a cell does not. In the dark both are less: a picture whose mean lies
// darkMean levels over black is allowed stirred levels, a darker one in proportion, down to stirredLeast.
const (
	stirred      = 5
	stirredLeast = 1.5
	darkMean     = 60
	black        = 16
)

// stir is the change that counts in a picture.
func (g *grid) stir() float32 {
	var sum float32
	for _, v := range g {
		sum += v
	}
	t := stirred * (sum/(gridW*gridH) - black) / darkMean
	if !(t > stirredLeast) { // nor NaN
		return stirredLeast
	}
	return min(t, stirred)
}

// Remember copies the newest picture that d has seen.
func (d *CutDetector) Remember(s *Scene) {
	if d.n > 0 {
		s.grid, s.taken = d.view(0).grid, true
	}
}

// RememberPart copies what of the newest picture, of w×h px, lies wholly within part. It does nothing before Remember.
func (d *CutDetector) RememberPart(s *Scene, w, h int, part frame.Rect) {
	if d.n == 0 || !s.taken {
		return
	}
	now := &d.view(0).grid
	for i, v := range now {
		if holds(part, cell(i, w, h)) {
			s.grid[i] = v
		}
	}
}

// Change is the box around everything in which the newest picture, of w×h px, differs from s, but for cells within one of the
// boxes of except. It is made of 64×36 cells (30 px at 1080p), and empty when nothing has changed. Doubt is change: no
// picture in s, or none seen, changes all.
func (d *CutDetector) Change(s *Scene, w, h int, except []frame.Rect) (box frame.Rect) {
	if !s.taken || d.n == 0 || w <= 0 || h <= 0 {
		return frame.Rect{X1: float64(max(w, 1)), Y1: float64(max(h, 1))}
	}
	now := &d.view(0).grid
	most := min(now.stir(), s.grid.stir())
	for i, v := range now {
		if diff := v - s.grid[i]; diff <= most && diff >= -most { // false for NaN
			continue
		}
		c := cell(i, w, h)
		if !within(c, except) {
			box = box.Union(c)
		}
	}
	return box
}

// cell is the place of cell i in a picture of w×h px.
func cell(i, w, h int) frame.Rect {
	cw, ch := float64(w)/gridW, float64(h)/gridH
	x, y := float64(i%gridW), float64(i/gridW)
	return frame.Rect{X0: x * cw, Y0: y * ch, X1: (x + 1) * cw, Y1: (y + 1) * ch}
}

// within says that one of boxes holds all of c.
func within(c frame.Rect, boxes []frame.Rect) bool {
	for _, b := range boxes {
		if holds(b, c) {
			return true
		}
	}
	return false
}

func holds(b, c frame.Rect) bool {
	return c.X0 >= b.X0 && c.Y0 >= b.Y0 && c.X1 <= b.X1 && c.Y1 <= b.Y1
}
