package infer

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
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
	// In the order in which Auto tries the automatic ones.
	backends = []backend{{TensorRT, openTensorRT}, {ONNXRuntime, openONNXRuntime}}
)

// Register adds a backend under a name that Options.Backend may then hold; Auto does not try it. It serves tests
// (infertest) and hosts with an engine of their own. remove takes it out again. A name in use is an error.
func Register(name string, open Opener) (remove func(), err error) {
	backendsMu.Lock()
	defer backendsMu.Unlock()
	if name == "" || name == Auto || slices.ContainsFunc(backends, func(b backend) bool { return b.name == name }) {
		return nil, fmt.Errorf("infer: backend name %q is taken", name)
	}
	backends = append(backends, backend{name, open})
	return func() {
		backendsMu.Lock()
		defer backendsMu.Unlock()
		backends = slices.DeleteFunc(slices.Clone(backends), func(b backend) bool { return b.name == name })
	}, nil
}

// Backends lists the values that Options.Backend may hold.
func Backends() []string {
	backendsMu.RLock()
	defer backendsMu.RUnlock()
	names := []string{Auto}
	for _, b := range backends {
		names = append(names, b.name)
	}
	return names
}

// Open checks the model file against its manifest and loads it. The bytes are not kept.
// Errors: ErrManifest (wrong hash, other tensors than stated), ErrLibrary, ErrDevice, ErrModel.
func Open(m Manifest, model []byte, o Options) (Engine, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := m.Verify(model); err != nil {
		return nil, err
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
	backendsMu.RLock()
	known := backends
	backendsMu.RUnlock()
	if o.Backend != "" && o.Backend != Auto {
		for _, b := range known {
			if b.name == o.Backend {
				return b.open(m, model, o)
			}
		}
		return nil, fmt.Errorf("%w: no backend %q; there are %s", ErrLibrary, o.Backend, strings.Join(Backends(), ", "))
	}
	e, err := openTensorRT(m, model, o)
	if err == nil {
		o.Log.Info("backend chosen", "model", m.Name, "backend", TensorRT)
		return e, nil
	}
	// What this machine lacks is a reason for the other backend; a model that cannot be used is not.
	if !errors.Is(err, ErrLibrary) && !errors.Is(err, ErrDevice) {
		return nil, err
	}
	o.Log.Info("backend chosen", "model", m.Name, "backend", ONNXRuntime, "not "+TensorRT, err.Error())
	return openONNXRuntime(m, model, o)
}

// openTensorRT is where the TensorRT backend comes in; this build has no loader for its shim.
func openTensorRT(Manifest, []byte, Options) (Engine, error) {
	return nil, fmt.Errorf("%w: this build has no TensorRT shim", ErrLibrary)
}

// kindError gives a native error the kind that callers of this package branch on, without repeating it in the text.
type kindError struct{ kind, err error }

func (e *kindError) Error() string   { return e.err.Error() }
func (e *kindError) Unwrap() []error { return []error{e.kind, e.err} }
