package attack

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// crowd makes one recording of n people whose originals and outputs have the given directions, for every view.
func crowd(n int, group func(i int) uint64, original, output func(i int) []float32) *Watcher {
	w := &Watcher{tracks: map[int]*track{}}
	for i := range n {
		t := &track{person: fmt.Sprintf("p%02d", i), group: group(i)}
		for range views {
			a, b := &mean{}, &mean{}
			a.add(original(i), 1)
			b.add(output(i), .5)
			t.bodies[Original], t.bodies[Output] = append(t.bodies[Original], a), append(t.bodies[Output], b)
		}
		w.tracks[i], w.order = t, append(w.order, i)
	}
	return w
}

// direction is a random one, the same for the same seed.
func direction(seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed*0x9e3779b97f4a7c15, seed)) // neighbouring seeds of PCG alone are alike
	v := make([]float32, 128)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

func near(seed uint64, noise uint64, share float32) []float32 {
	a, b := direction(seed), direction(1000+noise)
	for i := range a {
		a[i] += share * b[i]
	}
	return a
}

func find(t *testing.T, all []Attack, name string) Attack {
	t.Helper()
	for _, a := range all {
		if a.Attack == name && a.Recognizer == Recognizers[1] && a.Channel == Full {
			return a
		}
	}
	t.Fatalf("no %s attack in %v", name, all)
	return Attack{}
}

func TestNaiveSeesALeakAndNothingElse(t *testing.T) {
	const n = 20
	self := func(i int) []float32 { return direction(uint64(i)) }
	alone := func(i int) uint64 { return uint64(i + 1) }
	for _, tc := range []struct {
		name   string
		output func(i int) []float32
		holds  bool
		most   float64
	}{
		{"clear", self, false, 1},
		{"leak", func(i int) []float32 { return near(uint64(i), uint64(i), 3) }, false, 1},
		{"surrogate", func(i int) []float32 { return direction(uint64(5000 + i)) }, true, .2},
		{"one surrogate for all", func(int) []float32 { return direction(7000) }, true, .05},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := []*Watcher{crowd(n, alone, self, tc.output)}
			all, err := Identify(w, w)
			if err != nil {
				t.Fatal(err)
			}
			if len(all) != 2*len(views) {
				t.Errorf("%d attacks, want naive and reverse for each view", len(all))
			}
			a := find(t, all, Naive)
			if a.Holds != tc.holds || a.Rank1 > tc.most || a.People != n || a.Chance != 1./n || len(a.PerPerson) != n {
				t.Errorf("got %+v", a)
			}
			if tc.name == "clear" && (a.Rank1 != 1 || a.PerPerson[3].Rank != 1 || math.Abs(a.PerPerson[3].Own-1) > 1e-6) {
				t.Errorf("clear faces: rank-1 %v, trial %+v", a.Rank1, a.PerPerson[3])
			}
		})
	}
}

// Under parrot the attacker learns the cluster, and must learn nothing more: 1/k, not 1/n.
func TestParrotIsHeldAgainstTheCluster(t *testing.T) {
	const n, k = 24, 4
	self := func(i int) []float32 { return direction(uint64(i)) }
	cluster := func(i int) uint64 { return uint64(i/k + 1) }
	alone := func(i int) uint64 { return uint64(i + 1) }
	// Every picture of a cluster's surrogate is a little different, for reasons that are not the person's.
	surrogate := func(group func(int) uint64, session uint64) func(int) []float32 {
		return func(i int) []float32 { return near(9000+group(i), session*100+uint64(i), .3) }
	}
	run := func(group func(int) uint64, second func(int) []float32) Attack {
		t.Helper()
		g := []*Watcher{crowd(n, group, self, surrogate(group, 1))}
		all, err := Identify(g, []*Watcher{crowd(n, group, self, second)})
		if err != nil {
			t.Fatal(err)
		}
		return find(t, all, Parrot)
	}
	if a := run(cluster, surrogate(cluster, 2)); !a.Holds || math.Abs(a.Claim-1./k) > 1e-9 || a.Rank1 > .6 {
		t.Errorf("k = %d: %+v", k, a)
	}
	if a := run(alone, surrogate(alone, 2)); a.Rank1 != 1 || !a.Holds || a.Claim != 1 {
		t.Errorf("k = 1, where nothing is claimed, must be recognised: %+v", a)
	}
	// Something of the person in every surrogate: the attacker tells the members of a cluster apart.
	leak := func(i int) []float32 { return near(9000+cluster(i), 100+uint64(i), .3) }
	if a := run(cluster, leak); a.Holds || a.Rank1 != 1 {
		t.Errorf("a leak inside the cluster went unseen: %+v", a)
	}
}

func TestIdentifyNeedsTwoPeople(t *testing.T) {
	one := []*Watcher{crowd(1, func(int) uint64 { return 1 }, func(int) []float32 { return direction(1) }, func(int) []float32 { return direction(2) })}
	if all, err := Identify(one, one); !errors.Is(err, ErrEvidence) || all != nil {
		t.Errorf("got %v, %v", all, err)
	}
	// A face of no quality is no evidence.
	blind := []*Watcher{crowd(3, func(int) uint64 { return 1 }, func(i int) []float32 { return direction(uint64(i)) }, func(int) []float32 { return make([]float32, 128) })}
	if all, err := Identify(blind, blind); !errors.Is(err, ErrEvidence) {
		t.Errorf("got %v, %v", all, err)
	}
}

// Who cannot be told apart from others counts his share, and the worst rank.
func TestTiesCountAgainstThePerson(t *testing.T) {
	same := func(int) []float32 { return direction(1) }
	w := []*Watcher{crowd(4, func(int) uint64 { return 1 }, same, same)}
	all, err := Identify(w, w)
	if err != nil {
		t.Fatal(err)
	}
	if a := find(t, all, Naive); a.Hits != 1 || a.PerPerson[0].Rank != 4 {
		t.Errorf("got %+v", a)
	}
}

// Hair and surroundings are not claimed: what they give away is told, and changes no verdict.
func TestVerdictIsAboutTheFace(t *testing.T) {
	for _, tc := range []struct {
		channel string
		want    bool
	}{{Full, true}, {FaceOnly, false}} {
		r := Result{Attacks: []Attack{{Attack: Naive, Channel: Full, Holds: tc.channel != Full}, {Attack: Naive, Channel: FaceOnly, Holds: tc.channel != FaceOnly}}}
		if r.Holds() != tc.want {
			t.Errorf("recognised through %s: holds %v, want %v", tc.channel, r.Holds(), tc.want)
		}
	}
}
