package tracker

import "github.com/ksamenet/ksamenet/core/frame"

// Scene is a small copy of a picture, kept to tell later whether anything has changed since. The zero value is of no picture.
type Scene struct {
	grid  grid
	taken bool
}

// stirred is the change of a cell's mean luma, in levels, that counts: coding noise of a still background stays below 3
// at constant quality, a face that turns or moves by a third of a cell does not.
const stirred = 5

// Remember copies the newest picture that d has seen.
func (d *CutDetector) Remember(s *Scene) {
	if d.n > 0 {
		s.grid, s.taken = d.view(0).grid, true
	}
}

// Changed says that the newest picture, of w×h px, differs from s anywhere but within the boxes of except: in at least one
// of 64×36 cells (30 px at 1080p). Doubt is change: no picture in s, or none seen.
func (d *CutDetector) Changed(s *Scene, w, h int, except []frame.Rect) bool {
	if !s.taken || d.n == 0 || w <= 0 || h <= 0 {
		return true
	}
	now := &d.view(0).grid
	cw, ch := float64(w)/gridW, float64(h)/gridH
	for i, v := range now {
		if diff := v - s.grid[i]; diff <= stirred && diff >= -stirred { // false for NaN
			continue
		}
		cell := frame.Rect{X0: float64(i%gridW) * cw, Y0: float64(i/gridW) * ch, X1: float64(i%gridW+1) * cw, Y1: float64(i/gridW+1) * ch}
		if !within(cell, except) {
			return true
		}
	}
	return false
}

// within says that one of boxes holds all of cell.
func within(cell frame.Rect, boxes []frame.Rect) bool {
	for _, b := range boxes {
		if cell.X0 >= b.X0 && cell.Y0 >= b.Y0 && cell.X1 <= b.X1 && cell.Y1 <= b.Y1 {
			return true
		}
	}
	return false
}
