// Package dl finds and loads shared libraries through purego: an ordered search, checks that run before the dynamic
// linker touches a file, a version hook that runs before the first real call, and errors that name every place tried.
// It knows no particular library; those live beside it (native/ort, native/trt).
package dl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ebitengine/purego"
)

// Place is one location to try.
type Place struct {
	Path   string // a file's path, or a bare soname that the dynamic linker resolves by its own rules
	Origin string // who named it, for messages: "$KSAMENET_ORT_LIB", "beside the executable"
	// Final stops the search here even when nothing is found: the user named this place, another library would be a surprise.
	Final bool
	// Check, when set, sees the resolved path of an existing file before it is loaded.
	Check func(path string) error
}

// bare says whether the dynamic linker looks the name up by itself.
func (p Place) bare() bool { return !strings.ContainsRune(p.Path, filepath.Separator) }

// Attempt is a place that did not serve, and why.
type Attempt struct {
	Place Place
	Err   error
}

// SearchError says that a library was found nowhere, or that the one found cannot be used.
type SearchError struct {
	Library string // "ONNX Runtime"
	Tried   []Attempt
	Hint    string // the way out, one line
}

// Error names every place that was tried, one a line, and ends with the hint.
func (e *SearchError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "dl: cannot load %s; places tried:", e.Library)
	if len(e.Tried) == 0 {
		b.WriteString(" none")
	}
	for _, a := range e.Tried {
		why := a.Err.Error()
		if errors.Is(a.Err, fs.ErrNotExist) {
			why = "no such file"
		}
		fmt.Fprintf(&b, "\n  %s (%s): %s", a.Place.Path, a.Place.Origin, why)
	}
	if e.Hint != "" {
		b.WriteString("\nhint: " + e.Hint)
	}
	return b.String()
}

// Unwrap gives the reasons to errors.Is and errors.As.
func (e *SearchError) Unwrap() []error {
	errs := make([]error, len(e.Tried))
	for i, a := range e.Tried {
		errs[i] = a.Err
	}
	return errs
}

// Library is a loaded library. It is never unloaded: native runtimes start threads and keep thread-local state that does
// not survive dlclose.
type Library struct {
	Path   string // resolved path, or the soname as given
	handle uintptr
}

// Request says what to load and how to know that it is the right thing.
type Request struct {
	Library string  // the name people know, for messages
	Places  []Place // in order
	Symbols []string
	// Accept is the version check; it runs once, right after loading, before the caller gets the library. Nil accepts.
	Accept func(*Library) error
	Hint   string
}

// Open loads the first library that is there. A file that is there but is damaged, of another machine, without one of
// the symbols, or refused by Accept ends the search: stepping over a broken installation would hide it.
// The error is a *SearchError. Safe for concurrent use.
func Open(r Request) (*Library, error) {
	fail := &SearchError{Library: r.Library, Hint: r.Hint}
	for _, p := range r.Places {
		lib, err := open(p, r)
		if err == nil {
			return lib, nil
		}
		fail.Tried = append(fail.Tried, Attempt{p, err})
		if p.Final || !p.bare() && !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return nil, fail
}

func open(p Place, r Request) (*Library, error) {
	path := p.Path
	if !p.bare() {
		var err error
		if path, err = filepath.EvalSymlinks(p.Path); err != nil {
			return nil, err
		}
		if err := CheckELF(path); err != nil {
			return nil, err
		}
		if p.Check != nil {
			if err := p.Check(path); err != nil {
				return nil, err
			}
		}
	}
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("dynamic linker: %s", err)
	}
	lib := &Library{Path: path, handle: handle}
	for _, s := range r.Symbols {
		if _, err := lib.Sym(s); err != nil {
			return nil, fmt.Errorf("not %s: %w", r.Library, err)
		}
	}
	if r.Accept != nil {
		if err := r.Accept(lib); err != nil {
			return nil, err
		}
	}
	return lib, nil
}

// Sym is the address of an exported symbol.
func (l *Library) Sym(name string) (uintptr, error) {
	addr, err := purego.Dlsym(l.handle, name)
	if err != nil {
		return 0, fmt.Errorf("dl: %s has no symbol %s", l.Path, name)
	}
	return addr, nil
}

// Bind makes *fn, a pointer to a Go function variable, call the exported C function. A call costs about a microsecond and
// some allocations (purego.RegisterFunc); hot paths take Sym and purego.SyscallN.
// The signature cannot be checked against C: a wrong one is a bug of the caller. A missing symbol is an error.
func (l *Library) Bind(fn any, symbol string) error {
	addr, err := l.Sym(symbol)
	if err != nil {
		return err
	}
	purego.RegisterFunc(fn, addr)
	return nil
}

// BesideExecutable is a path relative to the folder of the running binary, or "" where the system does not tell.
func BesideExecutable(rel ...string) string {
	exe, err := os.Executable()
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(exe); err == nil {
		exe = real
	}
	return filepath.Join(append([]string{filepath.Dir(exe)}, rel...)...)
}
