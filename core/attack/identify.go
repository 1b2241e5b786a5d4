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
	// Composition: both are outputs, of two releases that wear different surrogates (--rekey): whoever was found like the
	// probe in both of them.
	Composition = "composition"
	// Linkage: gallery is one release, probe the other, after --rekey. The unit is a cluster: does its new surrogate give away
	// which one it wore before?
	Linkage = "linkage"
	// ClusterLeak: parrot, and the attacker knows the cluster: which member is it?
	ClusterLeak = "cluster-leak"
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
	// attacker cannot know a cluster's surrogate, Claim for the others. Of the linkage both are one over the clusters.
	Holds     bool     `json:"holds"`
	PerPerson []Person `json:"per_person"`
}

// Person is one trial.
type Person struct {
	Person  string  `json:"person"`
	Group   uint64  `json:"cluster,omitempty"`
	Found   string  `json:"found"`   // whose entry is the nearest; in doubt the person
	Rank    int     `json:"rank"`    // of the person in the gallery, 1 is best; ties count against the person
	Own     float64 `json:"own"`     // cosine to the person's own entry
	Nearest float64 `json:"nearest"` // to the nearest other one
	Gallery int     `json:"gallery"` // pictures in the person's entry
	Probe   int     `json:"probe"`   // pictures in the probe
	// OneRecording says that gallery and probe are parts of one recording, and not only the face is the same in both.
	OneRecording bool `json:"one_recording,omitempty"`
}

// MarkOneRecording says of whom gallery and probe are parts of one recording, in all attacks in which both are outputs.
func MarkOneRecording(all []Attack, names []string) {
	for i := range all {
		if a := &all[i]; a.Attack == Parrot || a.Attack == Composition || a.Attack == ClusterLeak {
			for j := range a.PerPerson {
				a.PerPerson[j].OneRecording = slices.Contains(names, a.PerPerson[j].Person)
			}
		}
	}
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
				b = &body{name: t.person}
				for side := range b.side {
					b.side[side] = make([]mean, len(t.bodies[side]))
				}
				byName[t.person], out = b, append(out, b)
			}
			if b.group == 0 { // of originals that were watched alone no cluster is known
				b.group = t.group
			}
			for side := range b.side {
				for i, m := range t.bodies[side] {
					b.side[side][i].join(m)
				}
			}
		}
	}
	sortBodies(out)
	return out
}

func sortBodies(all []*body) {
	slices.SortFunc(all, func(a, b *body) int { return compare(a.name, b.name) })
}

func clusterName(id uint64) string { return fmt.Sprintf("cluster %d", id) }

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
