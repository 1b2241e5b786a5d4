package infer_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/core/infer/infertest"
	"github.com/ksamenet/ksamenet/internal/require"
	"github.com/ksamenet/ksamenet/internal/selftest"
	"github.com/ksamenet/ksamenet/internal/trtdouble"
	"github.com/ksamenet/ksamenet/models"
	"github.com/ksamenet/ksamenet/native/ort"
)

// One suite for every backend: here TensorRT's, over the double of each generation.
func TestTensorRTConforms(t *testing.T) {
	for _, g := range trtdouble.Generations {
		t.Run(g, func(t *testing.T) {
			d := trtdouble.Install(t, g)
			m, model := infertest.Toy()
			open := func(t testing.TB, backend string) infer.Engine {
				e, err := infer.Open(m, model, infer.Options{Backend: backend})
				if err != nil {
					t.Fatal(err)
				}
				return e
			}
			if err := open(t, infer.TensorRT).Close(); err != nil { // the library itself stays open
				t.Fatal(err)
			}
			before := d.Live()
			infertest.Conformance(t, func(t testing.TB) infer.Engine { return open(t, infer.TensorRT) })
			if leaked := d.Live() - before; leaked != 0 {
				t.Errorf("%d objects leaked", leaked)
			}
			if got := open(t, infer.TensorRT).(infer.MetadataReader).Metadata()["ksamenet.name"]; got != "toy" {
				t.Errorf("metadata %q", got)
			}
			if i := open(t, "tensorrt:fp16").Info(); !strings.HasSuffix(i.Version, "float16") {
				t.Errorf("%+v does not say float16", i)
			}
		})
	}
}

func TestAutoTakesTensorRT(t *testing.T) {
	trtdouble.Install(t, "11")
	m, model := infertest.Toy()
	e, err := infer.Open(m, model, infer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if i := e.Info(); i.Backend != infer.TensorRT || i.Device != "Fake GPU" || i.Why != "" {
		t.Errorf("%+v", i)
	}
}

// Whatever TensorRT lacks, Auto goes on with ONNX Runtime and says why; who asked for TensorRT gets an error.
func TestAutoFallsBack(t *testing.T) {
	if _, err := ort.Load(""); err != nil {
		require.Missing(t, "ort", err.Error())
	}
	m, model := infertest.Toy()
	noHint := m
	noHint.Tensors = append([]infer.ManifestTensor{}, m.Tensors...)
	noHint.Tensors[0].Shapes = nil
	for _, c := range []struct {
		name, env, value string
		m                infer.Manifest
		kind             error
		why, log         string
	}{
		{"no shim", "KSAMENET_TENSORRT_SHIM", "/nowhere", m, infer.ErrLibrary, "TensorRT is not installed or not usable", "make native"},
		{"no driver", "KSAMENET_CUDA_DRIVER", "/nowhere", m, infer.ErrDevice, "no usable NVIDIA GPU", "no NVIDIA driver"},
		{"no GPU", "FAKE_CUDA_DEVICES", "0", m, infer.ErrDevice, "no usable NVIDIA GPU", "0 present"},
		{"too new", "FAKE_TRT_VERSION", "120000", m, infer.ErrLibrary, "TensorRT is not installed or not usable", "found TensorRT 12.0.0"},
		{"no folder for plans", "KSAMENET_PLANS", filepath.Join("/dev/null", "plans"), m, infer.ErrCache, "no folder for TensorRT's plans", "KSAMENET_PLANS"},
		{"no shapes in the manifest", "KSAMENET_TENSORRT_NEWER", "", noHint, infer.ErrManifest, "the model's manifest gives TensorRT no shapes", "identity"},
	} {
		t.Run(c.name, func(t *testing.T) {
			trtdouble.Install(t, "11")
			t.Setenv(c.env, c.value)
			if e, err := infer.Open(c.m, model, infer.Options{Backend: infer.TensorRT}); e != nil || !errors.Is(err, c.kind) {
				t.Errorf("asked for TensorRT: %v, %v, want %v", e, err, c.kind)
			}
			var log bytes.Buffer
			e, err := infer.Open(c.m, model, infer.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			if i := e.Info(); i.Backend != infer.ONNXRuntime || i.Why != c.why || !strings.Contains(log.String(), c.log) {
				t.Errorf("%+v, want %q; log lacks %q: %s", i, c.why, c.log, log.String())
			}
		})
	}
}

// Every network of the pipeline goes through TensorRT's side of this program (profiles, plan, sessions, copies) and comes out
// as it does from ONNX Runtime: the double computes with the same library, so the values are the same bit by bit.
func TestEveryModelOnTensorRT(t *testing.T) {
	lib, err := ort.Load("")
	if err != nil {
		require.Missing(t, "ort", err.Error())
	}
	for _, name := range models.Names() {
		t.Run(name, func(t *testing.T) {
			m, model, err := models.DefaultStore("").Load(name)
			if err != nil {
				require.Missing(t, "models", err.Error())
			}
			trtdouble.Install(t, "11")
			t.Setenv("FAKE_TRT_ORT", lib.Path)
			run := map[string]selftest.Run{}
			for _, backend := range []string{infer.ONNXRuntime, infer.TensorRT} {
				if run[backend], err = selftest.Measure(context.Background(), m, model, infer.Options{Backend: backend, Threads: 2}, 0); err != nil {
					t.Fatal(err)
				}
			}
			if d := selftest.Difference(run[infer.ONNXRuntime].Outputs, run[infer.TensorRT].Outputs); d != 0 {
				t.Errorf("they differ by %g", d)
			}
		})
	}
}
