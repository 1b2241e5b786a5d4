package trt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unsafe"
)

// Tensor describes an input or output.
type Tensor struct {
	Name  string
	Input bool
	Type  string  // "float32", …; "other(n)" with TensorRT's number
	Shape []int64 // -1 = free
}

// Engine is a loaded plan. It is safe for concurrent use; each Session has a context of its own.
type Engine struct {
	lib      *Library
	native   uintptr // ksn_engine*
	tensors  []Tensor
	profiles []Profile // of the inputs with free dimensions

	mu       sync.Mutex
	closed   bool
	sessions int
}

// Load makes an engine of a plan that Build made. jit is what an earlier engine of this plan compiled on this GPU, or nil.
func (l *Library) Load(plan, jit []byte) (*Engine, error) {
	e := &Engine{lib: l}
	var text [1024]byte
	s := l.shim
	if err := fault(s.load(l.native, unsafe.SliceData(plan), int64(len(plan)), unsafe.SliceData(jit), int64(len(jit)), &e.native,
		&text[0], int32(len(text))), text[:]); err != nil {
		return nil, err
	}
	if err := e.describe(); err != nil {
		s.engineFree(e.native)
		return nil, err
	}
	return e, nil
}

func (e *Engine) describe() error {
	s := e.lib.shim
	for i := range s.engineTensors(e.native) {
		var c tensorC
		if err := fault(s.engineTensor(e.native, i, &c), nil); err != nil {
			return err
		}
		name, _, _ := strings.Cut(string(c.name[:]), "\x00")
		e.tensors = append(e.tensors, Tensor{Name: name, Input: c.input != 0, Type: elementName(c.dtype), Shape: c.shape.slice()})
	}
	for p := range s.profiles(e.native) {
		profile := Profile{}
		for i, t := range e.tensors {
			if !t.Input || !slices.Contains(t.Shape, -1) {
				continue
			}
			var low, best, high shapeC
			if err := fault(s.engineRange(e.native, int32(i), p, &low, &best, &high), nil); err != nil {
				return err
			}
			profile[t.Name] = Range{low.slice(), best.slice(), high.slice()}
		}
		e.profiles = append(e.profiles, profile)
	}
	return nil
}

func elementName(kind int32) string {
	names := map[int32]string{0: "float32", 1: "float16", 2: "int8", 3: "int32", 5: "uint8", 8: "int64"}
	if n, ok := names[kind]; ok {
		return n
	}
	return fmt.Sprintf("other(%d)", kind)
}

// Library is what the engine runs on.
func (e *Engine) Library() *Library { return e.lib }

// Tensors describes the inputs and outputs in the plan's order. The slice is the engine's: do not write to it.
func (e *Engine) Tensors() []Tensor { return e.tensors }

// Profiles are the ranges of shapes that the plan takes. The slice is the engine's: do not write to it.
func (e *Engine) Profiles() []Profile { return e.profiles }

// jit are the kernels compiled so far; nil where the library compiles none at run time.
func (e *Engine) jit() ([]byte, error) {
	var blob uintptr
	var text [1024]byte
	s := e.lib.shim
	if err := fault(s.engineJIT(e.native, &blob, &text[0], int32(len(text))), text[:]); err != nil {
		return nil, err
	}
	return s.blob(blob), nil
}

// warm runs each profile once, at its best shape, on zeros.
func (e *Engine) warm() error {
	profiles := e.profiles
	if len(profiles) == 0 {
		profiles = []Profile{nil} // no free dimension
	}
	for _, p := range profiles {
		shapes := map[string][]int64{}
		for name, r := range p {
			shapes[name] = r.Opt
		}
		s, err := e.NewSession(shapes)
		if err != nil {
			return err
		}
		for _, t := range e.tensors {
			clear(s.Data(t.Name))
		}
		if err := errors.Join(s.Run(context.Background()), s.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Close refuses new sessions at once; the native engine goes with the last open session. Safe to call twice.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	e.releaseIfUnused()
	return nil
}

func (e *Engine) acquire() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return fmt.Errorf("%w: engine", ErrClosed)
	}
	e.sessions++
	return nil
}

func (e *Engine) done() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sessions--
	e.releaseIfUnused()
}

func (e *Engine) releaseIfUnused() {
	if e.closed && e.sessions == 0 && e.native != 0 {
		e.lib.shim.engineFree(e.native)
		e.native = 0
	}
}
