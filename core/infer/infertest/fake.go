package infertest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ksamenet/ksamenet/core/infer"
)

// ErrShared says that a session was used by two goroutines at once, a bug of the code under test.
var ErrShared = errors.New("infertest: session used by two goroutines at once")

// Step is what one Run of a Fake does, in this order: wait, fail, write.
type Step struct {
	Delay time.Duration // a context that ends meanwhile ends the Run with its error
	Err   error         // returned by Run; nothing is written
	// Outputs are written to the outputs of these names; a length other than the tensor's is ErrShape.
	Outputs map[string][]float32
	// NaN names outputs that are filled with NaN, after Outputs.
	NaN []string
}

// Fake is an infer.Engine without a model: its outputs come from a script, then from Compute. Outputs that neither
// writes are zero. Set the fields before the first session; the methods are safe for concurrent use.
type Fake struct {
	// Compute fills the outputs from the inputs on each Run that has no step of the script. Nil leaves zeros.
	Compute func(s infer.Session) error
	// OutputShapes gives the shapes of outputs for input shapes, also wrong ones to test a stage with. Outputs that it
	// does not name, or all when it is nil, have their own shape, a free dimension being the first input's at that index.
	OutputShapes func(inputs map[string][]int64) map[string][]int64
	SessionErr   error // returned by NewSession when set
	ReshapeErr   error // returned by Reshape to other shapes when set

	tensors []infer.Tensor

	mu     sync.Mutex
	script []Step
	always *Step
	runs   int
	open   int
	closed bool
}

var _ infer.Engine = (*Fake)(nil)

// NewFake makes an engine with these inputs and outputs.
func NewFake(tensors ...infer.Tensor) *Fake { return &Fake{tensors: tensors} }

// Input describes a float32 input; -1 is a free dimension.
func Input(name string, shape ...int64) infer.Tensor {
	return infer.Tensor{Name: name, Input: true, Type: infer.Float32, Shape: shape}
}

// Output describes a float32 output; -1 is a free dimension.
func Output(name string, shape ...int64) infer.Tensor {
	return infer.Tensor{Name: name, Type: infer.Float32, Shape: shape}
}

// Script appends steps; each Run of any session takes one, in order.
func (f *Fake) Script(steps ...Step) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script = append(f.script, steps...)
}

// Always sets the step of every Run after the script's end, in place of Compute.
func (f *Fake) Always(s Step) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.always = &s
}

// Runs counts the Runs that began, failed ones included.
func (f *Fake) Runs() int { f.mu.Lock(); defer f.mu.Unlock(); return f.runs }

// OpenSessions counts sessions that are not closed: 0 at the end of a test without leaks.
func (f *Fake) OpenSessions() int { f.mu.Lock(); defer f.mu.Unlock(); return f.open }

// Closed says whether Close was called.
func (f *Fake) Closed() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.closed }

// Info names the backend "fake".
func (f *Fake) Info() infer.Info { return infer.Info{Backend: "fake", Version: "0", Device: "none"} }

// Tensors returns what NewFake was given.
func (f *Fake) Tensors() []infer.Tensor { return slices.Clone(f.tensors) }

// Close makes further NewSession calls fail with ErrClosed.
func (f *Fake) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	return nil
}

// NewSession checks the shapes as a real backend does.
func (f *Fake) NewSession(shapes map[string][]int64) (infer.Session, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, fmt.Errorf("%w: engine", infer.ErrClosed)
	}
	if f.SessionErr != nil {
		return nil, f.SessionErr
	}
	s := &fakeSession{fake: f}
	if err := s.fit(shapes); err != nil {
		return nil, err
	}
	f.open++
	return s, nil
}

// next is the step of this Run; nil stands for Compute.
func (f *Fake) next() *Step {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.runs++
	if len(f.script) > 0 {
		st := f.script[0]
		f.script = f.script[1:]
		return &st
	}
	return f.always
}

type fakeTensor struct {
	data  []float32
	shape []int64
}

type fakeSession struct {
	fake    *Fake
	tensors map[string]fakeTensor
	busy    atomic.Bool
	closed  bool
}

// fit replaces the tensors by ones of the asked shapes, or leaves them and returns an error.
func (s *fakeSession) fit(asked map[string][]int64) error {
	inputs := map[string][]int64{}
	var first []int64
	for _, t := range s.fake.tensors {
		if !t.Input {
			continue
		}
		shape, given := asked[t.Name]
		if !given {
			shape = t.Shape
			if had := s.tensors[t.Name].shape; had != nil {
				shape = had
			}
		}
		if len(shape) != len(t.Shape) {
			return fmt.Errorf("%w: %s is %v, got %v", infer.ErrShape, t.Name, t.Shape, shape)
		}
		for i, d := range t.Shape {
			if shape[i] < 1 || d >= 0 && shape[i] != d {
				return fmt.Errorf("%w: %s is %v, got %v", infer.ErrShape, t.Name, t.Shape, shape)
			}
		}
		inputs[t.Name] = slices.Clone(shape)
		if first == nil {
			first = shape
		}
	}
	for name := range asked {
		if inputs[name] == nil {
			return fmt.Errorf("%w: no input %q", infer.ErrShape, name)
		}
	}
	var outputs map[string][]int64
	if s.fake.OutputShapes != nil {
		outputs = s.fake.OutputShapes(inputs)
	}
	next := map[string]fakeTensor{}
	for _, t := range s.fake.tensors {
		shape := inputs[t.Name]
		if !t.Input {
			if shape = slices.Clone(outputs[t.Name]); shape == nil {
				shape = slices.Clone(t.Shape)
				for i, d := range shape {
					if d < 0 && i < len(first) {
						shape[i] = first[i]
					}
				}
			}
		}
		n := int64(1)
		for _, d := range shape {
			if d < 0 {
				return fmt.Errorf("%w: %s: %v is not settled", infer.ErrShape, t.Name, shape)
			}
			n *= d
		}
		next[t.Name] = fakeTensor{make([]float32, n), shape}
	}
	s.tensors = next
	return nil
}

func (s *fakeSession) Data(name string) []float32 { return s.tensors[name].data }
func (s *fakeSession) Shape(name string) []int64  { return s.tensors[name].shape }

func (s *fakeSession) Reshape(shapes map[string][]int64) error {
	if s.closed {
		return fmt.Errorf("%w: session", infer.ErrClosed)
	}
	for name, shape := range shapes {
		if t, ok := s.tensors[name]; !ok || !slices.Equal(t.shape, shape) {
			if s.fake.ReshapeErr != nil {
				return s.fake.ReshapeErr
			}
			return s.fit(shapes)
		}
	}
	return nil
}

func (s *fakeSession) Run(ctx context.Context) error {
	if s.closed {
		return fmt.Errorf("%w: session", infer.ErrClosed)
	}
	if !s.busy.CompareAndSwap(false, true) {
		return ErrShared
	}
	defer s.busy.Store(false)
	if err := ctx.Err(); err != nil {
		return err
	}
	st := s.fake.next()
	if st == nil {
		s.clearOutputs()
		if s.fake.Compute != nil {
			return s.fake.Compute(s)
		}
		return nil
	}
	if st.Delay > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(st.Delay):
		}
	}
	if st.Err != nil {
		return st.Err
	}
	s.clearOutputs()
	for name, values := range st.Outputs {
		t, ok := s.tensors[name]
		if !ok || len(values) != len(t.data) {
			return fmt.Errorf("%w: the script writes %d values to %q, which has shape %v", infer.ErrShape, len(values), name, t.shape)
		}
		copy(t.data, values)
	}
	for _, name := range st.NaN {
		t, ok := s.tensors[name]
		if !ok {
			return fmt.Errorf("%w: the script poisons %q, which does not exist", infer.ErrShape, name)
		}
		for i := range t.data {
			t.data[i] = float32(math.NaN())
		}
	}
	return nil
}

func (s *fakeSession) clearOutputs() {
	for _, t := range s.fake.tensors {
		if !t.Input {
			clear(s.tensors[t.Name].data)
		}
	}
}

func (s *fakeSession) Close() error {
	if s.closed {
		return nil
	}
	s.closed, s.tensors = true, nil
	s.fake.mu.Lock()
	defer s.fake.mu.Unlock()
	s.fake.open--
	return nil
}

// Backend makes open answer to Options.Backend == name until the test ends, for code that calls infer.Open itself.
func Backend(t testing.TB, name string, open infer.Opener) {
	t.Helper()
	remove, err := infer.Register(name, open)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remove)
}
