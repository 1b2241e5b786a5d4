package trt

import (
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"github.com/ksamenet/ksamenet/internal/userdirs"
	"github.com/ksamenet/ksamenet/native/dl"
)

// abi is the version of ksn_trt.h that this package speaks.
const abi = 1

const maxDims = 8

// The structs of ksn_trt.h, laid out as C does; the arrays below fail to compile where a size differs.
type (
	infoC struct {
		version, driver, device, cc, hasBuilder, _ int32
		memory                                     int64
		deviceName                                 [128]byte
	}
	shapeC struct {
		nd, _ int32
		dims  [maxDims]int64
	}
	tensorC struct {
		name         [256]byte
		input, dtype int32
		shape        shapeC
	}
	rangeC struct {
		input         *byte
		profile, _    int32
		min, opt, max shapeC
	}
	optionsC struct {
		workspace              int64
		timing                 *byte
		timingSize             int64
		ranges                 *rangeC
		rangeCount, profiles   int32
		fp16, level, target, _ int32
	}
	bufferC struct {
		host   uintptr
		device uint64
		bytes  int64
		shape  shapeC
	}
)

var (
	_ [160]byte = [unsafe.Sizeof(infoC{})]byte{}
	_ [72]byte  = [unsafe.Sizeof(shapeC{})]byte{}
	_ [336]byte = [unsafe.Sizeof(tensorC{})]byte{}
	_ [232]byte = [unsafe.Sizeof(rangeC{})]byte{}
	_ [56]byte  = [unsafe.Sizeof(optionsC{})]byte{}
	_ [96]byte  = [unsafe.Sizeof(bufferC{})]byte{}
)

// shim is a loaded libksn_trt_*.so. Its functions may be called from every goroutine.
type shim struct {
	path         string
	flavour      string // "TensorRT 11.4.0": the headers it was compiled from
	soname       string // of NVIDIA's library
	parserSoname string

	open          func(library, parser, driver string, device, newer int32, out *uintptr, err *byte, n int32) int32
	info          func(lib uintptr, out *infoC) int32
	log           func(lib uintptr, out *byte, n int32) int32
	close         func(lib uintptr)
	build         func(lib uintptr, onnx *byte, size int64, o *optionsC, plan, timing *uintptr, err *byte, n int32) int32
	blobData      func(blob uintptr) uintptr
	blobSize      func(blob uintptr) int64
	blobFree      func(blob uintptr)
	load          func(lib uintptr, plan *byte, size int64, jit *byte, jitSize int64, out *uintptr, err *byte, n int32) int32
	engineJIT     func(engine uintptr, out *uintptr, err *byte, n int32) int32
	engineTensors func(engine uintptr) int32
	engineTensor  func(engine uintptr, i int32, out *tensorC) int32
	profiles      func(engine uintptr) int32
	engineRange   func(engine uintptr, i, profile int32, low, best, high *shapeC) int32
	engineFree    func(engine uintptr)
	ctxCreate     func(engine uintptr, out *uintptr, err *byte, n int32) int32
	ctxReshape    func(ctx uintptr, profile int32, shapes *shapeC, count int32, err *byte, n int32) int32
	ctxBuffer     func(ctx uintptr, i int32, out *bufferC) int32
	ctxRunDevice  func(ctx uintptr, addresses *uint64, count int32, stream uintptr, err *byte, n int32) int32
	ctxFree       func(ctx uintptr)
	ctxRun        uintptr // by address: the hot path allocates nothing
}

// openShim loads the shim of a generation ("10", "11", "rtx1").
func openShim(generation string) (*shim, error) {
	s := &shim{}
	lib, err := dl.Open(dl.Request{
		Library: "the TensorRT shim",
		Places:  shimPlaces("libksn_trt_" + generation + ".so"),
		Symbols: []string{"ksn_abi", "ksn_flavour"},
		Accept:  s.bind,
		Hint:    "run `make native`, or name the shims' folder in " + EnvShim,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLibrary, err)
	}
	s.path = lib.Path
	return s, nil
}

func shimPlaces(name string) []dl.Place {
	if dir := os.Getenv(EnvShim); dir != "" {
		return []dl.Place{{Path: filepath.Join(dir, name), Origin: "$" + EnvShim, Final: true}}
	}
	var ps []dl.Place
	if dir := dl.BesideExecutable("..", "lib", "ksamenet"); dir != "" {
		ps = append(ps, dl.Place{Path: filepath.Join(dir, name), Origin: "beside the executable"})
	}
	if home := userdirs.Data(); home != "" {
		ps = append(ps, dl.Place{Path: filepath.Join(home, "ksamenet", "lib", name), Origin: "user data folder"})
	}
	return ps
}

// bind checks the ABI before anything else is called, then finds every function.
func (s *shim) bind(lib *dl.Library) error {
	var version func() int32
	var flavour, soname, parser func() string
	if err := lib.Bind(&version, "ksn_abi"); err != nil {
		return err
	}
	if got := version(); got != abi {
		return fmt.Errorf("the shim speaks ABI %d, this program %d: build both from one checkout (`make native build`)", got, abi)
	}
	for _, f := range []struct {
		fn     any
		symbol string
	}{
		{&flavour, "ksn_flavour"}, {&soname, "ksn_soname"}, {&parser, "ksn_parser_soname"},
		{&s.open, "ksn_open"}, {&s.info, "ksn_lib_info"}, {&s.log, "ksn_log"}, {&s.close, "ksn_close"},
		{&s.build, "ksn_build"}, {&s.blobData, "ksn_blob_data"}, {&s.blobSize, "ksn_blob_size"}, {&s.blobFree, "ksn_blob_free"},
		{&s.load, "ksn_load"}, {&s.engineJIT, "ksn_engine_jit"}, {&s.engineTensors, "ksn_engine_tensors"},
		{&s.engineTensor, "ksn_engine_tensor"}, {&s.profiles, "ksn_engine_profiles"}, {&s.engineRange, "ksn_engine_range"},
		{&s.engineFree, "ksn_engine_free"}, {&s.ctxCreate, "ksn_ctx_create"}, {&s.ctxReshape, "ksn_ctx_reshape"},
		{&s.ctxBuffer, "ksn_ctx_buffer"}, {&s.ctxRunDevice, "ksn_ctx_run_device"}, {&s.ctxFree, "ksn_ctx_free"},
	} {
		if err := lib.Bind(f.fn, f.symbol); err != nil {
			return err
		}
	}
	var err error
	if s.ctxRun, err = lib.Sym("ksn_ctx_run"); err != nil {
		return err
	}
	s.flavour, s.soname, s.parserSoname = flavour(), soname(), parser()
	return nil
}

// blob copies the bytes of a ksn_blob and frees it; nil for a null one.
func (s *shim) blob(b uintptr) []byte {
	if b == 0 {
		return nil
	}
	defer s.blobFree(b)
	n := s.blobSize(b)
	out := make([]byte, n)
	if n > 0 {
		// The blob's memory is the library's and lives until blobFree.
		copy(out, unsafe.Slice((*byte)(pointer(s.blobData(b))), n))
	}
	return out
}

// pointer turns an address that C gave into a pointer: C's memory, which the collector neither moves nor frees. The detour
// keeps vet's rule about uintptr conversions for Go memory.
func pointer(addr uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&addr)) }

func toShape(dims []int64) shapeC {
	s := shapeC{nd: int32(len(dims))}
	copy(s.dims[:], dims)
	return s
}

func (s *shapeC) slice() []int64 {
	out := make([]int64, s.nd)
	copy(out, s.dims[:])
	return out
}
