package infer

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
)

// Names of the backends; Auto takes the first of TensorRT and ONNX Runtime that this machine can run.
const (
	Auto        = "auto"
	ONNXRuntime = "onnxruntime"
	TensorRT    = "tensorrt"
)

// Opener makes an engine of a verified model file. Its errors wrap ErrLibrary, ErrDevice or ErrModel.
type Opener func(m Manifest, model []byte, o Options) (Engine, error)

type backend struct {
	name string
	open Opener
}

var (
	backendsMu sync.RWMutex
	registered []backend
)

// Register adds a backend under a name that Options.Backend may then hold; Auto does not try it. It serves tests
// (infertest) and hosts with an engine of their own. remove takes it out again. A name in use is an error.
func Register(name string, open Opener) (remove func(), err error) {
	backendsMu.Lock()
	defer backendsMu.Unlock()
	_, known, _ := parseSpec(name)
	if known || slices.ContainsFunc(registered, func(b backend) bool { return b.name == name }) {
		return nil, fmt.Errorf("infer: backend name %q is taken", name)
	}
	registered = append(registered, backend{name, open})
	return func() {
		backendsMu.Lock()
		defer backendsMu.Unlock()
		registered = slices.DeleteFunc(slices.Clone(registered), func(b backend) bool { return b.name == name })
	}, nil
}

// Backends lists the values that Options.Backend may hold, without the options behind colons.
func Backends() []string {
	backendsMu.RLock()
	defer backendsMu.RUnlock()
	names := []string{Auto, TensorRT, ONNXRuntime}
	for _, b := range registered {
		names = append(names, b.name)
	}
	return names
}

// Open checks the model file against its manifest and loads it. The bytes are not kept.
// Errors: ErrManifest (wrong hash, other tensors than stated), ErrLibrary, ErrDevice, ErrModel.
func Open(m Manifest, model []byte, o Options) (Engine, error) {
	if err := m.Verify(model); err != nil {
		return nil, err
	}
	return openVerified(m, model, o)
}

func openVerified(m Manifest, model []byte, o Options) (Engine, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	e, err := choose(m, model, o)
	if err != nil {
		return nil, fmt.Errorf("infer: model %q: %w", m.Name, err)
	}
	if err := m.VerifyTensors(e.Tensors()); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	info := e.Info()
	o.Log.Debug("model opened", "model", m.Name, "backend", info.Backend, "version", info.Version, "device", info.Device,
		"library", info.Library)
	return e, nil
}

func choose(m Manifest, model []byte, o Options) (Engine, error) {
	s, known, err := parseSpec(o.Backend)
	if err != nil {
		return nil, err
	}
	switch {
	case !known:
		return openRegistered(m, model, o)
	case s.backend == TensorRT:
		return openTensorRT(s)(m, model, o)
	case s.backend == ONNXRuntime:
		return openONNXRuntime(s)(m, model, o)
	}
	e, err := openTensorRT(s)(m, model, o)
	if err == nil {
		o.Log.Info("backend chosen", "model", m.Name, "backend", TensorRT)
		return e, nil
	}
	// What this machine lacks is a reason for the other backend, and so is a model that TensorRT does not take: ONNX Runtime
	// judges it again. Anything else is a fault that must be seen.
	why := ""
	for _, k := range []struct {
		kind error
		text string
	}{
		{ErrLibrary, "TensorRT is not installed or not usable"}, {ErrDevice, "no usable NVIDIA GPU"}, {ErrCache, "no folder for TensorRT's plans"},
		{ErrModel, "TensorRT does not take the model"}, {ErrManifest, "the model's manifest gives TensorRT no shapes"},
	} {
		if errors.Is(err, k.kind) {
			why = k.text
			break
		}
	}
	if why == "" {
		return nil, err
	}
	o.Log.Info("backend chosen", "model", m.Name, "backend", ONNXRuntime, "not "+TensorRT, err.Error())
	fallback, err := openONNXRuntime(s)(m, model, o)
	if err != nil {
		return nil, err
	}
	fallback.(*ortEngine).why = why
	return fallback, nil
}

func openRegistered(m Manifest, model []byte, o Options) (Engine, error) {
	if err := CheckBackend(o.Backend); err != nil {
		return nil, err
	}
	backendsMu.RLock()
	known := registered
	backendsMu.RUnlock()
	for _, b := range known {
		if b.name == o.Backend {
			return b.open(m, model, o)
		}
	}
	return nil, fmt.Errorf("%w: backend %q was removed", ErrLibrary, o.Backend)
}

// kindError gives a native error the kind that callers of this package branch on, without repeating it in the text.
type kindError struct{ kind, err error }

func (e *kindError) Error() string   { return e.err.Error() }
func (e *kindError) Unwrap() []error { return []error{e.kind, e.err} }
