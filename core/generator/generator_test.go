package generator

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/infer"
)

const (
	testDonors = 8
	testSize   = 32
)

// fakeEngine renders an ellipse whose colours are a function of all inputs.
type fakeEngine struct {
	tensors  []infer.Tensor
	runs     int
	seen     map[string][]float32 // inputs of the last run
	fail     error                // of the next runs
	spoil    func(rgba []float32) // of the next runs
	shape    []int64              // of the output, when set
	mixes    bool                 // rows of a batch depend on each other in a last bit
	widths   []int                // rows of each run
	size     int
	sessions int
	paint    func(expression, pose []float32) (red, green float32) // of the faces, when set
}

func newFake() *fakeEngine { return newFakeSize(testSize) }

func newFakeSize(size int64) *fakeEngine {
	f := func(name string, in bool, shape ...int64) infer.Tensor {
		return infer.Tensor{Name: name, Input: in, Type: infer.Float32, Shape: shape}
	}
	return &fakeEngine{size: int(size), tensors: []infer.Tensor{
		f("mix", true, -1, testDonors), f("expression", true, -1, 16), f("gaze", true, -1, 2), f("pose", true, -1, 2),
		f("light", true, -1, 12), f("rgba", false, -1, 4, size, size),
	}}
}

func (e *fakeEngine) Info() infer.Info        { return infer.Info{Backend: "fake"} }
func (e *fakeEngine) Tensors() []infer.Tensor { return e.tensors }
func (e *fakeEngine) Close() error            { return nil }

func (e *fakeEngine) NewSession(shapes map[string][]int64) (infer.Session, error) {
	e.sessions++
	s := &fakeSession{e: e, rows: int(shapes["mix"][0]), shapes: map[string][]int64{}, data: map[string][]float32{}}
	for _, t := range e.tensors {
		shape, n := shapes[t.Name], int64(1)
		if !t.Input {
			shape = []int64{shapes["mix"][0], 4, int64(e.size), int64(e.size)}
		}
		for _, d := range shape {
			n *= d
		}
		s.shapes[t.Name], s.data[t.Name] = shape, make([]float32, n)
	}
	return s, nil
}

type fakeSession struct {
	e      *fakeEngine
	rows   int
	shapes map[string][]int64
	data   map[string][]float32
	closed int
}

func (s *fakeSession) Data(name string) []float32       { return s.data[name] }
func (s *fakeSession) Reshape(map[string][]int64) error { return errors.New("not asked for") }
func (s *fakeSession) Close() error                     { s.closed++; s.e.sessions--; return nil }
func (s *fakeSession) Shape(name string) []int64 {
	if name == "rgba" && s.e.shape != nil {
		return s.e.shape
	}
	return s.shapes[name]
}

func (s *fakeSession) Run(ctx context.Context) error {
	s.e.runs++
	s.e.widths = append(s.e.widths, s.rows)
	s.e.seen = map[string][]float32{}
	for k := range s.rows {
		h := 0.
		for _, name := range []string{"mix", "expression", "gaze", "pose", "light"} {
			s.e.seen[name] = slices.Clone(s.data[name])
			n := len(s.data[name]) / s.rows
			for i, v := range s.data[name][k*n : (k+1)*n] {
				h += float64(v) * math.Sin(float64(i+7*len(name)))
			}
		}
		if s.e.mixes && s.rows > 1 {
			h += 1e-3
		}
		s.face(k, h)
		if s.e.paint != nil {
			n := s.e.size * s.e.size
			red, green := s.e.paint(s.data["expression"][16*k:16*(k+1)], s.data["pose"][2*k:2*(k+1)])
			for i := range n {
				s.data["rgba"][4*n*k+i], s.data["rgba"][(4*k+1)*n+i] = red, green
			}
		}
	}
	if s.e.spoil != nil {
		s.e.spoil(s.data["rgba"])
	}
	return errors.Join(s.e.fail, ctx.Err())
}

// face paints row k of the output.
func (s *fakeSession) face(k int, h float64) {
	size := s.e.size
	n := size * size
	out := s.data["rgba"][4*n*k : 4*n*(k+1)]
	for i := range n {
		x, y := float64(i%size)/float64(size)-.5, float64(i/size)/float64(size)-.5
		for c := range 3 {
			out[c*n+i] = float32(.5 + .5*math.Sin(h*float64(c+1)+x*5+y))
		}
		out[3*n+i] = 0
		if math.Hypot(x/.35, y/.45) < 1 {
			out[3*n+i] = 1
		}
	}
}

var testMixes = map[ClusterID][]int{1: {0, 3, 5}, 2: {1}, 9: {7, 6, 5, 4, 3, 2, 1}}

func testConfig() Config {
	return Config{Mixes: testMixes}
}

func newTest(t *testing.T, e *fakeEngine, cfg Config) *Generator {
	t.Helper()
	g, err := New(cfg, e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(g.Close(), g.Close()); err != nil || e.sessions != 0 {
			t.Errorf("close: %v, %d sessions open", err, e.sessions)
		}
	})
	return g
}

func look(yaw float64) appearance.Appearance {
	return appearance.Quantize(appearance.Raw{Expression: [16]float64{2: .6, 15: 1}, GazeYaw: 10, GazePitch: -4, Yaw: yaw, Pitch: -9})
}

func ask(id ClusterID, a appearance.Appearance) Request { return Request{Cluster: id, Look: a} }

// TestInputs checks what the network is given: invariant I3 and the scales of its contract.
func TestInputs(t *testing.T) {
	e := newFake()
	g := newTest(t, e, testConfig())
	for id, donors := range testMixes {
		if _, err := g.Render(t.Context(), ask(id, look(30))); err != nil {
			t.Fatal(err)
		}
		sum, set := 0., 0
		for i, w := range e.seen["mix"] {
			sum += float64(w)
			if w != 0 {
				set++
				if !slices.Contains(donors, i) || math.Abs(float64(w)-1/float64(len(donors))) > 1e-6 {
					t.Errorf("cluster %d: donor %d has weight %v", id, i, w)
				}
			}
		}
		if math.Abs(sum-1) > 1e-6 || set != len(donors) {
			t.Errorf("cluster %d: %d donors, sum %v", id, set, sum)
		}
	}
	for name, want := range map[string][]float32{
		"gaze": {10. / 15, -4. / 15}, "pose": {.5, -.3}, "expression": {2: .6, 15: 1}, "light": lights()[appearance.Light{}][:],
	} {
		if got := e.seen[name]; !slices.EqualFunc(got, want, func(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-6 }) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

// TestSameClusterSameBytes is invariant I1: whoever asks, and in whatever company, gets the same bytes.
func TestSameClusterSameBytes(t *testing.T) {
	cfg := testConfig()
	cfg.CacheBytes = -1
	g := newTest(t, newFake(), cfg)
	alone, err := g.Render(t.Context(), ask(1, look(12)))
	if err != nil {
		t.Fatal(err)
	}
	batch, err := g.RenderBatch(t.Context(), []Request{ask(2, look(12)), ask(1, look(12)), ask(9, look(-60)), ask(1, look(12)), ask(1, look(13))})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(alone.RGBA, batch[1].RGBA) || !bytes.Equal(alone.RGBA, batch[3].RGBA) {
		t.Error("equal requests gave different surrogates")
	}
	for _, i := range []int{0, 2, 4} {
		if bytes.Equal(alone.RGBA, batch[i].RGBA) {
			t.Errorf("request %d gave the same surrogate", i)
		}
	}
}

func TestBadOutput(t *testing.T) {
	const n = testSize * testSize
	for name, spoil := range map[string]func([]float32){
		"NaN colour":       func(o []float32) { o[5] = float32(math.NaN()) },
		"NaN alpha":        func(o []float32) { o[4*n-1] = float32(math.NaN()) },
		"infinite":         func(o []float32) { o[n] = float32(math.Inf(1)) },
		"beyond 1":         func(o []float32) { o[2*n] = 1.5 },
		"below 0":          func(o []float32) { o[2*n] = -.5 },
		"no face":          func(o []float32) { clear(o[3*n:]) },
		"speck":            func(o []float32) { clear(o[3*n:]); o[3*n+500] = 1 },
		"opaque all over":  func(o []float32) { copy(o[3*n:], slices.Repeat([]float32{1}, n)) },
		"not a face: grey": func(o []float32) { copy(o, slices.Repeat([]float32{.3}, 4*n)) },
	} {
		t.Run(name, func(t *testing.T) {
			e := newFake()
			g := newTest(t, e, testConfig())
			e.spoil = spoil
			if p, err := g.Render(t.Context(), ask(1, look(0))); !errors.Is(err, ErrOutput) || p != nil {
				t.Errorf("got %v, %v", p, err)
			}
			e.spoil = nil
			if _, err := g.Render(t.Context(), ask(1, look(0))); err != nil {
				t.Errorf("a bad output was remembered: %v", err)
			}
		})
	}
	t.Run("shape", func(t *testing.T) {
		e := newFake()
		g := newTest(t, e, testConfig())
		e.shape = []int64{1, 4, testSize, 2 * testSize}
		if _, err := g.Render(t.Context(), ask(1, look(0))); !errors.Is(err, ErrOutput) {
			t.Error(err)
		}
	})
}

func TestRefusals(t *testing.T) {
	e := newFake()
	g := newTest(t, e, testConfig())
	if _, err := g.Render(t.Context(), ask(77, look(0))); !errors.Is(err, ErrCluster) {
		t.Error(err)
	}
	off := look(0)
	off.Yaw = 100
	if _, err := g.Render(t.Context(), ask(1, off)); !errors.Is(err, ErrAppearance) {
		t.Error(err)
	}
	dark := ask(1, look(0))
	dark.Light.Azimuth = 3
	if _, err := g.Render(t.Context(), dark); !errors.Is(err, ErrAppearance) {
		t.Error(err)
	}
	if _, err := g.RenderBatch(t.Context(), []Request{ask(1, look(0)), ask(77, look(0))}); !errors.Is(err, ErrCluster) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, reqs := range [][]Request{nil, {ask(1, look(1))}} {
		if _, err := g.RenderBatch(ctx, reqs); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	e.fail = errors.New("engine broke")
	if _, err := g.Render(t.Context(), ask(2, look(0))); !errors.Is(err, e.fail) {
		t.Error(err)
	}
	e.fail = nil
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Render(t.Context(), ask(1, look(0))); !errors.Is(err, infer.ErrClosed) {
		t.Error(err)
	}
}

func TestNewRefuses(t *testing.T) {
	drop := func(name string) func(*fakeEngine, *Config) {
		return func(e *fakeEngine, _ *Config) {
			e.tensors = slices.DeleteFunc(e.tensors, func(t infer.Tensor) bool { return t.Name == name })
		}
	}
	mix := func(d ...int) func(*fakeEngine, *Config) {
		return func(_ *fakeEngine, c *Config) { c.Mixes = map[ClusterID][]int{3: d} }
	}
	for name, tc := range map[string]struct {
		change func(*fakeEngine, *Config)
		want   error
	}{
		"no mix":         {drop("mix"), ErrModel},
		"no output":      {drop("rgba"), ErrModel},
		"no light":       {drop("light"), ErrModel},
		"other unit set": {func(e *fakeEngine, _ *Config) { e.tensors[1].Shape[1] = 52 }, ErrModel},
		"half precision": {func(e *fakeEngine, _ *Config) { e.tensors[5].Type = infer.Float16 }, ErrModel},
		"no square":      {func(e *fakeEngine, _ *Config) { e.tensors[5].Shape[3] = 48 }, ErrModel},
		"more inputs": {func(e *fakeEngine, _ *Config) {
			e.tensors = append(e.tensors, infer.Tensor{Name: "face", Input: true, Type: infer.Float32})
		}, ErrModel},
		"empty mix":    {mix(), ErrMix},
		"donor twice":  {mix(1, 2, 1), ErrMix},
		"donor beyond": {mix(1, testDonors), ErrMix},
		"donor below":  {mix(-1), ErrMix},
	} {
		t.Run(name, func(t *testing.T) {
			e, cfg := newFake(), testConfig()
			tc.change(e, &cfg)
			if g, err := New(cfg, e); err == nil || tc.want != nil && !errors.Is(err, tc.want) || g != nil {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if e.sessions != 0 {
				t.Error("a session is left open")
			}
		})
	}
}

func TestCache(t *testing.T) {
	const patch = 4 * testSize * testSize
	e, cfg := newFake(), testConfig()
	cfg.CacheBytes = 3*patch + 100
	g := newTest(t, e, cfg)
	render := func(yaw float64, wantRuns int) {
		t.Helper()
		if _, err := g.Render(t.Context(), ask(1, look(yaw))); err != nil {
			t.Fatal(err)
		}
		if e.runs != wantRuns {
			t.Fatalf("yaw %v: %d runs, want %d", yaw, e.runs, wantRuns)
		}
	}
	render(1, 1)
	render(2, 2)
	render(3, 3)
	render(1, 3)
	render(4, 4) // 2 is the oldest and leaves
	render(1, 4)
	render(3, 4)
	render(2, 5)
	if got, want := g.Stats(), (Stats{Hits: 3, Misses: 5, Calls: 5, Patches: 3, Bytes: 3 * patch}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, err := g.RenderBatch(t.Context(), []Request{ask(2, look(9)), ask(2, look(9)), ask(2, look(9))}); err != nil || e.runs != 6 {
		t.Errorf("equal requests of a batch ran %d times, %v", e.runs-5, err)
	}
}

// A light is part of what is asked for: it reaches the network, and the cache keeps lights apart.
func TestLight(t *testing.T) {
	e := newFake()
	g := newTest(t, e, testConfig())
	left, right := ask(1, look(5)), ask(1, look(5))
	left.Light.Azimuth, right.Light.Azimuth = -2, 2
	p, err := g.RenderBatch(t.Context(), []Request{left, right, left})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(p[0].RGBA, p[1].RGBA) || !bytes.Equal(p[0].RGBA, p[2].RGBA) || g.Stats().Misses != 2 {
		t.Errorf("two lights: %+v", g.Stats())
	}
}

func TestNeutralExpression(t *testing.T) {
	e, cfg := newFake(), testConfig()
	cfg.NeutralExpression, cfg.CacheBytes = true, -1
	g := newTest(t, e, cfg)
	other := look(20)
	other.Expression[7] = 9
	if _, err := g.RenderBatch(t.Context(), []Request{ask(1, look(20)), ask(1, other)}); err != nil {
		t.Fatal(err)
	}
	if e.runs != 1 || e.seen["pose"][0] == 0 || slices.Max(e.seen["expression"]) != 0 || e.seen["gaze"][0] != 0 {
		t.Errorf("%d runs, inputs %v", e.runs, e.seen)
	}
}
