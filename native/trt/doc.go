// Package trt runs models on NVIDIA GPUs through TensorRT or TensorRT-RTX. It speaks to a small C++ shim (native/src/trt)
// through purego; the shim opens NVIDIA's libraries when asked, so that neither this package nor the shim needs them to
// build or to load.
//
// A model becomes a plan: compiled for one GPU, one library version and a range of shapes. Building one takes seconds to
// minutes, so plans are kept (Cache). A plan is code: only plans that this package built are loaded.
//
// It does not know manifests, hashes or stages; core/infer does.
package trt

import (
	"errors"
	"fmt"
	"strings"
)

// Errors that callers branch on.
var (
	ErrLibrary = errors.New("tensorrt: library not usable")
	ErrDevice  = errors.New("tensorrt: no usable NVIDIA device")
	ErrModel   = errors.New("tensorrt: model not usable")
	ErrShape   = errors.New("tensorrt: wrong tensor shape")
	ErrCache   = errors.New("tensorrt: plan cache not usable")
	ErrClosed  = errors.New("tensorrt: closed")

	errPlan = errors.New("tensorrt: plan not usable") // stays inside: the plan is built anew
)

// Environment variables.
const (
	EnvLibrary = "KSAMENET_TENSORRT_LIB"   // NVIDIA's library, or the folder that holds it and its ONNX parser
	EnvShim    = "KSAMENET_TENSORRT_SHIM"  // the folder of the shims, libksn_trt_*.so
	EnvDriver  = "KSAMENET_CUDA_DRIVER"    // the driver's library, in place of libcuda.so.1
	EnvNewer   = "KSAMENET_TENSORRT_NEWER" // "1" accepts a TensorRT-RTX newer than the newest tested one
	EnvCache   = "KSAMENET_PLANS"          // the folder of plans
)

// Status codes of ksn_trt.h.
const (
	statusLibrary = -1
	statusDevice  = -2
	statusModel   = -3
	statusRun     = -5
	statusVersion = -6
	statusMemory  = -7
	statusPlan    = -8
	statusShape   = -9
)

// Error is a failed call of the shim.
type Error struct {
	Status  int // of ksn_trt.h
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("tensorrt: %s (status %d)", e.Message, e.Status) }

// Unwrap gives the error its kind. Out of memory is the device's: another backend may still have what it needs.
func (e *Error) Unwrap() error {
	switch e.Status {
	case statusLibrary, statusVersion:
		return ErrLibrary
	case statusDevice, statusMemory:
		return ErrDevice
	case statusModel:
		return ErrModel
	case statusShape:
		return ErrShape
	case statusPlan:
		return errPlan
	}
	return nil
}

// fault makes an error of a status and the text in a buffer.
func fault(status int32, text []byte) error {
	if status == 0 {
		return nil
	}
	message := string(text)
	if i := strings.IndexByte(message, 0); i >= 0 {
		message = message[:i]
	}
	if message == "" {
		message = "no message"
	}
	return &Error{Status: int(status), Message: message}
}
