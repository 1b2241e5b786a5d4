package infer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ksamenet/ksamenet/internal/onnxfile"
	"github.com/ksamenet/ksamenet/native/trt"
)

// openTensorRT opens a model on an NVIDIA GPU: from a plan in the cache, or by building one, which takes seconds to minutes.
func openTensorRT(spec spec) Opener {
	return func(m Manifest, model []byte, o Options) (Engine, error) {
		lib, err := trt.Load(trt.Options{Flavour: spec.flavour})
		if err != nil {
			return nil, fromTRT(err)
		}
		info := lib.Info()
		e := &trtEngine{manifest: m, info: Info{Backend: TensorRT, Version: info.Version, Device: info.Device, Library: info.Library}}
		if info.Flavour != "TensorRT" {
			e.info.Version = "RTX " + info.Version
		}
		profiles, err := m.profiles()
		if err != nil {
			return nil, err
		}
		build := trt.BuildOptions{Profiles: profiles}
		if spec.half {
			e.info.Version += ", float16"
			// TensorRT 10 chooses where float16 serves; later ones obey the model.
			if build.Half = lib.WeaklyTyped(); !build.Half {
				if model, err = onnxfile.Half(model); err != nil {
					return nil, &kindError{ErrModel, err}
				}
			}
		}
		if e.metadata, err = onnxfile.Metadata(model); err != nil {
			return nil, &kindError{ErrModel, err}
		}
		if e.engine, err = (trt.Cache{Dir: o.PlanDir, Log: o.Log}).Open(lib, m.Name, model, build); err != nil {
			return nil, fromTRT(err)
		}
		return e, nil
	}
}

// profiles are the ranges of shapes that a plan is built for, from the hints of the manifest. A batch of faces has two: one
// face, which is the common case and the fastest, and any number up to the largest.
func (m Manifest) profiles() ([]trt.Profile, error) {
	single, all := trt.Profile{}, trt.Profile{}
	batches := true
	for _, t := range m.Tensors {
		if t.Dir != "input" || !slices.ContainsFunc(t.Dims, func(d int64) bool { return d < 0 }) {
			continue
		}
		h := t.Shapes
		if h == nil || len(h.Min) != len(t.Dims) || len(h.Opt) != len(t.Dims) || len(h.Max) != len(t.Dims) {
			return nil, fmt.Errorf("%w %q: input %q has a free dimension; TensorRT needs its shapes (Min, Opt, Max)", ErrManifest, m.Name, t.ID)
		}
		for i, d := range t.Dims {
			if h.Min[i] < 1 || h.Min[i] > h.Opt[i] || h.Opt[i] > h.Max[i] || d >= 0 && (h.Min[i] != d || h.Max[i] != d) {
				return nil, fmt.Errorf("%w %q: input %q: shapes %v do not fit %v", ErrManifest, m.Name, t.ID, *h, t.Dims)
			}
			batches = batches && (i == 0) == (d < 0)
		}
		single[t.ID] = trt.Range{Min: h.Opt, Opt: h.Opt, Max: h.Opt}
		many := slices.Clone(h.Opt)
		many[0] = max(h.Opt[0], (h.Min[0]+h.Max[0])/2)
		all[t.ID] = trt.Range{Min: h.Min, Opt: many, Max: h.Max}
		if !batches {
			all[t.ID] = trt.Range{Min: h.Min, Opt: h.Opt, Max: h.Max}
		}
	}
	switch {
	case len(all) == 0:
		return nil, nil
	case batches:
		return []trt.Profile{single, all}, nil
	}
	return []trt.Profile{all}, nil
}

// fromTRT gives a native error its kind. Errors of other origin, a context's above all, pass as they are.
func fromTRT(err error) error {
	for _, k := range []struct{ native, kind error }{
		{trt.ErrShape, ErrShape}, {trt.ErrClosed, ErrClosed}, {trt.ErrModel, ErrModel}, {trt.ErrCache, ErrCache},
		{trt.ErrDevice, ErrDevice}, {trt.ErrLibrary, ErrLibrary},
	} {
		if errors.Is(err, k.native) {
			return &kindError{k.kind, err}
		}
	}
	return err
}

type trtEngine struct {
	engine   *trt.Engine
	manifest Manifest
	metadata map[string]string
	info     Info
}

func (e *trtEngine) Info() Info { return e.info }

// Tensors describes the plan. TensorRT forgets that a dimension is fixed where a computation of shapes lies before it: there
// the manifest's word stands, and each session's real shape is held against it.
func (e *trtEngine) Tensors() []Tensor {
	var ts []Tensor
	for _, t := range e.engine.Tensors() {
		shape := slices.Clone(t.Shape)
		if stated := e.stated(t.Name); len(stated) == len(shape) {
			for i, d := range shape {
				if d < 0 {
					shape[i] = stated[i]
				}
			}
		}
		ts = append(ts, Tensor{Name: t.Name, Input: t.Input, Type: DType(t.Type), Shape: shape})
	}
	return ts
}

// stated is what the manifest says about a tensor's dimensions.
func (e *trtEngine) stated(name string) []int64 {
	for _, t := range e.manifest.Tensors {
		if t.ID == name {
			return t.Dims
		}
	}
	return nil
}

func (e *trtEngine) Metadata() map[string]string { return maps.Clone(e.metadata) }

func (e *trtEngine) NewSession(shapes map[string][]int64) (Session, error) {
	native, err := e.engine.NewSession(shapes)
	if err != nil {
		return nil, fromTRT(err)
	}
	s := &trtSession{s: native, engine: e}
	if err := s.check(); err != nil {
		return nil, errors.Join(err, native.Close())
	}
	return s, nil
}

func (e *trtEngine) Close() error { return e.engine.Close() }

type trtSession struct {
	s      *trt.Session
	engine *trtEngine
}

// check holds the settled shapes against the manifest.
func (s *trtSession) check() error {
	for _, t := range s.engine.manifest.Tensors {
		got := s.s.Shape(t.ID)
		for i, d := range t.Dims {
			if len(got) != len(t.Dims) || d >= 0 && got[i] != d {
				return fmt.Errorf("%w: TensorRT gives %s the shape %v, the manifest says %v", ErrShape, t.ID, got, t.Dims)
			}
		}
	}
	return nil
}

func (s *trtSession) Data(name string) []float32 { return s.s.Data(name) }
func (s *trtSession) Shape(name string) []int64  { return s.s.Shape(name) }
func (s *trtSession) Close() error               { return s.s.Close() }

func (s *trtSession) Reshape(shapes map[string][]int64) error {
	if err := s.s.Reshape(shapes); err != nil {
		return fromTRT(err)
	}
	return s.check()
}

func (s *trtSession) Run(ctx context.Context) error {
	if err := s.s.Run(ctx); err != nil {
		return fromTRT(err)
	}
	return nil
}
