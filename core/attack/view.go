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
	// Complexion is the face alone, the rest grey: of an original inside the outline that the mesh finds, of an output inside the
	// mask, where the mesh looks anew. At the mask's rim the film shows through, and a mesh that sees hair and neck aligns by them.
	Complexion = "complexion"
	// FaceOnly is the same in the colours of everybody (plain): what the surrogate gives away beside the brightness and hue that it takes
	// over from what surrounds it, neck, ears and hairline, which the output shows as they are.
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
		v = append(v, view{i, Full}, view{i, Complexion}, view{i, FaceOnly})
	}
	return v
}()

// blinkers cut a face out of its picture.
type blinkers struct {
	warp align.Warper
	rgb  []float32
	in   []bool // samples of the last cut-out that show something
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
	b.in = b.in[:0]
	out := frame.New(frame.RGB24, w, h)
	for y := range h {
		row := out.Planes[0].Data[y*out.Planes[0].Stride:]
		for x := range w {
			in := shown.holds(at.Apply(frame.Point{X: float64(x) + .5, Y: float64(y) + .5}), step)
			b.in = append(b.in, in)
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

// Of a face in the colours of everybody, 0..255: mean and standard deviation of its luma, the means of its colour differences, and their
// standard deviation.
const (
	plainLuma, plainContrast = 140., 45.
	plainCb, plainCr         = -14., 20.
	plainVivid               = 7.
)

// plain is a cut-out of faceOnly in the colours of everybody. A tone brightens, lifts, fades and casts (compositor.Match): luma is an
// affine function of the surrogate's own, each colour difference a multiple of its own and of luma. So luma gets one mean and
// deviation for all, and of a colour difference counts what luma does not explain, with one deviation for all: no
// tone leaves a trace, save where it clips.
func (b *blinkers) plain(cut *frame.Picture) *frame.Picture {
	const kr, kg, kb = .299, .587, .114
	out := frame.New(frame.RGB24, cut.W, cut.H)
	copy(out.Planes[0].Data, cut.Planes[0].Data)
	var n, sy, syy float64
	var sc, scy, scc [2]float64 // of B−Y and R−Y
	each := func(f func(p []byte)) {
		for y := range cut.H {
			for x := range cut.W {
				if b.in[y*cut.W+x] {
					f(out.Planes[0].Data[y*out.Planes[0].Stride+3*x:])
				}
			}
		}
	}
	split := func(p []byte) (y float64, c [2]float64) {
		r, g, bl := float64(p[0]), float64(p[1]), float64(p[2])
		y = kr*r + kg*g + kb*bl
		return y, [2]float64{bl - y, r - y}
	}
	each(func(p []byte) {
		y, c := split(p)
		n, sy, syy = n+1, sy+y, syy+y*y
		for i, v := range c {
			sc[i], scy[i], scc[i] = sc[i]+v, scy[i]+v*y, scc[i]+v*v
		}
	})
	vary := syy - sy*sy/n
	if n == 0 || !(vary > 0) {
		return out
	}
	var slope, mean, spread [2]float64
	for i := range slope {
		mean[i] = sc[i] / n
		slope[i] = (scy[i] - sc[i]*sy/n) / vary
		spread[i] = math.Sqrt(max(1e-6, (scc[i]-sc[i]*sc[i]/n-slope[i]*slope[i]*vary)/n))
	}
	deviation := math.Sqrt(vary / n)
	each(func(p []byte) {
		y, c := split(p)
		d := y - sy/n
		l := plainLuma + plainContrast*d/deviation
		var q [2]float64
		for i, v := range c {
			q[i] = [2]float64{plainCb, plainCr}[i] + plainVivid*(v-mean[i]-slope[i]*d)/spread[i]
		}
		blue, red := l+q[0], l+q[1]
		for i, v := range [3]float64{red, (l - kr*red - kb*blue) / kg, blue} {
			p[i] = byte(min(max(v, 0), 255) + .5)
		}
	})
	return out
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
