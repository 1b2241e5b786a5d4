package models

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/internal/require"
)

// TestInstalled opens every model, which compares its tensors with the manifest, and runs it once on a grey picture.
func TestInstalled(t *testing.T) {
	store := DefaultStore("")
	for _, st := range store.Check() {
		t.Run(st.Manifest.Name, func(t *testing.T) {
			if errors.Is(st.Err, ErrMissing) {
				require.Missing(t, "models", st.Err.Error())
			}
			if st.Err != nil {
				t.Fatal(st.Err)
			}
			m, weights, err := store.Load(st.Manifest.Name)
			if err != nil {
				t.Fatal(err)
			}
			runOnce(t, m, weights)
		})
	}
}

func runOnce(t *testing.T, m infer.Manifest, weights []byte) {
	t.Helper()
	engine, err := infer.Open(m, weights, infer.Options{Threads: 1})
	if errors.Is(err, infer.ErrLibrary) {
		require.Missing(t, "ort", err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	shapes := map[string][]int64{}
	for _, in := range m.Tensors {
		if in.Dir == "input" {
			shape := slices.Clone(in.Dims)
			if in.Shapes != nil {
				shape = slices.Clone(in.Shapes.Opt)
			}
			for i, d := range shape {
				if d < 0 { // a free batch
					shape[i] = 1
				}
			}
			shapes[in.ID] = shape
		}
	}
	session, err := engine.NewSession(shapes)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	for _, in := range m.Tensors {
		if in.Dir == "input" && len(in.Ranges) == 2 {
			values := session.Data(in.ID)
			for i := range values {
				values[i] = float32(in.Ranges[0]+in.Ranges[1]) / 2
			}
		}
	}
	if err := session.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, out := range m.Tensors {
		if out.Dir != "output" {
			continue
		}
		values := session.Data(out.ID)
		if len(values) == 0 {
			t.Errorf("%s: no values", out.ID)
		}
		for i, v := range values {
			if x := float64(v); math.IsNaN(x) || math.IsInf(x, 0) {
				t.Errorf("%s[%d] = %v", out.ID, i, v)
				break
			}
			if r := out.Ranges; len(r) == 2 && (float64(v) < r[0] || float64(v) > r[1]) {
				t.Errorf("%s[%d] = %v, outside %v", out.ID, i, v, r)
				break
			}
		}
	}
}
