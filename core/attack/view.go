package attack

import (
	"fmt"
	"math"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/frame"
)

// Channels: what of a picture a recogniser gets to see.
const (
	// Full is the picture as it is. Hair, ears, neck and background show, which nobody replaces (docs/guarantee.md, "What
	// is not claimed"): between an original and its own output they are the same.
	Full = "full"
	// FaceOnly is the face alone, the rest grey: of an original inside the outline that the mesh finds, of an output inside the
	// mask, where the mesh looks anew: what the surrogate itself gives away. At the mask's rim the film shows through, and a mesh
	// that sees hair and neck aligns by them.
	FaceOnly = "face"
)

// view is one recogniser looking at one channel.
type view struct {
	net     int // index in Recognizers
	channel string
}

// views are all of them, in the order of the results.
var views = func() (v []view) {
	for i := range Recognizers {
		v = append(v, view{i, Full}, view{i, FaceOnly})
	}
	return v
}()

// blinkers cut a face out of its picture.
type blinkers struct {
	warp align.Warper
	rgb  []float32
}

// Of the cut-out: margin around the outline's box, as a share of its sides, and the longest side in px, from which a face
// has more detail than any recogniser takes in.
const (
	cutMargin = .4
	cutMost   = 400
)

// rimPx is how far inside the mask a pixel must lie: half a pixel of interpolation, and the neighbouring samples of halved chroma.
const rimPx = 2

// faceOnly returns a picture of what lies inside box and inside the outline, in px, mid grey elsewhere, and the map from px of
// pic to px of it.
func (b *blinkers) faceOnly(pic *frame.Picture, box frame.Rect, shown outline) (*frame.Picture, align.Matrix, error) {
	box = box.Grow(cutMargin, cutMargin)
	step := max(1, max(box.W(), box.H())/cutMost)
	w, h := int(box.W()/step)+1, int(box.H()/step)+1
	at := align.Matrix{step, 0, box.X0, 0, step, box.Y0}
	back, err := at.Invert()
	if err != nil || w > 2*cutMost || h > 2*cutMost {
		return nil, at, fmt.Errorf("attack: face box %v: %w", box, align.ErrDegenerate)
	}
	if cap(b.rgb) < 3*w*h {
		b.rgb = make([]float32, 3*w*h)
	}
	b.rgb = b.rgb[:3*w*h]
	if err := b.warp.Warp(pic, at, align.Input{Data: b.rgb, W: w, H: h}); err != nil {
		return nil, at, fmt.Errorf("attack: %w", err)
	}
	out := frame.New(frame.RGB24, w, h)
	for y := range h {
		row := out.Planes[0].Data[y*out.Planes[0].Stride:]
		for x := range w {
			in := shown.holds(at.Apply(frame.Point{X: float64(x) + .5, Y: float64(y) + .5}), step)
			for c := range 3 {
				row[3*x+c] = 128
				if in {
					row[3*x+c] = byte(min(max(b.rgb[(c*h+y)*w+x], 0), 255) + .5)
				}
			}
		}
	}
	return out, back, nil
}

// outline is what of a picture is shown; step is the distance of two samples in px.
type outline interface {
	holds(p frame.Point, step float64) bool
}

// polygon is the outline of a mesh.
type polygon []frame.Point

// holds says that p lies inside (even-odd rule).
func (o polygon) holds(p frame.Point, _ float64) (in bool) {
	j := len(o) - 1
	for i, a := range o {
		b := o[j]
		if (a.Y > p.Y) != (b.Y > p.Y) && p.X < (b.X-a.X)*(p.Y-a.Y)/(b.Y-a.Y)+a.X {
			in = !in
		}
		j = i
	}
	return in
}

// hull is a convex shape by the half planes that it lies in, one for each of many directions.
type hull [hullSides]struct{ cos, sin, reach float64 }

// hullSides leave no more than a tenth of a pixel beyond a circle of 100 px.
const hullSides = 64

// hullOf is the convex hull of points, and its box.
func hullOf(points []frame.Point) (*hull, frame.Rect) {
	h, box := new(hull), frame.Rect{X0: math.Inf(1), Y0: math.Inf(1), X1: math.Inf(-1), Y1: math.Inf(-1)}
	for i := range h {
		d := &h[i]
		d.sin, d.cos = math.Sincos(2 * math.Pi * float64(i) / hullSides)
		d.reach = math.Inf(-1)
		for _, p := range points {
			d.reach = max(d.reach, p.X*d.cos+p.Y*d.sin)
		}
	}
	for _, p := range points {
		box = frame.Rect{X0: min(box.X0, p.X), Y0: min(box.Y0, p.Y), X1: max(box.X1, p.X), Y1: max(box.Y1, p.Y)}
	}
	return h, box
}

// holds says that p lies inside, and not at the rim.
func (h *hull) holds(p frame.Point, step float64) bool {
	for i := range h {
		if p.X*h[i].cos+p.Y*h[i].sin > h[i].reach-rimPx*step {
			return false
		}
	}
	return true
}
