package infer

import (
	"context"
	"errors"
	"maps"
	"runtime"
	"slices"

	"github.com/ksamenet/ksamenet/native/ort"
)

// maxAutoThreads bounds the threads of one model when the user does not say: beyond four, several models in one pipeline
// only take the cores from each other.
const maxAutoThreads = 4

func openONNXRuntime(_ Manifest, model []byte, o Options) (Engine, error) {
	lib, err := ort.Load(o.Library)
	if err != nil {
		return nil, &kindError{ErrLibrary, err}
	}
	threads := o.Threads
	if threads <= 0 {
		threads = min(maxAutoThreads, runtime.GOMAXPROCS(0))
	}
	m, err := lib.Open(model, threads)
	if err != nil {
		return nil, fromORT(err)
	}
	return &ortEngine{m}, nil
}

// fromORT gives a native error its kind. Errors of other origin, a context's above all, pass as they are.
func fromORT(err error) error {
	for _, k := range []struct{ native, kind error }{
		{ort.ErrShape, ErrShape}, {ort.ErrClosed, ErrClosed}, {ort.ErrModel, ErrModel},
	} {
		if errors.Is(err, k.native) {
			return &kindError{k.kind, err}
		}
	}
	return err
}

type ortEngine struct{ model *ort.Model }

func (e *ortEngine) Info() Info {
	l := e.model.Library()
	return Info{Backend: ONNXRuntime, Version: l.Version, Device: "cpu", Library: l.Path}
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
