package landmark

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"testing"

	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/internal/require"
	"github.com/ksamenet/ksamenet/models"
)

// golden cases come from training/appearance/golden.py: the Python that prepared the regressor's training data.
type golden struct {
	Mesh       []float32
	Yaw, Pitch float64
	Fit        [3]float64
	Scale      float64
	Geometry   []float64
	Placement  [4]float64
	Residual   float64
	Turn       [2]float64
	Opening    [2]float64
	Units      []float64
	Gaze       []float64
}

func head(t testing.TB) *Head {
	t.Helper()
	b, err := models.File("generator", "head.json")
	if err != nil {
		t.Fatal(err)
	}
	h, err := ParseHead(b)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func cases(t testing.TB) []golden {
	t.Helper()
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g struct{ Cases []golden }
	if err := json.Unmarshal(b, &g); err != nil || len(g.Cases) < 3 {
		t.Fatalf("%d cases, %v", len(g.Cases), err)
	}
	return g.Cases
}

func (g golden) mesh() (m Mesh) {
	for i := range m.Points {
		copy(m.Points[i][:], g.Mesh[3*i:])
	}
	m.Presence = 1
	return m
}

func TestGoldenVectors(t *testing.T) {
	h := head(t)
	for i, g := range cases(t) {
		m := g.mesh()
		p, err := h.Fit(&m)
		if err != nil {
			t.Fatal(err)
		}
		for k, got := range [3]float64{p.Yaw, p.Pitch, p.Roll} {
			if math.Abs(got-g.Fit[k]) > 1e-3 {
				t.Errorf("case %d: angle %d is %v, want %v", i, k, got, g.Fit[k])
			}
		}
		if math.Abs(p.Scale-g.Scale) > 1e-4*g.Scale {
			t.Errorf("case %d: scale %v, want %v", i, p.Scale, g.Scale)
		}
		var geo Geometry
		geo.normalise(&m, p)
		if len(g.Geometry) != Features {
			t.Fatalf("case %d: %d features, want %d", i, len(g.Geometry), Features)
		}
		for k, want := range g.Geometry {
			if math.Abs(float64(geo[k])-want) > 1e-4 {
				t.Fatalf("case %d: feature %d is %v, want %v", i, k, geo[k], want)
			}
		}
		yaw, pitch := geo.turn()
		if math.Abs(yaw-g.Turn[0]) > 1e-3 || math.Abs(pitch-g.Turn[1]) > 1e-3 {
			t.Errorf("case %d: turned by %v and %v, want %v", i, yaw, pitch, g.Turn)
		}
		if o := geo.opening(); math.Abs(o.gap-g.Opening[0]) > 1e-5 || math.Abs(o.eye-g.Opening[1]) > 1e-4 {
			t.Errorf("case %d: opening %+v, want %v", i, o, g.Opening)
		}
		place, residual, err := h.Place(&m, g.Yaw, g.Pitch)
		if err != nil {
			t.Fatal(err)
		}
		for k, got := range [4]float64{place.X, place.Y, place.Scale, place.Roll} {
			if math.Abs(got-g.Placement[k]) > 1e-3 {
				t.Errorf("case %d: placement value %d is %v, want %v", i, k, got, g.Placement[k])
			}
		}
		if math.Abs(residual-g.Residual) > 1e-4 {
			t.Errorf("case %d: residual %v, want %v", i, residual, g.Residual)
		}
	}
}

// The regressor that ships gives what Python's ONNX Runtime gave.
func TestGoldenRegressor(t *testing.T) {
	m, b, err := models.DefaultStore("").Load("appearance")
	if err != nil {
		t.Fatal(err) // it lies in the repository
	}
	e, err := infer.Open(m, b, infer.Options{Backend: infer.ONNXRuntime, Threads: 1})
	if errors.Is(err, infer.ErrLibrary) {
		require.Missing(t, "ort", err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	s, err := e.NewSession(map[string][]int64{"geometry": {1, int64(Features)}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i, g := range cases(t) {
		for k, v := range g.Geometry {
			s.Data("geometry")[k] = float32(v)
		}
		if err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string][]float64{"expression": g.Units, "gaze": g.Gaze} {
			got := s.Data(name)
			if len(got) != len(want) {
				t.Fatalf("case %d: %d values of %s, want %d", i, len(got), name, len(want))
			}
			for k := range want {
				if math.Abs(float64(got[k])-want[k]) > 1e-3 {
					t.Errorf("case %d: %s %d is %v, want %v", i, name, k, got[k], want[k])
				}
			}
		}
	}
}
