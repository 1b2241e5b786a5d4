package attack

import (
	"math"
	"testing"
)

func alone(i int) uint64 { return uint64(i + 1) }

func inFours(i int) uint64 { return uint64(i/4 + 1) }

// worn is what people of a cluster look like in a release: a surrogate of the cluster, and noise of the session.
func worn(group func(int) uint64, release, session uint64) func(int) []float32 {
	return func(i int) []float32 { return near(20000*release+group(i), 500*release+100*session+uint64(i), .3) }
}

// A rekey cuts the link between two releases: the new surrogates say neither who nor which cluster it was. Without it every
// cluster is found again.
func TestRekeyCutsTheLink(t *testing.T) {
	const n = 48
	self := func(i int) []float32 { return direction(uint64(i)) }
	recorded := func(release, session uint64) []*Watcher {
		return []*Watcher{crowd(n, inFours, self, worn(inFours, release, session))}
	}
	rekeyed := Compose(recorded(1, 1), recorded(1, 2), recorded(2, 1), recorded(2, 2))
	if len(rekeyed) != 2*len(views) {
		t.Fatalf("%d results", len(rekeyed))
	}
	link := find(t, rekeyed, Linkage)
	if link.People != n/4 || math.Abs(link.Claim-4./n) > 1e-9 || !link.Holds || link.Rank1 > .4 {
		t.Errorf("rekeyed: %+v", link)
	}
	if c := find(t, rekeyed, Composition); c.People != n || !c.Holds || c.Rank1 > .5 || math.Abs(c.Claim-.25) > 1e-9 {
		t.Errorf("two releases: %+v", c)
	}
	kept := find(t, Compose(recorded(1, 1), recorded(1, 2), recorded(1, 1), recorded(1, 2)), Linkage)
	if kept.Holds || kept.Rank1 != 1 {
		t.Errorf("the same surrogates in both releases: %+v", kept)
	}
}

// Two releases that each tell a little tell more together.
func TestCompositionAddsUp(t *testing.T) {
	const n = 40
	one := func(int) uint64 { return 1 }
	self := func(i int) []float32 { return direction(uint64(i)) }
	weak := func(release, session uint64) []*Watcher {
		return []*Watcher{crowd(n, one, self, func(i int) []float32 { return near(uint64(i), 7000*release+300*session+uint64(i), 2.5) })}
	}
	all := Compose(weak(1, 1), weak(1, 2), weak(2, 1), weak(2, 2))
	single, err := Identify(weak(1, 1), weak(1, 2))
	if err != nil {
		t.Fatal(err)
	}
	if a, b := find(t, all, Composition), find(t, single, Parrot); a.Hits <= b.Hits || a.Holds {
		t.Errorf("together %d, one alone %d of %d", a.Hits, b.Hits, n)
	}
}

// Inside the cluster: chance is one over its members, and a signal that is the person's own is found.
func TestClusterLeak(t *testing.T) {
	const n = 48
	groups := map[string]uint64{}
	self := func(i int) []float32 { return direction(uint64(i)) }
	for i := range n {
		groups[crowd(n, alone, self, self).tracks[i].person] = inFours(i)
	}
	tight := []*Watcher{crowd(n, alone, self, worn(inFours, 1, 1))}
	all := Leak("", tight, []*Watcher{crowd(n, alone, self, worn(inFours, 1, 2))}, groups)
	if a := find(t, all, ClusterLeak); !a.Holds || a.People != n || math.Abs(a.Chance-.25) > 1e-9 || a.Claim != a.Chance {
		t.Errorf("no leak: %+v", a)
	}
	all = Leak(Outline, tight, tight, groups)
	if len(all) != len(Recognizers) || all[0].Channel != Outline {
		t.Fatalf("one signal: %+v", all)
	}
	if all[0].Holds || all[0].Rank1 != 1 {
		t.Errorf("a leak: %+v", all[0])
	}
	// Members of clusters of one are known without looking: no trial.
	for i := range n {
		groups[crowd(n, alone, self, self).tracks[i].person] = alone(i)
	}
	if all := Leak("", tight, tight, groups); len(all) != 0 {
		t.Errorf("clusters of one: %+v", all)
	}
}

func TestLeakSignals(t *testing.T) {
	const n = 40
	one, two, groups := map[string]Trail{}, map[string]Trail{}, map[string]uint64{}
	for i := range n {
		name := string(rune('a'+i/26)) + string(rune('a'+i%26))
		groups[name] = inFours(i)
		row := func(seed uint64) []float64 {
			v := direction(seed)
			return []float64{float64(v[0]), float64(v[1]), 7}
		}
		who := row(uint64(i))
		// Pose is the session's; the outline is the person's, with noise; the tone says nothing at all.
		for session, m := range []map[string]Trail{one, two} {
			seed := uint64(9000 + 2000*session + i)
			for p := range uint64(3) {
				jitter := row(seed + 100*p)
				if m[name] == nil {
					m[name] = Trail{}
				}
				m[name][Pose] = append(m[name][Pose], row(seed+700))
				m[name][Outline] = append(m[name][Outline], []float64{who[0] + .1*jitter[0], who[1] + .1*jitter[1], 7})
				m[name][Tone] = append(m[name][Tone], []float64{7})
			}
		}
	}
	got := map[string]Attack{}
	for _, a := range LeakSignals(one, two, groups) {
		got[a.Channel] = a
	}
	if a := got[Outline]; a.Holds || a.Rank1 < .7 || a.PerPerson[0].Gallery != 3 {
		t.Errorf("a leak went unseen: %+v", a)
	}
	if a := got[Pose]; !a.Holds {
		t.Errorf("no leak: %+v", a)
	}
	if a := got[Tone]; a.Hits != n/4 || !a.Holds { // ties count their share
		t.Errorf("a constant: %+v", a)
	}
	if len(got) != 3 {
		t.Errorf("%d signals", len(got))
	}
}
