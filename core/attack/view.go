package attack

import (
	"fmt"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/landmark"
)

// Channels: what of a picture a recogniser gets to see.
const (
	// Full is the picture as it is. Hair, ears, neck and background show, which nobody replaces (docs/guarantee.md, "What
	// is not claimed"): between an original and its own output they are the same.
	Full = "full"
	// FaceOnly is the face inside the mesh's outline, the rest grey: what the surrogate itself gives away.
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

// faceOnly returns a picture of the face with mid grey outside the mesh's outline, and the map from px of pic to px of it.
func (b *blinkers) faceOnly(pic *frame.Picture, m *landmark.Mesh) (*frame.Picture, align.Matrix, error) {
	oval := m.Oval()
	box := m.Box().Grow(cutMargin, cutMargin)
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
			in := within(oval, at.Apply(frame.Point{X: float64(x) + .5, Y: float64(y) + .5}))
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

// within says that p lies inside the polygon (even-odd rule).
func within(polygon []frame.Point, p frame.Point) (in bool) {
	j := len(polygon) - 1
	for i, a := range polygon {
		b := polygon[j]
		if (a.Y > p.Y) != (b.Y > p.Y) && p.X < (b.X-a.X)*(p.Y-a.Y)/(b.Y-a.Y)+a.X {
			in = !in
		}
		j = i
	}
	return in
}
