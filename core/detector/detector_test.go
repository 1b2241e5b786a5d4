package detector

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/internal/testface"
)

// centerFaceFake answers every picture with compute; outputs have a quarter of the input's sides.
func centerFaceFake(compute func(data func(string) []float32)) *testface.Fake {
	return &testface.Fake{
		List: testface.Named("in", []int64{1, 3, -1, -1}, "537", "538", "539", "540"),
		Sizes: func(name string, in []int64) []int64 {
			return []int64{1, map[string]int64{"537": 1, "538": 2, "539": 2, "540": 10}[name], in[2] / 4, in[3] / 4}
		},
		Compute: compute,
	}
}

func yuNetFake(compute func(data func(string) []float32)) *testface.Fake {
	var names []string
	channels, strides := map[string]int64{}, map[string]int64{}
	for _, o := range yuNetOutputs {
		for i, n := range []string{o.cls, o.obj, o.bbox, o.kp} {
			names = append(names, n)
			channels[n], strides[n] = []int64{1, 1, 4, 10}[i], int64(o.stride)
		}
	}
	return &testface.Fake{
		List: testface.Named("in", []int64{1, 3, -1, -1}, names...),
		Sizes: func(name string, in []int64) []int64 {
			return []int64{1, in[2] / strides[name] * in[3] / strides[name], channels[name]}
		},
		Compute: compute,
	}
}

func detector(t testing.TB, e infer.Engine, cfg Config) *Detector {
	t.Helper()
	d, err := New(e, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func close2(a, b float64) bool { return math.Abs(a-b) < 1e-4 }

func sameBox(a, b frame.Rect) bool {
	return close2(a.X0, b.X0) && close2(a.Y0, b.Y0) && close2(a.X1, b.X1) && close2(a.Y1, b.Y1)
}

func samePoint(a, b frame.Point) bool { return close2(a.X, b.X) && close2(a.Y, b.Y) }

func TestCenterFaceDecoding(t *testing.T) {
	// One peak at cell (row 5, column 7) of a 64×32 input: values worked out by hand from the paper's formulas.
	d := detector(t, centerFaceFake(func(data func(string) []float32) {
		const gw, n = 16, 16 * 8
		i := 5*gw + 7
		data("537")[i] = .9
		data("538")[i], data("538")[n+i] = float32(math.Log(3)), float32(math.Log(2)) // height 12, width 8
		data("539")[i], data("539")[n+i] = .25, -.5                                   // centre y (5.75)·4 = 23, x (7)·4 = 28
		data("540")[2*n+i], data("540")[3*n+i] = .5, 1                                // second point: middle of the right edge
	}), Config{})
	got, err := d.Detect(context.Background(), frame.New(frame.I420, 64, 32))
	if err != nil || len(got) != 1 {
		t.Fatalf("got %v, %v; want one face", got, err)
	}
	g := got[0]
	if !sameBox(g.Box, frame.Rect{X0: 24, Y0: 17, X1: 32, Y1: 29}) || !close2(g.Score, .9) || !samePoint(g.Points[1], frame.Point{X: 32, Y: 23}) {
		t.Fatalf("got %+v", g)
	}
}

func TestYuNetDecoding(t *testing.T) {
	// Cell (row 1, column 2) of stride 16 in a 64×32 input.
	d := detector(t, yuNetFake(func(data func(string) []float32) {
		i := 1*4 + 2
		data("cls_16")[i], data("obj_16")[i] = .81, 1.2 // scores above 1 count as 1
		copy(data("bbox_16")[4*i:], []float32{.5, .25, 0, float32(math.Log(.5))})
		copy(data("kps_16")[10*i:], []float32{0, 0, 1, .5})
	}), Config{})
	got, err := d.Detect(context.Background(), frame.New(frame.I420, 64, 32))
	if err != nil || len(got) != 1 {
		t.Fatalf("got %v, %v; want one face", got, err)
	}
	g := got[0]
	if !sameBox(g.Box, frame.Rect{X0: 32, Y0: 16, X1: 48, Y1: 24}) || !close2(g.Score, .9) || !samePoint(g.Points[0], frame.Point{X: 32, Y: 16}) || !samePoint(g.Points[1], frame.Point{X: 48, Y: 24}) {
		t.Fatalf("got %+v", g)
	}
}

// A turned look must bring its boxes back: one fixed peak in the network's view, four turns, four known places.
func TestTurnedLooks(t *testing.T) {
	want := []frame.Rect{{X0: 24, Y0: 16, X1: 32, Y1: 28}, {X0: 16, Y0: 0, X1: 28, Y1: 8}, {X0: 32, Y0: 4, X1: 40, Y1: 16}, {X0: 36, Y0: 24, X1: 48, Y1: 32}}
	for turn, w := range want {
		d := detector(t, centerFaceFake(func(data func(string) []float32) {
			n := len(data("537"))
			gw := 16
			if turn%2 == 1 {
				gw = 8
			}
			i := 5*gw + 6 // box 8×12 around (28, 22), in a 64×32 view or, turned, a 32×64 one
			data("537")[i], data("538")[i], data("538")[n+i], data("539")[n+i] = .9, float32(math.Log(3)), float32(math.Log(2)), .5
		}), Config{Looks: []Look{{Side: 64, Turn: turn}}})
		got, err := d.Detect(context.Background(), frame.New(frame.I420, 64, 32))
		if err != nil || len(got) != 1 {
			t.Fatalf("turn %d: got %v, %v; want one face", turn, got, err)
		}
		if b := got[0].Box; !sameBox(b, w) {
			t.Errorf("turn %d: got %v, want %v", turn, b, w)
		}
	}
}

// Whatever is wrong with a network's answer must be an error: no face may be lost to it silently (invariant I7).
func TestFailsClosed(t *testing.T) {
	boom := errors.New("boom")
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	poison := func(name string, v float32) *testface.Fake {
		return centerFaceFake(func(data func(string) []float32) { data(name)[3] = v })
	}
	short := centerFaceFake(func(func(string) []float32) {})
	short.Sizes = func(string, []int64) []int64 { return []int64{1, 1, 2, 2} }
	broken := centerFaceFake(nil)
	broken.Err = boom
	for _, tc := range []struct {
		name string
		ctx  context.Context
		e    *testface.Fake
		pic  *frame.Picture
		want error
	}{
		{"NaN score", nil, poison("537", nan), nil, ErrOutput}, {"infinite size", nil, poison("538", inf), nil, ErrOutput},
		{"NaN point of no face", nil, poison("540", nan), nil, ErrOutput}, {"wrong shape", nil, short, nil, ErrOutput},
		{"engine error", nil, broken, nil, boom}, {"cancelled", cancelled, centerFaceFake(nil), nil, context.Canceled},
		{"bad picture", nil, centerFaceFake(nil), &frame.Picture{W: 64, H: 64}, frame.ErrLayout},
		{"NaN in YuNet", nil, yuNetFake(func(data func(string) []float32) { data("obj_32")[0] = nan }), nil, ErrOutput},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.pic == nil {
				tc.pic = frame.New(frame.I420, 64, 64)
			}
			if tc.ctx == nil {
				tc.ctx = context.Background()
			}
			got, err := detector(t, tc.e, Config{}).Detect(tc.ctx, tc.pic)
			if !errors.Is(err, tc.want) || got != nil {
				t.Fatalf("got %v, %v; want nil, %v", got, err, tc.want)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(&testface.Fake{List: testface.Named("x", nil, "y")}, Config{}); !errors.Is(err, infer.ErrModel) {
		t.Errorf("unknown network: got %v, want ErrModel", err)
	}
	for _, cfg := range []Config{{Score: 1.5}, {Score: math.NaN()}, {Overlap: -1}, {Looks: []Look{{Side: 8}}}, {Looks: []Look{{Side: 640, Turn: 4}}}} {
		if _, err := New(centerFaceFake(nil), cfg); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
}

func TestSessionsFollowThePicture(t *testing.T) {
	runs := 0
	e := centerFaceFake(func(data func(string) []float32) { runs++ })
	d := detector(t, e, Config{Looks: []Look{{Side: 640}, {Side: 1280, Turn: 2}}})
	for _, size := range [][2]int{{64, 64}, {128, 64}, {64, 64}} {
		if _, err := d.Detect(context.Background(), frame.New(frame.NV12, size[0], size[1])); err != nil {
			t.Fatal(err)
		}
	}
	if runs != 6 || e.Open.Load() != 2 {
		t.Errorf("got %d runs in %d sessions, want 6 in 2", runs, e.Open.Load())
	}
	for range 2 {
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if e.Open.Load() != 0 {
		t.Errorf("%d sessions left open", e.Open.Load())
	}
}

func TestDetectAllocatesNothing(t *testing.T) {
	d := detector(t, centerFaceFake(func(data func(string) []float32) { data("537")[9] = .8 }), Config{})
	p := frame.New(frame.I420, 128, 96)
	detect := func() {
		if _, err := d.Detect(context.Background(), p); err != nil {
			t.Fatal(err)
		}
	}
	detect()
	if n := testing.AllocsPerRun(20, detect); n > 1 { // the fake's closure over its data
		t.Fatalf("%v allocations per picture", n)
	}
}
