package trt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Session owns the buffers of one inference, a stream and an execution context. One goroutine at a time.
type Session struct {
	engine *Engine
	native uintptr // ksn_ctx*
	// Text of a failed run: C writes to it through an address that is kept between calls, so it is not Go's memory.
	text   []byte
	args   []uintptr // of ksn_ctx_run; C addresses only
	bound  map[string]bound
	closed bool
}

type bound struct {
	data   []float32 // pinned memory of the driver
	shape  []int64
	device uint64
}

const textBytes = 1024

// NewSession makes a session for the given input shapes. Inputs without a free dimension may be left out.
// Errors: ErrClosed, ErrShape, ErrDevice; ErrModel when an input or output is not float32.
func (e *Engine) NewSession(shapes map[string][]int64) (*Session, error) {
	for _, t := range e.tensors {
		if t.Type != "float32" {
			return nil, fmt.Errorf("%w: %s is %s; sessions exchange float32 only", ErrModel, t.Name, t.Type)
		}
	}
	if err := e.acquire(); err != nil {
		return nil, err
	}
	s := &Session{engine: e, bound: map[string]bound{}}
	var err error
	if s.text, err = syscall.Mmap(-1, 0, textBytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE); err == nil {
		err = fault(e.lib.shim.ctxCreate(e.native, &s.native, &s.text[0], textBytes), s.text)
	}
	if err == nil {
		s.args = []uintptr{s.native, uintptr(unsafe.Pointer(&s.text[0])), textBytes}
		err = s.Reshape(shapes)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Data is the memory of a tensor, valid until Reshape or Close; nil for an unknown name.
func (s *Session) Data(name string) []float32 { return s.bound[name].data }

// Shape is the present shape of a tensor; nil for an unknown name. Do not write to it.
func (s *Session) Shape(name string) []int64 { return s.bound[name].shape }

// Device is the address of a tensor's memory on the GPU, as large as Data; 0 for an unknown name.
func (s *Session) Device(name string) uint64 { return s.bound[name].device }

// Reshape changes input shapes; an input left out keeps its shape. Contents of all tensors are undefined afterwards,
// unless nothing changed. On ErrShape and ErrDevice the session stays as it was.
func (s *Session) Reshape(shapes map[string][]int64) error {
	if s.closed {
		return fmt.Errorf("%w: session", ErrClosed)
	}
	if s.same(shapes) {
		return nil
	}
	profile, all, err := s.settle(shapes)
	if err != nil {
		return err
	}
	shim := s.engine.lib.shim
	if err := fault(shim.ctxReshape(s.native, int32(profile), unsafe.SliceData(all), int32(len(all)), &s.text[0], textBytes), s.text); err != nil {
		return err
	}
	next := map[string]bound{}
	for i, t := range s.engine.tensors {
		var b bufferC
		if err := fault(shim.ctxBuffer(s.native, int32(i), &b), nil); err != nil {
			return err
		}
		next[t.Name] = bound{data: floats(b.host, b.bytes), shape: b.shape.slice(), device: b.device}
	}
	s.bound = next
	return nil
}

// floats is C's memory as a slice.
func floats(host uintptr, bytes int64) []float32 {
	if host == 0 || bytes == 0 {
		return []float32{}
	}
	// Page-locked memory of the driver, at least bytes long and aligned to more than 4.
	return unsafe.Slice((*float32)(pointer(host)), bytes/4)
}

// same says that the session has these shapes already.
func (s *Session) same(shapes map[string][]int64) bool {
	if len(s.bound) == 0 {
		return false
	}
	for name, shape := range shapes {
		if b, ok := s.bound[name]; !ok || !s.engine.input(name) || !slices.Equal(b.shape, shape) {
			return false
		}
	}
	return true
}

func (e *Engine) input(name string) bool {
	return slices.ContainsFunc(e.tensors, func(t Tensor) bool { return t.Input && t.Name == name })
}

// settle checks the asked shapes, fills in those left out, and picks the profile: the tightest that takes them all.
func (s *Session) settle(asked map[string][]int64) (int, []shapeC, error) {
	e := s.engine
	for name := range asked {
		if !e.input(name) {
			return 0, nil, fmt.Errorf("%w: the model has no input %q", ErrShape, name)
		}
	}
	all := make([]shapeC, len(e.tensors))
	shapes := map[string][]int64{}
	for i, t := range e.tensors {
		if !t.Input {
			continue
		}
		shape, given := asked[t.Name]
		if !given {
			if shape = t.Shape; s.bound[t.Name].shape != nil {
				shape = s.bound[t.Name].shape
			}
		}
		if len(shape) != len(t.Shape) {
			return 0, nil, fmt.Errorf("%w: %s has %d dimensions %v, got %v", ErrShape, t.Name, len(t.Shape), t.Shape, shape)
		}
		for k, want := range t.Shape {
			if shape[k] < 1 || want >= 0 && shape[k] != want {
				return 0, nil, fmt.Errorf("%w: %s is %v, got %v", ErrShape, t.Name, t.Shape, shape)
			}
		}
		all[i], shapes[t.Name] = toShape(shape), shape
	}
	best, volume := -1, int64(0)
	for p, profile := range e.profiles {
		if v, ok := profile.takes(shapes); ok && (best < 0 || v < volume) {
			best, volume = p, v
		}
	}
	if best < 0 && len(e.profiles) > 0 {
		return 0, nil, fmt.Errorf("%w: %v is outside what the plan was built for: %v", ErrShape, shapes, e.profiles)
	}
	return max(best, 0), all, nil
}

// takes says whether all shapes are within the profile, and how large its largest inputs are.
func (p Profile) takes(shapes map[string][]int64) (volume int64, ok bool) {
	for name, r := range p {
		v := int64(1)
		for k, d := range shapes[name] {
			if d < r.Min[k] || d > r.Max[k] {
				return 0, false
			}
			v *= r.Max[k]
		}
		volume += v
	}
	return volume, true
}

// Run computes the outputs. TensorRT cannot be interrupted: the context is looked at before it starts.
func (s *Session) Run(ctx context.Context) error {
	if s.closed {
		return fmt.Errorf("%w: session", ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	status, _, _ := purego.SyscallN(s.engine.lib.shim.ctxRun, s.args...)
	// C's int is 32 bits: the upper half of the register is undefined.
	return fault(int32(status), s.text)
}

// RunDevice computes on the caller's memory on the GPU: one address for each tensor, each as large as Data. On a CUstream
// of the caller's it returns when the work is queued, and the caller waits; with stream 0 it returns when it is done.
// A host that has pictures on the GPU needs no copy this way. Errors as Run's.
func (s *Session) RunDevice(ctx context.Context, addresses map[string]uint64, stream uintptr) error {
	if s.closed {
		return fmt.Errorf("%w: session", ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	all := make([]uint64, len(s.engine.tensors))
	for i, t := range s.engine.tensors {
		if all[i] = addresses[t.Name]; all[i] == 0 {
			return fmt.Errorf("%w: no address for %s", ErrShape, t.Name)
		}
	}
	return fault(s.engine.lib.shim.ctxRunDevice(s.native, &all[0], int32(len(all)), stream, &s.text[0], textBytes), s.text)
}

// Close frees the buffers; slices from Data are invalid from here on. Safe to call twice.
func (s *Session) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	s.bound = nil
	s.engine.lib.shim.ctxFree(s.native)
	s.engine.done()
	if s.text == nil {
		return nil
	}
	return syscall.Munmap(s.text)
}
