package registry

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"github.com/ksamenet/ksamenet/core/ksame"
)

// gallery is the decrypted reference embeddings in memory, one row each. Not safe for concurrent use.
type gallery struct {
	dim      int
	rows     []float32 // len(owners) × dim
	sketches sketches  // of the rows
	quality  []float64
	owners   []ksame.PersonID
	of       map[ksame.PersonID][]int // rows of each person, oldest first
	upper    []float64                // of match
}

func newGallery(dim int) *gallery {
	return &gallery{dim: dim, sketches: newSketches(dim), of: map[ksame.PersonID][]int{}}
}

func (g *gallery) clone() *gallery {
	c := &gallery{dim: g.dim, rows: slices.Clone(g.rows), sketches: g.sketches.clone(), quality: slices.Clone(g.quality), owners: slices.Clone(g.owners),
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
	g.sketches.add(e)
}

// replace overwrites one row of its owner.
func (g *gallery) replace(row int, e []float32, quality float64) {
	copy(g.row(row), e)
	g.sketches.replace(row, e)
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
	clear(g.sketches.lanes)
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

// rowsPerCore is how many rows make another core worth its start: a quarter of a millisecond of one.
const rowsPerCore = 16384

// highest are the two people with the highest similarities.
type highest struct {
	person, runner ksame.PersonID // 0: none
	first, second  float64
}

var nobody = highest{first: math.Inf(-1), second: math.Inf(-1)}

// meet takes notice of a row of p. Equal ones go by the lower id, in whatever order they come.
func (h *highest) meet(p ksame.PersonID, sim float64) {
	switch {
	case p == h.person:
		h.first = max(h.first, sim)
	case sim > h.first || sim == h.first && p < h.person:
		h.runner, h.second = h.person, h.first
		h.person, h.first = p, sim
	case sim > h.second || sim == h.second && p < h.runner:
		h.runner, h.second = p, sim
	}
}

// match finds the two people nearest to the unit vector e, each by their nearest sample. Rows are read in full only where their
// sketches do not say that two people are nearer; the cores share the sketches.
func (g *gallery) match(e []float32) (Match, error) {
	n := len(g.owners)
	if n == 0 {
		return Match{}, nil
	}
	if len(e) != g.dim {
		return Match{}, fmt.Errorf("registry: match: an embedding of %d values, want %d", len(e), g.dim)
	}
	for _, v := range e {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return Match{}, fmt.Errorf("registry: match: an embedding that is not finite")
		}
	}
	q := g.sketches.query(e)
	if cap(g.upper) < n {
		g.upper = make([]float64, n, n+n/4)
	}
	upper := g.upper[:n]
	parts := min(runtime.GOMAXPROCS(0), 1+(n-1)/rowsPerCore)
	lower := make([]highest, parts)
	part := func(k int) {
		h := nobody
		for i := k * n / parts; i < (k+1)*n/parts; i++ {
			low, high := g.sketches.between(i, &q)
			upper[i] = high
			if low > h.second {
				h.meet(g.owners[i], low)
			}
		}
		lower[k] = h
	}
	var wait sync.WaitGroup
	for k := 1; k < parts; k++ {
		wait.Go(func() { part(k) })
	}
	part(0)
	wait.Wait()
	atLeast := lower[0]
	for _, h := range lower[1:] {
		for _, p := range []struct {
			id  ksame.PersonID
			sim float64
		}{{h.person, h.first}, {h.runner, h.second}} {
			if p.id != 0 {
				atLeast.meet(p.id, p.sim)
			}
		}
	}
	found := nobody
	for i, high := range upper {
		if high >= atLeast.second {
			found.meet(g.owners[i], product(g.row(i), e))
		}
	}
	if found.runner == 0 {
		found.second = -1
	}
	return Match{Person: found.person, Similarity: found.first, Runner: found.runner, Second: found.second}, nil
}

func product(a, b []float32) (s float64) {
	for i, v := range a {
		s += float64(v) * float64(b[i])
	}
	return s
}

// similarity of two people: the largest over their samples, which errs towards "the same".
func (g *gallery) similarity(a, b ksame.PersonID) float64 {
	best := math.Inf(-1)
	for _, i := range g.of[a] {
		for _, j := range g.of[b] {
			best = max(best, product(g.row(i), g.row(j)))
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
