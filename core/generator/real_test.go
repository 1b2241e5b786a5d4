package generator_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/generator"
	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/internal/require"
	"github.com/ksamenet/ksamenet/models"
)

var realMixes = map[generator.ClusterID][]int{1: {3, 17, 42, 63}, 2: {8, 31}, 3: {0, 5, 9, 20, 33}, 4: {60}}

// realRequests are n requests over clusters, looks and lights, the ends of the grids among them.
func realRequests(n, side int) (reqs []generator.Request) {
	r := rand.New(rand.NewPCG(5, 6))
	for i := range n {
		raw := appearance.Raw{Yaw: r.Float64()*150 - 75, Pitch: r.Float64()*60 - 30, GazeYaw: r.Float64()*40 - 20, GazePitch: r.Float64()*20 - 10}
		if i%5 == 4 {
			raw.Yaw, raw.Pitch = appearance.YawLimit*float64(i%2*2-1), appearance.PitchLimit*float64(i/2%2*2-1)
		}
		for u := range raw.Expression {
			raw.Expression[u] = max(0, r.NormFloat64()*.4)
		}
		reqs = append(reqs, generator.Request{
			Cluster: generator.ClusterID(1 + i%len(realMixes)), Look: appearance.Quantize(raw),
			Light: appearance.QuantizeLight(r.Float64()*120-60, r.Float64()*60, r.Float64()*3-1.5), Side: side,
		})
	}
	return reqs
}

// realModels opens the built-in generators.
func realModels(t testing.TB, threads int) (all []infer.Engine) {
	t.Helper()
	for _, m := range models.ByRole("generator") {
		if e := open(t, m.Name, threads); e != nil {
			all = append(all, e)
		}
	}
	if len(all) == 0 {
		t.Fatal("no generator's weights are there")
	}
	return all
}

// I1 and I11 with the built-in models: a request gives the same bytes alone, in every batch and place, with another
// generator, and for another cluster with the same donors, which is what two members of a cluster are to the network.
// With batches that are bit-equal an engine is asked less often than there are faces; on a CPU it is known to be so.
func TestBatchesEqualSingles(t *testing.T) {
	for _, threads := range []int{1, 2} {
		t.Run(fmt.Sprintf("%d threads", threads), func(t *testing.T) {
			engines := realModels(t, threads)
			mixes := map[generator.ClusterID][]int{11: realMixes[1], 12: realMixes[2], 13: realMixes[3], 14: realMixes[4]}
			for id, donors := range realMixes {
				mixes[id] = donors
			}
			newGenerator := func() *generator.Generator {
				g, err := generator.New(generator.Config{Mixes: mixes, CacheBytes: -1}, engines...)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { g.Close() })
				return g
			}
			one, other := newGenerator(), newGenerator()
			for _, size := range one.Sizes() {
				reqs := realRequests(7, size)
				for _, n := range []int{2, 4, 7} {
					for start := 0; start+n <= len(reqs); start += n {
						batch, err := one.RenderBatch(t.Context(), reqs[start:start+n])
						if err != nil {
							t.Fatal(err)
						}
						for i, p := range batch {
							r := reqs[start+i]
							r.Cluster += 10
							alone, err := other.Render(t.Context(), r)
							if err != nil {
								t.Fatal(err)
							}
							if p.Size != size || !bytes.Equal(p.RGBA, alone.RGBA) {
								t.Errorf("%d texels: request %d in a batch of %d differs from the same alone", size, start+i, n)
							}
						}
					}
				}
			}
			if s := one.Stats(); engines[0].Info().Device == "cpu" && s.Calls > s.Misses/2 {
				t.Errorf("batches were given up: %+v", s)
			}
		})
	}
}

// BenchmarkRender gives milliseconds a patch, computed without the cache, by patch size and by faces in a picture, and how
// many patches take as long as one run of CenterFace at 640x480, which runs between the renderings.
func BenchmarkRender(b *testing.B) {
	const threads = 2
	engines := realModels(b, threads)
	g, err := generator.New(generator.Config{Mixes: realMixes, CacheBytes: -1}, engines...)
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	if _, _, err := models.DefaultStore("").Load("centerface"); err != nil {
		require.Missing(b, "models", err.Error())
	}
	detector, err := open(b, "centerface", threads).NewSession(map[string][]int64{"input.1": {1, 3, 480, 640}})
	if err != nil {
		b.Fatal(err)
	}
	defer detector.Close()
	for _, size := range g.Sizes() {
		for _, faces := range []int{1, 2, 4} {
			b.Run(fmt.Sprintf("texels=%d/faces=%d", size, faces), func(b *testing.B) {
				reqs := realRequests(faces, size)
				var render, detect time.Duration
				for b.Loop() {
					start := time.Now()
					if _, err := g.RenderBatch(b.Context(), reqs); err != nil {
						b.Fatal(err)
					}
					middle := time.Now()
					if err := detector.Run(b.Context()); err != nil {
						b.Fatal(err)
					}
					render, detect = render+middle.Sub(start), detect+time.Since(middle)
				}
				b.ReportMetric(float64(render.Microseconds())/1000/float64(b.N*faces), "ms/face")
				b.ReportMetric(float64(detect.Microseconds())/1000/float64(b.N), "ms/centerface")
				b.ReportMetric(detect.Seconds()*float64(faces)/render.Seconds(), "faces/centerface")
			})
		}
	}
}
