package trt

import (
	"context"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/internal/testmodel"
	"github.com/ksamenet/ksamenet/internal/trtdouble"
)

// eachGeneration runs a test on the double of every generation.
func eachGeneration(t *testing.T, run func(t *testing.T, d *trtdouble.Double)) {
	for _, g := range trtdouble.Generations {
		t.Run(g, func(t *testing.T) { run(t, trtdouble.Install(t, g)) })
	}
}

// batches are the profiles of the toy model: one face, and up to sixteen.
func batches() BuildOptions {
	rows := func(low, best, high, width int64) Range {
		return Range{[]int64{low, width}, []int64{best, width}, []int64{high, width}}
	}
	return BuildOptions{Profiles: []Profile{
		{"identity": rows(1, 1, 1, 64), "expression": rows(1, 1, 1, 7)},
		{"identity": rows(1, 8, 16, 64), "expression": rows(1, 8, 16, 7)},
	}}
}

func toyShapes(n int64) map[string][]int64 {
	return map[string][]int64{"identity": {n, 64}, "expression": {n, 7}}
}

func load(t testing.TB) *Library {
	t.Helper()
	l, err := Load(Options{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func toyEngine(t testing.TB, l *Library) *Engine {
	t.Helper()
	e, err := Cache{}.Open(l, "toy", testmodel.Toy, batches())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// compute fills the inputs of the toy, runs it, and compares the output.
func compute(t testing.TB, s *Session) {
	t.Helper()
	for i := range s.Data("identity") {
		s.Data("identity")[i] = float32(i)
	}
	for i := range s.Data("expression") {
		s.Data("expression")[i] = 2
	}
	if err := s.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	for i, got := range s.Data("face") {
		if want := float32(3*i + 14); got != want {
			t.Fatalf("face[%d] = %v, want %v", i, got, want)
		}
	}
}

func TestInfo(t *testing.T) {
	eachGeneration(t, func(t *testing.T, d *trtdouble.Double) {
		i := load(t).Info()
		if i.Device != "Fake GPU" || i.Compute != "8.6" || i.Driver != "13.2" || i.Memory != 1<<30 || !i.CanBuild ||
			i.Headers != i.Flavour+" "+i.Version || !strings.HasPrefix(i.Library, d.Library) || !strings.HasPrefix(i.Flavour, "TensorRT") {
			t.Errorf("%+v", i)
		}
	})
}

// Every way in which a machine can lack what TensorRT needs: the kind of error, what is wrong, and the way out.
func TestLoadErrors(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text.so")
	if err := os.WriteFile(text, []byte("<html>"), 0o644); err != nil {
		t.Fatal(err)
	}
	stale := staleShim(t)
	for _, c := range []struct {
		name  string
		env   map[string]string
		o     Options
		kind  error
		parts []string
	}{
		{name: "no driver", env: map[string]string{EnvDriver: "/nowhere/libcuda.so.1"}, kind: ErrDevice,
			parts: []string{"no NVIDIA driver", "/nowhere/libcuda.so.1", "--engine onnxruntime"}},
		{name: "driver of another kind", env: map[string]string{EnvDriver: "libm.so.6"}, kind: ErrDevice,
			parts: []string{"libm.so.6 has no cuInit", "driver is too old"}},
		{name: "no device", env: map[string]string{"FAKE_CUDA_DEVICES": "0"}, kind: ErrDevice, parts: []string{"no CUDA device 0: 0 present", "nvidia-smi"}},
		{name: "no such device", o: Options{Device: 3}, kind: ErrDevice, parts: []string{"no CUDA device 3: 1 present"}},
		{name: "driver does not start", env: map[string]string{"FAKE_CUDA_INIT": "100"}, kind: ErrDevice,
			parts: []string{"cuInit", "no CUDA-capable device is detected (CUDA_ERROR_NO_DEVICE)"}},
		{name: "CUDA fails inside the library", env: map[string]string{"FAKE_TRT_NO_RUNTIME": "1"}, kind: ErrDevice,
			parts: []string{"createInferRuntime", "CUDA initialization failure with error: 35"}},
		{name: "the same, told on another thread", env: map[string]string{"FAKE_TRT_NO_RUNTIME": "1", "FAKE_TRT_STRAY": "1"}, kind: ErrDevice,
			parts: []string{"CUDA initialization failure with error: 35"}},
		{name: "no library", env: map[string]string{EnvLibrary: "/nowhere"}, kind: ErrLibrary, parts: []string{"/nowhere", "no such file", EnvLibrary, "docs/tensorrt.md"}},
		{name: "no library anywhere", env: map[string]string{EnvLibrary: ""}, kind: ErrLibrary,
			parts: []string{"dynamic linker's search", "cannot open shared object file", EnvLibrary}},
		{name: "named by the options", o: Options{Library: "/nowhere/x.so"}, kind: ErrLibrary, parts: []string{"/nowhere/x.so (named by the options): no such file"}},
		{name: "damaged library", o: Options{Library: text}, kind: ErrLibrary, parts: []string{text, "no readable ELF header"}},
		{name: "another library", o: Options{Library: "libm.so.6"}, kind: ErrLibrary, parts: []string{"libm.so.6 is not TensorRT"}},
		{name: "too old", env: map[string]string{"FAKE_TRT_VERSION": "8601"}, kind: ErrLibrary, parts: []string{"found TensorRT 8.6.1, this shim needs TensorRT"}},
		{name: "too new", env: map[string]string{"FAKE_TRT_VERSION": "120000"}, kind: ErrLibrary, parts: []string{"found TensorRT 12.0.0, this shim needs TensorRT"}},
		{name: "no shim", env: map[string]string{EnvShim: "/nowhere"}, kind: ErrLibrary, parts: []string{"/nowhere/libksn_trt_", "make native"}},
		{name: "shim of another ABI", env: map[string]string{EnvShim: stale}, kind: ErrLibrary, parts: []string{"the shim speaks ABI 99, this program 1", "make native"}},
		{name: "no such flavour", o: Options{Flavour: "8"}, kind: ErrLibrary, parts: []string{`no flavour "8"; there are 10, 11 and rtx`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachGeneration(t, func(t *testing.T, d *trtdouble.Double) {
				for k, v := range c.env {
					t.Setenv(k, v)
				}
				before := d.Live()
				l, err := Load(c.o)
				if l != nil || !errors.Is(err, c.kind) {
					t.Fatalf("Load = %v, %v, want %v", l, err, c.kind)
				}
				for _, part := range c.parts {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("the error does not say %q:\n%v", part, err)
					}
				}
				if leaked := d.Live() - before; leaked != 0 {
					t.Errorf("%d objects leaked", leaked)
				}
			})
		})
	}
}

// staleShim is a folder of shims of another ABI.
func staleShim(t *testing.T) string {
	dir := t.TempDir()
	source := filepath.Join(dir, "stale.c")
	if err := os.WriteFile(source, []byte("int ksn_abi(void) { return 99; }\nconst char *ksn_flavour(void) { return \"\"; }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	trtdouble.Make(t, "shims") // ends the test where there is no compiler
	for _, g := range trtdouble.Generations {
		if out, err := exec.Command("g++", "-xc", "-shared", "-fPIC", source, "-o", filepath.Join(dir, "libksn_trt_"+g+".so")).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	return dir
}

// A version is judged by range: within a generation whatever is tested, across generations never.
func TestVersionRanges(t *testing.T) {
	for _, c := range []struct {
		generation, version, newer string
		ok                         bool
	}{
		{"11", "110000", "", true}, {"11", "119999", "", true}, {"11", "101601", "", false}, {"11", "10701", "", false}, {"11", "120000", "1", false},
		{"rtx1", "10500", "", true}, {"rtx1", "10799", "", true}, {"rtx1", "10400", "", false}, {"rtx1", "10800", "", false},
		{"rtx1", "10800", "1", true}, {"rtx1", "20000", "1", false}, {"rtx1", "110400", "", false},
	} {
		t.Run(c.generation+" "+c.version+" "+c.newer, func(t *testing.T) {
			trtdouble.Install(t, c.generation)
			t.Setenv("FAKE_TRT_VERSION", c.version)
			t.Setenv(EnvNewer, c.newer)
			_, err := Load(Options{})
			if (err == nil) != c.ok {
				t.Fatalf("Load: %v, want success %v", err, c.ok)
			}
			if c.version == "10800" && !c.ok && !strings.Contains(err.Error(), EnvNewer+"=1") {
				t.Errorf("no way out in %v", err)
			}
		})
	}
}

// The profile is the tightest that takes the shapes; what no profile takes is refused and changes nothing.
func TestProfiles(t *testing.T) {
	eachGeneration(t, func(t *testing.T, _ *trtdouble.Double) {
		e := toyEngine(t, load(t))
		if n := len(e.Profiles()); n != 2 {
			t.Fatalf("%d profiles", n)
		}
		s, err := e.NewSession(toyShapes(1))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		compute(t, s)
		for _, n := range []int64{16, 1, 2, 9} {
			if err := s.Reshape(toyShapes(n)); err != nil {
				t.Fatal(err)
			}
			p, _, err := s.settle(toyShapes(n))
			if want := min(1, int(n)-1); err != nil || p != want {
				t.Errorf("%d faces: profile %d, %v, want %d", n, p, err, want)
			}
			compute(t, s)
		}
		for name, shapes := range map[string]map[string][]int64{
			"more than any profile": toyShapes(17), "contradicting": {"identity": {2, 64}, "expression": {3, 7}},
		} {
			if err := s.Reshape(shapes); !errors.Is(err, ErrShape) {
				t.Errorf("%s: %v, want ErrShape", name, err)
			}
			if len(s.Data("face")) != 9*64 {
				t.Errorf("%s: the session changed", name)
			}
			compute(t, s)
		}
	})
}

func TestRunDevice(t *testing.T) {
	eachGeneration(t, func(t *testing.T, _ *trtdouble.Double) {
		e := toyEngine(t, load(t))
		mine, err := e.NewSession(toyShapes(2))
		if err != nil {
			t.Fatal(err)
		}
		defer mine.Close()
		other, err := e.NewSession(toyShapes(2))
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		compute(t, other) // its memory on the GPU now holds inputs and outputs
		addresses := map[string]uint64{}
		for _, tensor := range e.Tensors() {
			addresses[tensor.Name] = other.Device(tensor.Name)
		}
		addresses["face"] = mine.Device("face")
		if err := mine.RunDevice(context.Background(), addresses, 0); err != nil {
			t.Fatal(err)
		}
		compute(t, mine) // its own buffers are in place again
		delete(addresses, "face")
		if err := mine.RunDevice(context.Background(), addresses, 0); !errors.Is(err, ErrShape) {
			t.Errorf("no address for an output: %v, want ErrShape", err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := mine.RunDevice(ctx, addresses, 0); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

func TestBuildErrors(t *testing.T) {
	eachGeneration(t, func(t *testing.T, d *trtdouble.Double) {
		l := load(t)
		reversed := batches()
		reversed.Profiles[1]["identity"] = Range{[]int64{8, 64}, []int64{1, 64}, []int64{1, 64}}
		ragged := batches()
		ragged.Profiles[1]["identity"] = Range{[]int64{8, 64}, []int64{1}, []int64{1, 64}}
		before := d.Live()
		for _, c := range []struct {
			name string
			onnx []byte
			o    BuildOptions
			kind error
			text string
		}{
			{"empty", nil, batches(), ErrModel, "empty"},
			{"garbage", []byte("garbage"), batches(), ErrModel, "failed to parse"},
			{"truncated", testmodel.Toy[:200], batches(), ErrModel, "failed to parse"},
			{"no ranges", testmodel.Toy, BuildOptions{}, ErrShape, "profile 0 must give their range"},
			{"reversed range", testmodel.Toy, reversed, ErrModel, "profile of identity is not ordered"},
			{"ragged range", testmodel.Toy, ragged, ErrShape, "range of identity"},
			{"half where the model decides", testmodel.Toy, BuildOptions{Profiles: batches().Profiles, Half: true}, nil, "takes precisions from the model"},
		} {
			plan, _, err := l.Build(c.onnx, c.o, nil)
			if plan != nil || err == nil || c.kind != nil && !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: %d bytes, %v, want %v saying %q", c.name, len(plan), err, c.kind, c.text)
			}
		}
		if leaked := d.Live() - before; leaked != 0 {
			t.Errorf("%d objects leaked", leaked)
		}
		if l.WeaklyTyped() {
			t.Error("no double is of TensorRT 10")
		}
	})
}

// The GPU's memory ends: the session stays what it was and serves on.
func TestOutOfMemory(t *testing.T) {
	eachGeneration(t, func(t *testing.T, d *trtdouble.Double) {
		o := batches()
		o.Profiles[1]["identity"] = Range{[]int64{1, 64}, []int64{8, 64}, []int64{math.MaxInt32, 64}}
		o.Profiles[1]["expression"] = Range{[]int64{1, 7}, []int64{8, 7}, []int64{math.MaxInt32, 7}}
		e, err := Cache{}.Open(load(t), "toy", testmodel.Toy, o)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		s, err := e.NewSession(toyShapes(3))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.Reshape(toyShapes(1 << 28)); !errors.Is(err, ErrDevice) || !strings.Contains(err.Error(), "out of memory") {
			t.Errorf("64 GB: %v, want ErrDevice", err)
		}
		compute(t, s)
	})
}

func TestRunAllocatesNothing(t *testing.T) {
	trtdouble.Install(t, "11")
	s, err := toyEngine(t, load(t)).NewSession(toyShapes(2))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	shapes, ctx := toyShapes(2), context.Background()
	got := testing.AllocsPerRun(200, func() {
		if err := errors.Join(s.Reshape(shapes), s.Run(ctx)); err != nil {
			t.Fatal(err)
		}
		s.Data("face")[0]++
	})
	if got != 0 && !raceEnabled {
		t.Errorf("%v allocations per Reshape to equal shapes, Run and Data, want 0", got)
	}
}

func TestLogIsDrained(t *testing.T) {
	trtdouble.Install(t, "rtx1")
	l := load(t)
	// The log is the process's: lines of earlier tests may wait before it.
	if lines := l.Log(); len(lines) == 0 || lines[len(lines)-1] != "WARN this is a test double" {
		t.Errorf("log %q", lines)
	}
	if lines := l.Log(); len(lines) != 0 {
		t.Errorf("drained log holds %q", lines)
	}
}
