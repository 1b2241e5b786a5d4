package dl

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// libm is there on every glibc system, exports cos and needs no set-up.
const libm = "libm.so.6"

func request(places ...Place) Request {
	return Request{Library: "Math", Places: places, Symbols: []string{"cos"}, Hint: "install it"}
}

// systemFile is the path of a whole library of this machine, or ends the test.
func systemFile(t *testing.T) string {
	t.Helper()
	triplet := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[runtime.GOARCH]
	for _, dir := range []string{"/lib/" + triplet, "/usr/lib/" + triplet, "/lib64", "/usr/lib64"} {
		if _, err := os.Stat(filepath.Join(dir, libm)); err == nil {
			return filepath.Join(dir, libm)
		}
	}
	t.Skipf("no %s in the usual folders", libm)
	return ""
}

func write(t *testing.T, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpenAndBind(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.so")
	lib, err := Open(request(Place{Path: missing, Origin: "first"}, Place{Path: libm, Origin: "second"}))
	if err != nil {
		t.Fatal(err)
	}
	var cos func(float64) float64
	if err := lib.Bind(&cos, "cos"); err != nil {
		t.Fatal(err)
	}
	if got := cos(0); got != 1 {
		t.Errorf("cos(0) = %v", got)
	}
	if err := lib.Bind(&cos, "no_such_symbol"); err == nil || !strings.Contains(err.Error(), "no_such_symbol") {
		t.Errorf("Bind of a missing symbol: %v", err)
	}
}

func TestOpenNamesEveryPlace(t *testing.T) {
	a, b := filepath.Join(t.TempDir(), "a.so"), filepath.Join(t.TempDir(), "b.so")
	_, err := Open(request(Place{Path: a, Origin: "option"}, Place{Path: b, Origin: "data folder"},
		Place{Path: "libksamenet-none.so.9", Origin: "system"}))
	var search *SearchError
	if !errors.As(err, &search) || len(search.Tried) != 3 {
		t.Fatalf("%v, want a SearchError with three attempts", err)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("the reason is hidden from errors.Is")
	}
	for _, part := range []string{"Math", a + " (option): no such file", b + " (data folder): no such file", "libksamenet-none.so.9 (system): dynamic linker", "\nhint: install it"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error does not say %q:\n%v", part, err)
		}
	}
	if _, err := Open(request()); err == nil {
		t.Error("nothing to try, no error")
	}
}

// A place that is final, damaged or refused ends the search: the good library behind it must not be taken.
func TestOpenStops(t *testing.T) {
	good := Place{Path: libm, Origin: "good"}
	for _, c := range []struct {
		name string
		r    Request
		want string
	}{
		{"final place is empty", request(Place{Path: filepath.Join(t.TempDir(), "x.so"), Origin: "user", Final: true}, good), "no such file"},
		{"damaged file", request(Place{Path: write(t, "x.so", []byte("text")), Origin: "folder"}, good), "no readable ELF header"},
		{"check refuses", request(Place{Path: systemFile(t), Origin: "folder", Check: func(string) error { return errors.New("wrong hash") }}, good), "wrong hash"},
		{"symbol missing", Request{Library: "Math", Places: []Place{{Path: systemFile(t)}, good}, Symbols: []string{"OrtGetApiBase"}}, "not Math"},
		{"version refused", Request{Library: "Math", Places: []Place{{Path: systemFile(t)}, good}, Accept: func(*Library) error { return errors.New("too old") }}, "too old"},
	} {
		lib, err := Open(c.r)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v, want an error saying %q", c.name, lib, err, c.want)
		}
		if strings.Contains(err.Error(), "good") {
			t.Errorf("%s: the search went on:\n%v", c.name, err)
		}
	}
}

func TestCheckELF(t *testing.T) {
	path := systemFile(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckELF(path); err != nil {
		t.Fatalf("a whole library: %v", err)
	}
	fifo := filepath.Join(t.TempDir(), "fifo.so")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	otherMachine := append([]byte(nil), whole...)
	otherMachine[18] = 8 // e_machine: MIPS
	program := append([]byte(nil), whole...)
	program[16] = 2 // e_type: ET_EXEC
	for name, bad := range map[string]string{
		"empty":         write(t, "e.so", nil),
		"text":          write(t, "t.so", []byte("INPUT(libm.so.6)\n")),
		"header only":   write(t, "h.so", whole[:64]),
		"half":          write(t, "half.so", whole[:len(whole)/2]),
		"one page less": write(t, "p.so", whole[:len(whole)-4096]),
		"last byte":     write(t, "l.so", whole[:len(whole)-1]),
		"machine":       write(t, "m.so", otherMachine),
		"program":       write(t, "x.so", program),
		"folder":        t.TempDir(),
		"fifo":          fifo,
		"device":        "/dev/null",
	} {
		if err := CheckELF(bad); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v, want ErrDamaged", name, err)
		}
	}
	if err := CheckELF(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

// Any damage to the headers is an error or harmless, never a panic.
func FuzzCheckELF(f *testing.F) {
	exe, err := os.Executable()
	if err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(exe)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[:4096])
	f.Add([]byte("\x7fELF\x02\x01\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "f.so")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := CheckELF(path); err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("%v, want ErrDamaged or nil", err)
		}
	})
}

func TestFolders(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if real, err := filepath.EvalSymlinks(exe); err == nil {
		exe = real
	}
	want := filepath.Join(filepath.Dir(filepath.Dir(exe)), "lib", "ksamenet")
	if got := BesideExecutable("..", "lib", "ksamenet"); got != want {
		t.Errorf("BesideExecutable = %s, want %s", got, want)
	}
}
