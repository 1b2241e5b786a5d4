package trt

import (
	"fmt"
	"runtime"
	"unsafe"
)

// Range bounds the shapes of one input. Equal bounds fix a dimension.
type Range struct{ Min, Opt, Max []int64 }

// Profile bounds the inputs with free dimensions, by name. A plan is fastest at Opt.
type Profile map[string]Range

// BuildOptions tune a plan. They are part of its key in a Cache.
type BuildOptions struct {
	Profiles []Profile // none for a model without free dimensions
	// Half lets TensorRT 10 choose float16 for a layer. Later versions and TensorRT-RTX take precisions from the model, and
	// refuse this: give them a model in float16.
	Half bool
	// Target builds for another GPU's compute capability ("8.6" is 86); 0: the present one. TensorRT-RTX only.
	Target int
}

// WeaklyTyped says that the library chooses precisions by itself, so that BuildOptions.Half means something.
func (l *Library) WeaklyTyped() bool {
	return l.info.Flavour == "TensorRT" && l.info.fullNumber/10000 == 10
}

// Build compiles an ONNX model. It takes seconds to minutes and cannot be interrupted. timing is the timing cache of an
// earlier build on this GPU, or nil; the returned one includes it, and is nil for TensorRT-RTX.
// Errors: ErrModel, ErrShape (a free dimension without a range), ErrLibrary (no builder), ErrDevice.
func (l *Library) Build(onnx []byte, o BuildOptions, timing []byte) (plan, newTiming []byte, err error) {
	// The options hold pointers to Go memory: pinned for the length of the call.
	var pin runtime.Pinner
	defer pin.Unpin()
	bytes := func(b []byte) *byte {
		if len(b) == 0 {
			return nil
		}
		pin.Pin(&b[0])
		return &b[0]
	}
	var ranges []rangeC
	for p, profile := range o.Profiles {
		for name, r := range profile {
			for _, dims := range [][]int64{r.Min, r.Opt, r.Max} {
				if len(dims) > maxDims || len(dims) != len(r.Min) {
					return nil, nil, fmt.Errorf("%w: range of %s: %+v", ErrShape, name, r)
				}
			}
			ranges = append(ranges, rangeC{input: bytes(append([]byte(name), 0)), profile: int32(p),
				min: toShape(r.Min), opt: toShape(r.Opt), max: toShape(r.Max)})
		}
	}
	c := optionsC{timing: bytes(timing), timingSize: int64(len(timing)), rangeCount: int32(len(ranges)),
		profiles: int32(len(o.Profiles)), level: -1, target: int32(o.Target)}
	if o.Half {
		c.fp16 = 1
	}
	if len(ranges) > 0 {
		pin.Pin(&ranges[0])
		c.ranges = &ranges[0]
	}
	var planBlob, timingBlob uintptr
	var text [1024]byte
	s := l.shim
	err = fault(s.build(l.native, unsafe.SliceData(onnx), int64(len(onnx)), &c, &planBlob, &timingBlob, &text[0], int32(len(text))), text[:])
	if err != nil {
		return nil, nil, err
	}
	return s.blob(planBlob), s.blob(timingBlob), nil
}
