package pipeline

import (
	"cmp"
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
//
// Similarities are not kept, of which a long film has millions: the sum of those between two groups is the product of their sums. Pairs are
// found along chains of nearest neighbours (Murtagh, The Computer Journal 1983, 26(4), 354), which gives what joining the most similar pair
// first gives, for a group that grows comes no closer to any other.
func joinSightings(s []sighting, tau float64) [][]int {
	groups := make([]*gathering, len(s))
	for i := range s {
		groups[i] = &gathering{members: []int{i}, spans: [][2]int64{{s[i].first, s[i].last}}}
		for _, v := range s[i].embedding {
			groups[i].sum = append(groups[i].sum, float64(v))
		}
	}
	open := slices.DeleteFunc(slices.Clone(groups), func(g *gathering) bool { return g.sum == nil }) // may still be joined
	var chain []*gathering
	for len(open) > 0 {
		if len(chain) == 0 {
			chain = append(chain, open[0])
		}
		g := chain[len(chain)-1]
		var near *gathering
		most := tau
		consider := func(o *gathering) { // to be joined at tau, and over tau the nearest
			if v := g.similarity(o); (v > most || near == nil && v == most) && !g.meets(o) {
				near, most = o, v
			}
		}
		before := len(chain) - 2
		if before >= 0 {
			consider(chain[before]) // first: of equals the one before ends the chain
		}
		for _, o := range open {
			if o != g {
				consider(o)
			}
		}
		switch {
		case near == nil: // nor will anything that grows come closer
			open = slices.DeleteFunc(open, func(o *gathering) bool { return o == g })
			chain = chain[:len(chain)-1]
		case before >= 0 && near == chain[before]:
			near.join(g)
			open = slices.DeleteFunc(open, func(o *gathering) bool { return o == g })
			g.members = nil
			chain = chain[:before]
		default:
			chain = append(chain, near)
		}
	}
	var out [][]int
	for _, g := range groups {
		if len(g.members) > 0 {
			slices.Sort(g.members)
			out = append(out, g.members)
		}
	}
	slices.SortFunc(out, func(a, b []int) int { return a[0] - b[0] })
	return out
}

// gathering is a group of tracklets that grows.
type gathering struct {
	members []int
	sum     []float64  // of unit embeddings
	spans   [][2]int64 // frames of the members, in order
}

// similarity is the mean over all pairs.
func (g *gathering) similarity(o *gathering) float64 {
	var s float64
	for i, v := range g.sum {
		s += v * o.sum[i]
	}
	return s / float64(len(g.members)*len(o.members))
}

// meets says that members of both share a frame.
func (g *gathering) meets(o *gathering) bool {
	i, j := 0, 0
	for i < len(g.spans) && j < len(o.spans) {
		switch a, b := g.spans[i], o.spans[j]; {
		case a[1] < b[0]:
			i++
		case b[1] < a[0]:
			j++
		default:
			return true
		}
	}
	return false
}

func (g *gathering) join(o *gathering) {
	g.members = append(g.members, o.members...)
	g.spans = append(g.spans, o.spans...)
	slices.SortFunc(g.spans, func(a, b [2]int64) int { return cmp.Compare(a[0], b[0]) })
	for i, v := range o.sum {
		g.sum[i] += v
	}
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
