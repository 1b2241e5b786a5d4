package compositor

import (
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// Style is a way to cover a face that cannot be replaced.
type Style uint8

const (
	// Solid paints one constant dark grey. Nothing of the face is left but its place and size. The default.
	Solid Style = iota
	// Pixelate paints a mosaic of at most mosaicCells cells across the face, in few levels. It is weaker than Solid:
	// cells carry averages of the face, and a recogniser that has learnt mosaics, or many pictures of one track, gain from them.
	Pixelate
)

const (
	coverGrow   = 0.12 // a cover exceeds the box by this share on each side
	coverLuma   = 0.22
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
	return solid(pic, box), nil
}

// solid paints the superellipse x⁴ + y⁴ = 1 around box.
func solid(pic *frame.Picture, box frame.Rect) frame.Rect {
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
		code := int(math.Round(values[i]*k.span + k.zero))
		sx, sy := float64(int(1)<<comp.SubX), float64(int(1)<<comp.SubY)
		w, h := pic.Size(i)
		pl := &pic.Planes[comp.Plane]
		y0, y1 := clampInt(math.Floor(painted.Y0/sy), 0, h), clampInt(math.Ceil(painted.Y1/sy), 0, h)
		for y := y0; y < y1; y++ {
			// A sample is covered as soon as the widest row that it spans touches the shape.
			top, bottom := float64(y)*sy, float64(y+1)*sy
			dy := max(0, top-c.Y, c.Y-bottom) / ay
			half := ax * math.Sqrt(math.Sqrt(max(0, 1-dy*dy*dy*dy)))
			x0, x1 := clampInt(math.Floor((c.X-half)/sx), 0, w), clampInt(math.Ceil((c.X+half)/sx), 0, w)
			for x := x0; x < x1; x++ {
				setSample(pl, comp, x, y, code)
			}
		}
	}
	return wholeSamples(painted, pic)
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
