package ksame

import (
	"cmp"
	"fmt"
	"slices"
)

// Unite says which clusters to unite so that each cluster of need gets at least k distinct people. Clusters that have enough
// already stay as they are unless another needs them. Every element of the result is a set of two or more clusters,
// ascending; no cluster is in two of them.
//
// A cluster in need takes its nearest neighbour by centroid (one that holds nobody seen together with its members first),
// smallest id first, until it has k. clusters must have members; emb gives the embedding of each of them.
// It returns a *TooFewError when all clusters together hold too few people.
func Unite(clusters []Cluster, emb func(PersonID) []float32, need []ClusterID, k int, opt Options) ([][]ClusterID, error) {
	var ids []PersonID
	var vectors [][]float32
	for _, c := range clusters {
		for _, p := range c.Members {
			ids, vectors = append(ids, p), append(vectors, emb(p))
		}
	}
	s, err := newSpace(ids, vectors, opt)
	if err != nil {
		return nil, err
	}
	type part struct {
		of      []ClusterID
		members []int
	}
	parts := make([]part, len(clusters))
	for i, c := range clusters {
		parts[i].of = []ClusterID{c.ID}
		for _, p := range c.Members {
			at, _ := slices.BinarySearch(s.ids, p)
			parts[i].members = append(parts[i].members, at)
		}
		if len(c.Members) == 0 {
			return nil, fmt.Errorf("ksame: cluster %d has no members", c.ID)
		}
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.of[0], b.of[0]) })

	for _, id := range slices.Sorted(slices.Values(need)) {
		at := slices.IndexFunc(parts, func(p part) bool { return slices.Contains(p.of, id) })
		if at < 0 {
			return nil, fmt.Errorf("ksame: cluster %d is not among those to unite", id)
		}
		whole := parts[at]
		for {
			have := s.distinct(whole.members)
			if have >= k {
				break
			}
			if len(parts) == 1 {
				return nil, &TooFewError{Have: have, Need: k}
			}
			parts = slices.DeleteFunc(parts, func(p part) bool { return p.of[0] == whole.of[0] })
			groups := make([][]int, len(parts))
			for i := range parts {
				groups[i] = parts[i].members
			}
			next := parts[s.nearestGroup(whole.members, groups)]
			parts = slices.DeleteFunc(parts, func(p part) bool { return p.of[0] == next.of[0] })
			whole.of = slices.Sorted(slices.Values(append(whole.of, next.of...)))
			whole.members = slices.Sorted(slices.Values(append(whole.members, next.members...)))
			at, _ = slices.BinarySearchFunc(parts, whole.of[0], func(p part, id ClusterID) int { return cmp.Compare(p.of[0], id) })
			parts = slices.Insert(parts, at, whole)
		}
	}
	var unions [][]ClusterID
	for _, p := range parts {
		if len(p.of) > 1 {
			unions = append(unions, p.of)
		}
	}
	return unions, nil
}

// nearestGroup is the index of the group whose centroid is nearest to that of members, fewest co-occurring pairs first.
func (s *space) nearestGroup(members []int, groups [][]int) int {
	centre := s.sum(members)
	best, bestConflicts, bestDistance := -1, 0, 0.0
	for g, group := range groups {
		conflicts := 0
		for _, i := range members {
			conflicts += s.conflicts(i, group)
		}
		var d float64
		for j, v := range s.sum(group) {
			t := v/float64(len(group)) - centre[j]/float64(len(members))
			d += float64(t * t)
		}
		if best < 0 || conflicts < bestConflicts || conflicts == bestConflicts && d < bestDistance {
			best, bestConflicts, bestDistance = g, conflicts, d
		}
	}
	return best
}
