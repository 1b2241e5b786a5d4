package attack

import (
	"fmt"
	"math"
	"slices"
)

// Attacks, by who holds what.
const (
	Naive   = "naive"   // gallery of originals, probe is an output: an album against the release
	Reverse = "reverse" // gallery of outputs, probe is an original
	Parrot  = "parrot"  // both are outputs, of different recordings: the attacker has run the album through the program
)

// Attack is the outcome of one attack with one recogniser through one channel. The unit is a person: all pictures of somebody are one trial.
type Attack struct {
	Attack     string  `json:"attack"`
	Recognizer string  `json:"recognizer"`
	Channel    string  `json:"channel"`
	People     int     `json:"people"` // trials, and size of the gallery
	Hits       int     `json:"hits"`   // people whose nearest gallery entry is themselves; ties count their share, in sum rounded up
	Rank1      float64 `json:"rank1"`  // Hits / People
	Low        float64 `json:"low"`    // Clopper-Pearson limits of Rank1, at Confidence
	High       float64 `json:"high"`
	Chance     float64 `json:"chance"` // 1 / People
	// Claim is what the attacker may reach if the output tells the cluster and nothing else: the mean over the trials of one
	// over the gallery's members of the person's cluster.
	Claim float64 `json:"claim"`
	// Holds says that the outcome does not contradict the claim that is tested: Chance for naive and reverse, where the
	// attacker cannot know a cluster's surrogate, Claim for parrot.
	Holds     bool     `json:"holds"`
	PerPerson []Person `json:"per_person"`
}

// Person is one trial.
type Person struct {
	Person  string  `json:"person"`
	Group   uint64  `json:"cluster,omitempty"`
	Rank    int     `json:"rank"`    // of the person in the gallery, 1 is best; ties count against the person
	Own     float64 `json:"own"`     // cosine to the person's own entry
	Nearest float64 `json:"nearest"` // to the nearest other one
	Gallery int     `json:"gallery"` // pictures in the person's entry
	Probe   int     `json:"probe"`   // pictures in the probe
}

// body is all evidence of one person.
type body struct {
	name  string
	group uint64
	side  [sides][]mean // by view
}

// gather joins the tracks of each person, in order of name.
func gather(all []*Watcher) []*body {
	byName := map[string]*body{}
	var out []*body
	for _, w := range all {
		for _, id := range w.order {
			t := w.tracks[id]
			b := byName[t.person]
			if b == nil {
				b = &body{name: t.person, group: t.group}
				for side := range b.side {
					b.side[side] = make([]mean, len(t.bodies[side]))
				}
				byName[t.person], out = b, append(out, b)
			}
			for side := range b.side {
				for i, m := range t.bodies[side] {
					b.side[side][i].join(m)
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b *body) int { return compare(a.name, b.name) })
	return out
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (m *mean) join(n *mean) {
	if n.sum == nil {
		return
	}
	if m.sum == nil {
		m.sum = make([]float64, len(n.sum))
	}
	for i, x := range n.sum {
		m.sum[i] += x
	}
	m.faces += n.faces
}

// usable says that the mean has a direction: faces of no quality leave none.
func (m *mean) usable() bool { return m.sum != nil && !(dot(m.sum, m.sum) < 1e-12) }

func (m *mean) cosine(n *mean) float64 {
	return dot(m.sum, n.sum) / math.Sqrt(dot(m.sum, m.sum)*dot(n.sum, n.sum))
}

func dot(a, b []float64) (s float64) {
	for i := range a {
		s += a[i] * b[i]
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
			if a.run(g, p, i, k.gallery, k.probe) {
				out = append(out, a)
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: %d people in the gallery, %d in the probe; two with a recognisable face on both sides are needed", ErrEvidence, len(g), len(p))
	}
	return out, nil
}

// run is one attack through view i; false when there are not two people.
func (a *Attack) run(gallery, probe []*body, i int, gs, ps Side) bool {
	var g, p []*body
	for _, b := range gallery {
		for _, q := range probe {
			if b.name == q.name && b.side[gs][i].usable() && q.side[ps][i].usable() {
				g, p = append(g, b), append(p, q)
			}
		}
	}
	n := len(g)
	if n < 2 {
		return false
	}
	hits := 0.
	for u := range p {
		seek, own := &p[u].side[ps][i], g[u].side[gs][i].cosine(&p[u].side[ps][i])
		t := Person{Person: p[u].name, Group: g[u].group, Rank: 1, Own: own, Nearest: -1, Gallery: g[u].side[gs][i].faces, Probe: seek.faces}
		better, equal, mates := 0, 1, 1
		for v := range g {
			if v == u {
				continue
			}
			s := g[v].side[gs][i].cosine(seek)
			t.Nearest = max(t.Nearest, s)
			switch {
			case s > own:
				better++
			case s == own:
				equal++
			}
			if g[v].group != 0 && g[v].group == g[u].group {
				mates++
			}
		}
		t.Rank = better + equal
		if better == 0 {
			hits += 1 / float64(equal)
		}
		a.Claim += 1 / float64(mates)
		a.PerPerson = append(a.PerPerson, t)
	}
	a.People, a.Chance, a.Claim = n, 1/float64(n), a.Claim/float64(n)
	a.Hits = int(math.Ceil(hits - 1e-9))
	a.Rank1 = float64(a.Hits) / float64(n)
	a.Low, a.High = limits(a.Hits, n)
	a.Holds = a.Low <= a.Chance
	if a.Attack == Parrot {
		a.Holds = a.Low <= a.Claim
	}
	return true
}
