package compositor

import (
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// Style is a way to cover a face that cannot be replaced.
type Style uint8

const (
	// Solid paints one constant dark grey. Nothing of the face is left but its place and size.
	Solid Style = iota
	// Pixelate paints a mosaic of at most mosaicCells cells across the face, in few levels. It is weaker than Solid:
	// cells carry averages of the face, and a recogniser that has learnt mosaics, or many pictures of one track, gain from them.
	Pixelate
	// Blend carries the colours beside the cover on over it, from one side's mean to the other's. It hides as much as Solid, and a
	// viewer less: many a cover hides a hand or a print that a detector took for a face. With nothing beside it, it is Solid.
	Blend
)

const (
	coverGrow   = 0.12 // a cover exceeds the box by this share on each side
	coverLuma   = 0.22
	besideShare = 0.10 // a strip as wide as this share of the cover on each side gives Blend its colours
	mosaicCells = 6
	mosaicStep  = 1. / 8 // levels of a mosaic cell, in each of Y', Cb, Cr
)

// Cover hides box, dilated, under the given style; it is the fail-closed path and works for every valid picture.
// The dilated box lies wholly under the cover, whose corners are rounded outside of it. A box that is empty, NaN or
// infinite covers the whole picture, since it says that a face is somewhere; one that lies outside covers nothing.
// The only error is an invalid picture (frame.ErrLayout): then the caller stops. Unknown styles cover as Solid.
// It returns the box of pixels that may have changed.
func Cover(pic *frame.Picture, box frame.Rect, style Style) (frame.Rect, error) {
	if err := pic.Validate(); err != nil {
		return frame.Rect{}, err
	}
	if box.Empty() || math.IsInf(box.X0+box.X1+box.Y0+box.Y1, 0) || math.IsNaN(box.X0+box.X1+box.Y0+box.Y1) {
		box = pic.Bounds()
	}
	box = box.Grow(coverGrow, coverGrow)
	if style == Pixelate {
		return mosaic(pic, box), nil
	}
	return plain(pic, box, style == Blend), nil
}

// plain paints the superellipse x⁴ + y⁴ = 1 around box, dark grey or blended with what is beside it.
func plain(pic *frame.Picture, box frame.Rect, blend bool) frame.Rect {
	around := math.Pow(2, .25)
	c := box.Center()
	ax, ay := box.W()/2*around, box.H()/2*around
	painted := frame.Rect{X0: c.X - ax, Y0: c.Y - ay, X1: c.X + ax, Y1: c.Y + ay}.Intersect(pic.Bounds())
	if painted.Empty() {
		return frame.Rect{}
	}
	values := [3]float64{coverLuma, 0, 0}
	if pic.Layout.RGB {
		values = [3]float64{coverLuma, coverLuma, coverLuma}
	}
	for i := range pic.Layout.Colors() {
		comp, k := pic.Layout.Components[i], componentCodes(pic, i)
		code := math.Round(values[i]*k.span + k.zero)
		sx, sy := float64(int(1)<<comp.SubX), float64(int(1)<<comp.SubY)
		w, h := pic.Size(i)
		pl := &pic.Planes[comp.Plane]
		y0, y1 := clampInt(math.Floor(painted.Y0/sy), 0, h), clampInt(math.Ceil(painted.Y1/sy), 0, h)
		sides := sides{code, code, code, code}
		if blend {
			left, right := clampInt(math.Floor(painted.X0/sx), 0, w), clampInt(math.Ceil(painted.X1/sx), 0, w)
			sides = beside(pl, comp, left, y0, right, y1, w, h, code)
		}
		for y := y0; y < y1; y++ {
			// A sample is covered as soon as the widest row that it spans touches the shape.
			top, bottom := float64(y)*sy, float64(y+1)*sy
			dy := max(0, top-c.Y, c.Y-bottom) / ay
			half := ax * math.Sqrt(math.Sqrt(max(0, 1-dy*dy*dy*dy)))
			x0, x1 := clampInt(math.Floor((c.X-half)/sx), 0, w), clampInt(math.Ceil((c.X+half)/sx), 0, w)
			for x := x0; x < x1; x++ {
				u := (float64(x)+.5)*sx - painted.X0
				v := (float64(y)+.5)*sy - painted.Y0
				setSample(pl, comp, x, y, int(math.Round(sides.at(u/painted.W(), v/painted.H()))))
			}
		}
	}
	return wholeSamples(painted, pic)
}

// sides are one component's codes on the left, right, top and bottom of a cover.
type sides struct{ left, right, top, bottom float64 }

// at is the code at (u, v) of the cover, 0..1 each: the mean of the ways from left to right and from top to bottom.
func (s sides) at(u, v float64) float64 {
	u, v = min(1, max(0, u)), min(1, max(0, v))
	return (s.left + u*(s.right-s.left) + s.top + v*(s.bottom-s.top)) / 2
}

// beside is the mean of the samples in a strip on each side of the box x0..x1−1, y0..y1−1 of a plane of w×h samples. A side without
// samples has the mean of the others; where there is none, all are otherwise.
func beside(pl *frame.Plane, c frame.Component, x0, y0, x1, y1, w, h int, otherwise float64) sides {
	dx, dy := max(1, int(besideShare*float64(x1-x0))), max(1, int(besideShare*float64(y1-y0)))
	strips := [4][4]int{{max(0, x0-dx), y0, x0, y1}, {x1, y0, min(w, x1+dx), y1}, {x0, max(0, y0-dy), x1, y0}, {x0, y1, x1, min(h, y1+dy)}}
	var mean [4]float64
	var sum, n float64
	for i, s := range strips {
		if s[2] <= s[0] || s[3] <= s[1] {
			mean[i] = math.NaN()
			continue
		}
		total := 0
		for y := s[1]; y < s[3]; y++ {
			for x := s[0]; x < s[2]; x++ {
				total += sampleAt(pl, c, x, y)
			}
		}
		mean[i] = float64(total) / float64((s[2]-s[0])*(s[3]-s[1]))
		sum, n = sum+mean[i], n+1
	}
	if n > 0 {
		otherwise = sum / n
	}
	for i, m := range mean {
		if math.IsNaN(m) {
			mean[i] = otherwise
		}
	}
	return sides{mean[0], mean[1], mean[2], mean[3]}
}

// mosaic replaces every cell that touches box by its quantised mean. Cells count in full, also beyond the box.
func mosaic(pic *frame.Picture, box frame.Rect) frame.Rect {
	side := max(box.W(), box.H()) / mosaicCells
	cell := 4 * max(1, math.Ceil(side/4)) // whole chroma samples
	if cell > maxShift {
		cell = maxShift
	}
	in := box.Intersect(pic.Bounds())
	if in.Empty() {
		return frame.Rect{}
	}
	x0, y0 := math.Floor(in.X0/cell)*cell, math.Floor(in.Y0/cell)*cell
	for i := range pic.Layout.Colors() {
		comp, k := pic.Layout.Components[i], componentCodes(pic, i)
		w, h := pic.Size(i)
		pl := &pic.Planes[comp.Plane]
		for y := y0; y < in.Y1; y += cell {
			for x := x0; x < in.X1; x += cell {
				left, right := clampInt(x/float64(int(1)<<comp.SubX), 0, w), clampInt(math.Ceil((x+cell)/float64(int(1)<<comp.SubX)), 0, w)
				top, bottom := clampInt(y/float64(int(1)<<comp.SubY), 0, h), clampInt(math.Ceil((y+cell)/float64(int(1)<<comp.SubY)), 0, h)
				paintMean(pl, comp, k, left, top, right, bottom)
			}
		}
	}
	return frame.Rect{X0: x0, Y0: y0, X1: math.Ceil(in.X1/cell) * cell, Y1: math.Ceil(in.Y1/cell) * cell}.Intersect(pic.Bounds())
}

func paintMean(pl *frame.Plane, c frame.Component, k codes, x0, y0, x1, y1 int) {
	if x1 <= x0 || y1 <= y0 {
		return
	}
	sum := 0
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			sum += sampleAt(pl, c, x, y)
		}
	}
	mean := (float64(sum)/float64((x1-x0)*(y1-y0)) - k.zero) / k.span
	mean = math.Round(mean/mosaicStep) * mosaicStep
	code := clampInt(math.Round(mean*k.span+k.zero), 0, 1<<c.Depth-1)
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			setSample(pl, c, x, y, code)
		}
	}
}

// wholeSamples widens a box to whole samples of the coarsest component.
func wholeSamples(r frame.Rect, pic *frame.Picture) frame.Rect {
	step := 1.0
	for _, c := range pic.Layout.Components {
		step = max(step, float64(uint(1)<<max(c.SubX, c.SubY)))
	}
	return frame.Rect{
		X0: math.Floor(r.X0/step) * step, Y0: math.Floor(r.Y0/step) * step,
		X1: math.Ceil(r.X1/step) * step, Y1: math.Ceil(r.Y1/step) * step,
	}.Intersect(pic.Bounds())
}

func clampInt(v float64, lo, hi int) int { return int(min(float64(hi), max(float64(lo), v))) }
