// Package ort speaks ONNX Runtime's C API by slot table through purego: no cgo, no header, no generated code.
// It runs models on the CPU, or through a GPU build's providers, with float32 inputs and outputs that live in memory outside the Go heap. It does not know
// manifests, hashes or stages; core/infer does.
//
// Documentation of the wrapped calls: https://onnxruntime.ai/docs/api/c/struct_ort_api.html
package ort

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/ksamenet/ksamenet/internal/userdirs"
	"github.com/ksamenet/ksamenet/native/dl"
)

// Errors that callers branch on.
var (
	ErrModel    = errors.New("onnxruntime: model not usable")
	ErrShape    = errors.New("onnxruntime: wrong tensor shape")
	ErrClosed   = errors.New("onnxruntime: closed")
	ErrProvider = errors.New("onnxruntime: provider not usable")
)

// EnvLibrary is the environment variable that names the library's file.
const EnvLibrary = "KSAMENET_ORT_LIB"

const (
	soname = "libonnxruntime.so.1"
	hint   = "run `make deps` (or set " + EnvLibrary + ")"
)

// Library is a loaded ONNX Runtime. There is one per file in a process; it stays loaded. Safe for concurrent use.
type Library struct {
	Version string // "1.32.0"
	Path    string
	api     api
}

var (
	loadMu sync.Mutex
	loaded = map[string]*Library{} // by resolved path
	found  = map[string]*Library{} // by search; a second Load need not hash the file again
)

// Load finds and loads ONNX Runtime: the explicit path if it is not "", else $KSAMENET_ORT_LIB, else
// ../lib/ksamenet beside the executable, the user's data folder, the dynamic linker's own search.
// A path that the user names is final; no other library is taken in its stead.
// The error is a *dl.SearchError that names every place.
func Load(explicit string) (*Library, error) {
	loadMu.Lock()
	defer loadMu.Unlock()
	search := places(explicit)
	var key strings.Builder
	for _, p := range search {
		key.WriteString(p.Path + "\n")
	}
	if l := found[key.String()]; l != nil {
		return l, nil
	}
	var l *Library
	lib, err := dl.Open(dl.Request{
		Library: "ONNX Runtime",
		Places:  search,
		Symbols: []string{"OrtGetApiBase"},
		Hint:    hint,
		Accept: func(d *dl.Library) (err error) {
			if l = loaded[d.Path]; l == nil {
				l, err = start(d)
			}
			return err
		},
	})
	if err != nil {
		return nil, err
	}
	loaded[lib.Path], found[key.String()] = l, l
	return l, nil
}

// places is the search order.
func places(explicit string) []dl.Place {
	userNamed := func(path, origin string) []dl.Place {
		p := dl.Place{Path: path, Origin: origin, Final: true, Check: checkPinned}
		// The dynamic linker would look a bare name up elsewhere; a user who writes one means the file here, if it is here.
		if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() {
			if abs, err := filepath.Abs(path); err == nil {
				p.Path = abs
			}
		}
		return []dl.Place{p}
	}
	if explicit != "" {
		return userNamed(explicit, "named by the options")
	}
	if env := os.Getenv(EnvLibrary); env != "" {
		return userNamed(env, "$"+EnvLibrary)
	}
	var ps []dl.Place
	folder := func(dir, origin string) {
		if dir == "" {
			return
		}
		for _, name := range []string{pinnedName, soname} {
			ps = append(ps, dl.Place{Path: filepath.Join(dir, name), Origin: origin, Check: checkPinned})
		}
	}
	folder(dl.BesideExecutable("..", "lib", "ksamenet"), "beside the executable")
	if home := userdirs.Data(); home != "" {
		folder(filepath.Join(home, "ksamenet", "lib"), "user data folder")
	}
	for _, dir := range filepath.SplitList(os.Getenv("LD_LIBRARY_PATH")) {
		// The dynamic linker looks here too; going first lets a damaged file be an error instead of a crash.
		if filepath.IsAbs(dir) {
			ps = append(ps, dl.Place{Path: filepath.Join(dir, soname), Origin: "$LD_LIBRARY_PATH", Check: checkPinned})
		}
	}
	return append(ps, dl.Place{Path: soname, Origin: "dynamic linker's search"})
}

// start asks the library for its function table and makes the environment.
func start(d *dl.Library) (*Library, error) {
	getBase, err := d.Sym("OrtGetApiBase")
	if err != nil {
		return nil, err
	}
	base, _, _ := purego.SyscallN(getBase)
	if base == 0 {
		return nil, errors.New("OrtGetApiBase gives no table")
	}
	// struct OrtApiBase { const OrtApi* (*GetApi)(uint32_t); const char* (*GetVersionString)(void); }
	table := (*[2]uintptr)(pointer(base))
	version, _, _ := purego.SyscallN(table[1])
	l := &Library{Version: goString(version), Path: d.Path}
	if err := checkVersion(l.Version); err != nil {
		return nil, err
	}
	apiTable, _, _ := purego.SyscallN(table[0], APIVersion)
	if apiTable == 0 {
		return nil, fmt.Errorf("ONNX Runtime %s has no C API %d", l.Version, APIVersion)
	}
	a := &l.api
	a.slot = *(*[slotCount]uintptr)(pointer(apiTable))
	// Builds of 1.32 on Linux have telemetry. The environment begins it, with a device id and a database in the user's cache folder and
	// events to its maker's collector, before the call below can end it. The Go runtime hands the variable on to the C library.
	if err := os.Setenv("ORT_DISABLE_TELEMETRY", "1"); err != nil {
		return nil, err
	}
	if err := a.call(slotCreateEnv, logLevelFatal, uintptr(unsafe.Pointer(cString("ksamenet"))),
		uintptr(unsafe.Pointer(&a.env))); err != nil {
		return nil, err
	}
	return l, errors.Join(
		a.call(slotDisableTelemetryEvents, a.env),
		a.call(slotCreateCpuMemoryInfo, allocatorArena, memTypeDefault, uintptr(unsafe.Pointer(&a.mem))),
		a.call(slotGetAllocatorWithDefaultOptions, uintptr(unsafe.Pointer(&a.alloc))),
	)
}

// checkVersion refuses versions without the C API that is asked for, before ORT prints its own line about it.
func checkVersion(v string) error {
	major, rest, _ := strings.Cut(v, ".")
	minor, _, _ := strings.Cut(rest, ".")
	ma, err1 := strconv.Atoi(major)
	mi, err2 := strconv.Atoi(minor)
	if err1 != nil || err2 != nil {
		return fmt.Errorf("unreadable ONNX Runtime version %q", v)
	}
	if ma != 1 || mi < APIVersion {
		return fmt.Errorf("ONNX Runtime %s, want 1.%d or a later 1.x", v, APIVersion)
	}
	return nil
}
