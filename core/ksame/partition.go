package ksame

import (
	"cmp"
	"fmt"
	"slices"
)

// Partition divides people into clusters of at least k distinct people each; nobody is left over.
//
// emb holds one embedding per id, all of one length, normally of unit length. The result lists ids in ascending order, and
// clusters by their smallest id. It depends on the set of people only, not on the order of the arguments.
// It returns a *TooFewError when there are fewer than k distinct people.
//
// Method: MDAV microaggregation (Domingo-Ferrer and Mateo-Sanz, IEEE TKDE 14(1), 2002; MDAV-generic of Domingo-Ferrer and
// Torra, Data Mining and Knowledge Discovery 11, 2005), where a cluster is closed once it holds k distinct people, followed
// by moves and swaps that lower the within-cluster variance while every cluster keeps k. Time grows with n²/k.
func Partition(ids []PersonID, emb [][]float32, k int, opt Options) ([][]PersonID, error) {
	if k < 1 {
		return nil, fmt.Errorf("ksame: k is %d, must be at least 1", k)
	}
	s, err := newSpace(ids, emb, opt)
	if err != nil {
		return nil, err
	}
	if len(ids) < k {
		return nil, &TooFewError{Have: Distinct(s.ids, s.same), Need: k}
	}
	clusters, err := s.mdav(k)
	if err != nil {
		return nil, err
	}
	s.improve(clusters, k, opt.Sweeps)

	out := make([][]PersonID, len(clusters))
	for i, c := range clusters {
		slices.Sort(c)
		// The invariant is asserted on the result itself, whatever the search above did.
		if n := s.distinct(c); n < k {
			return nil, fmt.Errorf("ksame: internal error: a cluster of %d distinct people for k = %d", n, k)
		}
		out[i] = s.people(c)
	}
	slices.SortFunc(out, func(a, b []PersonID) int { return cmp.Compare(a[0], b[0]) })
	return out, nil
}

// mdav takes the person farthest from the centroid and the person farthest from that one in turn, and closes a cluster around each.
func (s *space) mdav(k int) ([][]int, error) {
	rest := make([]int, len(s.ids))
	for i := range rest {
		rest[i] = i
	}
	total := s.sum(rest)
	var clusters [][]int
	take := func(seed int) bool {
		c := s.grow(seed, rest, k)
		if c == nil {
			return false
		}
		clusters = append(clusters, c)
		rest = slices.DeleteFunc(rest, func(i int) bool { return slices.Contains(c, i) })
		for j, v := range s.sum(c) {
			total[j] -= v
		}
		return true
	}
	for len(rest) >= 2*k {
		s.measure(rest, total, float64(len(rest)))
		first := s.farthest(rest)
		s.measure(rest, s.emb[first], 1)
		if !take(first) || len(rest) < 2*k {
			break
		}
		opposite := s.farthest(rest) // from the first: those who are left are still measured from there
		s.measure(rest, s.emb[opposite], 1)
		if !take(opposite) {
			break
		}
	}
	if have := s.distinct(rest); have >= k {
		return append(clusters, rest), nil
	} else if len(clusters) == 0 {
		return nil, &TooFewError{Have: have, Need: k}
	}
	// Only where "maybe the same" counts as one can the rest be too few: they join the clusters that exist.
	for _, i := range rest {
		var err error
		if clusters, err = s.attach(i, clusters, k); err != nil {
			return nil, err
		}
	}
	return clusters, nil
}

// farthest is the person of rest with the largest key, the smallest id winning a tie.
func (s *space) farthest(rest []int) int {
	best := rest[0]
	for _, i := range rest {
		if s.key[i] > s.key[best] {
			best = i
		}
	}
	return best
}

// grow collects the nearest people around seed, from whom all have been measured, until k distinct ones are together, those
// never seen together with a collected one first. It returns nil when rest does not hold k distinct people.
func (s *space) grow(seed int, rest []int, k int) []int {
	type candidate struct {
		index, conflicts int
		distance         float64
	}
	pool := make([]candidate, 0, len(rest))
	for _, i := range rest {
		if i != seed {
			pool = append(pool, candidate{index: i, distance: s.key[i]})
		}
	}
	cluster := []int{seed}
	count := Counter{Same: s.same}
	count.Add(s.ids[seed])
	last := seed
	for count.Count() < k {
		if len(pool) == 0 {
			return nil
		}
		best := 0
		for j := range pool {
			if len(s.foes[last]) > 0 && slices.Contains(s.foes[last], pool[j].index) {
				pool[j].conflicts++
			}
			a, b := &pool[j], &pool[best]
			if a.conflicts < b.conflicts || a.conflicts == b.conflicts &&
				(a.distance < b.distance || a.distance == b.distance && a.index < b.index) {
				best = j
			}
		}
		last = pool[best].index
		cluster = append(cluster, last)
		count.Add(s.ids[last])
		pool[best] = pool[len(pool)-1]
		pool = pool[:len(pool)-1]
	}
	return cluster
}

// attach adds person i to the nearest cluster that keeps k distinct people with them (the newcomer may be the link that
// makes two members look like one). If there is none, the nearest cluster takes them and absorbs others until it has k.
func (s *space) attach(i int, clusters [][]int, k int) ([][]int, error) {
	order := s.nearest(i, clusters)
	for _, c := range order {
		if joined := append(slices.Clone(clusters[c]), i); s.distinct(joined) >= k {
			clusters[c] = joined
			return clusters, nil
		}
	}
	home := append(slices.Clone(clusters[order[0]]), i)
	for _, c := range order[1:] {
		home = append(home, clusters[c]...)
		clusters[c] = nil
		if s.distinct(home) >= k {
			break
		}
	}
	if have := s.distinct(home); have < k {
		return nil, &TooFewError{Have: have, Need: k}
	}
	clusters[order[0]] = home
	return slices.DeleteFunc(clusters, func(c []int) bool { return len(c) == 0 }), nil
}

// nearest orders clusters for person i: fewest people seen together with i first, then by distance of the centroid.
func (s *space) nearest(i int, clusters [][]int) []int {
	type rank struct {
		cluster, conflicts int
		distance           float64
	}
	ranks := make([]rank, len(clusters))
	for c, members := range clusters {
		sum, n := s.sum(members), float64(len(members))
		// Squared distance, less |x|², which is the same for all clusters.
		ranks[c] = rank{c, s.conflicts(i, members), dot(sum, sum)/(n*n) - 2*dot(sum, s.emb[i])/n}
	}
	slices.SortStableFunc(ranks, func(a, b rank) int {
		switch {
		case a.conflicts != b.conflicts:
			return a.conflicts - b.conflicts
		case a.distance < b.distance:
			return -1
		case a.distance > b.distance:
			return 1
		}
		return 0
	})
	out := make([]int, len(ranks))
	for j, r := range ranks {
		out[j] = r.cluster
	}
	return out
}
