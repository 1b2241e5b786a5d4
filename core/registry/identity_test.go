package registry

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksamenet/ksamenet/core/ksame"
)

func TestMergeOfTwoClusters(t *testing.T) {
	p := newPlace(t)
	r := p.init(t)
	tx := begin(t, r)
	ids := enrol(t, tx, faces(1, 12))
	mustEnsure(t, tx, Request{K: 4})
	commit(t, tx)
	before := homes(r.State())
	keep, gone := ids[0], ids[0]
	for _, id := range ids {
		if before[id] != before[keep] {
			gone = id
		}
	}
	tx = begin(t, r)
	if err := tx.Merge(keep, gone); err != nil {
		t.Fatal(err)
	}
	commit(t, tx)
	s := r.State()
	c, _ := s.Cluster(before[gone])
	if s.Of(keep) != c.ID || !s.Forgotten(gone) || len(c.Members) < 7 || c.Distinct < 7 {
		t.Errorf("cluster %+v, person %d in %d", c, keep, s.Of(keep))
	}
	// Whoever was in a cluster with either is still in one with the other: no release can be intersected with another.
	for _, id := range ids {
		if id != gone && (before[id] == before[keep] || before[id] == before[gone]) && s.Of(id) != c.ID {
			t.Errorf("person %d is in cluster %d", id, s.Of(id))
		}
	}
	if m, err := r.Match(faces(1, 12)[gone-1]); err != nil || m.Person != keep || !m.Same {
		t.Errorf("the merged face matches %+v, %v", m, err)
	}
	checkHealthy(t, r)
	r.Close()
	checkHealthy(t, p.open(t))
}

func TestMergeRefused(t *testing.T) {
	r := newPlace(t).init(t)
	tx := begin(t, r)
	defer tx.Rollback()
	ids := enrol(t, tx, faces(1, 3))
	if err := tx.Together([][2]ksame.PersonID{{ids[0], ids[1]}}); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		a, b ksame.PersonID
		want error
	}{
		{"seen together", ids[0], ids[1], ErrTogether},
		{"nobody", ids[0], 99, ErrUnknown},
		{"oneself", ids[0], ids[0], nil},
	} {
		if err := tx.Merge(tc.a, tc.b); err == nil || tc.want != nil && !errors.Is(err, tc.want) {
			t.Errorf("%s: error %v", tc.name, err)
		}
	}
	if err := tx.Merge(ids[1], ids[2]); err != nil {
		t.Error(err)
	}
}

func TestSplit(t *testing.T) {
	p := newPlace(t)
	r := p.init(t)
	f := faces(2, 6)
	tx := begin(t, r)
	ids := enrol(t, tx, f[:5])
	if _, err := tx.AddSample(ids[2], f[5], 1); err != nil {
		t.Fatal(err)
	}
	mustEnsure(t, tx, Request{K: 5})
	commit(t, tx)
	if s := r.Samples(ids[2]); len(s) != 2 || s[1].Fit > .4 {
		t.Errorf("samples %+v: the stranger should stand out", s)
	}
	tx = begin(t, r)
	for _, bad := range [][]int{nil, {0, 1}, {2}, {-1}} {
		if _, err := tx.Split(ids[2], bad); err == nil {
			t.Errorf("samples %v were split off", bad)
		}
	}
	other, err := tx.Split(ids[2], []int{1})
	if err != nil {
		t.Fatal(err)
	}
	commit(t, tx)
	if s := r.State(); s.Of(other) == 0 || s.Of(other) != s.Of(ids[2]) {
		t.Errorf("clusters %d and %d: both were shown as one", s.Of(other), s.Of(ids[2]))
	}
	if m, err := r.Match(f[5]); err != nil || m.Person != other {
		t.Errorf("match %+v, %v", m, err)
	}
	if h := checkHealthy(t, r); h.Persons != 6 || h.Samples != 6 || h.Smallest != 6 {
		t.Errorf("%+v", h)
	}
	r.Close()
	checkHealthy(t, p.open(t))
}

func TestSources(t *testing.T) {
	p := newPlace(t)
	r := p.init(t)
	tx := begin(t, r)
	ids := enrol(t, tx, faces(1, 2))
	if err := tx.AddSource("abc", ids[1]); err != nil {
		t.Fatal(err)
	}
	commit(t, tx)
	r.Close()
	r = p.open(t)
	tx = begin(t, r)
	if tx.Source("abc") != ids[1] || tx.Source("abd") != 0 {
		t.Errorf("sources %d, %d", tx.Source("abc"), tx.Source("abd"))
	}
	if err := tx.Forget(ids[1]); err != nil {
		t.Fatal(err)
	}
	if tx.Source("abc") != 0 {
		t.Error("the file of a forgotten person is remembered")
	}
	commit(t, tx)
}

func TestStrata(t *testing.T) {
	p := newPlace(t)
	if r := p.init(t); true {
		tx := begin(t, r)
		if _, err := tx.Enrol(Candidate{Embedding: faces(1, 1)[0], Quality: 1, Stratum: "a"}); !errors.Is(err, ErrStrata) {
			t.Errorf("error %v", err)
		}
		tx.Rollback()
		r.Close()
	}
	q := newPlace(t)
	r, err := Init(q.db, q.key, Options{ID: fixedID, Strata: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	tx := begin(t, r)
	f := faces(4, 20)
	for i, stratum := range []string{"a", "a", "a", "a", "b", "b", "b", "b", "b", "c", "", ""} {
		if _, err := tx.Enrol(Candidate{Embedding: f[i], Quality: 1, Stratum: stratum}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tx.Enrol(Candidate{Embedding: f[12], Quality: 1, Stratum: "two words"}); err == nil {
		t.Error("a sentence became a stratum")
	}
	mustEnsure(t, tx, Request{K: 3})
	commit(t, tx)
	want := map[ksame.PersonID]string{1: "a", 2: "a", 3: "a", 4: "a", 5: "b", 6: "b", 7: "b", 8: "b", 9: "b"}
	for id, stratum := range want {
		if c, _ := r.State().Cluster(r.State().Of(id)); c.Stratum != stratum {
			t.Errorf("person %d of %s is in a cluster of %q", id, stratum, c.Stratum)
		}
	}
	tx = begin(t, r)
	id, err := tx.Enrol(Candidate{Embedding: f[13], Quality: 1, Stratum: "b"})
	if err != nil {
		t.Fatal(err)
	}
	mustEnsure(t, tx, Request{K: 3})
	if c, _ := tx.State().Cluster(tx.State().Of(id)); c.Stratum != "b" {
		t.Errorf("the newcomer of b is in a cluster of %q", c.Stratum)
	}
	// More than a stratum holds: k goes first, and what is mixed publishes nothing.
	mustEnsure(t, tx, Request{K: 6})
	for _, c := range tx.State().Clusters() {
		if c.Distinct < 6 {
			t.Errorf("cluster %+v", c)
		}
	}
	commit(t, tx)
	checkHealthy(t, r)
	r.Close()
	again := q.open(t)
	if people, _ := again.Persons(context.Background()); !again.Strata() || people[4].Stratum != "b" {
		t.Errorf("strata %v, %+v", again.Strata(), people[4])
	}
}

// Two releases with a rekey between them show faces without a common donor, and the clusters stay.
func TestRekey(t *testing.T) {
	r := newPlace(t).init(t)
	tx := begin(t, r)
	enrol(t, tx, faces(5, 15))
	mustEnsure(t, tx, Request{K: 5})
	before := homes(tx.State())
	pool := ksame.AllDonors(64)
	worn := map[ksame.ClusterID][]int{}
	for round := range 4 {
		for _, c := range tx.State().Clusters() {
			mix, err := tx.Rekey(c.ID, 4, pool, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range mix {
				if slices.Contains(worn[c.ID], d) {
					t.Errorf("round %d: cluster %d wears donor %d again", round, c.ID, d)
				}
			}
			worn[c.ID] = append(worn[c.ID], mix...)
			if again, err := tx.Donors(c.ID, 4, pool, nil); err != nil || !slices.Equal(again, mix) {
				t.Errorf("Donors gives %v, %v after %v", again, err, mix)
			}
		}
	}
	commit(t, tx)
	appendOnly(t, before, r.State())
	checkHealthy(t, r)
}

func TestSlots(t *testing.T) {
	r := newPlace(t).init(t)
	tx := begin(t, r)
	ids := enrol(t, tx, faces(5, 5))
	mustEnsure(t, tx, Request{K: 5})
	c := tx.State().Clusters()[0].ID
	one, err := tx.Slots(c, "one")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, id := range ids {
		seen[one[id]] = true
	}
	if len(seen) != 5 || !seen[1] || !seen[5] {
		t.Errorf("slots %v", one)
	}
	// Every member wears every surrogate about equally often over releases: 2,000 releases, mean 400, sd 18; ±6 sd.
	counts := [6]int{}
	for i := range 2000 {
		s, err := tx.Slots(c, string(rune(i)))
		if err != nil {
			t.Fatal(err)
		}
		counts[s[ids[2]]]++
	}
	for slot, n := range counts[1:] {
		if n < 290 || n > 510 {
			t.Errorf("slot %d was worn %d times of 2,000", slot+1, n)
		}
	}
	a, err := tx.SlotDonors(c, 4, 1, ksame.AllDonors(64), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	b, err := tx.SlotDonors(c, 4, 2, ksame.AllDonors(64), nil, false)
	if err != nil || slices.ContainsFunc(a, func(d int) bool { return slices.Contains(b, d) }) {
		t.Errorf("slots wear %v and %v, %v", a, b, err)
	}
	if again, err := tx.SlotDonors(c, 4, 1, ksame.AllDonors(64), nil, false); err != nil || !slices.Equal(again, a) {
		t.Errorf("slot 1 wears %v after %v, %v", again, a, err)
	}
	if fresh, err := tx.SlotDonors(c, 4, 1, ksame.AllDonors(64), nil, true); err != nil || slices.Equal(fresh, a) {
		t.Errorf("a fresh deal gives %v again, %v", fresh, err)
	}
	commit(t, tx)
	checkHealthy(t, r)
}

// Merging and splitting at random keeps the file whole and nobody moves.
func TestRandomCorrections(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	p := newPlace(t)
	r := p.init(t)
	for range 25 {
		tx := begin(t, r)
		ids := enrol(t, tx, [][]float32{face(rng), face(rng)})
		for range 2 {
			if _, err := tx.AddSample(ids[0], face(rng), 1); err != nil {
				t.Fatal(err)
			}
		}
		people := tx.State().Persons()
		a, b := people[rng.IntN(len(people))], people[rng.IntN(len(people))]
		if a != b {
			if err := tx.Merge(a, b); err != nil {
				t.Fatal(err)
			}
		}
		if rng.IntN(2) == 0 && a != ids[0] && b != ids[0] {
			if _, err := tx.Split(ids[0], []int{rng.IntN(3)}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := tx.Ensure(Request{K: 2, Growth: Growth(rng.IntN(2))}); err != nil && !errors.Is(err, ksame.ErrTooFew) {
			t.Fatal(err)
		}
		commit(t, tx)
		checkHealthy(t, r)
	}
	r.Close()
	checkHealthy(t, p.open(t))
}
