package ort

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"unsafe"
)

// maxTensorBytes bounds one tensor: a wild shape is an error here, not an out-of-memory kill later.
const maxTensorBytes = 1 << 32

// resolve checks the asked input shapes against the model and gives the shape of every tensor; outputs that the
// symbols do not settle are listed in unknown and absent from the map.
func resolve(ts []Tensor, asked map[string][]int64) (all map[string][]int64, unknown []string, err error) {
	all = map[string][]int64{}
	symbols := map[string]int64{}
	for _, t := range ts {
		if !t.Input {
			continue
		}
		shape, given := asked[t.Name]
		if !given {
			shape = t.Shape
		}
		if len(shape) != len(t.Shape) {
			return nil, nil, fmt.Errorf("%w: %s has %d dimensions %v, got %v", ErrShape, t.Name, len(t.Shape), t.Shape, shape)
		}
		for i, want := range t.Shape {
			switch got := shape[i]; {
			case got < 1:
				return nil, nil, fmt.Errorf("%w: %s: dimension %d (%s) of %v must be given", ErrShape, t.Name, i, t.Symbols[i], shape)
			case want >= 0 && got != want:
				return nil, nil, fmt.Errorf("%w: %s is %v, got %v", ErrShape, t.Name, t.Shape, shape)
			case want < 0 && t.Symbols[i] != "":
				if other, seen := symbols[t.Symbols[i]]; seen && other != got {
					return nil, nil, fmt.Errorf("%w: %s: dimension %s is %d, another input has %d", ErrShape, t.Name, t.Symbols[i], got, other)
				}
				symbols[t.Symbols[i]] = got
			}
		}
		all[t.Name] = slices.Clone(shape)
	}
	for name := range asked {
		if all[name] == nil && !slices.ContainsFunc(ts, func(t Tensor) bool { return t.Input && t.Name == name }) {
			return nil, nil, fmt.Errorf("%w: the model has no input %q", ErrShape, name)
		}
	}
	for _, t := range ts {
		if t.Input {
			continue
		}
		shape, known := slices.Clone(t.Shape), true
		for i, d := range shape {
			if d < 0 {
				shape[i] = symbols[t.Symbols[i]] // 0 for a symbol that no input has
			}
			known = known && shape[i] > 0
		}
		if !known {
			unknown = append(unknown, t.Name)
			continue
		}
		all[t.Name] = shape
	}
	return all, unknown, nil
}

// Foretell says which shapes the outputs have for these inputs, where the model's symbols do not: sessions then need no run to find
// out. A Run that wants others fails with ErrShape. What inputs leave out is fixed in the model.
func (m *Model) Foretell(inputs, outputs map[string][]int64) {
	all := maps.Clone(inputs)
	for _, t := range m.tensors {
		if t.Input && all[t.Name] == nil {
			all[t.Name] = t.Shape
		}
	}
	found := map[string][]int64{}
	for _, t := range m.tensors {
		if shape := outputs[t.Name]; !t.Input && shape != nil {
			found[t.Name] = slices.Clone(shape)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if key := shapesKey(m.tensors, all); m.settled[key] == nil {
		m.settled[key] = found
	}
}

// elements is the number of elements of a shape, bounded.
func elements(name string, shape []int64) (int64, error) {
	n := int64(1)
	for _, d := range shape {
		if d < 1 || n > maxTensorBytes/4/d {
			return 0, fmt.Errorf("%w: %s: %v", ErrShape, name, shape)
		}
		n *= d
	}
	return n, nil
}

// discover runs the model once, ORT choosing the outputs' memory, and reads the shapes of the named outputs. Inputs are
// read as they are; their memory is the new session's, so mostly zero. An output whose shape depends on values rather
// than shapes is thus bound to one of its shapes; a Run that wants another fails with ErrShape.
func (s *Session) discover(next *bound, names []string) (map[string][]int64, error) {
	a := &s.model.lib.api
	var inNames, inValues []uintptr
	// ORT reads the names through an array, pointers inside Go memory: pinned, for this call only.
	var pin runtime.Pinner
	defer pin.Unpin()
	cName := func(name string) uintptr {
		b := cString(name)
		pin.Pin(b)
		return uintptr(unsafe.Pointer(b))
	}
	for _, t := range s.model.tensors {
		if t.Input {
			inNames, inValues = append(inNames, cName(t.Name)), append(inValues, next.tensors[t.Name].value)
		}
	}
	outNames, outValues := make([]uintptr, len(names)), make([]uintptr, len(names))
	for i, n := range names {
		outNames[i] = cName(n)
	}
	defer func() {
		for _, v := range outValues {
			a.release(slotReleaseValue, v)
		}
	}()
	if err := a.call(slotRun, s.model.native, 0, uintptr(unsafe.Pointer(unsafe.SliceData(inNames))),
		uintptr(unsafe.Pointer(unsafe.SliceData(inValues))), uintptr(len(inNames)),
		uintptr(unsafe.Pointer(&outNames[0])), uintptr(len(outNames)), uintptr(unsafe.Pointer(&outValues[0]))); err != nil {
		return nil, fmt.Errorf("%w: inputs %v do not suit the model: %w", ErrShape, next.shapes(), err)
	}
	shapes := map[string][]int64{}
	for i, n := range names {
		var info uintptr
		if err := a.call(slotGetTensorTypeAndShape, outValues[i], uintptr(unsafe.Pointer(&info))); err != nil {
			return nil, err
		}
		d, err := a.dims(info)
		a.release(slotReleaseTensorTypeAndShapeInfo, info)
		if err != nil {
			return nil, err
		}
		shapes[n] = d
	}
	return shapes, nil
}
