// Package trtdouble gives tests a TensorRT where there is none: the real shim over a test double of NVIDIA's library and
// driver (native/src/trt/double), compiled on first use. The double computes with the CPU, counts its objects, and fails
// any call on demand. It imports nothing of this project but internal packages, so that native/* may use it.
package trtdouble

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/ebitengine/purego"

	"github.com/ksamenet/ksamenet/internal/require"
	"github.com/ksamenet/ksamenet/internal/userdirs"
)

// sonames of NVIDIA's library and its ONNX parser, by the shim's generation.
var sonames = map[string][2]string{
	"11":   {"libnvinfer.so.11", "libnvonnxparser.so.11"},
	"rtx1": {"libtensorrt_rtx.so.1", "libtensorrt_onnxparser_rtx.so.1"},
}

// Generations are the generations of TensorRT that there is a double for.
var Generations = []string{"11", "rtx1"}

// Double is an installed double.
type Double struct {
	Shims   string // folder of the one shim
	Library string // folder of NVIDIA's library and parser
	Driver  string // file
	Plans   string // folder of the plan cache, empty

	CUDA, TensorRT Half
}

// Half is the driver's or the library's half of the double.
type Half struct {
	Arm    func(n int64) // fail the n-th call from now on; 0: none
	Calls  func() int64  // since Arm
	Live   func() int64  // objects, allocations, pushed contexts that live
	Failed func() string // the call that failed, or ""
}

// Source is the folder of the shim's sources.
func Source() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "native", "src", "trt")
}

// Make runs the shim's Makefile for targets ("shims", "doubles") and returns the folder of what it made. Two tests that
// need it wait for each other; the second finds it done. The test ends where headers or a compiler are missing.
func Make(t testing.TB, targets ...string) string {
	t.Helper()
	headers := filepath.Join(userdirs.Data(), "ksamenet", "include")
	if found, _ := filepath.Glob(filepath.Join(headers, "tensorrt-*")); len(found) < len(Generations) {
		require.Missing(t, "trt", "no TensorRT headers in "+headers+": make deps brings them, with cargo")
	}
	for _, tool := range []string{"make", "g++"} {
		if _, err := exec.LookPath(tool); err != nil {
			require.Missing(t, "trt", err.Error())
		}
	}
	// By content: compiling takes half a minute, and every checkout and branch with the same sources shares the result.
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(cache, "ksamenet", "trtdouble", digest(t))
	if err := os.MkdirAll(out, 0o755); err != nil {
		t.Fatal(err)
	}
	lock, err := os.OpenFile(filepath.Join(out, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	done := filepath.Join(out, strings.Join(targets, "-")+".done")
	if _, err := os.Stat(done); err == nil {
		return out
	}
	cmd := exec.Command("make", append([]string{"-s", "-C", Source(), "OUT=" + out, "HEADERS=" + headers, "TENSORRT_INCLUDE="}, targets...)...)
	// A compiler setting of the environment must not change what is tested.
	cmd.Env = append(os.Environ(), "CXXFLAGS=-O1", "MAKEFLAGS=")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, b)
	}
	if err := os.WriteFile(done, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return out
}

// digest is a hash of the sources. Reading them also tells the go command to run a test again when they change.
func digest(t testing.TB) string {
	h := sha256.New()
	err := filepath.WalkDir(Source(), func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "build" {
			return filepath.SkipDir
		}
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		fmt.Fprintf(h, "%s %d\n%s", filepath.Base(path), len(b), b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Install makes a double of one generation and points the environment at it for the rest of the test.
func Install(t testing.TB, generation string) *Double {
	t.Helper()
	out := Make(t, "shims", "doubles")
	d := &Double{Shims: t.TempDir(), Library: t.TempDir(), Plans: filepath.Join(t.TempDir(), "plans"), Driver: filepath.Join(out, "double_cuda.so")}
	lib := filepath.Join(out, "double_trt_"+generation+".so")
	link := func(from, to string) {
		if err := os.Symlink(from, to); err != nil {
			t.Fatal(err)
		}
	}
	shim := "libksn_trt_" + generation + ".so"
	link(filepath.Join(out, shim), filepath.Join(d.Shims, shim))
	for _, name := range sonames[generation] {
		link(lib, filepath.Join(d.Library, name))
	}
	for name, value := range map[string]string{
		"KSAMENET_TENSORRT_SHIM": d.Shims, "KSAMENET_TENSORRT_LIB": d.Library, "KSAMENET_CUDA_DRIVER": d.Driver,
		"KSAMENET_PLANS": d.Plans, "KSAMENET_TENSORRT_NEWER": "",
	} {
		t.Setenv(name, value)
	}
	d.CUDA, d.TensorRT = half(t, d.Driver, "fake_cuda"), half(t, lib, "fake_trt")
	return d
}

// Live is what lives in both halves.
func (d *Double) Live() int64 { return d.CUDA.Live() + d.TensorRT.Live() }

func half(t testing.TB, path, prefix string) Half {
	t.Helper()
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		t.Fatal(err)
	}
	var h Half
	for fn, name := range map[any]string{&h.Arm: "_arm", &h.Calls: "_calls", &h.Live: "_live", &h.Failed: "_failed"} {
		addr, err := purego.Dlsym(handle, prefix+name)
		if err != nil {
			t.Fatal(err)
		}
		purego.RegisterFunc(fn, addr)
	}
	return h
}
