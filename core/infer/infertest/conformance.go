// Package infertest tests engines and what uses them: Conformance is the suite that every backend passes, Fake an engine
// for tests of stages that need no native library.
package infertest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/internal/testmodel"
)

// Manifest describes a model file of a test: its own hash, and these tensors.
func Manifest(name string, model []byte, tensors ...infer.Tensor) infer.Manifest {
	sum := sha256.Sum256(model)
	m := infer.Manifest{Format: 1, Name: name, Role: "test", File: name + ".onnx", Bytes: int64(len(model)),
		SHA256: hex.EncodeToString(sum[:]), Licence: "Apache-2.0"}
	for _, t := range tensors {
		dir := "output"
		if t.Input {
			dir = "input"
		}
		m.Tensors = append(m.Tensors, infer.ManifestTensor{ID: t.Name, Type: t.Type, Dims: t.Shape, Dir: dir})
	}
	return m
}

// Toy is the model of the suite, face[n,64] = 3*identity[n,64] + sum(expression[n,7]), with its manifest.
func Toy() (infer.Manifest, []byte) {
	m := Manifest("toy", testmodel.Toy, toyTensors()...)
	for i, t := range m.Tensors {
		if t.Dir == "input" {
			w := t.Dims[1]
			m.Tensors[i].Shapes = &infer.ShapeHint{Min: []int64{1, w}, Opt: []int64{1, w}, Max: []int64{16, w}}
		}
	}
	return m, testmodel.Toy
}

func toyTensors() []infer.Tensor {
	return []infer.Tensor{Input("identity", -1, 64), Input("expression", -1, 7), Output("face", -1, 64)}
}

// FakeToy computes what the toy model computes.
func FakeToy() *Fake {
	f := NewFake(toyTensors()...)
	f.Compute = func(s infer.Session) error {
		x, q, y := s.Data("identity"), s.Data("expression"), s.Data("face")
		for i := range y {
			var sum float32
			for _, v := range q[i/64*7:][:7] {
				sum += v
			}
			y[i] = 3*x[i] + sum
		}
		return nil
	}
	return f
}

func toyShapes(n int64) map[string][]int64 {
	return map[string][]int64{"identity": {n, 64}, "expression": {n, 7}}
}

// Conformance checks a backend against the contract of infer.Engine and infer.Session. open gives a fresh engine of the
// toy model; the suite closes it.
func Conformance(t *testing.T, open func(t testing.TB) infer.Engine) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, e infer.Engine)
	}{
		{"description", describes},
		{"free batch dimension and reshape", reshapes},
		{"wrong shapes", wrongShapes},
		{"unknown names", unknownNames},
		{"goroutines under a busy collector", goroutines},
		{"cancelled context", cancelled},
		{"NaN and infinity pass", notANumber},
		{"closing", closing},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := open(t)
			defer e.Close()
			c.run(t, e)
		})
	}
}

func describes(t *testing.T, e infer.Engine) {
	if i := e.Info(); i.Backend == "" || i.Version == "" || i.Device == "" {
		t.Errorf("Info() = %+v, want backend, version and device", i)
	}
	m, _ := Toy()
	if err := m.VerifyTensors(e.Tensors()); err != nil || len(e.Tensors()) != 3 {
		t.Errorf("Tensors() = %+v: %v", e.Tensors(), err)
	}
}

func session(t testing.TB, e infer.Engine, n int64) infer.Session {
	t.Helper()
	s, err := e.NewSession(toyShapes(n))
	if err != nil {
		t.Fatalf("NewSession(%v): %v", toyShapes(n), err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// compute fills the inputs from seed, runs, and compares every output; the values are exact in float32.
func compute(t testing.TB, s infer.Session, seed int) bool {
	t.Helper()
	x, q := s.Data("identity"), s.Data("expression")
	for i := range x {
		x[i] = float32(i%64 + seed)
	}
	for i := range q {
		q[i] = float32(seed + i/7)
	}
	if err := s.Run(context.Background()); err != nil {
		t.Errorf("Run: %v", err)
		return false
	}
	for i, got := range s.Data("face") {
		if want := float32(3*(i%64+seed) + 7*(seed+i/64)); got != want {
			t.Errorf("seed %d: face[%d] = %v, want %v", seed, i, got, want)
			return false
		}
	}
	return true
}

func reshapes(t *testing.T, e infer.Engine) {
	s := session(t, e, 1)
	for seed, n := range []int64{1, 8, 2, 2, 8, 3} {
		if err := s.Reshape(toyShapes(n)); err != nil {
			t.Fatalf("Reshape to %d rows: %v", n, err)
		}
		if got, want := s.Shape("face"), []int64{n, 64}; !slices.Equal(got, want) {
			t.Fatalf("face has shape %v, want %v", got, want)
		}
		if got := len(s.Data("face")); got != int(n)*64 {
			t.Fatalf("face has %d values, want %d", got, n*64)
		}
		compute(t, s, seed)
	}
	before := &s.Data("identity")[0]
	if err := s.Reshape(toyShapes(3)); err != nil || &s.Data("identity")[0] != before {
		t.Errorf("Reshape to equal shapes moved a buffer or failed: %v", err)
	}
}

func wrongShapes(t *testing.T, e infer.Engine) {
	bad := []struct {
		name   string
		shapes map[string][]int64
	}{
		{"fixed dimension differs", map[string][]int64{"identity": {1, 65}, "expression": {1, 7}}},
		{"too few dimensions", map[string][]int64{"identity": {64}, "expression": {1, 7}}},
		{"too many dimensions", map[string][]int64{"identity": {1, 64, 1}, "expression": {1, 7}}},
		{"zero rows", toyShapes(0)},
		{"negative rows", toyShapes(-1)},
		{"no such input", map[string][]int64{"identity": {1, 64}, "expression": {1, 7}, "nobody": {1}}},
		{"output named", map[string][]int64{"identity": {1, 64}, "expression": {1, 7}, "face": {1, 64}}},
	}
	s := session(t, e, 2)
	for _, c := range bad {
		if got, err := e.NewSession(c.shapes); !errors.Is(err, infer.ErrShape) {
			t.Errorf("%s: NewSession = %v, %v, want ErrShape", c.name, got, err)
		}
		if err := s.Reshape(c.shapes); !errors.Is(err, infer.ErrShape) {
			t.Errorf("%s: Reshape = %v, want ErrShape", c.name, err)
		}
	}
	if _, err := e.NewSession(map[string][]int64{"identity": {1, 64}}); !errors.Is(err, infer.ErrShape) {
		t.Errorf("free dimension not given: %v, want ErrShape", err)
	}
	if got := s.Shape("face"); !slices.Equal(got, []int64{2, 64}) {
		t.Errorf("refused shapes changed the session: face is %v", got)
	}
	compute(t, s, 5)
}

func unknownNames(t *testing.T, e infer.Engine) {
	s := session(t, e, 1)
	if d, sh := s.Data("nobody"), s.Shape("nobody"); d != nil || sh != nil {
		t.Errorf("unknown tensor has data %v and shape %v, want nil", d, sh)
	}
}

func goroutines(t *testing.T, e infer.Engine) {
	var wg sync.WaitGroup
	for g := range 4 {
		s := session(t, e, 1)
		wg.Go(func() {
			for k := range 12 {
				if err := s.Reshape(toyShapes(int64(1 + (g+k)%5))); err != nil {
					t.Errorf("goroutine %d: Reshape: %v", g, err)
					return
				}
				runtime.GC()
				if !compute(t, s, 100*g+k) {
					return
				}
			}
		})
	}
	wg.Wait()
}

func cancelled(t *testing.T, e infer.Engine) {
	s := session(t, e, 1)
	ctx, cancel := context.WithCancel(context.Background())
	if err := s.Run(ctx); err != nil {
		t.Errorf("Run with a live context: %v", err)
	}
	cancel()
	if err := s.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Run with a cancelled context: %v, want context.Canceled", err)
	}
	compute(t, s, 9)
}

func notANumber(t *testing.T, e infer.Engine) {
	s := session(t, e, 2)
	compute(t, s, 1)
	x := s.Data("identity")
	x[3], x[4] = float32(math.NaN()), float32(math.Inf(-1))
	if err := s.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	for i, v := range s.Data("face") {
		nan, inf := math.IsNaN(float64(v)), math.IsInf(float64(v), -1)
		if nan != (i == 3) || inf != (i == 4) {
			t.Errorf("face[%d] = %v; inputs 3 and 4 were NaN and -Inf", i, v)
		}
	}
}

func closing(t *testing.T, e infer.Engine) {
	s := session(t, e, 1)
	other := session(t, e, 1)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("Session.Close: %v", err)
		}
	}
	if s.Data("identity") != nil || s.Shape("identity") != nil {
		t.Error("a closed session still lends its memory")
	}
	if err := s.Run(context.Background()); !errors.Is(err, infer.ErrClosed) {
		t.Errorf("Run after Close: %v, want ErrClosed", err)
	}
	if err := s.Reshape(toyShapes(2)); !errors.Is(err, infer.ErrClosed) {
		t.Errorf("Reshape after Close: %v, want ErrClosed", err)
	}
	for range 2 {
		if err := e.Close(); err != nil {
			t.Errorf("Engine.Close: %v", err)
		}
	}
	if _, err := e.NewSession(toyShapes(1)); !errors.Is(err, infer.ErrClosed) {
		t.Errorf("NewSession after Close: %v, want ErrClosed", err)
	}
	if err := other.Close(); err != nil {
		t.Errorf("closing the last session after its engine: %v", err)
	}
}
