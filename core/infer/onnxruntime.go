package infer

import (
	"context"
	"errors"
	"maps"
	"runtime"
	"slices"

	"github.com/ksamenet/ksamenet/internal/onnxfile"
	"github.com/ksamenet/ksamenet/native/ort"
)

// maxAutoThreads bounds the threads of one model when the user does not say: beyond four, several models in one pipeline
// only take the cores from each other.
const maxAutoThreads = 4

// AutoThreads is how many CPU threads a model gets when asked is asked for; 0 is the default.
func AutoThreads(asked int) int {
	if asked > 0 {
		return asked
	}
	return min(maxAutoThreads, runtime.GOMAXPROCS(0))
}

func openONNXRuntime(spec spec) Opener {
	return func(m Manifest, model []byte, o Options) (Engine, error) {
		lib, err := ort.Load(o.Library)
		if err != nil {
			return nil, &kindError{ErrLibrary, err}
		}
		e := &ortEngine{device: "cpu"}
		if spec.provider != "" {
			e.device = spec.provider
		}
		if spec.half {
			e.half = true
			if model, err = onnxfile.Half(model); err != nil {
				return nil, &kindError{ErrModel, err}
			}
		}
		if e.model, err = lib.Open(model, ort.Options{Threads: AutoThreads(o.Threads), Provider: spec.provider}); err != nil {
			return nil, fromORT(err)
		}
		return e, nil
	}
}

// fromORT gives a native error its kind. Errors of other origin, a context's above all, pass as they are.
func fromORT(err error) error {
	for _, k := range []struct{ native, kind error }{
		{ort.ErrShape, ErrShape}, {ort.ErrClosed, ErrClosed}, {ort.ErrModel, ErrModel}, {ort.ErrProvider, ErrDevice},
	} {
		if errors.Is(err, k.native) {
			return &kindError{k.kind, err}
		}
	}
	return err
}

type ortEngine struct {
	model  *ort.Model
	device string
	half   bool
	why    string // why not TensorRT
}

func (e *ortEngine) Info() Info {
	l := e.model.Library()
	i := Info{Backend: ONNXRuntime, Version: l.Version, Device: e.device, Library: l.Path, Why: e.why}
	if e.half {
		i.Version += ", float16"
	}
	return i
}

func (e *ortEngine) Tensors() []Tensor {
	var ts []Tensor
	for _, t := range e.model.Tensors() {
		ts = append(ts, Tensor{Name: t.Name, Input: t.Input, Type: DType(t.Type), Shape: slices.Clone(t.Shape)})
	}
	return ts
}

func (e *ortEngine) Metadata() map[string]string { return maps.Clone(e.model.Metadata()) }

func (e *ortEngine) NewSession(shapes map[string][]int64) (Session, error) {
	s, err := e.model.NewSession(shapes)
	if err != nil {
		return nil, fromORT(err)
	}
	return &ortSession{s}, nil
}

func (e *ortEngine) Foretell(inputs, outputs map[string][]int64) { e.model.Foretell(inputs, outputs) }

func (e *ortEngine) Close() error { return e.model.Close() }

type ortSession struct{ s *ort.Session }

func (s *ortSession) Data(name string) []float32 { return s.s.Data(name) }
func (s *ortSession) Shape(name string) []int64  { return s.s.Shape(name) }
func (s *ortSession) Close() error               { return s.s.Close() }

func (s *ortSession) Reshape(shapes map[string][]int64) error {
	if err := s.s.Reshape(shapes); err != nil {
		return fromORT(err)
	}
	return nil
}

func (s *ortSession) Run(ctx context.Context) error {
	if err := s.s.Run(ctx); err != nil {
		return fromORT(err)
	}
	return nil
}
