// Package generator renders surrogate faces. A face is asked for by the id of a cluster and a quantised appearance, and by
// nothing else: no embedding, no pixel and no name of a person can enter (docs/guarantee.md, invariant I1).
//
// A cluster's surrogate is an exactly uniform mixture of its donors, who are synthetic people. Equal requests give equal
// bytes: on one machine with one engine always, whatever else was rendered before or in the same batch.
package generator

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"gorgonia.org/tensor"

	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/infer"
)

// ClusterID names an equivalence class of people. It is all that the generator learns of a person's identity.
type ClusterID uint64

// Request asks for the surrogate of a cluster with an appearance, in a light. The zero Light is the neutral one.
type Request struct {
	Cluster ClusterID
	Look    appearance.Appearance
	Light   appearance.Light
}

// Config of a Generator.
type Config struct {
	// Mixes are the donors of each cluster: distinct indices of the model's mix input, at least one.
	Mixes map[ClusterID][]int
	// CacheBytes bounds the patch cache; 0 means DefaultCacheBytes, negative no cache.
	CacheBytes int64
	// NeutralExpression renders every surrogate with a neutral expression and gaze; the pose is kept.
	NeutralExpression bool
}

// DefaultCacheBytes holds 1024 patches of 128², or 256 of 256².
const DefaultCacheBytes = 64 << 20

// Errors that callers branch on. After ErrOutput or an engine's error nothing was rendered: the caller covers or stops.
var (
	ErrModel      = errors.New("generator: model does not fit")
	ErrMix        = errors.New("generator: bad mix")
	ErrCluster    = errors.New("generator: unknown cluster")
	ErrAppearance = errors.New("generator: appearance or light outside the declared grid")
	ErrOutput     = errors.New("generator: unusable output")
)

// Stats counts since New. A request is a hit when its patch was in the cache or earlier in the same batch.
type Stats struct {
	Hits, Misses int64
	Patches      int   // in the cache
	Bytes        int64 // of patches in the cache
}

// Generator renders patches. It is safe for concurrent use; renderings happen one after another.
type Generator struct {
	mu      sync.Mutex
	session infer.Session
	inputs  inputs
	rows    map[ClusterID]*tensor.Dense // [1, donors of the model], sums to 1
	neutral bool
	size    int // texels per side
	cache   cache
	hits    int64
	misses  int64
}

// New makes a generator of a loaded model, which stays the caller's and must outlive the Generator.
//
// The model's inputs are float32: mix [N, M], expression [N, 16] 0..1, gaze [N, 2] in 15 degrees, pose [N, 2] (yaw/60,
// pitch/30), light [N, 12]; its output is rgba [N, 4, S, S] 0..1, straight alpha. Another model is ErrModel, a cluster
// without donors, with one twice or with one that the model does not have is ErrMix.
func New(eng infer.Engine, cfg Config) (*Generator, error) {
	donors, size, err := inspect(eng.Tensors())
	if err != nil {
		return nil, err
	}
	rows, err := mixRows(cfg.Mixes, donors)
	if err != nil {
		return nil, err
	}
	g := &Generator{rows: rows, neutral: cfg.NeutralExpression, size: size}
	g.cache.limit = cfg.CacheBytes
	if cfg.CacheBytes == 0 {
		g.cache.limit = DefaultCacheBytes
	}
	// One row per run, also for batches: see RenderBatch.
	g.session, err = eng.NewSession(shapes(donors))
	if err != nil {
		return nil, fmt.Errorf("generator: %w", err)
	}
	if g.inputs, err = bind(g.session, donors); err != nil {
		return nil, errors.Join(err, g.session.Close())
	}
	return g, nil
}

// Size is the number of texels along a side of the patches.
func (g *Generator) Size() int { return g.size }

// Stats counts the cache's work so far.
func (g *Generator) Stats() Stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	return Stats{Hits: g.hits, Misses: g.misses, Patches: len(g.cache.byRequest), Bytes: g.cache.bytes}
}

// Render returns one surrogate. The patch is shared: nobody writes to it.
func (g *Generator) Render(ctx context.Context, r Request) (*frame.Patch, error) {
	p, err := g.RenderBatch(ctx, []Request{r})
	if err != nil {
		return nil, err
	}
	return p[0], nil
}

// RenderBatch returns the surrogates of all requests, in their order, or an error and none. ctx is looked at between
// renderings, and while one runs where the engine can stop.
//
// Each rendering is a run of its own, with the same shapes always. On a CPU a batch gains nothing (ONNX Runtime 1.32, the
// 128² network, one thread: 45.2 ms for a batch of four, 43.6 ms for four runs; two threads: 47.7 and 56.3 ms on a busy
// machine), and although no bit differed there, engines choose their kernels by shape: with one shape, the patch of a
// person cannot depend, in its last bits, on who else is in the picture.
func (g *Generator) RenderBatch(ctx context.Context, reqs []Request) ([]*frame.Patch, error) {
	if len(reqs) == 0 {
		return nil, ctx.Err()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.session == nil {
		return nil, fmt.Errorf("generator: %w", infer.ErrClosed)
	}
	out := make([]*frame.Patch, len(reqs))
	for i := range reqs {
		var err error
		if out[i], err = g.one(ctx, reqs, i, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// seen is what the network is asked for a request.
func (g *Generator) seen(r Request) Request {
	if g.neutral {
		r.Look.Expression, r.Look.GazeYaw, r.Look.GazePitch = [appearance.Units]uint8{}, 0, 0
	}
	return r
}

// one renders request i of a batch; done holds the patches of those before it.
func (g *Generator) one(ctx context.Context, reqs []Request, i int, done []*frame.Patch) (*frame.Patch, error) {
	r := g.seen(reqs[i])
	row, ok := g.rows[r.Cluster]
	if !ok {
		return nil, fmt.Errorf("%w %d", ErrCluster, r.Cluster)
	}
	light := lights()[r.Light]
	if !r.Look.Valid() || light == nil {
		return nil, fmt.Errorf("%w: %+v, %+v", ErrAppearance, r.Look, r.Light)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if p := g.cache.get(r); p != nil {
		g.hits++
		return p, nil
	}
	for j, b := range reqs[:i] {
		if g.seen(b) == r { // the cache may be off, or smaller than a batch
			g.hits++
			return done[j], nil
		}
	}
	g.misses++
	if err := g.inputs.set(row, r.Look, light); err != nil {
		return nil, err
	}
	if err := g.session.Run(ctx); err != nil {
		return nil, fmt.Errorf("generator: %w", err)
	}
	p, err := toPatch(g.session.Data(outputName), g.session.Shape(outputName), g.size)
	if err != nil {
		return nil, fmt.Errorf("%w (cluster %d)", err, r.Cluster)
	}
	g.cache.put(r, p)
	return p, nil
}

// Close releases the session, not the model. It is safe to call twice.
func (g *Generator) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.session == nil {
		return nil
	}
	err := g.session.Close()
	g.session = nil
	g.cache.clear()
	return err
}
