package infertest

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/ksamenet/ksamenet/core/infer"
)

func TestFakeConforms(t *testing.T) {
	Conformance(t, func(testing.TB) infer.Engine { return FakeToy() })
}

func TestScript(t *testing.T) {
	boom := errors.New("boom")
	f := NewFake(Input("x", 1, 2), Output("y", 1, 2), Output("z", 1))
	f.Compute = func(s infer.Session) error { s.Data("z")[0] = 7; return nil }
	f.Script(Step{Outputs: map[string][]float32{"y": {1, 2}}}, Step{Err: boom}, Step{NaN: []string{"y"}},
		Step{Outputs: map[string][]float32{"y": {1}}}, Step{NaN: []string{"nobody"}})
	s, err := f.NewSession(nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if err := s.Run(ctx); err != nil || s.Data("y")[1] != 2 || s.Data("z")[0] != 0 {
		t.Errorf("scripted outputs: y %v z %v, %v", s.Data("y"), s.Data("z"), err)
	}
	if err := s.Run(ctx); err != boom {
		t.Errorf("scripted error: %v", err)
	}
	if err := s.Run(ctx); err != nil || !math.IsNaN(float64(s.Data("y")[0])) {
		t.Errorf("poisoned output: %v, %v", s.Data("y"), err)
	}
	for range 2 {
		if err := s.Run(ctx); !errors.Is(err, infer.ErrShape) {
			t.Errorf("a faulty script gives %v, want ErrShape", err)
		}
	}
	if err := s.Run(ctx); err != nil || s.Data("y")[0] != 0 || s.Data("z")[0] != 7 {
		t.Errorf("Compute after the script: y %v z %v, %v", s.Data("y"), s.Data("z"), err)
	}
	f.Always(Step{Delay: time.Hour})
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	if err := s.Run(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("delay: %v, want the context's error", err)
	}
	if f.Runs() != 7 || f.OpenSessions() != 1 {
		t.Errorf("%d runs, %d open sessions, want 7 and 1", f.Runs(), f.OpenSessions())
	}
	if s.Close(); f.OpenSessions() != 0 {
		t.Error("closed session still counted")
	}
}

func TestFakeShapesAndFailures(t *testing.T) {
	boom := errors.New("boom")
	f := NewFake(Input("x", 1, -1), Output("y", 1, -1))
	f.OutputShapes = func(in map[string][]int64) map[string][]int64 {
		return map[string][]int64{"y": {1, in["x"][1] / 2}}
	}
	s, err := f.NewSession(map[string][]int64{"x": {1, 8}})
	if err != nil || len(s.Data("y")) != 4 {
		t.Fatalf("y %v, %v", s, err)
	}
	f.ReshapeErr, f.SessionErr = boom, boom
	if err := s.Reshape(map[string][]int64{"x": {1, 8}}); err != nil {
		t.Errorf("equal shapes: %v", err)
	}
	if err := s.Reshape(map[string][]int64{"x": {1, 4}}); err != boom {
		t.Errorf("Reshape: %v", err)
	}
	if _, err := f.NewSession(nil); err != boom {
		t.Errorf("NewSession: %v", err)
	}
}

func TestFakeSeesSharedSession(t *testing.T) {
	f := NewFake(Input("x", 1), Output("y", 1))
	started, finish := make(chan bool), make(chan bool)
	f.Compute = func(infer.Session) error { started <- true; <-finish; return nil }
	s, err := f.NewSession(nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- s.Run(context.Background()) }()
	<-started
	if err := s.Run(context.Background()); err != ErrShared {
		t.Errorf("second Run at once: %v, want ErrShared", err)
	}
	close(finish)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestBackendIsRegisteredForTheTest(t *testing.T) {
	m, model := Toy()
	var opened *Fake
	t.Run("inside", func(t *testing.T) {
		Backend(t, "scripted", func(infer.Manifest, []byte, infer.Options) (infer.Engine, error) {
			opened = FakeToy()
			return opened, nil
		})
		if e, err := infer.Open(m, model, infer.Options{Backend: "scripted"}); err != nil || e != infer.Engine(opened) {
			t.Fatalf("Open = %v, %v", e, err)
		}
		if _, err := infer.Register("scripted", nil); err == nil {
			t.Error("a name in use was taken")
		}
		m.Tensors[0].Dims = []int64{-1, 65}
		if _, err := infer.Open(m, model, infer.Options{Backend: "scripted"}); !errors.Is(err, infer.ErrManifest) || !opened.Closed() {
			t.Errorf("other tensors than the manifest's: %v, closed %v; want ErrManifest and a closed engine", err, opened.Closed())
		}
	})
	if _, err := infer.Open(m, model, infer.Options{Backend: "scripted"}); !errors.Is(err, infer.ErrLibrary) {
		t.Errorf("after the test: %v, want ErrLibrary", err)
	}
}
