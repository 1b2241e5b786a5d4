package testface

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/ksamenet/ksamenet/core/infer"
)

// Fake is an engine whose outputs a test writes. Compute, called by Run, sees the input's shape and fills outputs.
type Fake struct {
	List    []infer.Tensor
	Sizes   func(name string, in []int64) []int64 // shape of an output for the input's shape
	Compute func(data func(string) []float32)
	Err     error // what Run returns
	Open    atomic.Int32
}

// Info names the fake.
func (f *Fake) Info() infer.Info { return infer.Info{Backend: "fake"} }

// Tensors is f.List.
func (f *Fake) Tensors() []infer.Tensor { return f.List }

// Close does nothing.
func (f *Fake) Close() error { return nil }

// NewSession counts in f.Open.
func (f *Fake) NewSession(shapes map[string][]int64) (infer.Session, error) {
	s := &fakeSession{f: f}
	if err := s.Reshape(shapes); err != nil {
		return nil, err
	}
	f.Open.Add(1)
	return s, nil
}

type fakeSession struct {
	f      *Fake
	shapes map[string][]int64
	data   map[string][]float32
	closed bool
}

func (s *fakeSession) Data(name string) []float32 { return s.data[name] }
func (s *fakeSession) Shape(name string) []int64  { return s.shapes[name] }

func (s *fakeSession) Reshape(shapes map[string][]int64) error {
	s.shapes, s.data = map[string][]int64{}, map[string][]float32{}
	var in []int64
	for _, t := range s.f.List {
		if t.Input {
			in = t.Shape
			if given, ok := shapes[t.Name]; ok {
				in = given
			}
			s.shapes[t.Name] = in
		}
	}
	for _, t := range s.f.List {
		if !t.Input {
			s.shapes[t.Name] = s.f.Sizes(t.Name, in)
		}
	}
	for n, shape := range s.shapes {
		size := int64(1)
		for _, d := range shape {
			if d < 0 {
				return fmt.Errorf("%w: %s %v", infer.ErrShape, n, shape)
			}
			size *= d
		}
		s.data[n] = make([]float32, size)
	}
	return nil
}

func (s *fakeSession) Run(ctx context.Context) error {
	switch {
	case s.closed:
		return infer.ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	case s.f.Err != nil:
		return s.f.Err
	}
	s.f.Compute(func(n string) []float32 { return s.data[n] })
	return nil
}

func (s *fakeSession) Close() error {
	if !s.closed {
		s.closed = true
		s.f.Open.Add(-1)
	}
	return nil
}

// Named makes the tensor list of a fake: inputs first, then outputs.
func Named(input string, shape []int64, outputs ...string) []infer.Tensor {
	l := []infer.Tensor{{Name: input, Input: true, Type: infer.Float32, Shape: slices.Clone(shape)}}
	for _, o := range outputs {
		l = append(l, infer.Tensor{Name: o, Type: infer.Float32})
	}
	return l
}
