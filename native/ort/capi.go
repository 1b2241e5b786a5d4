package ort

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Error is a failed call of ONNX Runtime's C API.
type Error struct {
	Code    int // OrtErrorCode
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("onnxruntime: %s (code %d)", e.Message, e.Code) }

// api is the function table of a loaded library with what every call shares.
type api struct {
	slot  [slotCount]uintptr
	env   uintptr // OrtEnv*: one per process, never released
	mem   uintptr // OrtMemoryInfo* of the CPU
	alloc uintptr // OrtAllocator*, the default one
}

// call runs a function that returns OrtStatus*, and turns the status into an error. Pointers to Go memory are passed as
// uintptr(unsafe.Pointer(&x)) in the call expression itself: the pragma keeps them alive and in place until it returns.
//
//go:uintptrescapes
func (a *api) call(slot int, args ...uintptr) error {
	st, _, _ := purego.SyscallN(a.slot[slot], args...)
	return a.status(st)
}

// release runs one of the Release functions, which return nothing. A null object is left alone.
func (a *api) release(slot int, object uintptr) {
	if object != 0 {
		purego.SyscallN(a.slot[slot], object)
	}
}

// status turns an OrtStatus* into an error and releases it.
func (a *api) status(st uintptr) error {
	if st == 0 {
		return nil
	}
	code, _, _ := purego.SyscallN(a.slot[slotGetErrorCode], st)
	msg, _, _ := purego.SyscallN(a.slot[slotGetErrorMessage], st)
	// C's enum is an int: the upper half of the register is undefined.
	e := &Error{Code: int(int32(code)), Message: strings.TrimSpace(goString(msg))}
	a.release(slotReleaseStatus, st)
	return e
}

// allocated copies a C string that came from the default allocator and frees it.
func (a *api) allocated(s uintptr) string {
	text := goString(s)
	if s != 0 {
		// AllocatorFree returns a status; it cannot fail for a pointer that the same allocator gave.
		_ = a.call(slotAllocatorFree, a.alloc, s)
	}
	return text
}

// pointer turns an address that C gave into a pointer. The address is C's memory, which the collector never moves or
// frees; the detour keeps vet's rule about uintptr conversions for Go memory.
func pointer(addr uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&addr)) }

// goString copies a NUL-terminated C string.
func goString(addr uintptr) string {
	if addr == 0 {
		return ""
	}
	p, n := pointer(addr), 0
	for *(*byte)(unsafe.Add(p, n)) != 0 {
		n++
	}
	return string(unsafe.Slice((*byte)(p), n))
}

// cString is a NUL-terminated copy; the first byte's address is valid for the call it is passed in.
func cString(s string) *byte {
	b := make([]byte, len(s)+1)
	copy(b, s)
	return &b[0]
}
