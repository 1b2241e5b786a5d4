package detector

import (
	"context"
	"math"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/internal/testface"
)

// brightest takes the brightest spot of its input, which has size w×h then, for a face 8 px wide and high.
func brightest(w, h *int) *testface.Fake {
	widths := map[int]int{} // of the sessions, by their inputs' size
	f := centerFaceFake(func(data func(string) []float32) {
		in, heat := data("in"), data("537")
		in = in[:len(in)/3]
		*w, *h = widths[len(in)], len(in)/widths[len(in)]
		clear(heat)
		at := 0
		for i, v := range in {
			if v > in[at] {
				at = i
			}
		}
		n, i := len(heat), at / *w / 4 * (*w/4) + at%*w/4
		heat[i] = .9
		data("538")[i], data("538")[n+i] = float32(math.Log(2)), float32(math.Log(2))
	})
	sizes := f.Sizes
	f.Sizes = func(name string, in []int64) []int64 {
		widths[int(in[2]*in[3])] = int(in[3])
		return sizes(name, in)
	}
	return f
}

// A part shows what the whole does, at the same scale and place, for less.
func TestWithin(t *testing.T) {
	pic := frame.New(frame.I420, 1280, 720)
	spot := func(x0, y0 int) frame.Rect {
		clear(pic.Planes[0].Data)
		for y := y0; y < y0+8; y++ {
			for x := x0; x < x0+8; x++ {
				pic.Planes[0].Data[y*pic.Planes[0].Stride+x] = 255
			}
		}
		return frame.Rect{X0: float64(x0), Y0: float64(y0), X1: float64(x0 + 8), Y1: float64(y0 + 8)}
	}
	var w, h int
	d := detector(t, brightest(&w, &h), Config{})
	ctx := context.Background()
	for _, at := range [][2]int{{0, 0}, {640, 360}, {1272, 712}, {333, 700}, {1000, 5}} {
		s := spot(at[0], at[1])
		whole, err := d.Detect(ctx, pic)
		if err != nil || len(whole) != 1 || w != 640 || h != 384 {
			t.Fatal(whole, err, w, h)
		}
		want := whole[0].Box.Center()
		part, seen, err := d.Within(ctx, pic, s.Grow(8, 8))
		if err != nil || len(part) != 1 {
			t.Fatal(part, err)
		}
		if c := part[0].Box.Center(); math.Abs(c.X-want.X) > 8 || math.Abs(c.Y-want.Y) > 8 || math.Abs(part[0].Box.W()-16) > 1e-3 {
			t.Errorf("%v: %v, the whole look has %v", at, part[0].Box, whole[0].Box)
		}
		if in := s.Grow(8, 8).Intersect(pic.Bounds()); seen.Intersect(in) != in {
			t.Errorf("%v: %v was looked at, asked for %v", at, seen, in)
		}
		if w*h > 640*384/4 {
			t.Errorf("%v: a part took %dx%d", at, w, h)
		}
	}
	for name, part := range map[string]frame.Rect{
		"most of it": {X0: 100, Y0: 20, X1: 1200, Y1: 700}, "beyond it": {X0: -99, Y0: -99, X1: 9999, Y1: 9999}, "nonsense": {X0: math.NaN(), Y0: math.NaN(), X1: math.Inf(1), Y1: math.NaN()},
	} {
		if _, seen, err := d.Within(ctx, pic, part); err != nil || seen != pic.Bounds() || w != 640 || h != 384 {
			t.Errorf("%s: %v %v, %dx%d", name, seen, err, w, h)
		}
	}
	turned := detector(t, brightest(&w, &h), Config{Looks: []Look{{Side: 640, Turn: 1}}})
	if _, _, err := turned.Within(ctx, pic, pic.Bounds()); err == nil {
		t.Error("a part of a turned picture was looked at")
	}
}
