package registry

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksamenet/ksamenet/core/ksame"
)

// production is what an attacker knows of one release: its k, and the members of every cluster on screen.
type production struct {
	k       int
	screen  []ksame.PersonID
	members map[ksame.ClusterID][]ksame.PersonID
	of      map[ksame.PersonID]ksame.ClusterID
	worn    map[ksame.ClusterID]ksame.Mix
}

// Several productions of one registry, which grows between them, is rekeyed, and is asked for other k: whoever intersects the
// clusters of somebody who is in several of them is left with k people or more, of each k. The clusters stay under rekey, or are
// united whole, and no surrogate of one release is worn in another.
func TestComposition(t *testing.T) {
	rounds := 20
	if testing.Short() {
		rounds = 4
	}
	pool := ksame.AllDonors(64)
	for seed := range uint64(rounds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 2024))
			r := newPlace(t).init(t)
			people := faces(1000+seed, 60)
			var done []production
			for len(done) < 5 {
				tx := begin(t, r)
				n := min(len(people), 6+rng.IntN(8))
				enrol(t, tx, people[:n])
				people = people[n:]
				p := production{k: 2 + rng.IntN(4), members: map[ksame.ClusterID][]ksame.PersonID{}, of: map[ksame.PersonID]ksame.ClusterID{}, worn: map[ksame.ClusterID]ksame.Mix{}}
				for _, id := range tx.State().Persons() {
					if rng.IntN(2) == 0 {
						p.screen = append(p.screen, id)
					}
				}
				mustEnsure(t, tx, Request{K: p.k, Screen: p.screen, Growth: Growth(rng.IntN(2))})
				var ids []ksame.ClusterID
				for _, id := range p.screen {
					c, _ := tx.State().Cluster(tx.State().Of(id))
					p.of[id] = c.ID
					if p.members[c.ID] == nil {
						p.members[c.ID] = slices.Clone(c.Members)
						ids = append(ids, c.ID)
						mix, err := tx.Rekey(c.ID, 4, pool, nil)
						if err != nil {
							t.Fatal(err)
						}
						p.worn[c.ID] = mix
					}
				}
				slices.Sort(ids)
				if err := tx.Release(Release{K: p.k, Clusters: ids, Output: fmt.Sprintf("%064x", len(done))}); err != nil {
					t.Fatal(err)
				}
				commit(t, tx)
				done = append(done, p)
			}
			checkHealthy(t, r)
			state := r.State()
			for i, a := range done {
				for _, id := range a.screen {
					left, least := a.members[a.of[id]], a.k
					for j, b := range done {
						if b.of[id] == 0 {
							continue
						}
						least = min(least, b.k)
						left = slices.DeleteFunc(slices.Clone(left), func(m ksame.PersonID) bool { return !slices.Contains(b.members[b.of[id]], m) })
						heir, _ := state.Cluster(a.of[id])
						if now, _ := state.Cluster(b.of[id]); heir.ID != now.ID {
							t.Errorf("person %d: cluster %d of release %d and cluster %d of release %d are not one", id, a.of[id], i, b.of[id], j)
						}
						if i != j && slices.Equal(a.worn[a.of[id]], b.worn[b.of[id]]) {
							t.Errorf("person %d wears the donors %v in releases %d and %d", id, b.worn[b.of[id]], i, j)
						}
					}
					if len(left) < least {
						t.Errorf("person %d: %d people are left after all releases, k was %d or more", id, len(left), least)
					}
				}
			}
		})
	}
}
