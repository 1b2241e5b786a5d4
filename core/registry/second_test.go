package registry

import (
	"context"
	"math"
	"slices"
	"testing"
)

// The embedding of a second recogniser is kept, the best one of each person; it follows corrections, ends with the person, and
// is dropped when another network makes them.
func TestSecondRecogniser(t *testing.T) {
	p := newPlace(t)
	r := p.init(t)
	first, second := faces(31, 5), faces(32, 6)
	tx := begin(t, r)
	ids := enrol(t, tx, first)
	if m, err := tx.NearestSecond("b", second[0]); err != nil || m.Person != 0 || m.Similarity != -1 {
		t.Errorf("without any: %+v, %v", m, err)
	}
	for i, id := range ids[:4] {
		if err := tx.SetSecond("b", id, second[i], .5); err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range []float64{.4, .5} { // no better than what is kept
		if err := tx.SetSecond("b", ids[0], second[5], q); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.SetSecond("b", ids[1], second[5], .9); err != nil {
		t.Fatal(err)
	}
	commit(t, tx)
	if h := checkHealthy(t, r); h.Seconds != 4 {
		t.Errorf("%+v", h)
	}
	r.Close()
	if found := p.scan(t, encodeEmbedding(second[0])); found != nil {
		t.Errorf("readable in %v", found)
	}
	r = p.open(t)
	tx = begin(t, r)
	for i, want := range []struct {
		near   []float32
		person int
	}{{second[0], 0}, {second[5], 1}, {second[3], 3}} {
		m, err := tx.NearestSecond("b", want.near)
		if err != nil || m.Person != ids[want.person] || math.Abs(m.Similarity-1) > 1e-5 || m.Runner == m.Person || m.Second >= m.Similarity {
			t.Errorf("%d: %+v, %v", i, m, err)
		}
	}
	if m, err := tx.NearestSecond("c", second[0]); err != nil || m.Person != 0 {
		t.Errorf("another network's: %+v, %v", m, err)
	}
	if m, err := tx.Match(second[0]); err != nil || m.Same {
		t.Errorf("somebody was matched by the second: %+v, %v", m, err)
	}

	if err := tx.Merge(ids[4], ids[0]); err != nil { // who had none takes over the other's
		t.Fatal(err)
	}
	if m, err := tx.NearestSecond("b", second[0]); err != nil || m.Person != ids[4] {
		t.Errorf("after the merge: %+v, %v", m, err)
	}
	if err := tx.Forget(ids[3]); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Split(ids[4], []int{1}); err != nil {
		t.Fatal(err)
	}
	commit(t, tx)
	if n := r.Seconds(); n != 2 {
		t.Errorf("%d are left, want those of %v", n, ids[1:3])
	}
	checkHealthy(t, r)
	tx = begin(t, r)
	if err := tx.SetSecond("c", ids[1], second[1], .1); err != nil {
		t.Fatal(err)
	}
	commit(t, tx)
	if h := checkHealthy(t, r); h.Seconds != 1 {
		t.Errorf("another network: %+v", h)
	}

	tx = begin(t, r)
	defer tx.Rollback()
	bad := slices.Clone(second[0])
	bad[0] = float32(math.NaN())
	if tx.SetSecond("c", ids[1], bad, 1) == nil || tx.SetSecond("", ids[1], second[0], 1) == nil || tx.SetSecond("c", 99, second[0], 1) == nil ||
		tx.SetSecond("c", ids[1], second[0], math.NaN()) == nil {
		t.Error("taken")
	}
	if _, err := tx.NearestSecond("c", bad); err == nil {
		t.Error("compared")
	}
}

// Somebody who takes a row away without the key is noticed.
func TestSecondRecogniserIsSealed(t *testing.T) {
	p := newPlace(t)
	r := p.init(t)
	tx := begin(t, r)
	ids := enrol(t, tx, faces(33, 2))
	for i, e := range faces(34, 2) {
		if err := tx.SetSecond("b", ids[i], e, 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	r.Close()
	p.sql(t, "DELETE FROM second WHERE person = 1")
	if r, err := Open(p.db, p.key, Options{}); err == nil {
		r.Close()
		t.Error("it opens")
	}
}
