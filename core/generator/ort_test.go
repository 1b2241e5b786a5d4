package generator

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/internal/require"
)

// openToy loads testdata/toy.onnx with ONNX Runtime.
func openToy(t testing.TB) infer.Engine {
	t.Helper()
	model, err := os.ReadFile("testdata/toy.onnx")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(model)
	m := infer.Manifest{Name: "toy", SHA256: hex.EncodeToString(sum[:])}
	eng, err := infer.Open(m, model, infer.Options{Backend: infer.ONNXRuntime, Threads: 2})
	if errors.Is(err, infer.ErrLibrary) {
		require.Missing(t, "ort", err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := eng.Close(); err != nil {
			t.Error(err)
		}
	})
	return eng
}

func randomLook(r *rand.Rand) (a appearance.Appearance) {
	raw := appearance.Raw{Yaw: r.Float64()*150 - 75, Pitch: r.Float64()*60 - 30, GazeYaw: r.Float64()*40 - 20}
	for i := range raw.Expression {
		raw.Expression[i] = r.Float64()
	}
	return appearance.Quantize(raw)
}

// TestEngine renders with a real engine: the first, the last and a repeated rendering of a request are the same bytes,
// as are those of another generator of the same model.
func TestEngine(t *testing.T) {
	eng := openToy(t)
	cfg := Config{Mixes: map[ClusterID][]int{4: {1, 60, 33, 7}, 5: {0, 63, 2, 9}}, CacheBytes: -1}
	r := rand.New(rand.NewPCG(1, 2))
	var reqs []Request
	for i := range 40 {
		reqs = append(reqs, Request{Cluster: ClusterID(4 + i%2), Look: randomLook(r), Light: appearance.QuantizeLight(r.Float64()*120-60, r.Float64()*60, r.Float64()*2-1)})
	}
	var first [][]byte
	for range 2 {
		g, err := New(eng, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if g.Size() != 64 {
			t.Fatalf("size %d", g.Size())
		}
		batch, err := g.RenderBatch(t.Context(), reqs)
		if err != nil {
			t.Fatal(err)
		}
		for i := len(reqs) - 1; i >= 0; i-- {
			p, err := g.Render(t.Context(), reqs[i])
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(p.RGBA, batch[i].RGBA) {
				t.Errorf("request %d: alone and in a batch differ", i)
			}
			if first != nil && !bytes.Equal(p.RGBA, first[i]) {
				t.Errorf("request %d: two generators differ", i)
			}
		}
		if first == nil {
			for i, p := range batch {
				first = append(first, p.RGBA)
				if i > 1 && bytes.Equal(p.RGBA, first[i%2]) {
					t.Errorf("request %d looks like request %d", i, i%2)
				}
			}
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestBatchRows watches what RenderBatch's comment says: it prints how many values differ between one run of four rows
// and four runs of one, and what each takes. They must agree to 1e-4, else the engine mixes rows.
func TestBatchRows(t *testing.T) {
	eng := openToy(t)
	const rows = 4
	many := map[string][]int64{}
	for name, s := range shapes(64) {
		many[name] = []int64{rows, s[1]}
	}
	wide, err := eng.NewSession(many)
	if err != nil {
		t.Fatal(err)
	}
	defer wide.Close()
	single, err := eng.NewSession(shapes(64))
	if err != nil {
		t.Fatal(err)
	}
	defer single.Close()
	r := rand.New(rand.NewPCG(3, 4))
	for name := range many {
		for i := range wide.Data(name) {
			wide.Data(name)[i] = r.Float32()
		}
	}
	run := func(s infer.Session) time.Duration {
		best := time.Hour
		for range 5 {
			start := time.Now()
			if err := s.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			best = min(best, time.Since(start))
		}
		return best
	}
	batch := run(wide)
	var alone time.Duration
	differ, n := 0, len(single.Data(outputName))
	for k := range rows {
		for name, s := range shapes(64) {
			copy(single.Data(name), wide.Data(name)[k*int(s[1]):])
		}
		alone += run(single)
		for i, v := range single.Data(outputName) {
			w := wide.Data(outputName)[k*n+i]
			if v != w {
				differ++
			}
			if d := v - w; d > 1e-4 || d < -1e-4 {
				t.Fatalf("row %d value %d: %v alone, %v in a batch", k, i, v, w)
			}
		}
	}
	t.Logf("%d of %d values differ; a batch of %d takes %v, %d runs %v", differ, rows*n, rows, batch, rows, alone)
}
