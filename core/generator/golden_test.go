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

// The built-in network gives what it gave when it was exported, on whatever engine there is (I11): pooled pictures of four
// requests, written by training/release.py with another runtime.
func TestGoldenVectors(t *testing.T) {
	b, err := models.File("generator", "golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Tolerance float64
		Cases     []struct {
			Name       string
			Donors     []int
			Expression []float32
			Gaze       [2]float32
			Yaw, Pitch float32
			Light      []float32
			RGBA       []float64
		}
	}
	if err := json.Unmarshal(b, &golden); err != nil || len(golden.Cases) == 0 {
		t.Fatalf("%d cases, %v", len(golden.Cases), err)
	}
	m, model, err := models.DefaultStore("").Load("generator")
	if err != nil {
		t.Fatal(err)
	}
	e, err := infer.Open(m, model, infer.Options{})
	if errors.Is(err, infer.ErrLibrary) {
		require.Missing(t, "ort", err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	s, err := e.NewSession(map[string][]int64{"mix": {1, 64}, "expression": {1, 16}, "gaze": {1, 2}, "pose": {1, 2}, "light": {1, 12}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, c := range golden.Cases {
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
			const cells, cell = 8, 16
			rgba := s.Data("rgba")
			if len(c.RGBA) != 4*cells*cells || len(rgba) != 4*cells*cell*cells*cell {
				t.Fatalf("%d golden values, %d values", len(c.RGBA), len(rgba))
			}
			worst := 0.
			for i, want := range c.RGBA {
				plane, y, x := i/(cells*cells), i/cells%cells, i%cells
				sum := 0.
				for dy := range cell {
					for dx := range cell {
						sum += float64(rgba[plane*cells*cell*cells*cell+(y*cell+dy)*cells*cell+x*cell+dx])
					}
				}
				worst = math.Max(worst, math.Abs(sum/(cell*cell)-want))
			}
			// Written so that NaN fails.
			if !(worst <= golden.Tolerance) {
				t.Errorf("differs by %v, at most %v is allowed", worst, golden.Tolerance)
			}
		})
	}
}
