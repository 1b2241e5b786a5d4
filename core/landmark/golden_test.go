package landmark

import (
	"encoding/json"
	"math"
	"os"
	"testing"

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
