package registry

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksamenet/ksamenet/core/ksame"
)

// plainly is match by a loop over all rows in full.
func plainly(g *gallery, query []float32) Match {
	best := map[ksame.PersonID]float64{}
	for i, p := range g.owners {
		var s float64
		for d, v := range g.row(i) {
			s += float64(v) * float64(query[d])
		}
		if had, ok := best[p]; !ok || s > had {
			best[p] = s
		}
	}
	var people []ksame.PersonID
	for p := range best {
		people = append(people, p)
	}
	slices.SortFunc(people, func(a, b ksame.PersonID) int {
		if best[a] != best[b] {
			if best[a] > best[b] {
				return -1
			}
			return 1
		}
		return int(a) - int(b)
	})
	m := Match{Person: people[0], Similarity: best[people[0]], Second: -1}
	if len(people) > 1 {
		m.Runner, m.Second = people[1], best[people[1]]
	}
	return m
}

// However near people are to each other, and however many cores share the sketches, match answers as a plain search does, to the last bit.
func TestMatchIsAPlainSearch(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	vector := func(dim int, near []float32, spread float64) []float32 {
		e := make([]float32, dim)
		for d := range e {
			e[d] = float32(spread * rng.NormFloat64())
			if near != nil {
				e[d] += near[d]
			}
		}
		return e
	}
	for _, dim := range []int{1, 3, 8, 128, 130} {
		for _, n := range []int{1, 2, 40, rowsPerCore, rowsPerCore + 1, 3*rowsPerCore - 5} {
			if n > 40 && dim != 8 && dim != 130 {
				continue
			}
			// Apart; as samples of people are; nearly equal, below what a sketch can tell; and the very same.
			for _, spread := range []float64{1, .1, 1e-6, 0} {
				g, middle := newGallery(dim), vector(dim, nil, 1)
				for i := range n {
					g.add(ksame.PersonID(1+i*7919%n/3), vector(dim, middle, spread), 1)
				}
				for i := range min(n, 5) {
					g.replace(i, vector(dim, nil, 1), 1)
				}
				if n > 4 {
					g.remove(g.owners[3])
				}
				g = g.clone()
				for _, query := range [][]float32{vector(dim, nil, 1), vector(dim, middle, spread), slices.Clone(g.row(len(g.owners) / 2)), make([]float32, dim)} {
					if m, err := g.match(query); err != nil || m != plainly(g, query) {
						t.Fatalf("%d rows of %d, spread %v: %+v, %v, want %+v", n, dim, spread, m, err, plainly(g, query))
					}
				}
			}
		}
	}
	g := newGallery(3)
	if m, err := g.match([]float32{1, 0, 0}); err != nil || m != (Match{}) {
		t.Errorf("an empty gallery: %+v, %v", m, err)
	}
	g.add(1, []float32{0, 1, 0}, 1)
	for _, bad := range [][]float32{{float32(math.NaN()), 0, 0}, {0, float32(math.Inf(1)), 0}, {1, 0}} {
		if m, err := g.match(bad); err == nil {
			t.Errorf("%v matches %+v", bad, m)
		}
	}
}

// The bounds that sketches give hold, and are narrow: else every row would be read in full.
func TestSketchesBound(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 7))
	widest := 0.
	for n := range 2000 {
		dim := 1 + rng.IntN(200)
		k := newSketches(dim)
		a, b := make([]float32, dim), make([]float32, dim)
		for d := range a {
			a[d], b[d] = float32(rng.NormFloat64()), float32(rng.NormFloat64())
			if n%3 == 0 { // one value rules
				a[d] *= float32(math.Pow(10, -6*rng.Float64()))
			}
		}
		k.add(b)
		k.replace(0, a)
		q := k.query(b)
		low, high := k.between(0, &q)
		if exact := product(a, b); exact < low || exact > high {
			t.Fatalf("%d values: %v is not within %v to %v", dim, exact, low, high)
		}
		if dim > 32 && n%3 != 0 {
			widest = max(widest, (high-low)/math.Sqrt(product(a, a)*product(b, b)))
		}
	}
	if widest == 0 || widest > .1 {
		t.Errorf("bounds of unit vectors lie apart by up to %.3f", widest)
	}
}

// What is removed leaves no trace in memory, in full or as a sketch.
func TestRemovedRowsAreCleared(t *testing.T) {
	g := newGallery(4)
	g.add(1, []float32{1, 0, 0, 0}, 1)
	g.add(2, []float32{0, 1, 0, 0}, 1)
	rows, lanes := g.rows, g.sketches.lanes
	g.remove(1)
	if slices.ContainsFunc(rows, func(v float32) bool { return v != 0 }) || slices.ContainsFunc(lanes, func(v uint64) bool { return v != 0 }) {
		t.Errorf("left behind: %v, %x", rows, lanes)
	}
}
