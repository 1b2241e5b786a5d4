package selftest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/core/infer/infertest"
	"github.com/ksamenet/ksamenet/internal/require"
	"github.com/ksamenet/ksamenet/models"
)

var update = flag.Bool("update", false, "write golden.json")

func load(t *testing.T, name string) (infer.Manifest, []byte) {
	t.Helper()
	m, model, err := models.DefaultStore("").Load(name)
	if err != nil {
		require.Missing(t, "models", err.Error())
	}
	return m, model
}

func run(t *testing.T, m infer.Manifest, model []byte, backend string) Run {
	t.Helper()
	r, err := Measure(context.Background(), m, model, infer.Options{Backend: backend, Threads: 2}, 0)
	if errors.Is(err, infer.ErrLibrary) {
		require.Missing(t, "ort", err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Every network gives its golden values, and its float16 version agrees within the stated limit.
func TestGoldenAndHalf(t *testing.T) {
	type entry struct {
		Name    string               `json:"name"`
		Outputs map[string][]float32 `json:"outputs"`
	}
	fresh := map[string]entry{}
	for _, name := range models.Names() {
		t.Run(name, func(t *testing.T) {
			m, model := load(t, name)
			r := run(t, m, model, infer.ONNXRuntime)
			e := entry{name, map[string][]float32{}}
			for id, v := range r.Outputs {
				e.Outputs[id] = Sample(v)
			}
			fresh[m.SHA256] = e
			want, err := Golden(m)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case *update:
			case want == nil && m.Source.Package != "":
				t.Error("no golden values: go test ./internal/selftest -update")
			case want == nil:
				t.Log("a network of our own that is newer than the golden values; it has its own beside its manifest")
			default:
				if d := GoldenDifference(want, r.Outputs); !(d <= limitSameMachine) {
					t.Errorf("differs from its golden values by %.2g", d)
				}
			}
			d := Difference(r.Outputs, run(t, m, model, "onnxruntime:fp16").Outputs)
			t.Logf("float16 differs by %.2g", d)
			if limit := Limit(name, "onnxruntime:fp16"); !(d <= limit) {
				t.Errorf("float16 differs by %.2g, limit %g", d, limit)
			}
		})
	}
	if !*update || t.Failed() {
		return
	}
	b, err := json.Marshal(fresh)
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.ReplaceAll(b, []byte("}},"), []byte("}},\n"))
	if err := os.WriteFile("golden.json", append(b, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestDifference(t *testing.T) {
	one := map[string][]float32{"y": {0, 2, 0, 2}}
	for name, c := range map[string]struct {
		got  map[string][]float32
		want float64
	}{
		"equal":             {map[string][]float32{"y": {0, 2, 0, 2}}, 0},
		"one of four":       {map[string][]float32{"y": {0, 2, .5, 2}}, .25},
		"not a number":      {map[string][]float32{"y": {0, 2, float32(math.NaN()), 2}}, math.Inf(1)},
		"another length":    {map[string][]float32{"y": {0, 2, 0}}, math.Inf(1)},
		"an output missing": {map[string][]float32{}, math.Inf(1)},
		"an output more":    {map[string][]float32{"y": {0, 2, 0, 2}, "z": nil}, math.Inf(1)},
	} {
		if got := Difference(one, c.got); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	long := make([]float32, 100)
	for i := range long {
		long[i] = float32(i % 2)
	}
	changed := slices.Clone(Sample(long))
	changed[3] += 1
	got := map[string][]float32{"y": long}
	if d := GoldenDifference(map[string][]float32{"y": Sample(long)}, got); d != 0 {
		t.Errorf("golden values of an output differ from it by %v", d)
	}
	if d := GoldenDifference(map[string][]float32{"y": changed}, got); d < .4 {
		t.Errorf("one of %d golden values off by two deviations: %v", len(changed), d)
	}
}

// The table tells who is right, who is wrong and who is absent, and a wrong one is an error.
func TestTable(t *testing.T) {
	m, model := infertest.Toy()
	m.Tensors[0].Ranges = []float64{0, 1}
	infertest.Backend(t, "good", func(infer.Manifest, []byte, infer.Options) (infer.Engine, error) { return infertest.FakeToy(), nil })
	infertest.Backend(t, "bad", func(infer.Manifest, []byte, infer.Options) (infer.Engine, error) {
		f := infertest.FakeToy()
		right := f.Compute
		f.Compute = func(s infer.Session) error {
			err := right(s)
			s.Data("face")[7] += 9
			return err
		}
		return f, nil
	})
	infertest.Backend(t, "absent", func(infer.Manifest, []byte, infer.Options) (infer.Engine, error) {
		return nil, errors.Join(infer.ErrDevice, errors.New("no GPU here\nhint: buy one"))
	})
	var out bytes.Buffer
	err := Table(context.Background(), &out, []Network{{m, model}}, "good", []string{"bad", "absent"}, infer.Options{}, 1)
	if err == nil || !strings.Contains(err.Error(), "toy on bad differs") {
		t.Errorf("Table: %v", err)
	}
	for _, want := range []string{"reference", "DIFFERS", "absent: ", "no GPU here"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
	out.Reset()
	if err := Table(context.Background(), &out, []Network{{m, model}}, "good", nil, infer.Options{}, 1); err != nil {
		t.Errorf("the reference alone: %v", err)
	}
	if err := Table(context.Background(), &out, []Network{{m, model}}, "absent", nil, infer.Options{}, 1); !errors.Is(err, infer.ErrDevice) {
		t.Errorf("no reference: %v, want ErrDevice", err)
	}
}
