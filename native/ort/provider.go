package ort

import (
	"fmt"
	"unsafe"
)

// addProvider puts a GPU provider before the CPU's, with the provider's own defaults: device 0.
func (a *api) addProvider(sessionOptions uintptr, provider string) error {
	var create, add, free int
	switch provider {
	case "":
		return nil
	case "cuda":
		create, add, free = slotCreateCUDAProviderOptions, slotAppendExecutionProviderCUDAV2, slotReleaseCUDAProviderOptions
	case "tensorrt":
		create, add, free = slotCreateTensorRTProviderOptions, slotAppendExecutionProviderTensorRTV2, slotReleaseTensorRTProviderOptions
	default:
		return fmt.Errorf("%w: no provider %q; there are cuda and tensorrt", ErrProvider, provider)
	}
	var options uintptr
	err := a.call(create, uintptr(unsafe.Pointer(&options)))
	if err == nil {
		err = a.call(add, sessionOptions, options)
		a.release(free, options)
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w\nhint: this needs the library of the package onnxruntime-gpu, with its CUDA libraries (docs/tensorrt.md): name it in %s", ErrProvider, provider, err, EnvLibrary)
	}
	return nil
}
