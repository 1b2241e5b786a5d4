package registry

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ksamenet/ksamenet/core/ksame"
)

// fixedID makes two fresh registries with one key choose alike.
var fixedID = []byte("0123456789abcdef")

type place struct{ db, key string }

func newPlace(t testing.TB) place {
	dir := t.TempDir()
	return place{filepath.Join(dir, "data", "registry.db"), filepath.Join(dir, "config", "registry.key")}
}

func (p place) init(t testing.TB) *Registry {
	t.Helper()
	r, err := Init(p.db, p.key, Options{ID: fixedID, Recognizer: "test", now: func() time.Time { return time.Unix(1700000000, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func (p place) open(t testing.TB) *Registry {
	t.Helper()
	r, err := Open(p.db, p.key, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// face draws a unit vector; two of them have a cosine of 0 ± 0.09 like two people (6 standard deviations below "the same").
func face(rng *rand.Rand) []float32 { return near(rng, nil, 0) }

// near draws a unit vector with the given cosine to e; e may be nil for a cosine of 0.
func near(rng *rand.Rand, e []float32, cosine float64) []float32 {
	v := make([]float64, 128)
	var along float64
	for i := range v {
		v[i] = rng.NormFloat64()
		if e != nil {
			along += v[i] * float64(e[i])
		}
	}
	var square float64
	for i := range v {
		if e != nil {
			v[i] -= along * float64(e[i])
		}
		square += v[i] * v[i]
	}
	out := make([]float32, len(v))
	for i := range v {
		x := v[i] / math.Sqrt(square) * math.Sqrt(1-cosine*cosine)
		if e != nil {
			x += cosine * float64(e[i])
		}
		out[i] = float32(x)
	}
	return out
}

// faces draws n people who are not "maybe the same".
func faces(seed uint64, n int) [][]float32 {
	rng := rand.New(rand.NewPCG(seed, 1))
	var out [][]float32
draw:
	for len(out) < n {
		e := face(rng)
		for _, other := range out {
			var dot float64
			for i := range e {
				dot += float64(e[i]) * float64(other[i])
			}
			if dot >= DefaultTauLow-0.01 {
				continue draw
			}
		}
		out = append(out, e)
	}
	return out
}

func enrol(t testing.TB, tx *Tx, faces [][]float32) []ksame.PersonID {
	t.Helper()
	var ids []ksame.PersonID
	for _, e := range faces {
		id, err := tx.Enrol(Candidate{Embedding: e, Quality: 1, Label: "somebody"})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

func begin(t testing.TB, r *Registry) *Tx {
	t.Helper()
	tx, err := r.Begin()
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func commit(t testing.TB, tx *Tx) {
	t.Helper()
	if err := tx.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func mustEnsure(t testing.TB, tx *Tx, q Request) Outcome {
	t.Helper()
	out, err := tx.Ensure(q)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func checkHealthy(t testing.TB, r *Registry) Health {
	t.Helper()
	h, err := r.Check(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestRoundTrip(t *testing.T) {
	p := newPlace(t)
	r := p.init(t)
	people := faces(1, 11)
	tx := begin(t, r)
	ids := enrol(t, tx, people)
	out := mustEnsure(t, tx, Request{K: 5, Screen: ids})
	if out.Partitioned != 2 {
		t.Fatalf("%d clusters of 11 people for k = 5, want 2", out.Partitioned)
	}
	mix, err := tx.Donors(tx.State().Of(ids[0]), 4, ksame.AllDonors(64), nil)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, tx)
	head := r.State().Head()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatalf("second Close: %v", err)
	}

	r = p.open(t)
	if got := r.State().Head(); got != head {
		t.Fatalf("head after reopening %s, want %s", got, head)
	}
	list, err := r.Persons(context.Background())
	if err != nil || len(list) != 11 {
		t.Fatalf("%d people, error %v", len(list), err)
	}
	for i, person := range list {
		if person.ID != ids[i] || person.Label != "somebody" || person.Samples != 1 || person.Cluster == 0 || person.Tombstone ||
			person.Created.Unix() != 1700000000 {
			t.Errorf("person %d came back as %+v", ids[i], person)
		}
	}
	rng := rand.New(rand.NewPCG(9, 9))
	for i, e := range people {
		m, err := r.Match(near(rng, e, 0.7))
		if err != nil {
			t.Fatal(err)
		}
		if m.Person != ids[i] || !m.Same || m.Second >= m.Similarity || math.Abs(m.Similarity-0.7) > 1e-5 {
			t.Errorf("person %d matched as %+v", ids[i], m)
		}
	}
	again, err := r.Donors(context.Background(), r.State().Of(ids[0]), 4, ksame.AllDonors(64), nil)
	if err != nil || len(again) != 4 || again.Check(64) != nil {
		t.Fatalf("donors %v, error %v", again, err)
	}
	for i := range mix {
		if mix[i] != again[i] {
			t.Fatalf("donors changed from %v to %v", mix, again)
		}
	}
	if h := checkHealthy(t, r); h.Persons != 11 || h.Clusters != 2 || h.Smallest < 5 {
		t.Fatalf("health %+v", h)
	}
}

func TestRollbackLeavesNothing(t *testing.T) {
	p := newPlace(t)
	r := p.init(t)
	before := r.State().Head()
	tx := begin(t, r)
	enrol(t, tx, faces(2, 3))
	_, err := tx.Ensure(Request{K: 5})
	var few *ksame.TooFewError
	if !errors.As(err, &few) || few.Have != 3 || few.Need != 5 {
		t.Fatalf("error %v, want 3 of 5", err)
	}
	tx.Rollback()
	tx.Rollback()
	if err := tx.Commit(context.Background()); !errors.Is(err, ErrTx) {
		t.Fatalf("commit after rollback: %v", err)
	}
	if r.State().Head() != before {
		t.Fatal("the ledger changed")
	}
	r.Close()
	r = p.open(t)
	if list, _ := r.Persons(context.Background()); len(list) != 0 || r.State().Head() != before {
		t.Fatalf("%d people on disk after a rollback", len(list))
	}
}

func mustRead(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// writeKey puts a key in place before Init, which then uses it.
func writeKey(t testing.TB, path string, key []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, key, 0o600); err != nil {
		t.Fatal(err)
	}
}
