package align

import (
	"errors"
	"fmt"
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// ErrInput says that the description of a network input contradicts its data.
var ErrInput = errors.New("align: bad network input")

// Border says what lies outside the picture.
type Border uint8

// Borders.
const (
	Replicate Border = iota // the nearest edge pixel
	Black                   // R = G = B = 0 before scale and offset
)

// Input describes a three-channel image input of a network. Data is the session's own memory and is filled in place.
type Input struct {
	Data   []float32 // 3·W·H values
	W, H   int
	NHWC   bool    // interleaved channels; else planar (NCHW)
	BGR    bool    // channel order; else RGB
	Scale  float32 // value = R'G'B' (0..255) · Scale + Offset; 0 means 1
	Offset float32
	Border Border
}

// Warper samples pictures into network inputs. It keeps scratch memory, so that a stream of equal sizes allocates nothing.
// The zero value is ready; it belongs to one goroutine at a time.
type Warper struct {
	planes [3]patch
	rows   [3][]float32
	cols   [3]columns
	blend  []float32
}

// Warp fills dst with the picture seen through m, which maps dst's pixel coordinates (centres at .5) to picture px.
// Sampling is bilinear; when m shrinks the picture, box averages of whole samples come first, so that fine detail does
// not alias. Y'CbCr becomes R'G'B' by the picture's matrix and range; chroma counts as centred between its luma samples
// (the left siting of MPEG-2 is a quarter of a chroma sample away, below what the networks notice).
// Errors: frame.ErrLayout, ErrInput, ErrDegenerate. dst is unspecified after an error.
func (w *Warper) Warp(pic *frame.Picture, m Matrix, dst Input) error {
	if err := pic.Validate(); err != nil {
		return fmt.Errorf("align: %w", err)
	}
	if dst.W <= 0 || dst.H <= 0 || len(dst.Data) != 3*dst.W*dst.H {
		return fmt.Errorf("%w: %d values for %dx%dx3", ErrInput, len(dst.Data), dst.W, dst.H)
	}
	if _, err := m.Invert(); err != nil {
		return err
	}
	box := cover(m, dst.W, dst.H)
	if !(max(-box.X0, -box.Y0, box.X1, box.Y1) < 1e8) { // beyond, float32 positions and ints lose their meaning
		return fmt.Errorf("%w: %v reaches to %v", ErrDegenerate, m, box)
	}
	if dst.Scale == 0 {
		dst.Scale = 1
	}
	n := pic.Layout.Colors()
	straight := m[1] == 0 && m[3] == 0
	var at [3]Matrix
	for i := range n {
		p := &w.planes[i]
		p.load(pic, i, box, m.Scale())
		at[i] = p.index(m, pic.Layout.Components[i])
		if cap(w.rows[i]) < dst.W {
			w.rows[i] = make([]float32, dst.W)
		}
		w.rows[i] = w.rows[i][:dst.W]
		if straight {
			w.cols[i].plan(at[i], dst.W, p.w)
		}
	}
	k := inverse(pic.Matrix)
	for y := range dst.H {
		for i := range n {
			if straight {
				w.straightRow(i, at[i], y)
			} else {
				w.planes[i].affineRow(w.rows[i], at[i], y)
			}
		}
		r, g, b := w.rows[0], w.rows[0], w.rows[0]
		switch {
		case n == 1:
			clampRow(r)
		case pic.Layout.RGB:
			g, b = w.rows[1], w.rows[2]
		default:
			g, b = w.rows[1], w.rows[2]
			k.convert(r, g, b)
		}
		from, to := 0, dst.W
		if dst.Border == Black {
			from, to = inside(m, y, dst.W, pic.W, pic.H)
		}
		if dst.BGR {
			r, b = b, r
		}
		dst.write(y, from, to, r, g, b)
	}
	return nil
}

// convert turns rows of Y, Pb, Pr into R, G, B in place, cut to 0..255.
func (k chromaMatrix) convert(y, pb, pr []float32) {
	pb, pr = pb[:len(y)], pr[:len(y)]
	for i, l := range y {
		u, v := pb[i], pr[i]
		y[i] = clamp255(l + k.rv*v)
		pb[i] = clamp255(l - k.gu*u - k.gv*v)
		pr[i] = clamp255(l + k.bu*u)
	}
}

func clampRow(row []float32) {
	for i, v := range row {
		row[i] = clamp255(v)
	}
}

// clamp255 uses plain comparisons: the built-in min and max also order NaN and signed zeros, which costs a third of a warp.
func clamp255(v float32) float32 {
	if v < 0 {
		return 0
	}
	if v > 255 {
		return 255
	}
	return v
}

// write stores one row of values 0..255; columns outside from..to are black.
func (d *Input) write(y, from, to int, c0, c1, c2 []float32) {
	step, o0 := 1, y*d.W
	o1, o2 := o0+d.W*d.H, o0+2*d.W*d.H
	if d.NHWC {
		step, o0 = 3, 3*y*d.W
		o1, o2 = o0+1, o0+2
	}
	for i, row := range [3][]float32{c0, c1, c2} {
		out := d.Data[[3]int{o0, o1, o2}[i]:]
		for x := range from {
			out[x*step] = d.Offset
		}
		for x := to; x < d.W; x++ {
			out[x*step] = d.Offset
		}
		if step == 1 {
			line := out[from:to]
			for x, v := range row[from:to] {
				line[x] = v*d.Scale + d.Offset
			}
			continue
		}
		for x := from; x < to; x++ {
			out[x*step] = row[x]*d.Scale + d.Offset
		}
	}
}

// cover is the box, in picture px, under all destination pixels.
func cover(m Matrix, w, h int) frame.Rect {
	r := frame.Rect{X0: math.Inf(1), Y0: math.Inf(1), X1: math.Inf(-1), Y1: math.Inf(-1)}
	for _, c := range [4]frame.Point{{}, {X: float64(w)}, {Y: float64(h)}, {X: float64(w), Y: float64(h)}} {
		p := m.Apply(c)
		r = frame.Rect{X0: min(r.X0, p.X), Y0: min(r.Y0, p.Y), X1: max(r.X1, p.X), Y1: max(r.Y1, p.Y)}
	}
	return r
}

// inside is the range of destination columns of row y whose centres fall on the picture (a line meets a box in one stretch).
func inside(m Matrix, y, w, picW, picH int) (from, to int) {
	at := m.Apply(frame.Point{X: .5, Y: float64(y) + .5})
	lo, hi := 0.0, float64(w-1)
	for _, a := range [2]struct{ start, step, end float64 }{{at.X, m[0], float64(picW)}, {at.Y, m[3], float64(picH)}} {
		if a.step == 0 {
			if a.start < 0 || a.start > a.end {
				return 0, 0
			}
			continue
		}
		t0, t1 := -a.start/a.step, (a.end-a.start)/a.step
		lo, hi = max(lo, min(t0, t1)), min(hi, max(t0, t1))
	}
	if lo > hi {
		return 0, 0
	}
	return int(math.Ceil(lo)), int(math.Floor(hi)) + 1
}
