package infer_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/core/infer/infertest"
	"github.com/ksamenet/ksamenet/internal/require"
	"github.com/ksamenet/ksamenet/internal/testmodel"
	"github.com/ksamenet/ksamenet/models"
	"github.com/ksamenet/ksamenet/native/trt"
)

// open opens a model on ONNX Runtime, or ends the test where the library is missing.
func open(t testing.TB, m infer.Manifest, model []byte) infer.Engine {
	t.Helper()
	e, err := infer.Open(m, model, infer.Options{Backend: infer.ONNXRuntime, Threads: 1})
	if errors.Is(err, infer.ErrLibrary) {
		require.Missing(t, "ort", err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func TestONNXRuntimeConforms(t *testing.T) {
	infertest.Conformance(t, func(t testing.TB) infer.Engine {
		m, model := infertest.Toy()
		return open(t, m, model)
	})
}

func TestMetadata(t *testing.T) {
	m, model := infertest.Toy()
	got := open(t, m, model).(infer.MetadataReader).Metadata()
	if len(got) != 2 || got["ksamenet.name"] != "toy" || got["ksamenet.note"] != "3*identity + sum(expression)" {
		t.Errorf("metadata %q", got)
	}
}

func TestOpenRefuses(t *testing.T) {
	noShim(t)
	m, model := infertest.Toy()
	open(t, m, model)
	garbage := bytes.Repeat([]byte("no model "), 50)
	otherTensors, _ := infertest.Toy()
	otherTensors.Tensors[2].ID = "visage"
	flipped := slices.Clone(model)
	flipped[len(flipped)/2] ^= 1
	for _, c := range []struct {
		name    string
		m       infer.Manifest
		model   []byte
		backend string
		want    error
	}{
		{"flipped bit", m, flipped, "", infer.ErrManifest},
		{"truncated file", m, model[:100], "", infer.ErrManifest},
		{"tensors other than stated", otherTensors, model, "", infer.ErrManifest},
		{"garbage with a matching hash", infertest.Manifest("garbage", garbage), garbage, "", infer.ErrModel},
		{"empty with a matching hash", infertest.Manifest("empty", nil), nil, "", infer.ErrModel},
		{"truncated with a matching hash", infertest.Manifest("cut", model[:200]), model[:200], "", infer.ErrModel},
		{"TensorRT without a shim", m, model, infer.TensorRT, infer.ErrLibrary},
		{"no such backend", m, model, "abacus", infer.ErrLibrary},
		{"no such option", m, model, "tensorrt:9", infer.ErrLibrary},
		{"option of another backend", m, model, "onnxruntime:rtx", infer.ErrLibrary},
		{"ONNX Runtime without a GPU provider", m, model, "onnxruntime:cuda", infer.ErrDevice},
	} {
		e, err := infer.Open(c.m, c.model, infer.Options{Backend: c.backend})
		if e != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: Open = %v, %v, want %v", c.name, e, err, c.want)
		}
	}
}

// A missing library must tell where it was looked for and the way out, once.
func TestLibraryErrorReads(t *testing.T) {
	m, model := infertest.Toy()
	missing := filepath.Join(t.TempDir(), "nowhere.so")
	_, err := infer.Open(m, model, infer.Options{Library: missing})
	if !errors.Is(err, infer.ErrLibrary) {
		t.Fatalf("%v, want ErrLibrary", err)
	}
	for _, part := range []string{missing, "no such file", "hint: run `make deps` (or set KSAMENET_ORT_LIB)"} {
		if strings.Count(err.Error(), part) != 1 {
			t.Errorf("%q does not say %q once", err, part)
		}
	}
}

// noShim hides a TensorRT that this machine may have.
func noShim(t *testing.T) { t.Setenv(trt.EnvShim, t.TempDir()) }

func TestAutoTellsItsChoice(t *testing.T) {
	noShim(t)
	m, model := infertest.Toy()
	open(t, m, model)
	var log bytes.Buffer
	e, err := infer.Open(m, model, infer.Options{Backend: infer.Auto, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if i := e.Info(); i.Backend != infer.ONNXRuntime || i.Why != "TensorRT is not installed or not usable" || !strings.Contains(log.String(), "make native") {
		t.Errorf("%+v, log %q", i, log.String())
	}
	if want := []string{"auto", "tensorrt", "onnxruntime"}; !slices.Equal(infer.Backends(), want) {
		t.Errorf("Backends() = %v, want %v", infer.Backends(), want)
	}
}

// The run must end soon after its context, and the same session must serve again.
func TestCancelWhileRunning(t *testing.T) {
	e := open(t, infertest.Manifest("slow", testmodel.Slow), testmodel.Slow)
	s, err := e.NewSession(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 3 {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		start := time.Now()
		err := s.Run(ctx)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Run = %v, want the context's error", err)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("stopped after %v", d)
		}
	}
}

func TestRunAllocatesNothing(t *testing.T) {
	m, model := infertest.Toy()
	s, err := open(t, m, model).NewSession(map[string][]int64{"identity": {2, 64}, "expression": {2, 7}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	shapes := map[string][]int64{"identity": {2, 64}, "expression": {2, 7}}
	ctx := context.Background()
	got := testing.AllocsPerRun(200, func() {
		if err := s.Reshape(shapes); err != nil {
			t.Fatal(err)
		}
		if err := s.Run(ctx); err != nil {
			t.Fatal(err)
		}
		s.Data("face")[0]++
	})
	if got != 0 && !raceEnabled {
		t.Errorf("%v allocations per Reshape to equal shapes, Run and Data, want 0", got)
	}
}

// A detector with free height and width whose outputs' free dimensions share no symbol with them.
func TestCenterFace(t *testing.T) {
	m, model, err := models.DefaultStore("").Load("centerface")
	if err != nil {
		require.Missing(t, "models", err.Error())
	}
	s, err := open(t, m, model).NewSession(map[string][]int64{"input.1": {1, 3, 480, 640}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	check := func(h, w int64) {
		t.Helper()
		for i := range s.Data("input.1") {
			s.Data("input.1")[i] = float32(i % 256)
		}
		if err := s.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		for name, channels := range map[string]int64{"537": 1, "538": 2, "539": 2, "540": 10} {
			if got, want := s.Shape(name), []int64{1, channels, h / 4, w / 4}; !slices.Equal(got, want) {
				t.Errorf("%s has shape %v, want %v", name, got, want)
			}
		}
		for i, v := range s.Data("537") {
			if !(v >= 0 && v <= 1) {
				t.Fatalf("heat[%d] = %v, want a probability", i, v)
			}
		}
	}
	check(480, 640)
	if err := s.Reshape(map[string][]int64{"input.1": {1, 3, 352, 640}}); err != nil {
		t.Fatal(err)
	}
	check(352, 640)
}

func BenchmarkRunToy(b *testing.B) {
	m, model := infertest.Toy()
	s, err := open(b, m, model).NewSession(map[string][]int64{"identity": {1, 64}, "expression": {1, 7}})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Run(ctx); err != nil {
			b.Fatal(err)
		}
	}
}
