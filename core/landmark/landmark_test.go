package landmark

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/detector"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/internal/testface"
)

func meshFake(compute func(data func(string) []float32)) *testface.Fake {
	return &testface.Fake{
		List: testface.Named("input_1", []int64{1, crop, crop, 3}, "landmarks", "presence"),
		Sizes: func(name string, _ []int64) []int64 {
			return map[string][]int64{"landmarks": {1, Points, 3}, "presence": {1, 1}}[name]
		},
		Compute: compute,
	}
}

func regressorFake(compute func(data func(string) []float32)) *testface.Fake {
	return &testface.Fake{
		List: testface.Named("geometry", []int64{-1, int64(Features)}, "expression", "gaze"),
		Sizes: func(name string, in []int64) []int64 {
			return []int64{in[0], map[string]int64{"expression": appearance.Units, "gaze": 2}[name]}
		},
		Compute: compute,
	}
}

func analyzer(t testing.TB, mesh, regressor infer.Engine) *Analyzer {
	t.Helper()
	a, err := New(mesh, regressor, head(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// answer makes a mesh network that always sees the mean head in the middle of its crop.
func answer(t testing.TB) func(data func(string) []float32) {
	m := posed(head(t), 0, 0, 0, 170, 96, 96)
	return func(data func(string) []float32) {
		for i, p := range m.Points {
			copy(data("landmarks")[3*i:], p[:])
		}
		data("presence")[0] = .9
	}
}

var somewhere = [5]frame.Point{{X: 100, Y: 100}, {X: 140, Y: 100}, {X: 120, Y: 120}, {X: 105, Y: 140}, {X: 135, Y: 140}}

func TestAnalyzeReadsTheNetworks(t *testing.T) {
	calls := 0
	mesh := answer(t)
	a := analyzer(t, meshFake(func(data func(string) []float32) { calls++; mesh(data) }), regressorFake(func(data func(string) []float32) {
		copy(data("expression"), []float32{.4, .25, 1.5, -1, .3}) // the smile with closed lips yields to half to the open one
		copy(data("gaze"), []float32{-7, 3})
	}))
	r, err := a.Analyze(context.Background(), frame.New(frame.I420, 320, 240), somewhere)
	if err != nil {
		t.Fatal(err)
	}
	if calls != 2 {
		t.Errorf("the mesh network ran %d times, want 2", calls)
	}
	yaw, pitch := r.Geometry.turn()
	want := appearance.Raw{GazeYaw: -7, GazePitch: 3, Yaw: yaw, Pitch: pitch}
	want.Expression[0], want.Expression[1], want.Expression[2], want.Expression[4] = float64(float32(.4))*.5, .25, 1, float64(float32(.3))
	if r.Raw != want || math.Abs(r.Presence-.9) > 1e-6 {
		t.Errorf("got %+v and presence %v, want %+v and .9", r.Raw, r.Presence, want)
	}
	if _, err := a.Follow(context.Background(), frame.New(frame.I420, 320, 240), &r.Mesh); err != nil || calls != 3 {
		t.Errorf("following: %v after %d runs, want none after 3", err, calls)
	}
}

// Poses stay on the generator's grid, however far a head is turned: the placement must be for a pose that will be rendered.
func TestTurn(t *testing.T) {
	h := head(t)
	for _, tc := range []struct{ yaw, pitch, wantYaw, wantPitch float64 }{
		{0, 0, 0, -1.5}, {-30, 0, -29, 0}, {60, 10, 65, 15}, {85, 0, appearance.YawLimit, 10}, {0, -60, 0, -appearance.PitchLimit},
	} {
		a := analyzer(t, meshFake(func(data func(string) []float32) {
			m := posed(h, tc.yaw, tc.pitch, 0, 100, 96, 96)
			for i, p := range m.Points {
				copy(data("landmarks")[3*i:], p[:])
			}
			data("presence")[0] = .9
		}), regressorFake(func(func(string) []float32) {}))
		r, err := a.Analyze(context.Background(), frame.New(frame.I420, 320, 240), somewhere)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(r.Raw.Yaw-tc.wantYaw) > 1 || math.Abs(r.Raw.Pitch-tc.wantPitch) > 1 {
			t.Errorf("yaw %v, pitch %v: got %.1f and %.1f, want about %v and %v", tc.yaw, tc.pitch, r.Raw.Yaw, r.Raw.Pitch, tc.wantYaw, tc.wantPitch)
		}
	}
}

func TestExpressionsFadeInProfile(t *testing.T) {
	for yaw, want := range map[float64]float64{0: .8, -35: .8, 47.5: .56, 60: .32, -90: .32} {
		e := [appearance.Units]float64{2: .8}
		if fade(&e, yaw); math.Abs(e[2]-want) > 1e-9 {
			t.Errorf("at %v°: %v, want %v", yaw, e[2], want)
		}
	}
	e := [appearance.Units]float64{2: .8}
	if fade(&e, math.NaN()); !math.IsNaN(e[2]) {
		t.Errorf("an unknown yaw gives %v; it must stay visible to Finite", e[2])
	}
}

func TestAnalyzeFailsClosed(t *testing.T) {
	nan, boom := float32(math.NaN()), errors.New("boom")
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	good, quiet := meshFake(answer(t)), func() *testface.Fake { return regressorFake(func(func(string) []float32) {}) }
	set := func(name string, i int, v float32) *testface.Fake {
		return meshFake(func(data func(string) []float32) { answer(t)(data); data(name)[i] = v })
	}
	value := func(name string) *testface.Fake {
		return regressorFake(func(data func(string) []float32) { data(name)[1] = nan })
	}
	broken, mute := meshFake(nil), regressorFake(nil)
	broken.Err, mute.Err = boom, boom
	for _, tc := range []struct {
		name            string
		ctx             context.Context
		mesh, regressor *testface.Fake
		pic             *frame.Picture
		want            error
	}{
		{"NaN point", nil, set("landmarks", 700, nan), quiet(), nil, ErrOutput},
		{"infinite point", nil, set("landmarks", 9, float32(math.Inf(1))), quiet(), nil, ErrOutput},
		{"NaN presence", nil, set("presence", 0, nan), quiet(), nil, ErrOutput},
		{"all points in one place", nil, meshFake(func(func(string) []float32) {}), quiet(), nil, align.ErrDegenerate},
		{"NaN unit", nil, good, value("expression"), nil, ErrOutput}, {"NaN gaze", nil, good, value("gaze"), nil, ErrOutput},
		{"mesh fails", nil, broken, quiet(), nil, boom},
		{"regressor fails", nil, good, mute, nil, boom}, {"cancelled", cancelled, good, quiet(), nil, context.Canceled},
		{"bad picture", nil, good, quiet(), &frame.Picture{W: 8, H: 8}, frame.ErrLayout},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.ctx == nil {
				tc.ctx = context.Background()
			}
			if tc.pic == nil {
				tc.pic = frame.New(frame.I420, 320, 240)
			}
			if _, err := analyzer(t, tc.mesh, tc.regressor).Analyze(tc.ctx, tc.pic, somewhere); !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
		})
	}
	wrong := regressorFake(nil)
	wrong.Sizes = func(string, []int64) []int64 { return []int64{1, 3} }
	if _, err := New(good, wrong, head(t)); !errors.Is(err, infer.ErrModel) || good.Open.Load() != 0 || wrong.Open.Load() != 0 {
		t.Errorf("another regressor: got %v with %d and %d sessions open, want ErrModel and none", err, good.Open.Load(), wrong.Open.Load())
	}
}

// The real networks on the rendered picture: detector, mesh, pose, placement and units against what was rendered.
func TestMeasuresRenderedFaces(t *testing.T) {
	d, err := detector.New(testface.Engine(t, "centerface"), detector.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	a := analyzer(t, testface.Engine(t, "facemesh"), testface.Engine(t, "appearance"))
	pic := testface.Picture(t)
	found, err := d.Detect(context.Background(), pic)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range testface.Truth(t) {
		box := frame.Rect{X0: want.Box[0], Y0: want.Box[1], X1: want.Box[2], Y1: want.Box[3]}
		measured := false
		for _, f := range found {
			if f.Box.IoU(box) < .4 {
				continue
			}
			measured = true
			r, err := a.Analyze(context.Background(), pic, f.Points)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("face %d: presence %.2f, residual %.3f, yaw %.1f (%v), pitch %.1f (%v), roll %.1f (%v), units %.2f %v", i, r.Presence, r.Residual,
				r.Raw.Yaw, want.Yaw, r.Raw.Pitch, want.Pitch, -degrees(r.Placement.Roll), want.Roll, r.Raw.Expression, want.Units)
			if r.Presence < Present || r.Mesh.Box().IoU(box) < .8 {
				t.Errorf("face %d: presence %.2f, box %v, want %v", i, r.Presence, r.Mesh.Box(), box)
			}
			if math.Abs(r.Raw.Yaw-want.Yaw) > 7 || math.Abs(r.Raw.Pitch-want.Pitch) > 8 || math.Abs(degrees(r.Placement.Roll)+want.Roll) > 5 {
				t.Errorf("face %d: yaw %.1f, pitch %.1f, roll %.1f, want %v, %v, %v", i, r.Raw.Yaw, r.Raw.Pitch, -degrees(r.Placement.Roll), want.Yaw, want.Pitch, want.Roll)
			}
			if m := want.Units["MouthOpen"]; math.Abs(r.Raw.Expression[2]-m) > .3 {
				t.Errorf("face %d: mouth open %.2f, want %v", i, r.Raw.Expression[2], m)
			}
			if c := want.Units["eyeClose"]; math.Abs(r.Raw.Expression[3]-c) > .5 {
				t.Errorf("face %d: eyes closed %.2f, want %v", i, r.Raw.Expression[3], c)
			}
		}
		if !measured {
			t.Errorf("face %d was not found", i)
		}
	}
}

func BenchmarkAnalyze(b *testing.B) {
	a := analyzer(b, testface.Engine(b, "facemesh"), testface.Engine(b, "appearance"))
	pic := testface.Picture(b)
	var p [5]frame.Point
	for i, q := range testface.Truth(b)[0].Points {
		p[i] = frame.Point{X: q[0], Y: q[1]}
	}
	r, err := a.Analyze(context.Background(), pic, p)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Follow(context.Background(), pic, &r.Mesh); err != nil {
			b.Fatal(err)
		}
	}
}
