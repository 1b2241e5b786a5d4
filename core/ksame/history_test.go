package ksame

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// A random history replays to the same state, keeps every certified cluster at k, and nobody ever changes cluster but by union (I2, I8).
func TestRandomHistories(t *testing.T) {
	rounds := 200
	if testing.Short() {
		rounds = 20
	}
	for seed := range uint64(rounds) {
		rng := rand.New(rand.NewPCG(seed, 3))
		b := newBook(t)
		var states []*State
		for range 120 {
			b.step(rng)
			states = append(states, b.s.Clone())
		}
		s, err := Replay(b.rows)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(s.Clusters(), s.Persons()) != fmt.Sprint(b.s.Clusters(), b.s.Persons()) {
			t.Fatalf("seed %d: replay gives another state", seed)
		}
		for i, earlier := range states {
			for _, c := range earlier.Clusters() {
				// Whoever shared a cluster shares one for ever.
				var now []ClusterID
				for _, p := range c.Members {
					if !s.Forgotten(p) {
						now = append(now, s.Of(p))
					}
				}
				if heirs, _ := s.Cluster(c.ID); len(slices.Compact(now)) > 1 || len(now) > 0 && now[0] != heirs.ID {
					t.Fatalf("seed %d: after row %d cluster %d held %v, now in %v", seed, i+2, c.ID, c.Members, now)
				}
			}
		}
	}
}

// step adds a random row that the rules allow.
func (b *book) step(rng *rand.Rand) {
	b.t.Helper()
	var free []PersonID
	for _, p := range b.s.Persons() {
		if b.s.Of(p) == 0 {
			free = append(free, p)
		}
	}
	clusters := b.s.Clusters()
	k := 1 + rng.IntN(4)
	switch rng.IntN(8) {
	case 0:
		if len(free) >= k {
			b.add(Row{Kind: Partitioned, K: k, Clusters: []Block{{Cluster: b.s.NextCluster(), Members: free, Distinct: k + rng.IntN(len(free)-k+1)}}})
			return
		}
	case 1, 2:
		if len(free) > 0 && len(clusters) > 0 {
			if c := clusters[rng.IntN(len(clusters))]; c.Distinct > 0 {
				b.add(Row{Kind: Append, K: c.Distinct, Person: free[0], Cluster: c.ID, Distinct: c.Distinct + rng.IntN(2)})
				return
			}
		}
	case 3:
		if len(clusters) > 1 {
			of := []ClusterID{clusters[0].ID, clusters[1].ID}
			n := max(1, clusters[0].Distinct, clusters[1].Distinct)
			b.add(Row{Kind: Union, K: n, Cluster: b.s.NextCluster(), Of: of, Distinct: n})
			return
		}
	case 5:
		if people := b.s.Persons(); len(people) > 0 {
			p := people[rng.IntN(len(people))]
			row := Row{Kind: Split, Person: b.s.NextPerson(), Other: p, Cluster: b.s.Of(p)}
			if c, ok := b.s.Cluster(row.Cluster); ok {
				row.Distinct = c.Distinct + rng.IntN(2)
			}
			b.add(row)
			return
		}
	case 6:
		people := b.s.Persons()
		for range 5 {
			if len(people) < 2 {
				break
			}
			keep, gone := people[rng.IntN(len(people))], people[rng.IntN(len(people))]
			home, other := b.s.Of(keep), b.s.Of(gone)
			if keep == gone || home != 0 && other != 0 && home != other {
				continue
			}
			row := Row{Kind: Merge, Person: keep, Other: gone, Cluster: max(home, other)}
			if c, ok := b.s.Cluster(row.Cluster); ok {
				row.Distinct = max(0, c.Distinct-1)
			}
			b.add(row)
			return
		}
	case 4:
		if people := b.s.Persons(); len(people) > 0 {
			p := people[rng.IntN(len(people))]
			row := Row{Kind: Tombstone, Person: p, Cluster: b.s.Of(p)}
			if c, ok := b.s.Cluster(row.Cluster); ok {
				row.Distinct = max(0, c.Distinct-1)
			}
			b.add(row)
			return
		}
	}
	b.enrol(1)
}
