package infer

import (
	"fmt"
	"slices"
	"strings"
)

// spec is what a name such as "tensorrt:rtx:fp16" asks for: a backend, and options behind colons.
type spec struct {
	backend  string
	flavour  string // of TensorRT: "", "10", "11", "rtx"
	provider string // of ONNX Runtime: "", "cuda", "tensorrt"
	half     bool   // compute in float16 where that serves
}

// parseSpec reads the name of a built-in backend; known is false for other names, which may be registered ones.
func parseSpec(name string) (s spec, known bool, err error) {
	parts := strings.Split(name, ":")
	s.backend = parts[0]
	if !slices.Contains([]string{Auto, TensorRT, ONNXRuntime, ""}, s.backend) {
		return s, false, nil
	}
	if s.backend == "" {
		s.backend = Auto
	}
	for _, p := range parts[1:] {
		switch {
		case p == "fp16" && !s.half:
			s.half = true
		case s.backend == TensorRT && s.flavour == "" && slices.Contains([]string{"10", "11", "rtx"}, p):
			s.flavour = p
		case s.backend == ONNXRuntime && s.provider == "" && slices.Contains([]string{"cuda", "tensorrt"}, p):
			s.provider = p
		default:
			return s, true, &kindError{ErrLibrary, fmt.Errorf("engine is %q, without an option %q; there are %s", name, p, strings.Join(specs, ", "))}
		}
	}
	return s, true, nil
}

// specs are the names for messages; ":fp16" may follow any of them.
var specs = []string{Auto, TensorRT, TensorRT + ":10", TensorRT + ":11", TensorRT + ":rtx", ONNXRuntime, ONNXRuntime + ":cuda", ONNXRuntime + ":tensorrt"}

// CheckBackend says whether Options.Backend may hold a name: one of Backends, with options behind colons. The error is
// ErrLibrary and lists the names.
func CheckBackend(name string) error {
	_, known, err := parseSpec(name)
	if known || err != nil {
		return err
	}
	if slices.Contains(Backends(), name) {
		return nil
	}
	return &kindError{ErrLibrary, fmt.Errorf("engine is %q; there are %s", name, strings.Join(append(slices.Clone(specs), Backends()[3:]...), ", "))}
}
