package attack

import (
	"fmt"
	"math"
	"slices"
)

// entry is one trial and one place in the gallery: somebody's evidence on both sides, in each release that the attacker has.
type entry struct {
	name           string
	group          uint64
	gallery, probe []*mean
}

// like is how much g's gallery resembles e's probe: the mean over the releases.
func (e *entry) like(g *entry) (s float64) {
	for i := range e.probe {
		s += g.gallery[i].cosine(e.probe[i]) / float64(len(e.probe))
	}
	return s
}

// Identify runs the attacks with every recogniser and channel: naive and reverse, and parrot where gallery and probe are different
// recordings. gallery and probe are the recordings of which the attacker holds one and seeks people in the other; the same
// ones for both are the attacker's best case. People without a usable face on either side are left out.
// It returns ErrEvidence when fewer than two people are left for every view.
func Identify(gallery, probe []*Watcher) ([]Attack, error) {
	g, p := gather(gallery), gather(probe)
	kinds := []struct {
		name           string
		gallery, probe Side
	}{{Naive, Original, Output}, {Reverse, Output, Original}}
	if !slices.Equal(gallery, probe) {
		kinds = append(kinds, struct {
			name           string
			gallery, probe Side
		}{Parrot, Output, Output})
	}
	var out []Attack
	for i, v := range views {
		for _, k := range kinds {
			a := Attack{Attack: k.name, Recognizer: Recognizers[v.net], Channel: v.channel}
			if a.run(entries(i, []release{{g, p, k.gallery, k.probe}}), false) {
				out = append(out, a)
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: %d people in the gallery, %d in the probe; two with a recognisable face on both sides are needed", ErrEvidence, len(g), len(p))
	}
	return out, nil
}

// release is where gallery and probe of one release come from.
type release struct {
	gallery, probe         []*body
	gallerySide, probeSide Side
}

// entries are the people with usable evidence for view i in every release, in order of name.
func entries(i int, all []release) []entry {
	found := func(bodies []*body, name string, side Side) *body {
		at, ok := slices.BinarySearchFunc(bodies, name, func(b *body, n string) int { return compare(b.name, n) })
		if !ok || !bodies[at].side[side][i].usable() {
			return nil
		}
		return bodies[at]
	}
	var out []entry
next:
	for _, b := range all[0].gallery {
		e := entry{name: b.name, group: b.group}
		for _, r := range all {
			g, p := found(r.gallery, b.name, r.gallerySide), found(r.probe, b.name, r.probeSide)
			if g == nil || p == nil {
				continue next
			}
			if e.group == 0 {
				e.group = g.group
			}
			e.gallery, e.probe = append(e.gallery, &g.side[r.gallerySide][i]), append(e.probe, &p.side[r.probeSide][i])
		}
		out = append(out, e)
	}
	return out
}

// run is one attack; within: the attacker knows the cluster, and seeks among its members alone. It is false when nobody can be
// mistaken for anybody else.
func (a *Attack) run(all []entry, within bool) bool {
	return a.score(len(all), func(u int) *entry { return &all[u] }, func(u, v int) float64 { return all[u].like(&all[v]) }, within)
}

// score runs the trials 0 to n-1, of which like says how much the probe of one resembles the gallery of another.
func (a *Attack) score(n int, of func(int) *entry, like func(probe, gallery int) float64, within bool) bool {
	hits, chance := 0., 0.
	for u := range n {
		e, own := of(u), like(u, u)
		t := Person{Person: e.name, Group: e.group, Found: e.name, Rank: 1, Own: own, Nearest: math.Inf(-1)}
		for i := range e.gallery {
			t.Gallery, t.Probe = t.Gallery+e.gallery[i].faces, t.Probe+e.probe[i].faces
		}
		better, equal, mates, rivals := 0, 1, 1, 1
		for v := range n {
			mate := of(v).group != 0 && of(v).group == e.group
			if v == u || within && !mate {
				continue
			}
			rivals++
			if mate {
				mates++
			}
			s := like(u, v)
			switch {
			case s > own:
				better++
				if s > t.Nearest {
					t.Found = of(v).name
				}
			case s == own:
				equal++
			}
			t.Nearest = max(t.Nearest, s)
		}
		if rivals == 1 && within {
			continue // alone in the cluster: known without looking
		}
		t.Rank = better + equal
		if better == 0 {
			hits += 1 / float64(equal)
		}
		a.Claim, chance = a.Claim+1/float64(mates), chance+1/float64(rivals)
		a.PerPerson = append(a.PerPerson, t)
	}
	if n < 2 || len(a.PerPerson) < 2 {
		return false
	}
	a.People = len(a.PerPerson)
	a.Chance, a.Claim = 1/float64(a.People), a.Claim/float64(a.People)
	if within {
		a.Chance = chance / float64(a.People)
	}
	a.Hits = int(math.Ceil(hits - 1e-9))
	a.Rank1 = float64(a.Hits) / float64(a.People)
	a.Low, a.High = limits(a.Hits, a.People)
	switch a.Attack {
	case Naive, Reverse, Linkage:
		a.Holds = a.Low <= a.Chance
	default:
		a.Holds = a.Low <= a.Claim
	}
	return true
}
