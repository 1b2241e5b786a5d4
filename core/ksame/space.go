package ksame

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Options steer Partition and Unite. The zero value is valid.
type Options struct {
	// CoOccur lists pairs seen together in one picture. They are kept in different clusters where possible, so that no two
	// people on screen wear the same face; the size of clusters goes first. Pairs naming unknown people are ignored.
	CoOccur [][2]PersonID
	// Same says that two ids may be one person; see Distinct. nil: all ids are different people.
	Same func(a, b PersonID) bool
	// Sweeps bounds the local search: 0 means the default of 20, a negative number none (plain MDAV).
	Sweeps int
}

// space is the people to be clustered, by index in ascending order of id: order of input then changes nothing, and a tie
// broken by index is broken by id.
type space struct {
	ids  []PersonID
	emb  [][]float64 // each to be read only
	norm []float64   // squared length of each
	dim  int
	foes [][]int // people seen together with this one
	same func(a, b PersonID) bool
	key  []float64 // see measure
}

func newSpace(ids []PersonID, emb [][]float32, opt Options) (*space, error) {
	if len(ids) != len(emb) {
		return nil, fmt.Errorf("ksame: %d ids for %d embeddings", len(ids), len(emb))
	}
	order := make([]int, len(ids))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(ids[a], ids[b]) })
	s := &space{same: opt.Same, foes: make([][]int, len(ids)), norm: make([]float64, len(ids)), key: make([]float64, len(ids))}
	for _, i := range order {
		if n := len(s.ids); n > 0 && s.ids[n-1] == ids[i] {
			return nil, fmt.Errorf("ksame: person %d is named twice", ids[i])
		}
		if ids[i] <= 0 {
			return nil, fmt.Errorf("ksame: person id %d is not positive", ids[i])
		}
		if len(emb[i]) == 0 || len(emb[i]) != len(emb[0]) {
			return nil, fmt.Errorf("ksame: the embedding of person %d has %d values, that of person %d has %d",
				ids[i], len(emb[i]), ids[0], len(emb[0]))
		}
		for _, v := range emb[i] {
			if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
				return nil, fmt.Errorf("ksame: the embedding of person %d is not finite", ids[i])
			}
		}
		s.ids, s.emb, s.dim = append(s.ids, ids[i]), append(s.emb, widen(emb[i])), len(emb[i])
	}
	for i, x := range s.emb {
		s.norm[i] = dot(x, x)
	}
	for _, pair := range opt.CoOccur {
		a, okA := slices.BinarySearch(s.ids, pair[0])
		b, okB := slices.BinarySearch(s.ids, pair[1])
		if okA && okB && a != b && !slices.Contains(s.foes[a], b) {
			s.foes[a], s.foes[b] = append(s.foes[a], b), append(s.foes[b], a)
		}
	}
	return s, nil
}

// distinct counts the people among the given indices; see Distinct.
func (s *space) distinct(members []int) int {
	if s.same == nil {
		return len(members)
	}
	return Distinct(s.people(members), s.same)
}

func (s *space) people(members []int) []PersonID {
	out := make([]PersonID, len(members))
	for i, m := range members {
		out[i] = s.ids[m]
	}
	return out
}

// sum adds up the embeddings of members.
func (s *space) sum(members []int) []float64 {
	out := make([]float64, s.dim)
	for _, m := range members {
		for j, v := range s.emb[m] {
			out[j] += v
		}
	}
	return out
}

// conflicts counts the people of members seen together with person i.
func (s *space) conflicts(i int, members []int) int {
	n := 0
	for _, f := range s.foes[i] {
		if slices.Contains(members, f) {
			n++
		}
	}
	return n
}

// measure sets the key of each person of rest: their squared distance to the point p/scale, less |p/scale|², which is the
// same for all of them.
func (s *space) measure(rest []int, p []float64, scale float64) {
	for _, i := range rest {
		s.key[i] = s.norm[i] - 2*dot(p, s.emb[i])/scale
	}
}

func widen(x []float32) []float64 {
	out := make([]float64, len(x))
	for j, v := range x {
		out[j] = float64(v)
	}
	return out
}

// dot is the inner product, in four fixed lanes. Each product is rounded by an explicit conversion: a machine with fused
// multiply-add then gives the same bits.
func dot(x, y []float64) float64 {
	var a, b, c, d float64
	y = y[:len(x)]
	j := 0
	for ; j+4 <= len(x); j += 4 {
		u, v := (*[4]float64)(x[j:]), (*[4]float64)(y[j:])
		a += float64(u[0] * v[0])
		b += float64(u[1] * v[1])
		c += float64(u[2] * v[2])
		d += float64(u[3] * v[3])
	}
	for ; j < len(x); j++ {
		a += float64(x[j] * y[j])
	}
	return a + b + c + d
}
