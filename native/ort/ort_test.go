package ort

import (
	"context"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ksamenet/ksamenet/internal/require"
	"github.com/ksamenet/ksamenet/internal/testmodel"
	"github.com/ksamenet/ksamenet/native/dl"
)

func library(t testing.TB) *Library {
	t.Helper()
	l, err := Load("")
	if err != nil {
		require.Missing(t, "ort", err.Error())
	}
	return l
}

func openModel(t testing.TB, model []byte) *Model {
	t.Helper()
	m, err := library(t).Open(model, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func openSession(t testing.TB, model []byte, shapes map[string][]int64) *Session {
	t.Helper()
	s, err := openModel(t, model).NewSession(shapes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestDescription(t *testing.T) {
	got := openModel(t, testmodel.Toy).Tensors()
	want := []Tensor{
		{Name: "identity", Input: true, Type: "float32", Shape: []int64{-1, 64}, Symbols: []string{"n", ""}},
		{Name: "expression", Input: true, Type: "float32", Shape: []int64{-1, 7}, Symbols: []string{"n", ""}},
		{Name: "face", Type: "float32", Shape: []int64{-1, 64}, Symbols: []string{"n", ""}},
	}
	if !slices.EqualFunc(got, want, func(a, b Tensor) bool {
		return a.Name == b.Name && a.Input == b.Input && a.Type == b.Type && slices.Equal(a.Shape, b.Shape) && slices.Equal(a.Symbols, b.Symbols)
	}) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// Two inputs that share a symbol must agree on it.
func TestSymbolsAgree(t *testing.T) {
	_, err := openModel(t, testmodel.Toy).NewSession(map[string][]int64{"identity": {2, 64}, "expression": {3, 7}})
	if !errors.Is(err, ErrShape) {
		t.Errorf("%v, want ErrShape", err)
	}
}

// Free outputs that share no symbol with an input are found by running once, for each new input shape.
func TestDiscoveredShapes(t *testing.T) {
	s := openSession(t, testmodel.Quarter, map[string][]int64{"picture": {1, 1, 8, 12}})
	for _, size := range [][2]int64{{8, 12}, {40, 4}, {8, 12}} {
		h, w := size[0], size[1]
		if err := s.Reshape(map[string][]int64{"picture": {1, 1, h, w}}); err != nil {
			t.Fatal(err)
		}
		if got, want := s.Shape("heat"), []int64{1, 1, h / 4, w / 4}; !slices.Equal(got, want) {
			t.Fatalf("heat has shape %v, want %v", got, want)
		}
		in := s.Data("picture")
		for i := range in {
			in[i] = float32(i)
		}
		if err := s.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		// The mean of the first 4x4 block of a ramp: 1.5 columns and 1.5 rows in.
		if got, want := s.Data("heat")[0], float32(1.5+1.5*float64(w)); got != want {
			t.Errorf("%dx%d: heat[0] = %v, want %v", h, w, got, want)
		}
	}
}

// Another session finds what the first discovered; both compute on their own memory.
func TestDiscoveryIsShared(t *testing.T) {
	m := openModel(t, testmodel.Quarter)
	shapes := map[string][]int64{"picture": {1, 1, 4, 4}}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			s, err := m.NewSession(shapes)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			for i := range s.Data("picture") {
				s.Data("picture")[i] = float32(g)
			}
			if err := s.Run(context.Background()); err != nil || s.Data("heat")[0] != float32(g) {
				t.Errorf("session %d: %v, %v", g, s.Data("heat"), err)
			}
		})
	}
	wg.Wait()
	if len(m.settled) != 1 {
		t.Errorf("%d settled shapes for one input shape", len(m.settled))
	}
}

// What is foretold is taken at its word, and a Run finds out that it was wrong.
func TestForetoldShapes(t *testing.T) {
	m := openModel(t, testmodel.Quarter)
	for _, c := range []struct {
		told []int64
		want error
	}{{[]int64{1, 1, 2, 3}, nil}, {[]int64{1, 1, 3, 2}, ErrShape}} {
		in := map[string][]int64{"picture": {1, 1, c.told[2] * 4, c.told[3] * 4}}
		if c.want != nil {
			in["picture"][2], in["picture"][3] = 8, 16
		}
		m.Foretell(in, map[string][]int64{"heat": c.told, "nothing": {1}})
		s, err := m.NewSession(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Shape("heat"); !slices.Equal(got, c.told) {
			t.Errorf("heat is %v, %v was foretold", got, c.told)
		}
		if err := s.Run(context.Background()); !errors.Is(err, c.want) {
			t.Errorf("%v: %v, want %v", c.told, err, c.want)
		}
		s.Close()
	}
}

// An output whose length depends on the values cannot be bound once: another length is an error, not a short read.
func TestValueDependentOutput(t *testing.T) {
	s := openSession(t, testmodel.Compress, nil)
	x := s.Data("x")
	copy(x, []float32{1, 2, 3, 4})
	if err := s.Run(context.Background()); err != nil || !slices.Equal(s.Data("kept"), []float32{1, 2, 3, 4}) {
		t.Fatalf("all kept: %v, %v", s.Data("kept"), err)
	}
	x[2] = float32(math.NaN())
	if err := s.Run(context.Background()); !errors.Is(err, ErrShape) {
		t.Errorf("three kept of four: %v, want ErrShape", err)
	}
	x[2] = 3
	if err := s.Run(context.Background()); err != nil {
		t.Errorf("after the refused run: %v", err)
	}
}

func TestRefusedShapes(t *testing.T) {
	m := openModel(t, testmodel.Quarter)
	for name, shape := range map[string][]int64{
		"nothing to bind": nil,
		"too large":       {1, 1, 1 << 20, 1 << 20},
		"overflowing":     {1, 1, math.MaxInt64, math.MaxInt64},
	} {
		if _, err := m.NewSession(map[string][]int64{"picture": shape}); !errors.Is(err, ErrShape) {
			t.Errorf("%s: %v, want ErrShape", name, err)
		}
	}
	if m.sessions != 0 {
		t.Errorf("%d sessions counted after refusals", m.sessions)
	}
}

func TestModelErrors(t *testing.T) {
	l := library(t)
	corrupt := slices.Clone(testmodel.Toy)
	for i := 20; i < 120; i++ {
		corrupt[i] ^= 0x55
	}
	for name, model := range map[string][]byte{
		"empty": nil, "garbage": []byte(strings.Repeat("x", 1000)), "truncated": testmodel.Toy[:150], "corrupt": corrupt,
	} {
		if m, err := l.Open(model, Options{}); !errors.Is(err, ErrModel) {
			t.Errorf("%s: %v, %v, want ErrModel", name, m, err)
		}
	}
	var native *Error
	if _, err := l.Open([]byte("garbage"), Options{}); !errors.As(err, &native) || native.Code == 0 || native.Message == "" {
		t.Errorf("the native error is lost: %v", err)
	}
	ints := openModel(t, testmodel.Ints)
	if ints.Tensors()[0].Type != "int64" {
		t.Errorf("type %q, want int64", ints.Tensors()[0].Type)
	}
	if _, err := ints.NewSession(nil); !errors.Is(err, ErrModel) {
		t.Errorf("int64 session: %v, want ErrModel", err)
	}
}

// The pinned library has no GPU provider: asking for one is an error with the way out, and never a run on the CPU.
func TestProviders(t *testing.T) {
	for _, p := range []string{"cuda", "tensorrt", "abacus"} {
		m, err := library(t).Open(testmodel.Toy, Options{Provider: p})
		if m != nil || !errors.Is(err, ErrProvider) || !strings.Contains(err.Error(), p) {
			t.Errorf("%s: %v, %v, want ErrProvider", p, m, err)
		}
		if p != "abacus" && !strings.Contains(err.Error(), "onnxruntime-gpu") {
			t.Errorf("%s: no way out in %v", p, err)
		}
	}
}

// Every prefix of a model file is an error of the model, or loads; none takes the process down.
func TestTruncatedModels(t *testing.T) {
	l := library(t)
	for n := 0; n < len(testmodel.Toy); n += 3 {
		m, err := l.Open(testmodel.Toy[:n], Options{})
		if err == nil {
			err = m.Close()
		} else if errors.Is(err, ErrModel) {
			err = nil
		}
		if err != nil {
			t.Errorf("%d bytes: %v, want ErrModel", n, err)
		}
	}
}

// The end of a context and the end of a run race; the flag raised for one run must never end the next.
func TestTerminateDoesNotLeak(t *testing.T) {
	s := openSession(t, testmodel.Toy, map[string][]int64{"identity": {1, 64}, "expression": {1, 7}})
	for i := range 2000 {
		ctx, cancel := context.WithCancel(context.Background())
		go cancel()
		if err := s.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatalf("round %d, racing run: %v", i, err)
		}
		if err := s.Run(context.Background()); err != nil {
			t.Fatalf("round %d, next run: %v", i, err)
		}
		cancel()
	}
}

func TestReshapeKeepsMemoryWhereItFits(t *testing.T) {
	s := openSession(t, testmodel.Quarter, map[string][]int64{"picture": {1, 1, 64, 64}})
	first := &s.Data("picture")[0]
	for _, n := range []int64{4, 64, 32} {
		if err := s.Reshape(map[string][]int64{"picture": {1, 1, n, n}}); err != nil {
			t.Fatal(err)
		}
		if &s.Data("picture")[0] != first || int64(len(s.Data("picture"))) != n*n {
			t.Errorf("%d: other memory or %d values", n, len(s.Data("picture")))
		}
	}
}

func TestNativeModelGoesWithLastSession(t *testing.T) {
	m := openModel(t, testmodel.Ints)
	if m.Close(); m.native != 0 {
		t.Error("an unused model outlives Close")
	}
	m = openModel(t, testmodel.Quarter)
	s, err := m.NewSession(map[string][]int64{"picture": {1, 1, 4, 4}})
	if err != nil {
		t.Fatal(err)
	}
	if m.Close(); m.native == 0 {
		t.Fatal("the model went before its session")
	}
	if err := s.Run(context.Background()); err != nil {
		t.Errorf("Run of the last session: %v", err)
	}
	if s.Close(); m.native != 0 {
		t.Error("the model outlives its last session")
	}
}

func TestCheckVersion(t *testing.T) {
	for v, ok := range map[string]bool{"1.18.0": true, "1.32.0": true, "1.17.3": false, "2.0.0": false, "": false, "x.y": false} {
		if err := checkVersion(v); (err == nil) != ok {
			t.Errorf("%q: %v", v, err)
		}
	}
}

func TestSearchOrder(t *testing.T) {
	t.Setenv(EnvLibrary, "")
	t.Setenv("XDG_DATA_HOME", "/data")
	t.Setenv("LD_LIBRARY_PATH", "rel:/ld")
	var got []string
	for _, p := range places("") {
		got = append(got, p.Path)
	}
	beside := dl.BesideExecutable("..", "lib", "ksamenet")
	want := []string{
		beside + "/libonnxruntime.so.1.32.0", beside + "/libonnxruntime.so.1",
		"/data/ksamenet/lib/libonnxruntime.so.1.32.0", "/data/ksamenet/lib/libonnxruntime.so.1",
		"/ld/libonnxruntime.so.1", "libonnxruntime.so.1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("search order\n%q, want\n%q", got, want)
	}
	t.Setenv(EnvLibrary, "/env/ort.so")
	if p := places(""); len(p) != 1 || p[0].Path != "/env/ort.so" || !p[0].Final {
		t.Errorf("environment: %+v", p)
	}
	if p := places("/option/ort.so"); len(p) != 1 || p[0].Path != "/option/ort.so" || !p[0].Final {
		t.Errorf("option: %+v", p)
	}
}

// Damaged and wrong libraries, each in a process of its own: one crash would otherwise hide the rest.
func TestDamagedLibraries(t *testing.T) {
	if bad := os.Getenv("KSAMENET_TEST_LOAD"); bad != "" {
		_, err := Load("")
		if err == nil {
			t.Fatal("loaded")
		}
		t.Skip("refused: " + err.Error()) // read by the parent
	}
	good := library(t).Path
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Skipf("the library is not a file of its own: %v", err)
	}
	flipped := slices.Clone(whole)
	for i := len(flipped) / 3; i < len(flipped)/3+4096; i++ {
		flipped[i] ^= 0xff
	}
	appended := append(slices.Clone(whole), "more"...)
	for _, c := range []struct {
		name, file string
		bytes      []byte
		want       string
	}{
		{"truncated", pinnedName, whole[:len(whole)/2], "truncated"},
		{"last page missing", pinnedName, whole[:len(whole)-4096], "not a usable shared library"},
		{"empty", pinnedName, nil, "no readable ELF header"},
		{"text", pinnedName, []byte("<html>not found</html>"), "no readable ELF header"},
		{"flipped bytes", pinnedName, flipped, "damaged"},
		{"bytes appended", pinnedName, appended, "damaged"},
		{"truncated under the soname", soname, whole[:len(whole)-100], "truncated"},
	} {
		t.Run(c.name, func(t *testing.T) {
			home := t.TempDir()
			dir := filepath.Join(home, "ksamenet", "lib")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, c.file)
			if err := os.WriteFile(path, c.bytes, 0o755); err != nil {
				t.Fatal(err)
			}
			for _, env := range [][]string{{EnvLibrary + "=", "XDG_DATA_HOME=" + home}, {EnvLibrary + "=" + path}} {
				cmd := exec.Command(os.Args[0], "-test.run=^TestDamagedLibraries$", "-test.v")
				cmd.Env = append(os.Environ(), append(env, "KSAMENET_TEST_LOAD=1", "KSAMENET_REQUIRE=", "GORACE=atexit_sleep_ms=0")...)
				out, err := cmd.CombinedOutput()
				for _, part := range []string{"refused: ", path, c.want, "hint: run `make deps` (or set KSAMENET_ORT_LIB)"} {
					if err != nil || !strings.Contains(string(out), part) {
						t.Fatalf("%v: %v, output lacks %q:\n%s", env, err, part, out)
					}
				}
			}
		})
	}
}

// A redaction tells nobody that it took place: the library, whose own telemetry is on by default, leaves no trace in the user's folders and
// opens no socket. In a process of its own, since a library is loaded once.
func TestNoTelemetry(t *testing.T) {
	if os.Getenv("KSAMENET_TEST_TELEMETRY") != "" {
		openSession(t, testmodel.Toy, map[string][]int64{"identity": {1, 64}, "expression": {1, 7}})
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range fds {
			if to, _ := os.Readlink("/proc/self/fd/" + fd.Name()); strings.HasPrefix(to, "socket:") || strings.Contains(to, "onnxruntime.db") {
				t.Errorf("open: %s", to)
			}
		}
		return
	}
	path, home := library(t).Path, t.TempDir()
	for _, asked := range []string{"", "0"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestNoTelemetry$", "-test.v")
		cmd.Env = append(os.Environ(), "KSAMENET_TEST_TELEMETRY=1", EnvLibrary+"="+path, "ORT_DISABLE_TELEMETRY="+asked, "HOME="+home,
			"XDG_CACHE_HOME="+home, "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_STATE_HOME="+home)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if left, err := os.ReadDir(home); err != nil || len(left) > 0 {
			t.Errorf("left in the home folder: %v %v", left, err)
		}
	}
}

// A library that is whole but another one is an error that names it.
func TestWrongLibrary(t *testing.T) {
	for _, lib := range []string{"libm.so.6", "libksamenet-none.so"} {
		_, err := Load(lib)
		var search *dl.SearchError
		if !errors.As(err, &search) || !strings.Contains(err.Error(), lib) || !strings.Contains(err.Error(), hint) {
			t.Errorf("%s: %v", lib, err)
		}
	}
}
