package recognizer

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/internal/testface"
)

func fake(compute func(data func(string) []float32)) *testface.Fake {
	return &testface.Fake{
		List:    testface.Named("in", []int64{-1, 3, 112, 112}, "out"),
		Sizes:   func(_ string, in []int64) []int64 { return []int64{in[0], Size} },
		Compute: compute,
	}
}

func recognizer(t testing.TB, e infer.Engine) *Recognizer {
	t.Helper()
	r, err := New(e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// frontal is a face of the template's own size at the given place and scale.
func frontal(x, y, scale float64) Face {
	f := Face{Presence: 1}
	for i, p := range sface.template {
		f.Points[i] = frame.Point{X: x + p.X*scale, Y: y + p.Y*scale}
	}
	return f
}

func TestEmbedAlignsAndNormalises(t *testing.T) {
	pic := frame.New(frame.Gray8, 300, 300)
	pic.FullRange = true
	for i := range pic.Planes[0].Data {
		pic.Planes[0].Data[i] = byte(i % 300 / 2) // brightness is x/2
	}
	r := recognizer(t, fake(func(data func(string) []float32) {
		for c := range 3 { // the network sees the picture from x = 20 at scale 2
			if got := data("in")[c*112*112+56*112+60]; math.Abs(float64(got)-70.5) > 1 {
				t.Errorf("channel %d at column 60: got %v, want brightness 70.5", c, got)
			}
		}
		data("out")[3], data("out")[9] = 30, -40
	}))
	v, q, err := r.Embed(context.Background(), pic, frontal(20, 20, 2))
	if err != nil {
		t.Fatal(err)
	}
	if len(v) != Size || math.Abs(float64(v[3])-.6) > 1e-6 || math.Abs(float64(v[9])+.8) > 1e-6 {
		t.Errorf("got %v, want .6 and -.8 at 3 and 9", v)
	}
	if q < 0 || q > 1 {
		t.Errorf("quality %v outside 0..1", q)
	}
}

func TestEmbedFailsClosed(t *testing.T) {
	boom := errors.New("boom")
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	value := func(v float32) *testface.Fake {
		return fake(func(data func(string) []float32) { data("out")[5] = v })
	}
	broken := fake(nil)
	broken.Err = boom
	for _, tc := range []struct {
		name string
		ctx  context.Context
		e    *testface.Fake
		f    Face
		want error
	}{
		{"NaN", context.Background(), value(float32(math.NaN())), frontal(0, 0, 1), ErrOutput},
		{"infinity", context.Background(), value(float32(math.Inf(-1))), frontal(0, 0, 1), ErrOutput},
		{"zero vector", context.Background(), value(0), frontal(0, 0, 1), ErrOutput},
		{"engine error", context.Background(), broken, frontal(0, 0, 1), boom},
		{"cancelled", cancelled, value(1), frontal(0, 0, 1), context.Canceled},
		{"23 px wide", context.Background(), value(1), frontal(0, 0, 23/sface.faceWidth), ErrTooSmall},
		{"points in one place", context.Background(), value(1), Face{}, ErrTooSmall},
		{"NaN points", context.Background(), value(1), frontal(math.NaN(), 0, 1), ErrTooSmall},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, _, err := recognizer(t, tc.e).Embed(tc.ctx, frame.New(frame.I420, 200, 200), tc.f)
			if !errors.Is(err, tc.want) || v != nil {
				t.Fatalf("got %v, %v; want nil, %v", v, err, tc.want)
			}
		})
	}
	wrong := fake(nil)
	wrong.Sizes = func(string, []int64) []int64 { return []int64{1, 512} }
	if _, err := New(wrong); !errors.Is(err, infer.ErrModel) || wrong.Open.Load() != 0 {
		t.Errorf("another network: got %v with %d sessions open, want ErrModel and none", err, wrong.Open.Load())
	}
	wrong.List = testface.Named("in", []int64{-1, 3, 160, 160}, "out")
	if _, err := New(wrong); !errors.Is(err, infer.ErrModel) {
		t.Errorf("an input of 160 px: got %v, want ErrModel", err)
	}
}

// The second network aligns by other points, and says so when it does not get them.
func TestEmbedAlignsByTheCorners(t *testing.T) {
	pic := frame.New(frame.Gray8, 300, 300)
	pic.FullRange = true
	for i := range pic.Planes[0].Data {
		pic.Planes[0].Data[i] = byte(i % 300 / 2)
	}
	f := frontal(0, 0, 1) // points that would place the chip elsewhere
	for i, p := range dlib.template {
		f.Corners[i] = frame.Point{X: 20 + p.X*1.5, Y: 30 + p.Y*1.5}
	}
	e := fake(func(data func(string) []float32) {
		if got := data("in")[56*150+60]; math.Abs(float64(got)-55.1) > 1 { // the picture from x = 20 at scale 1.5
			t.Errorf("column 60: got %v, want brightness 55.1", got)
		}
		data("out")[0] = 2
	})
	e.List = testface.Named("in", []int64{-1, 3, 150, 150}, "out")
	r := recognizer(t, e)
	if v, _, err := r.Embed(context.Background(), pic, f); err != nil || v[0] != 1 {
		t.Fatalf("got %v, %v", v, err)
	}
	if _, _, err := r.Embed(context.Background(), pic, frontal(20, 30, 1)); !errors.Is(err, ErrTooSmall) {
		t.Errorf("without corners: got %v, want ErrTooSmall", err)
	}
}

// A view below the least quality that is asked for costs no run; any other is what it is.
func TestEmbedLeavesPoorViewsAlone(t *testing.T) {
	runs := 0
	e := fake(func(data func(string) []float32) { runs++; data("out")[5] = 1 })
	r, pic := recognizer(t, e), frame.New(frame.I420, 200, 200)
	for _, least := range []float64{math.SmallestNonzeroFloat64, 0} { // of a flat picture, whose quality is 0
		f := frontal(0, 0, 1)
		f.Least = least
		v, q, err := r.Embed(context.Background(), pic, f)
		if err != nil || q != 0 || (v == nil) != (least > 0) {
			t.Errorf("least %v: %d values of quality %v, %v", least, len(v), q, err)
		}
	}
	if runs != 1 {
		t.Errorf("%d runs, want one", runs)
	}
}

func TestQualityFallsWithEveryFault(t *testing.T) {
	base := grade(100, Face{Presence: 1}, 1)
	if base != 1 {
		t.Fatalf("a perfect face has quality %v", base)
	}
	for name, q := range map[string]float64{
		"small": grade(26, Face{Presence: 1}, 1), "yaw": grade(100, Face{Yaw: -40, Presence: 1}, 1), "pitch": grade(100, Face{Pitch: 25, Presence: 1}, 1),
		"blur": grade(100, Face{Presence: 1}, sharpFace/2), "absent": grade(100, Face{Presence: .5}, 1),
	} {
		if q < .4 || q > .9 {
			t.Errorf("%s: quality %v, want .4 to .9", name, q)
		}
	}
	if q := grade(100, Face{Yaw: math.NaN(), Presence: 1}, 1); q != 0 {
		t.Errorf("unknown yaw: quality %v, want 0", q)
	}
}

func TestSharpnessSeesBlur(t *testing.T) {
	pic := testface.Picture(t)
	p := testface.Truth(t)[0].Points
	var f Face
	for i := range p {
		f.Points[i] = frame.Point{X: p[i][0], Y: p[i][1]}
	}
	m, err := sface.align(&f)
	if err != nil {
		t.Fatal(err)
	}
	const side = 112
	sharp := make([]float32, 3*side*side)
	var w align.Warper
	if err := w.Warp(pic, m, align.Input{Data: sharp, W: side, H: side}); err != nil {
		t.Fatal(err)
	}
	blurred := make([]float32, len(sharp))
	for i := 2*side + 2; i < len(sharp)-2*side-2; i++ {
		for y := -2; y <= 2; y++ {
			for x := -2; x <= 2; x++ {
				blurred[i] += sharp[i+y*side+x] / 25
			}
		}
	}
	if s, b := sharpness(sharp, side), sharpness(blurred, side); !(s > 2.5*b) {
		t.Errorf("sharp %v, blurred %v", s, b)
	}
	if s := sharpness(make([]float32, 3*side*side), side); s != 0 {
		t.Errorf("a flat grey has sharpness %v", s)
	}
}
