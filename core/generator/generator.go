// Package generator renders surrogate faces. A face is asked for by the id of a cluster, a quantised appearance and a
// quantised light, and by nothing else: no embedding, no pixel and no name of a person can enter (docs/guarantee.md,
// invariant I1).
//
// A cluster's surrogate is an exactly uniform mixture of its donors, who are synthetic people. Equal requests give equal
// bytes: on one machine with one engine always, whatever else was rendered before or in the same batch.
package generator

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	// Side says how many texels across the patch needs. The smallest model that has them is used, or else the largest;
	// 0 is the largest. It follows from the face's size on the picture, never from who it is.
	Side int
}

// Config of a Generator.
type Config struct {
	// Mixes are the donors of each cluster: distinct indices of the model's mix input, at least one.
	Mixes map[ClusterID][]int
	// CacheBytes bounds the patch cache; 0 means DefaultCacheBytes, negative no cache.
	CacheBytes int64
	// NeutralExpression renders every surrogate with a neutral expression and gaze; the pose is kept.
	NeutralExpression bool
	// Lips, if not nil, sees how each cluster's mouth answers. It must outlive the Generator, which calls it from one goroutine at a time.
	Lips Lips
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
	Calls        int64 // of an engine, each for one to maxBatch patches
	Patches      int   // in the cache
	Bytes        int64 // of patches in the cache
}

// HitRate is the share of requests that no network had to compute, 0 before the first.
func (s Stats) HitRate() float64 {
	if s.Hits+s.Misses == 0 {
		return 0
	}
	return float64(s.Hits) / float64(s.Hits+s.Misses)
}

// Generator renders patches. It is safe for concurrent use; renderings happen one after another.
type Generator struct {
	mu      sync.Mutex
	nets    []*net                      // ascending by size; empty after Close
	rows    map[ClusterID]*tensor.Dense // [1, donors of the models], sums to 1
	neutral bool
	lips    Lips
	answers map[answerKey]answer
	cache   cache
	stats   Stats
}

// New makes a generator of loaded models, which stay the caller's and must outlive the Generator. Several differ in the
// size of their patches and have the same donors.
//
// A model's inputs are float32: mix [N, M], expression [N, 16] 0..1, gaze [N, 2] in 15 degrees, pose [N, 2] (yaw/60,
// pitch/30), light [N, 12]; its output is rgba [N, 4, S, S] 0..1, straight alpha. Another model, none, or two of one size
// is ErrModel; a cluster without donors, with one twice or with one that the models do not have is ErrMix.
func New(cfg Config, models ...infer.Engine) (_ *Generator, err error) {
	g := &Generator{neutral: cfg.NeutralExpression, lips: cfg.Lips, answers: map[answerKey]answer{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, g.Close())
		}
	}()
	donors := 0
	for _, eng := range models {
		n, size, err := inspect(eng.Tensors())
		if err != nil {
			return nil, err
		}
		if donors != 0 && n != donors {
			return nil, fmt.Errorf("%w: one model has %d donors, another %d", ErrModel, donors, n)
		}
		if slices.ContainsFunc(g.nets, func(o *net) bool { return o.size == size }) {
			return nil, fmt.Errorf("%w: two models of %d texels", ErrModel, size)
		}
		donors = n
		g.nets = append(g.nets, &net{engine: eng, donors: n, size: size})
	}
	if len(g.nets) == 0 {
		return nil, fmt.Errorf("%w: none was given", ErrModel)
	}
	slices.SortFunc(g.nets, func(a, b *net) int { return a.size - b.size })
	if g.rows, err = mixRows(cfg.Mixes, donors); err != nil {
		return nil, err
	}
	g.cache.limit = cfg.CacheBytes
	if cfg.CacheBytes == 0 {
		g.cache.limit = DefaultCacheBytes
	}
	for _, n := range g.nets { // an engine that cannot run is found before the first picture
		if _, err := n.batch(1); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// Sizes are the sides of the patches that the models give, texels, ascending; empty after Close.
func (g *Generator) Sizes() []int {
	g.mu.Lock()
	defer g.mu.Unlock()
	var sizes []int
	for _, n := range g.nets {
		sizes = append(sizes, n.size)
	}
	return sizes
}

// Stats counts the work so far.
func (g *Generator) Stats() Stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.stats
	s.Patches, s.Bytes = len(g.cache.byRequest), g.cache.bytes
	return s
}

// Render returns one surrogate. The patch is shared: nobody writes to it.
func (g *Generator) Render(ctx context.Context, r Request) (*frame.Patch, error) {
	p, err := g.RenderBatch(ctx, []Request{r})
	if err != nil {
		return nil, err
	}
	return p[0], nil
}

// RenderBatch returns the surrogates of all requests, in their order, or an error and none. Those that no cache holds are
// computed several in a call. ctx is looked at between calls, and while one runs where the engine can stop.
func (g *Generator) RenderBatch(ctx context.Context, reqs []Request) ([]*frame.Patch, error) {
	if err := ctx.Err(); err != nil || len(reqs) == 0 {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.nets) == 0 {
		return nil, fmt.Errorf("generator: %w", infer.ErrClosed)
	}
	jobs := make([]*job, len(reqs)) // equal requests share one
	for i, r := range reqs {
		r = g.seen(r)
		if k := slices.IndexFunc(jobs[:i], func(j *job) bool { return j.req == r }); k >= 0 {
			jobs[i] = jobs[k]
			continue
		}
		j, err := g.prepare(ctx, r)
		if err != nil {
			return nil, err
		}
		jobs[i] = j
	}
	for _, n := range g.nets {
		var todo []*job
		for _, j := range jobs {
			switch {
			case j.req.Side != n.size:
			case j.patch == nil && !slices.Contains(todo, j):
				todo = append(todo, j)
			default:
				g.stats.Hits++
			}
		}
		g.stats.Misses += int64(len(todo))
		calls, err := n.render(ctx, todo)
		g.stats.Calls += calls
		if err != nil {
			return nil, err
		}
		for _, j := range todo {
			g.cache.put(j.req, j.patch)
		}
	}
	out := make([]*frame.Patch, len(jobs))
	for i, j := range jobs {
		out[i] = j.patch
	}
	return out, nil
}

// seen is what a network is asked for a request.
func (g *Generator) seen(r Request) Request {
	if g.neutral {
		r.Look.Expression, r.Look.GazeYaw, r.Look.GazePitch = [appearance.Units]uint8{}, 0, 0
	}
	side := r.Side
	r.Side = g.nets[len(g.nets)-1].size
	for _, n := range slices.Backward(g.nets) {
		if side > 0 && n.size >= side {
			r.Side = n.size
		}
	}
	return r
}

// prepare checks a request and looks for its patch, or for what will render it.
func (g *Generator) prepare(ctx context.Context, r Request) (*job, error) {
	j := &job{req: r, mix: g.rows[r.Cluster], light: lights()[r.Light]}
	if j.mix == nil {
		return nil, fmt.Errorf("%w %d", ErrCluster, r.Cluster)
	}
	if !r.Look.Valid() || j.light == nil {
		return nil, fmt.Errorf("%w: %+v, %+v", ErrAppearance, r.Look, r.Light)
	}
	if j.patch = g.cache.get(r); j.patch != nil {
		return j, nil
	}
	var err error
	j.mouth, err = g.mouth(ctx, r)
	return j, err
}

// Close releases the sessions, not the models. It is safe to call twice.
func (g *Generator) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var errs []error
	for _, n := range g.nets {
		errs = append(errs, n.close())
	}
	g.nets = nil
	g.cache.clear()
	return errors.Join(errs...)
}
