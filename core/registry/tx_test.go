package registry

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/ksamenet/ksamenet/core/ksame"
)

func TestSamples(t *testing.T) {
	p := newPlace(t)
	r := p.init(t)
	rng := rand.New(rand.NewPCG(1, 2))
	e := faces(1, 1)[0]
	tx := begin(t, r)
	id := enrol(t, tx, [][]float32{e})[0] // quality 1
	if m, err := tx.Match(e); err != nil || m.Person != id || !m.Same || m.Similarity < 0.999 || m.Second != -1 {
		t.Errorf("the only sample there is matches as %+v, error %v", m, err)
	}
	for i := 1; i <= 11; i++ {
		kept, err := tx.AddSample(id, near(rng, e, 0.8), float64(i%4)) // 1 2 3 0 1 2 3 0 1 | full: 2 goes for a 0, 3 for the other
		if err != nil || !kept {
			t.Fatalf("sample %d: kept %t, error %v", i, kept, err)
		}
	}
	if kept, err := tx.AddSample(id, near(rng, e, 0.8), 0.5); err != nil || kept {
		t.Errorf("a poor sample: kept %t, error %v", kept, err)
	}
	side := near(rng, e, 0.5)
	if kept, err := tx.AddSample(id, side, 9); err != nil || !kept {
		t.Errorf("a good sample: kept %t, error %v", kept, err)
	}
	commit(t, tx)
	r.Close()
	r = p.open(t)
	if list, _ := r.Persons(context.Background()); list[0].Samples != MaxSamples {
		t.Errorf("%d samples", list[0].Samples)
	}
	if m, err := r.Match(side); err != nil || m.Similarity < 0.999 || m.Runner != 0 || m.Second != -1 {
		t.Errorf("the replaced sample matches as %+v, error %v", m, err)
	}
	checkHealthy(t, r)
}

func TestBadEmbeddings(t *testing.T) {
	p := newPlace(t)
	r := p.init(t)
	good := faces(1, 1)[0]
	with := func(v float32) []float32 {
		e := slices.Clone(good)
		e[5] = v
		return e
	}
	tx := begin(t, r)
	defer tx.Rollback()
	id := enrol(t, tx, [][]float32{good})[0]
	for name, e := range map[string][]float32{"none": nil, "short": good[:127], "not a number": with(float32(math.NaN())),
		"infinite": with(float32(math.Inf(1))), "zero": make([]float32, 128), "not of unit length": with(3)} {
		t.Run(name, func(t *testing.T) {
			if id, err := tx.Enrol(Candidate{Embedding: e, Quality: 1}); err == nil {
				t.Errorf("enrolled as %d", id)
			}
			if _, err := tx.AddSample(id, e, 1); err == nil {
				t.Error("added")
			}
			if m, err := r.Match(e); err == nil {
				t.Errorf("matched as %+v", m)
			}
		})
	}
	for _, q := range []float64{-1, math.NaN(), math.Inf(1)} {
		if id, err := tx.Enrol(Candidate{Embedding: good, Quality: q}); err == nil {
			t.Errorf("quality %v enrolled as %d", q, id)
		}
	}
	if m, err := r.Match(good); err != nil || m.Person != 0 || m.Same {
		t.Errorf("a match in an empty registry: %+v, error %v", m, err)
	}
}

// One registry, key and input give one result (I11); another key gives other choices.
func TestDeterminism(t *testing.T) {
	run := func(p place) (string, []ksame.Mix) {
		r := p.init(t)
		defer r.Close()
		tx := begin(t, r)
		people := faces(20, 30)
		enrol(t, tx, people[:12])
		mustEnsure(t, tx, Request{K: 4, Together: [][2]ksame.PersonID{{1, 2}, {3, 4}, {5, 1}}})
		enrol(t, tx, people[12:])
		mustEnsure(t, tx, Request{K: 4, Together: [][2]ksame.PersonID{{1, 20}}})
		var mixes []ksame.Mix
		for _, c := range tx.State().Clusters() {
			mix, err := tx.Donors(c.ID, 4, ksame.AllDonors(64), nil)
			if err != nil {
				t.Fatal(err)
			}
			mixes = append(mixes, mix)
		}
		commit(t, tx)
		var out bytes.Buffer
		if err := r.ExportLedger(&out); err != nil {
			t.Fatal(err)
		}
		return out.String(), mixes
	}
	a, b := newPlace(t), newPlace(t)
	first, mixes := run(a)
	key := mustRead(t, a.key)
	writeKey(t, b.key, key)
	second, again := run(b)
	if first != second || fmt.Sprint(mixes) != fmt.Sprint(again) {
		t.Error("two runs with one key differ")
	}
	for i, m := range mixes {
		for _, n := range mixes[:i] {
			for _, d := range m {
				if slices.Contains(n, d) {
					t.Errorf("donor %d is in two mixes of %v", d, mixes)
				}
			}
		}
	}
	if third, _ := run(newPlace(t)); third == first {
		t.Error("another key gives the same ledger")
	}
}

func TestDonorsPersist(t *testing.T) {
	p := newPlace(t)
	r := p.init(t)
	ctx := context.Background()
	tx := begin(t, r)
	ids := enrol(t, tx, faces(2, 10))
	mustEnsure(t, tx, Request{K: 5})
	commit(t, tx)
	pool := ksame.AllDonors(64)
	first, err := r.Donors(ctx, 1, 4, pool, nil)
	if err != nil {
		t.Fatal(err)
	}
	rows := len(r.Ledger())
	again, err := r.Donors(ctx, 1, 4, pool, judgeBy(func(ksame.Mix) bool { return false }))
	if err != nil || !slices.Equal(first, again) || len(r.Ledger()) != rows {
		t.Errorf("%v, then %v, error %v", first, again, err)
	}
	three, err := r.Donors(ctx, 1, 3, pool, nil)
	if err != nil || len(three) != 3 {
		t.Errorf("three donors: %v, error %v", three, err)
	}
	redrawn, err := r.Donors(ctx, 1, 4, pool, judgeBy(func(m ksame.Mix) bool { return slices.Contains(m, first[0]) }))
	if err != nil || slices.Contains(redrawn, first[0]) {
		t.Errorf("vetoed %v, then %v, error %v", first, redrawn, err)
	}
	smaller, err := r.Donors(ctx, 1, 4, pool[:8], nil)
	if err != nil || smaller.Check(8) != nil {
		t.Errorf("of eight donors: %v, error %v", smaller, err)
	}
	if mix, err := r.Donors(ctx, 9, 4, pool, nil); err == nil {
		t.Errorf("an unknown cluster: %v", mix)
	}
	// A united cluster is dealt a mix of its own, and its parts' ids lead to it.
	if _, err := r.Ensure(ctx, Request{K: 10, Screen: ids}); err != nil {
		t.Fatal(err)
	}
	a, errA := r.Donors(ctx, 1, 4, pool, nil)
	b, errB := r.Donors(ctx, 3, 4, pool, nil)
	if errA != nil || errB != nil || !slices.Equal(a, b) {
		t.Errorf("parts of one union: %v, %v (%v, %v)", a, b, errA, errB)
	}
	checkHealthy(t, r)
}

func TestManyPeople(t *testing.T) {
	n := 2000
	if testing.Short() {
		n = 300
	}
	p := newPlace(t)
	r := p.init(t)
	rng := rand.New(rand.NewPCG(4, 4))
	var people [][]float32
	for range n {
		people = append(people, face(rng)) // "maybe the same" happens by chance among so many
	}
	start := time.Now()
	tx := begin(t, r)
	enrol(t, tx, people)
	planned := time.Since(start)
	out := mustEnsure(t, tx, Request{K: 5})
	ensured := time.Since(start) - planned
	commit(t, tx)
	t.Logf("%d people: enrolled in %v, %d clusters in %v, committed in %v", n, planned, out.Partitioned, ensured, time.Since(start)-planned-ensured)
	if out.Partitioned < n/10 {
		t.Errorf("%d clusters of %d people for k = 5", out.Partitioned, n)
	}
	start = time.Now()
	for i := range 100 {
		if m, err := r.Match(people[i]); err != nil || m.Person != ksame.PersonID(i+1) || m.Similarity < 0.999 {
			t.Fatalf("person %d matched as %+v, error %v", i+1, m, err)
		}
	}
	t.Logf("%v a match", time.Since(start)/100)
	if h := checkHealthy(t, r); h.Smallest < 5 {
		t.Errorf("health %+v", h)
	}
}
