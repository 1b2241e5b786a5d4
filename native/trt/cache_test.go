package trt

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ksamenet/ksamenet/internal/testmodel"
	"github.com/ksamenet/ksamenet/internal/trtdouble"
)

// opened opens the toy through a cache, computes once, and says what was logged.
func opened(t *testing.T, l *Library, c Cache, o BuildOptions) (log string) {
	t.Helper()
	var text bytes.Buffer
	c.Log = slog.New(slog.NewTextHandler(&text, nil))
	e, err := c.Open(l, "toy", testmodel.Toy, o)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	s, err := e.NewSession(toyShapes(2))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	compute(t, s)
	return text.String()
}

func files(t *testing.T, dir, ext string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*"+ext))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

const built = "TensorRT plan built"

func TestPlansAreKept(t *testing.T) {
	eachGeneration(t, func(t *testing.T, d *trtdouble.Double) {
		l := load(t)
		if log := opened(t, l, Cache{}, batches()); !strings.Contains(log, built) {
			t.Errorf("first: %q", log)
		}
		if log := opened(t, l, Cache{}, batches()); log != "" {
			t.Errorf("second: %q, want silence", log)
		}
		other := batches()
		other.Profiles = other.Profiles[1:]
		if log := opened(t, l, Cache{}, other); !strings.Contains(log, built) {
			t.Errorf("other options: %q", log)
		}
		if n := len(files(t, d.Plans, ".plan")); n != 2 {
			t.Errorf("%d plans, want 2", n)
		}
		// Another GPU and another version have plans of their own.
		for name, value := range map[string]string{"FAKE_CUDA_CC": "89", "FAKE_CUDA_NAME": "Other GPU"} {
			t.Setenv(name, value)
			if fresh, err := find(Options{}); err != nil {
				t.Fatal(err)
			} else if log := opened(t, fresh, Cache{}, batches()); !strings.Contains(log, built) {
				t.Errorf("%s=%s: %q", name, value, log)
			}
		}
		if n := len(files(t, d.Plans, ".plan")); n != 4 {
			t.Errorf("%d plans, want 4", n)
		}
		for _, f := range files(t, d.Plans, ".plan") {
			if st, err := os.Stat(f); err != nil || st.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v; want mode 0600", f, st.Mode(), err)
			}
		}
	})
}

// A plan that is damaged, of another kind, another GPU or another version is built anew, and says so.
func TestBadPlansAreRebuilt(t *testing.T) {
	eachGeneration(t, func(t *testing.T, d *trtdouble.Double) {
		l := load(t)
		opened(t, l, Cache{}, batches())
		path := files(t, d.Plans, ".plan")[0]
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := readSealed(path, planMagic)
		if err != nil {
			t.Fatal(err)
		}
		flipped := slices.Clone(whole)
		flipped[len(flipped)/2] ^= 1
		resealed := func(at int, to byte) []byte {
			changed := slices.Clone(plan)
			changed[at] = to
			file := filepath.Join(t.TempDir(), "x")
			if err := writeSealed(file, planMagic, changed); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		for name, c := range map[string]struct {
			bytes []byte
			want  string
		}{
			"empty":           {nil, "no file of this kind"},
			"garbage":         {[]byte(strings.Repeat("garbage ", 100)), "no file of this kind"},
			"truncated":       {whole[:len(whole)-1], "want"},
			"longer":          {append(slices.Clone(whole), 0), "want"},
			"flipped bit":     {flipped, "damaged"},
			"another library": {resealed(0, 'X'), "magic tag does not match"},
			"another version": {resealed(8, plan[8]+1), "not compatible with this version"},
			"another GPU":     {resealed(12, 75), "incompatible device"},
		} {
			if err := os.WriteFile(path, c.bytes, 0o600); err != nil {
				t.Fatal(err)
			}
			if log := opened(t, l, Cache{}, batches()); !strings.Contains(log, "building it anew") || !strings.Contains(log, c.want) || !strings.Contains(log, built) {
				t.Errorf("%s: log %q, want %q", name, log, c.want)
			}
			if again, err := os.ReadFile(path); err != nil || !bytes.Equal(again, whole) {
				t.Errorf("%s: the new plan differs from the first one (%v)", name, err)
			}
		}
	})
}

func TestCacheFolderIsChecked(t *testing.T) {
	trtdouble.Install(t, "11")
	l := load(t)
	if os.Geteuid() == 0 {
		t.Log("as root every folder can be written to: a file in its place stands for one that cannot")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	open, foreign := t.TempDir(), t.TempDir()
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	cases := map[string]string{filepath.Join(file, "plans"): "not a directory", open: "others can write to it", "/proc": ""}
	if os.Geteuid() == 0 {
		if err := os.Chown(foreign, 4242, 4242); err != nil {
			t.Fatal(err)
		}
		cases[foreign] = "belongs to another user"
	}
	for dir, want := range cases {
		e, err := Cache{Dir: dir}.Open(l, "toy", testmodel.Toy, batches())
		if e != nil || !errors.Is(err, ErrCache) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), EnvCache) {
			t.Errorf("%s: %v, want ErrCache saying %q and %s", dir, err, want, EnvCache)
		}
	}
	t.Setenv(EnvCache, "")
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	if _, err := (Cache{}).Folder(); !errors.Is(err, ErrCache) || !strings.Contains(err.Error(), EnvCache) {
		t.Errorf("no home: %v", err)
	}
}

// The timing cache of TensorRT and the kernel cache of TensorRT-RTX are handed from run to run; a damaged one costs time.
func TestSideCaches(t *testing.T) {
	for _, c := range []struct{ generation, ext, magic, first, second string }{
		{"11", ".timing", timingMagic, "FAKETIMING", "FAKETIMING+"},
		{"rtx1", ".jit", jitMagic, "FAKEJIT", "FAKEJIT+"},
	} {
		t.Run(c.generation, func(t *testing.T) {
			d := trtdouble.Install(t, c.generation)
			l := load(t)
			content := func() string {
				t.Helper()
				found := files(t, d.Plans, c.ext)
				if len(found) != 1 {
					t.Fatalf("%d files %s, want 1", len(found), c.ext)
				}
				b, err := readSealed(found[0], c.magic)
				if err != nil {
					t.Fatal(err)
				}
				return string(b)
			}
			again := func() {
				t.Helper()
				if c.generation == "11" { // a timing cache is used when a plan is built
					for _, f := range files(t, d.Plans, ".plan") {
						if err := os.Remove(f); err != nil {
							t.Fatal(err)
						}
					}
				}
				opened(t, l, Cache{}, batches())
			}
			again()
			if got := content(); got != c.first {
				t.Errorf("first: %q, want %q", got, c.first)
			}
			again()
			if got := content(); got != c.second {
				t.Errorf("second: %q, want %q", got, c.second)
			}
			if err := os.WriteFile(files(t, d.Plans, c.ext)[0], []byte("damaged"), 0o600); err != nil {
				t.Fatal(err)
			}
			again()
			if got := content(); got != c.first {
				t.Errorf("after damage: %q, want %q", got, c.first)
			}
		})
	}
}

// Several at once build one plan, once.
func TestOneBuilder(t *testing.T) {
	d := trtdouble.Install(t, "rtx1")
	l := load(t)
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, nil)) // serialises its writes
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			e, err := Cache{Log: log}.Open(l, "toy", testmodel.Toy, batches())
			if err != nil {
				t.Error(err)
				return
			}
			e.Close()
		})
	}
	wg.Wait()
	if n := strings.Count(text.String(), built); n != 1 || len(files(t, d.Plans, ".plan")) != 1 {
		t.Errorf("built %d times, %d plans", n, len(files(t, d.Plans, ".plan")))
	}
	if left, err := filepath.Glob(filepath.Join(d.Plans, ".*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
