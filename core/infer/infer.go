// Package infer is the one face that every inference backend shows to the stages: open a model, get a session, fill its
// inputs, run, read its outputs. Backends live in native/*; stages never see them.
package infer

import (
	"context"
	"errors"
	"log/slog"
)

// DType is the element type of a tensor.
type DType string

// Element types. Sessions exchange Float32 only; the others occur in descriptions.
const (
	Float32 DType = "float32"
	Float16 DType = "float16"
	Int8    DType = "int8"
	Uint8   DType = "uint8"
	Int32   DType = "int32"
	Int64   DType = "int64"
)

// Tensor describes one input or output of a model. A dimension of -1 is free.
type Tensor struct {
	Name  string
	Input bool
	Type  DType
	Shape []int64
}

// Info names a backend for logs, reports and `doctor`.
type Info struct {
	Backend string // "onnxruntime", "tensorrt"
	Version string
	Device  string // "cpu", or the GPU's name
	Library string // path of the library that was loaded
	Why     string // in a few words, why Auto did not take TensorRT; "" where it did, or where the user chose
}

// Engine is a loaded model. It is safe for use by several goroutines.
type Engine interface {
	Info() Info
	Tensors() []Tensor
	// NewSession makes a session for the given input shapes (every input must be named when it has a free dimension).
	NewSession(shapes map[string][]int64) (Session, error)
	// Close releases the model after all its sessions are closed. It is safe to call twice.
	Close() error
}

// Session owns the buffers of one inference. It belongs to one goroutine at a time.
type Session interface {
	// Data is the backend's own float32 memory of a tensor, valid until Reshape or Close. Nil for an unknown name.
	Data(name string) []float32
	// Shape is the present shape of a tensor. Nil for an unknown name.
	Shape(name string) []int64
	// Reshape changes input shapes; buffers may move. Equal shapes cost nothing.
	Reshape(shapes map[string][]int64) error
	// Run computes the outputs. It returns ctx's error when ctx ends before or, where the backend can stop, while it runs.
	Run(ctx context.Context) error
	// Close is safe to call twice.
	Close() error
}

// MetadataReader is an Engine that knows the key-value notes inside its model file (ONNX metadata_props).
type MetadataReader interface {
	// Metadata is a copy; empty when the model carries none.
	Metadata() map[string]string
}

// Foreteller is an Engine that finds out the shapes of outputs by a run for each new shape of the inputs, unless it is told.
type Foreteller interface {
	// Foretell says which shapes outputs have for these inputs, as NewSession and Reshape take them. Of a shape that does not
	// come true the next Run tells: ErrShape.
	Foretell(inputs, outputs map[string][]int64)
}

// Errors that callers branch on.
var (
	ErrLibrary = errors.New("infer: engine library not found or not usable")
	ErrDevice  = errors.New("infer: no usable device")
	ErrCache   = errors.New("infer: plan cache not usable")
	ErrModel   = errors.New("infer: model not usable")
	ErrShape   = errors.New("infer: wrong tensor shape")
	ErrClosed  = errors.New("infer: closed")
)

// Options choose and tune a backend.
type Options struct {
	Backend string       // "auto" (or ""), "onnxruntime", "tensorrt", with options: "tensorrt:rtx:fp16", "onnxruntime:cuda" (CheckBackend)
	Library string       // explicit path of ONNX Runtime's library; empty: search (docs/operations.md). TensorRT's: docs/tensorrt.md
	Threads int          // CPU threads per model; 0: one per core, at most 4
	PlanDir string       // folder of TensorRT's plans; empty: the user's cache folder
	Log     *slog.Logger // nil discards
}
