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
	emb  [][]float32
	dim  int
	foes [][]int // people seen together with this one
	same func(a, b PersonID) bool
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
	s := &space{same: opt.Same, foes: make([][]int, len(ids))}
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
		s.ids, s.emb, s.dim = append(s.ids, ids[i]), append(s.emb, emb[i]), len(emb[i])
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
			out[j] += float64(v)
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

// distance is the squared Euclidean distance of person i to the point p/scale.
// Each product is rounded by an explicit conversion: a machine with fused multiply-add then gives the same bits.
func (s *space) distance(i int, p []float64, scale float64) float64 {
	var d float64
	for j, v := range s.emb[i] {
		t := float64(v) - p[j]/scale
		d += float64(t * t)
	}
	return d
}

// dot is the inner product of a sum of embeddings and one embedding, in four fixed lanes; see distance for the conversions.
func dot(sum []float64, x []float32) float64 {
	var a, b, c, d float64
	n := len(x) &^ 3
	sum = sum[:len(x)]
	for j := 0; j < n; j += 4 {
		a += float64(sum[j] * float64(x[j]))
		b += float64(sum[j+1] * float64(x[j+1]))
		c += float64(sum[j+2] * float64(x[j+2]))
		d += float64(sum[j+3] * float64(x[j+3]))
	}
	for j := n; j < len(x); j++ {
		a += float64(sum[j] * float64(x[j]))
	}
	return a + b + c + d
}

// dot32 is the inner product of two embeddings. Products of float32 are exact in float64.
func dot32(x, y []float32) float64 {
	var a float64
	for j, v := range x {
		a += float64(v) * float64(y[j])
	}
	return a
}
