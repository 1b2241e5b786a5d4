package ort

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"syscall"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Session owns the buffers of one inference. It belongs to one goroutine at a time.
type Session struct {
	model      *Model
	bound      *bound
	options    uintptr   // OrtRunOptions*
	args       []uintptr // of RunWithBinding; C addresses only
	terminate  func()    // made once, so that Run allocates for the context's sake only
	terminated chan struct{}
	closed     bool
}

// bound is a set of tensors of settled shape, tied to the model.
type bound struct {
	binding uintptr // OrtIoBinding*
	tensors map[string]*tensor
}

// tensor is anonymous mapped memory with an OrtValue over it. ORT keeps the address between calls, so Go's heap will not
// do: pinning for a session's life panics the process when a Pinner is collected first.
type tensor struct {
	raw   []byte // the whole mapping, at least as long as the tensor
	data  []float32
	shape []int64
	value uintptr // OrtValue*
}

// NewSession makes a session for the given input shapes. Inputs without a free dimension may be left out.
// Errors: ErrClosed, ErrShape; ErrModel when an input or output is not float32.
func (m *Model) NewSession(shapes map[string][]int64) (*Session, error) {
	for _, t := range m.tensors {
		if t.Type != "float32" {
			return nil, fmt.Errorf("%w: %s is %s; sessions exchange float32 only", ErrModel, t.Name, t.Type)
		}
	}
	if err := m.acquire(); err != nil {
		return nil, err
	}
	s := &Session{model: m, bound: &bound{}, terminated: make(chan struct{}, 1)}
	s.terminate = func() {
		// It cannot fail for valid options, and Run learns of the end from its context in any case.
		_ = m.lib.api.call(slotRunOptionsSetTerminate, s.options)
		s.terminated <- struct{}{}
	}
	err := m.lib.api.call(slotCreateRunOptions, uintptr(unsafe.Pointer(&s.options)))
	if err == nil {
		err = s.Reshape(shapes)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Data is the memory of a tensor, valid until Reshape or Close; nil for an unknown name.
func (s *Session) Data(name string) []float32 {
	if t := s.bound.tensors[name]; t != nil {
		return t.data
	}
	return nil
}

// Shape is the present shape of a tensor; nil for an unknown name. Do not write to it.
func (s *Session) Shape(name string) []int64 {
	if t := s.bound.tensors[name]; t != nil {
		return t.shape
	}
	return nil
}

// Reshape changes input shapes; an input left out keeps its shape. Contents of all tensors are undefined afterwards,
// unless nothing changed. On an error the session stays as it was.
func (s *Session) Reshape(shapes map[string][]int64) error {
	if s.closed {
		return fmt.Errorf("%w: session", ErrClosed)
	}
	if s.same(shapes) {
		return nil
	}
	asked := s.bound.inputShapes(s.model.tensors)
	maps.Copy(asked, shapes)
	all, unknown, err := resolve(s.model.tensors, asked)
	if err != nil {
		return err
	}
	next := &bound{tensors: map[string]*tensor{}}
	if err := s.build(next, all, unknown); err != nil {
		s.discard(next, s.bound)
		return err
	}
	s.discard(s.bound, next)
	s.bound = next
	s.args = []uintptr{s.model.native, s.options, next.binding}
	return nil
}

// same says that the session has these shapes already.
func (s *Session) same(shapes map[string][]int64) bool {
	if s.bound.binding == 0 {
		return false
	}
	for name, shape := range shapes {
		if t := s.bound.tensors[name]; t == nil || !s.model.input(name) || !slices.Equal(t.shape, shape) {
			return false
		}
	}
	return true
}

func (m *Model) input(name string) bool {
	return slices.ContainsFunc(m.tensors, func(t Tensor) bool { return t.Input && t.Name == name })
}

// build fills next with tensors of the given shapes, after discovering the unknown ones.
func (s *Session) build(next *bound, all map[string][]int64, unknown []string) error {
	m, a := s.model, &s.model.lib.api
	if err := a.call(slotCreateIoBinding, m.native, uintptr(unsafe.Pointer(&next.binding))); err != nil {
		return err
	}
	add := func(t Tensor, slot int) error {
		if err := s.make(next, t.Name, all[t.Name]); err != nil {
			return err
		}
		return a.call(slot, next.binding, uintptr(unsafe.Pointer(cString(t.Name))), next.tensors[t.Name].value)
	}
	for _, t := range m.tensors {
		if t.Input {
			if err := add(t, slotBindInput); err != nil {
				return err
			}
		}
	}
	if len(unknown) > 0 {
		found, err := s.settle(next, all, unknown)
		if err != nil {
			return err
		}
		maps.Copy(all, found)
	}
	for _, t := range m.tensors {
		if !t.Input {
			if err := add(t, slotBindOutput); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle gives the shapes of the unknown outputs, from an earlier session of the same input shapes or by a discovery run.
func (s *Session) settle(next *bound, all map[string][]int64, unknown []string) (map[string][]int64, error) {
	m := s.model
	key := shapesKey(m.tensors, all)
	m.mu.Lock()
	found := m.settled[key]
	m.mu.Unlock()
	if knows(found, unknown) {
		return found, nil
	}
	found, err := s.discover(next, unknown)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.settled[key] = found
	m.mu.Unlock()
	return found, nil
}

// knows says that found holds a shape for each of names.
func knows(found map[string][]int64, names []string) bool {
	return !slices.ContainsFunc(names, func(n string) bool { return found[n] == nil })
}

// make adds a tensor to next, in the present memory of that name where it is large enough.
func (s *Session) make(next *bound, name string, shape []int64) error {
	n, err := elements(name, shape)
	if err != nil {
		return err
	}
	t := &tensor{shape: shape}
	if old := s.bound.tensors[name]; old != nil && int64(len(old.raw)) >= 4*n {
		t.raw = old.raw
	} else if t.raw, err = syscall.Mmap(-1, 0, int(4*n), syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE); err != nil {
		return fmt.Errorf("onnxruntime: %d bytes for %s: %w", 4*n, name, err)
	}
	next.tensors[name] = t
	// The mapping is page-aligned and at least 4*n bytes long.
	t.data = unsafe.Slice((*float32)(unsafe.Pointer(&t.raw[0])), n)
	a := &s.model.lib.api
	return a.call(slotCreateTensorWithDataAsOrtValue, a.mem, uintptr(unsafe.Pointer(&t.raw[0])), uintptr(4*n),
		uintptr(unsafe.Pointer(unsafe.SliceData(shape))), uintptr(len(shape)), elementFloat32, uintptr(unsafe.Pointer(&t.value)))
}

// discard frees a set of tensors, less the memory that the kept set shares.
func (s *Session) discard(b, kept *bound) {
	a := &s.model.lib.api
	a.release(slotReleaseIoBinding, b.binding)
	for name, t := range b.tensors {
		a.release(slotReleaseValue, t.value)
		if k := kept.tensors[name]; t.raw != nil && (k == nil || &k.raw[0] != &t.raw[0]) {
			// Munmap of a whole mapping that this package made cannot fail.
			_ = syscall.Munmap(t.raw)
		}
	}
	*b = bound{}
}

func (b *bound) inputShapes(ts []Tensor) map[string][]int64 {
	shapes := map[string][]int64{}
	for _, t := range ts {
		if v := b.tensors[t.Name]; v != nil && t.Input {
			shapes[t.Name] = v.shape
		}
	}
	return shapes
}

func (b *bound) shapes() map[string][]int64 {
	shapes := map[string][]int64{}
	for name, t := range b.tensors {
		shapes[name] = t.shape
	}
	return shapes
}

// Run computes the outputs. A context that ends meanwhile stops the run between two nodes of the graph; its error is
// returned, the outputs are undefined and the session stays usable. Without a cancellable context Run allocates nothing.
func (s *Session) Run(ctx context.Context) error {
	if s.closed {
		return fmt.Errorf("%w: session", ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if ctx.Done() == nil {
		return s.run()
	}
	stop := context.AfterFunc(ctx, s.terminate)
	err := s.run()
	if stop() {
		return err
	}
	// The flag is up or about to go up: wait for it, or it would end the next run instead of this one.
	<-s.terminated
	if e := s.model.lib.api.call(slotRunOptionsUnsetTerminate, s.options); e != nil {
		return e
	}
	return ctx.Err()
}

func (s *Session) run() error {
	a := &s.model.lib.api
	st, _, _ := purego.SyscallN(a.slot[slotRunWithBinding], s.args...)
	if st == 0 {
		return nil
	}
	err := a.status(st)
	var native *Error
	if errors.As(err, &native) && native.Code == codeInvalidArgument {
		return fmt.Errorf("%w: %w", ErrShape, err)
	}
	return err
}

// Close frees the buffers; slices from Data are invalid from here on. Safe to call twice.
func (s *Session) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	s.discard(s.bound, &bound{})
	s.model.lib.api.release(slotReleaseRunOptions, s.options)
	s.model.done()
	return nil
}
