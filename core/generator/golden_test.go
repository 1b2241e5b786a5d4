package generator_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"testing"

	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/internal/require"
	"github.com/ksamenet/ksamenet/models"
)

// open opens a built-in generator; nil where this checkout has no such model (the product works with one of them).
func open(t testing.TB, name string, threads int) infer.Engine {
	t.Helper()
	m, model, err := models.DefaultStore("").Load(name)
	if errors.Is(err, models.ErrUnknown) || errors.Is(err, models.ErrMissing) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	e, err := infer.Open(m, model, infer.Options{Threads: threads})
	if errors.Is(err, infer.ErrLibrary) {
		require.Missing(t, "ort", err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// golden is what training/release.py writes beside a model.
type golden struct {
	Tolerance float64
	Cases     []struct {
		Name       string
		Donors     []int
		Expression []float32
		Gaze       [2]float32
		Yaw, Pitch float32
		Light      []float32
		RGBA       []float64 // means of square cells, [4, cells, cells]
	}
}

// The built-in networks give what they gave when they were exported, on whatever engine there is (I11): pooled pictures of
// a few requests, written with another runtime.
func TestGoldenVectors(t *testing.T) {
	all := models.ByRole("generator")
	if len(all) == 0 {
		t.Fatal("no generator is known")
	}
	for _, m := range all {
		t.Run(m.Name, func(t *testing.T) {
			e := open(t, m.Name, 0)
			if e == nil {
				t.Fatal("the model is listed, but its weights are not there")
			}
			b, err := models.File(m.Name, "golden.json")
			if err != nil {
				t.Fatal(err)
			}
			var g golden
			if err := json.Unmarshal(b, &g); err != nil || len(g.Cases) == 0 {
				t.Fatalf("%d cases, %v", len(g.Cases), err)
			}
			compare(t, e, g)
		})
	}
}

func compare(t *testing.T, e infer.Engine, g golden) {
	s, err := e.NewSession(map[string][]int64{"mix": {1, 64}, "expression": {1, 16}, "gaze": {1, 2}, "pose": {1, 2}, "light": {1, 12}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, c := range g.Cases {
		t.Run(c.Name, func(t *testing.T) {
			mix := s.Data("mix")
			clear(mix)
			for _, d := range c.Donors {
				mix[d] = 1 / float32(len(c.Donors))
			}
			copy(s.Data("expression"), c.Expression)
			copy(s.Data("gaze"), []float32{c.Gaze[0] / 15, c.Gaze[1] / 15})
			copy(s.Data("pose"), []float32{c.Yaw / 60, c.Pitch / 30})
			copy(s.Data("light"), c.Light)
			if err := s.Run(context.Background()); err != nil {
				t.Fatal(err)
			}
			size, rgba := int(s.Shape("rgba")[3]), s.Data("rgba")
			cells := int(math.Sqrt(float64(len(c.RGBA) / 4)))
			if cells == 0 || len(c.RGBA) != 4*cells*cells || size%cells != 0 || len(rgba) != 4*size*size {
				t.Fatalf("%d golden values for a patch of %d texels", len(c.RGBA), size)
			}
			cell, worst := size/cells, 0.
			for i, want := range c.RGBA {
				plane, y, x := i/(cells*cells), i/cells%cells, i%cells
				sum := 0.
				for dy := range cell {
					for dx := range cell {
						sum += float64(rgba[plane*size*size+(y*cell+dy)*size+x*cell+dx])
					}
				}
				worst = math.Max(worst, math.Abs(sum/float64(cell*cell)-want))
			}
			// Written so that NaN fails.
			if !(worst <= g.Tolerance) {
				t.Errorf("differs by %v, at most %v is allowed", worst, g.Tolerance)
			}
		})
	}
}
