package generator

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

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
		g, err := New(cfg, eng)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(g.Sizes(), []int{64}) {
			t.Fatalf("sizes %v", g.Sizes())
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
