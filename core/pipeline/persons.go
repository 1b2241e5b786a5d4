package pipeline

import (
	"math"
	"slices"
)

// sighting is one tracklet's evidence of who it shows.
type sighting struct {
	shot        int
	first, last int64     // frames, inclusive
	embedding   []float32 // quality-weighted mean, unit length; nil when no frame was good enough to tell
}

// joinSightings groups the tracklets of a video into persons: average-linkage agglomeration of cosine similarity, down
// to the threshold tau, with cannot-link between tracklets that share a frame (two faces in one picture are two people).
// Tracklets without an embedding stay alone. Groups come in order of their first member, members in order.
func joinSightings(s []sighting, tau float64) [][]int {
	n := len(s)
	group := make([][]int, n)
	sim := make([][]float64, n) // sum of similarities between groups; -Inf: cannot be joined
	for i := range s {
		group[i] = []int{i}
		sim[i] = make([]float64, n)
		for j := range i {
			v := math.Inf(-1)
			if s[i].embedding != nil && s[j].embedding != nil && (s[i].last < s[j].first || s[j].last < s[i].first) {
				v = dot(s[i].embedding, s[j].embedding)
			}
			sim[i][j], sim[j][i] = v, v
		}
	}
	mean := func(i, j int) float64 { return sim[i][j] / float64(len(group[i])*len(group[j])) }
	best := make([]int, n) // each live group's nearest group with a smaller index; -1: none
	renew := func(i int) {
		best[i] = -1
		for j := range i {
			if group[j] != nil && !math.IsInf(sim[i][j], -1) && (best[i] < 0 || mean(i, j) > mean(i, best[i])) {
				best[i] = j
			}
		}
	}
	for i := range s {
		renew(i)
	}
	for {
		a := -1
		for i := range s {
			if group[i] != nil && best[i] >= 0 && (a < 0 || mean(i, best[i]) > mean(a, best[a])) {
				a = i
			}
		}
		if a < 0 || mean(a, best[a]) < tau {
			break
		}
		b := best[a] // b < a: the group keeps the smaller index
		for j := range s {
			if group[j] != nil && j != a && j != b {
				v := sim[a][j] + sim[b][j]
				sim[b][j], sim[j][b] = v, v
			}
		}
		group[b] = append(group[b], group[a]...)
		group[a] = nil
		renew(b)
		for i := b + 1; i < n; i++ {
			if group[i] == nil {
				continue
			}
			if best[i] == a || best[i] == b {
				renew(i)
			} else if !math.IsInf(sim[i][b], -1) && (best[i] < 0 || mean(i, b) > mean(i, best[i])) {
				best[i] = b
			}
		}
	}
	var out [][]int
	for _, g := range group {
		if g != nil {
			slices.Sort(g)
			out = append(out, g)
		}
	}
	return out
}

// meanEmbedding is the unit mean of a group's embeddings, each weighted by its tracklet's length up to a second's worth,
// so that one long tracklet does not outvote all others. Nil when nobody in the group has one.
func meanEmbedding(s []sighting, members []int) []float32 {
	var sum []float32
	for _, m := range members {
		e := s[m].embedding
		if e == nil {
			continue
		}
		if sum == nil {
			sum = make([]float32, len(e))
		}
		w := float32(min(s[m].last-s[m].first+1, 25))
		for i, v := range e {
			sum[i] += w * v
		}
	}
	return unit(sum)
}

// unit scales v to length 1 in place; nil for a zero or non-finite vector.
func unit(v []float32) []float32 {
	n := math.Sqrt(dot(v, v))
	if n == 0 || math.IsNaN(n) || math.IsInf(n, 0) {
		return nil
	}
	for i := range v {
		v[i] = float32(float64(v[i]) / n)
	}
	return v
}

func dot(a, b []float32) float64 {
	var s float64
	for i := range a {
		s += float64(a[i]) * float64(b[i])
	}
	return s
}
