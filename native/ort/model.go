package ort

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"unsafe"
)

// Tensor describes an input or output of a model.
type Tensor struct {
	Name  string
	Input bool
	Type  string  // "float32", "float16", "int8", "uint8", "int32", "int64", or "other(n)" with ONNX's number
	Shape []int64 // -1 = free
	// Symbols names the free dimensions, "" where a dimension is fixed or nameless.
	Symbols []string
}

// Model is a loaded model. It is safe for concurrent use; its native session is shared by all Sessions.
type Model struct {
	lib      *Library
	native   uintptr // OrtSession*
	tensors  []Tensor
	metadata map[string]string

	mu       sync.Mutex
	closed   bool
	sessions int
	settled  map[string]map[string][]int64 // discovered output shapes, by the text of the input shapes
}

// Options tune a model.
type Options struct {
	Threads  int    // size of the model's own pool, at least 1
	Provider string // "": the CPU; "cuda", "tensorrt": what a GPU build of ONNX Runtime brings. Inputs and outputs stay in main memory
}

// Open makes a model of an ONNX file's bytes; the bytes are not kept. Errors of the model wrap ErrModel, those of a provider
// that this library or machine does not have wrap ErrProvider.
func (l *Library) Open(model []byte, o Options) (*Model, error) {
	if len(model) == 0 {
		return nil, fmt.Errorf("%w: empty", ErrModel)
	}
	a := &l.api
	var opts uintptr
	if err := a.call(slotCreateSessionOptions, uintptr(unsafe.Pointer(&opts))); err != nil {
		return nil, err
	}
	defer a.release(slotReleaseSessionOptions, opts)
	if err := errors.Join(
		a.call(slotSetIntraOpNumThreads, opts, uintptr(max(1, o.Threads))),
		a.call(slotSetInterOpNumThreads, opts, 1),
		a.call(slotSetSessionGraphOptimizationLevel, opts, optimizeAll),
		// Spinning threads burn half as much CPU again between runs, which the rest of a pipeline needs.
		a.call(slotAddSessionConfigEntry, opts,
			uintptr(unsafe.Pointer(cString("session.intra_op.allow_spinning"))), uintptr(unsafe.Pointer(cString("0")))),
	); err != nil {
		return nil, err
	}
	if err := a.addProvider(opts, o.Provider); err != nil {
		return nil, err
	}
	m := &Model{lib: l, settled: map[string]map[string][]int64{}}
	err := a.call(slotCreateSessionFromArray, a.env, uintptr(unsafe.Pointer(&model[0])), uintptr(len(model)), opts,
		uintptr(unsafe.Pointer(&m.native)))
	runtime.KeepAlive(model)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	if err := m.describe(); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrModel, err), m.Close())
	}
	return m, nil
}

// describe reads the inputs, outputs and metadata.
func (m *Model) describe() error {
	ins, err := m.side(true, slotSessionGetInputCount, slotSessionGetInputName, slotSessionGetInputTypeInfo)
	if err != nil {
		return err
	}
	outs, err := m.side(false, slotSessionGetOutputCount, slotSessionGetOutputName, slotSessionGetOutputTypeInfo)
	if err != nil {
		return err
	}
	m.tensors = append(ins, outs...)
	m.metadata, err = m.readMetadata()
	return err
}

func (m *Model) side(input bool, count, name, typeInfo int) ([]Tensor, error) {
	a := &m.lib.api
	var n uintptr
	if err := a.call(count, m.native, uintptr(unsafe.Pointer(&n))); err != nil {
		return nil, err
	}
	ts := make([]Tensor, n)
	for i := range ts {
		var text, info uintptr
		if err := a.call(name, m.native, uintptr(i), a.alloc, uintptr(unsafe.Pointer(&text))); err != nil {
			return nil, err
		}
		ts[i].Name, ts[i].Input = a.allocated(text), input
		if err := a.call(typeInfo, m.native, uintptr(i), uintptr(unsafe.Pointer(&info))); err != nil {
			return nil, err
		}
		err := a.fillType(&ts[i], info)
		a.release(slotReleaseTypeInfo, info)
		if err != nil {
			return nil, err
		}
	}
	return ts, nil
}

// fillType reads element type and shape out of an OrtTypeInfo.
func (a *api) fillType(t *Tensor, info uintptr) error {
	var tensor uintptr // belongs to info
	if err := a.call(slotCastTypeInfoToTensorInfo, info, uintptr(unsafe.Pointer(&tensor))); err != nil {
		return err
	}
	if tensor == 0 {
		return fmt.Errorf("%s is not a tensor", t.Name)
	}
	var kind int32
	if err := a.call(slotGetTensorElementType, tensor, uintptr(unsafe.Pointer(&kind))); err != nil {
		return err
	}
	t.Type = elementName(kind)
	shape, err := a.dims(tensor)
	if err != nil || len(shape) == 0 {
		return err
	}
	t.Shape, t.Symbols = shape, make([]string, len(shape))
	names := make([]uintptr, len(shape)) // belong to info
	if err := a.call(slotGetSymbolicDimensions, tensor, uintptr(unsafe.Pointer(&names[0])), uintptr(len(names))); err != nil {
		return err
	}
	for i, p := range names {
		t.Symbols[i] = goString(p)
	}
	return nil
}

// dims reads the dimensions of an OrtTensorTypeAndShapeInfo.
func (a *api) dims(info uintptr) ([]int64, error) {
	var n uintptr
	if err := a.call(slotGetDimensionsCount, info, uintptr(unsafe.Pointer(&n))); err != nil || n == 0 {
		return nil, err
	}
	d := make([]int64, n)
	return d, a.call(slotGetDimensions, info, uintptr(unsafe.Pointer(&d[0])), n)
}

func elementName(kind int32) string {
	switch kind {
	case elementFloat32:
		return "float32"
	case elementFloat16:
		return "float16"
	case elementInt8:
		return "int8"
	case elementUint8:
		return "uint8"
	case elementInt32:
		return "int32"
	case elementInt64:
		return "int64"
	}
	return fmt.Sprintf("other(%d)", kind)
}

func (m *Model) readMetadata() (map[string]string, error) {
	a := &m.lib.api
	var meta, keys uintptr
	var n int64
	if err := a.call(slotSessionGetModelMetadata, m.native, uintptr(unsafe.Pointer(&meta))); err != nil {
		return nil, err
	}
	defer a.release(slotReleaseModelMetadata, meta)
	if err := a.call(slotModelMetadataGetCustomMetadataKey, meta, a.alloc, uintptr(unsafe.Pointer(&keys)),
		uintptr(unsafe.Pointer(&n))); err != nil {
		return nil, err
	}
	out := map[string]string{}
	if keys == 0 {
		return out, nil
	}
	for _, k := range unsafe.Slice((*uintptr)(pointer(keys)), n) {
		key := a.allocated(k)
		var value uintptr
		if err := a.call(slotModelMetadataLookupCustomMetadata, meta, a.alloc, uintptr(unsafe.Pointer(cString(key))),
			uintptr(unsafe.Pointer(&value))); err != nil {
			return nil, err
		}
		out[key] = a.allocated(value)
	}
	return out, a.call(slotAllocatorFree, a.alloc, keys)
}

// Library is the runtime that the model lives in.
func (m *Model) Library() *Library { return m.lib }

// Tensors describes inputs, then outputs, in the model's order. The slice is the model's: do not write to it.
func (m *Model) Tensors() []Tensor { return m.tensors }

// Metadata is the file's metadata_props. The map is the model's: do not write to it.
func (m *Model) Metadata() map[string]string { return m.metadata }

// Close refuses new sessions at once; the native model goes with the last open session. Safe to call twice.
func (m *Model) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.releaseIfUnused()
	return nil
}

// acquire counts a session in.
func (m *Model) acquire() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return fmt.Errorf("%w: model", ErrClosed)
	}
	m.sessions++
	return nil
}

func (m *Model) done() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions--
	m.releaseIfUnused()
}

// releaseIfUnused is called with mu held.
func (m *Model) releaseIfUnused() {
	if m.closed && m.sessions == 0 {
		m.lib.api.release(slotReleaseSession, m.native)
		m.native = 0
	}
}

func shapesKey(ts []Tensor, shapes map[string][]int64) string {
	var b strings.Builder
	for _, t := range ts {
		if t.Input {
			fmt.Fprintf(&b, "%v;", shapes[t.Name])
		}
	}
	return b.String()
}
