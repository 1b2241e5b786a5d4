package registry

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"gorgonia.org/tensor"

	"github.com/ksamenet/ksamenet/core/ksame"
)

// gallery is the decrypted reference embeddings in memory, one row each. Not safe for concurrent use.
type gallery struct {
	dim     int
	rows    []float32 // len(owners) × dim
	quality []float64
	owners  []ksame.PersonID
	of      map[ksame.PersonID][]int // rows of each person, oldest first
	scores  []float32
}

func newGallery(dim int) *gallery { return &gallery{dim: dim, of: map[ksame.PersonID][]int{}} }

func (g *gallery) clone() *gallery {
	c := &gallery{dim: g.dim, rows: slices.Clone(g.rows), quality: slices.Clone(g.quality), owners: slices.Clone(g.owners),
		of: make(map[ksame.PersonID][]int, len(g.of))}
	for p, rows := range g.of {
		c.of[p] = slices.Clone(rows)
	}
	return c
}

func (g *gallery) row(i int) []float32 { return g.rows[i*g.dim : (i+1)*g.dim] }

func (g *gallery) add(p ksame.PersonID, e []float32, quality float64) {
	g.of[p] = append(g.of[p], len(g.owners))
	g.rows, g.quality, g.owners = append(g.rows, e...), append(g.quality, quality), append(g.owners, p)
}

// replace overwrites one row of its owner.
func (g *gallery) replace(row int, e []float32, quality float64) {
	copy(g.row(row), e)
	g.quality[row] = quality
}

// remove drops all rows of a person.
func (g *gallery) remove(p ksame.PersonID) {
	kept := newGallery(g.dim)
	for i, owner := range g.owners {
		if owner != p {
			kept.add(owner, g.row(i), g.quality[i])
		}
	}
	clear(g.rows) // the forgotten embedding goes at once, not when memory is used again
	*g = *kept
}

// check returns e scaled to unit length. Anything that is not nearly of unit length already is no embedding.
func (g *gallery) check(e []float32) ([]float32, error) {
	if len(e) != g.dim {
		return nil, fmt.Errorf("registry: an embedding of %d values, want %d", len(e), g.dim)
	}
	var square float64
	for _, v := range e {
		square += float64(v) * float64(v)
	}
	norm := math.Sqrt(square)
	if !(math.Abs(norm-1) <= 0.01) { // NaN and infinity fail too
		return nil, fmt.Errorf("registry: an embedding of length %v, want 1", norm)
	}
	out := make([]float32, len(e))
	for i, v := range e {
		out[i] = float32(float64(v) / norm)
	}
	return out, nil
}

// rowsPerCore is how many rows make another core worth its start: half a millisecond of one.
const rowsPerCore = 8192

// multiply fills scores with the gallery's rows times e. A hundred thousand rows (10,000 people of ten samples) take one core of a Xeon
// 5 ms, most of it memory's; the cores share them.
func (g *gallery) multiply(e, scores []float32) error {
	n := len(scores)
	parts := min(runtime.GOMAXPROCS(0), 1+(n-1)/rowsPerCore)
	errs := make([]error, parts)
	part := func(k int) {
		lo, hi := k*n/parts, (k+1)*n/parts
		// The tensors are views: nothing is copied.
		a := tensor.New(tensor.WithShape(hi-lo, g.dim), tensor.WithBacking(g.rows[lo*g.dim:hi*g.dim]))
		x := tensor.New(tensor.WithShape(g.dim), tensor.WithBacking(e))
		y := tensor.New(tensor.WithShape(hi-lo), tensor.WithBacking(scores[lo:hi]))
		_, errs[k] = a.MatVecMul(x, tensor.WithReuse(y))
	}
	var wait sync.WaitGroup
	for k := 1; k < parts; k++ {
		wait.Go(func() { part(k) })
	}
	part(0)
	wait.Wait()
	return errors.Join(errs...)
}

// match multiplies the gallery by the unit vector e and takes the maximum per person.
func (g *gallery) match(e []float32) (m Match, err error) {
	if len(g.owners) == 0 {
		return Match{}, nil
	}
	n := len(g.owners)
	if cap(g.scores) < n {
		g.scores = make([]float32, n, n+n/4)
	}
	scores := g.scores[:n]
	if err := g.multiply(e, scores); err != nil {
		return Match{}, fmt.Errorf("registry: match: %w", err)
	}
	m.Similarity, m.Second = math.Inf(-1), math.Inf(-1)
	for i, s := range scores {
		switch p, sim := g.owners[i], float64(s); {
		case math.IsNaN(sim):
			return Match{}, fmt.Errorf("registry: match: a similarity is not a number")
		case p == m.Person:
			m.Similarity = max(m.Similarity, sim)
		case sim > m.Similarity || sim == m.Similarity && p < m.Person:
			m.Runner, m.Second = m.Person, m.Similarity
			m.Person, m.Similarity = p, sim
		case sim > m.Second || sim == m.Second && p < m.Runner:
			m.Runner, m.Second = p, sim
		}
	}
	if m.Runner == 0 {
		m.Second = -1
	}
	return m, nil
}

// similarity of two people: the largest over their samples, which errs towards "the same".
func (g *gallery) similarity(a, b ksame.PersonID) float64 {
	best := math.Inf(-1)
	for _, i := range g.of[a] {
		for _, j := range g.of[b] {
			var s float64
			y := g.row(j)
			for d, v := range g.row(i) {
				s += float64(v) * float64(y[d])
			}
			best = max(best, s)
		}
	}
	return best
}

// mean is the quality-weighted mean of a person's samples, at unit length: what clusters are built from.
func (g *gallery) mean(p ksame.PersonID) []float32 {
	sum := make([]float64, g.dim)
	for _, i := range g.of[p] {
		// A sample of quality 0 still says something, and a person of such samples only needs a mean.
		w := max(g.quality[i], 1e-3)
		for d, v := range g.row(i) {
			sum[d] += float64(w * float64(v))
		}
	}
	var square float64
	for _, v := range sum {
		square += float64(v * v)
	}
	out := make([]float32, g.dim)
	if norm := math.Sqrt(square); norm > 0 {
		for d, v := range sum {
			out[d] = float32(v / norm)
		}
	}
	return out
}

// Match is the nearest enrolled person.
type Match struct {
	Person     ksame.PersonID // 0: the registry holds nobody
	Similarity float64        // cosine of the best sample, −1..1
	Runner     ksame.PersonID // nearest other person, 0: none
	Second     float64        // their similarity, −1 when there is none
	Same       bool           // Similarity >= TauLink: render as this person
	Maybe      bool           // Similarity >= TauLow: may be this person
}
