package registry

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksamenet/ksamenet/core/ksame"
)

// homes is the cluster of every person.
func homes(s *ksame.State) map[ksame.PersonID]ksame.ClusterID {
	out := map[ksame.PersonID]ksame.ClusterID{}
	for _, p := range s.Persons() {
		out[p] = s.Of(p)
	}
	return out
}

// appendOnly fails when anybody of before left their cluster other than by a union.
func appendOnly(t *testing.T, before map[ksame.PersonID]ksame.ClusterID, s *ksame.State) {
	t.Helper()
	for p, old := range before {
		if old == 0 || s.Forgotten(p) {
			continue
		}
		if heir, ok := s.Cluster(old); !ok || s.Of(p) != heir.ID {
			t.Errorf("person %d went from cluster %d to %d", p, old, s.Of(p))
		}
	}
}

func TestGrowth(t *testing.T) { // I2, I8
	p := newPlace(t)
	r := p.init(t)
	people := faces(5, 40)
	tx := begin(t, r)
	enrol(t, tx, people[:10])
	mustEnsure(t, tx, Request{K: 5})
	commit(t, tx)
	if n := len(r.Clusters()); n != 2 {
		t.Fatalf("%d clusters of 10 people, want 2", n)
	}
	before := homes(r.State())

	// Two newcomers are appended, each to the cluster that the key chooses.
	tx = begin(t, r)
	ids := enrol(t, tx, people[10:12])
	if out := mustEnsure(t, tx, Request{K: 5, Screen: ids}); out != (Outcome{Appended: 2}) {
		t.Errorf("outcome %+v", out)
	}
	for _, id := range ids {
		if want := ksame.AppendChoice(r.now.secrets.choice, id, []ksame.ClusterID{1, 2}); tx.State().Of(id) != want {
			t.Errorf("person %d is in cluster %d, the key chooses %d", id, tx.State().Of(id), want)
		}
	}
	commit(t, tx)
	appendOnly(t, before, r.State())

	// As many newcomers as a cluster needs are appended as well, unless a partition of their own is asked for.
	tx = begin(t, r)
	enrol(t, tx, people[12:18])
	if out := mustEnsure(t, tx, Request{K: 5}); out != (Outcome{Appended: 6}) {
		t.Errorf("outcome %+v", out)
	}
	tx.Rollback()
	tx = begin(t, r)
	enrol(t, tx, people[12:18])
	if out := mustEnsure(t, tx, Request{K: 5, Growth: GrowPartition}); out != (Outcome{Partitioned: 1}) {
		t.Errorf("outcome %+v", out)
	}
	commit(t, tx)
	before = homes(r.State())

	// A smaller k changes nothing; a larger one unites whole clusters.
	tx = begin(t, r)
	if out := mustEnsure(t, tx, Request{K: 3}); out != (Outcome{}) {
		t.Errorf("outcome %+v of a smaller k", out)
	}
	if out := mustEnsure(t, tx, Request{K: 12}); out.United == 0 || out.Partitioned+out.Appended != 0 {
		t.Errorf("outcome %+v of a larger k", out)
	}
	commit(t, tx)
	appendOnly(t, before, r.State())
	for _, c := range r.Clusters() {
		if c.Distinct < 12 {
			t.Errorf("cluster %d has %d distinct people after a union for k = 12", c.ID, c.Distinct)
		}
	}
	tx = begin(t, r)
	var few *ksame.TooFewError
	head := tx.State().Head()
	if _, err := tx.Ensure(Request{K: 19}); !errors.As(err, &few) || few.Have != 18 || few.Need != 19 {
		t.Errorf("error %v", err)
	}
	if tx.State().Head() != head {
		t.Error("a refused Ensure changed the plan")
	}
	tx.Rollback()
	checkHealthy(t, r)
	if s, err := ksame.Replay(r.Ledger()); err != nil || fmt.Sprint(s.Clusters()) != fmt.Sprint(r.Clusters()) {
		t.Errorf("replay: error %v", err)
	}
}

func TestOnlyClustersOnScreenAreUnited(t *testing.T) {
	p := newPlace(t)
	r := p.init(t)
	tx := begin(t, r)
	ids := enrol(t, tx, faces(6, 20))
	mustEnsure(t, tx, Request{K: 5})
	first := tx.State().Of(ids[0])
	out := mustEnsure(t, tx, Request{K: 6, Screen: ids[:1]})
	if out.United != 1 || len(tx.State().Clusters()) != 3 || !tx.State().Certified(first, 10) {
		t.Errorf("outcome %+v, clusters %v", out, tx.State().Clusters())
	}
	tx.Rollback()
}

func TestNewcomersAvoidThoseTheyMeet(t *testing.T) {
	p := newPlace(t)
	r := p.init(t)
	people := faces(7, 60)
	tx := begin(t, r)
	enrol(t, tx, people[:15])
	mustEnsure(t, tx, Request{K: 5})
	clusters := tx.State().Clusters()
	if len(clusters) != 3 {
		t.Fatalf("%d clusters", len(clusters))
	}
	// Each newcomer meets people of the first two clusters, and newcomers meet each other in threes.
	for _, e := range people[15:30] {
		id := enrol(t, tx, [][]float32{e})[0]
		mustEnsure(t, tx, Request{K: 5, Together: [][2]ksame.PersonID{{id, clusters[0].Members[1]}, {clusters[1].Members[0], id}}})
		if c := tx.State().Of(id); c != clusters[2].ID {
			t.Errorf("person %d is in cluster %d with somebody they met", id, c)
		}
	}
	three := enrol(t, tx, people[30:33])
	mustEnsure(t, tx, Request{K: 5, Together: [][2]ksame.PersonID{{three[0], three[1]}, {three[1], three[2]}, {three[0], three[2]}}})
	s := tx.State()
	if s.Of(three[0]) == s.Of(three[1]) || s.Of(three[1]) == s.Of(three[2]) || s.Of(three[0]) == s.Of(three[2]) {
		t.Errorf("three who met are in clusters %d, %d, %d", s.Of(three[0]), s.Of(three[1]), s.Of(three[2]))
	}
	// Who met somebody of every cluster still gets one.
	id := enrol(t, tx, people[40:41])[0]
	mustEnsure(t, tx, Request{K: 5, Together: [][2]ksame.PersonID{
		{id, clusters[0].Members[1]}, {clusters[1].Members[0], id}, {clusters[2].Members[0], id}}})
	if tx.State().Of(id) == 0 {
		t.Error("a person who met everybody has no cluster")
	}
	tx.Rollback()
}

func TestMaybeTheSameCountsOnce(t *testing.T) {
	p := newPlace(t)
	r := p.init(t)
	rng := rand.New(rand.NewPCG(3, 3))
	people := faces(9, 5)
	double := near(rng, people[0], 0.42) // between "maybe" and "the same"
	tx := begin(t, r)
	ids := enrol(t, tx, append(people[:4:4], double))
	if sim := tx.Similarity(ids[0], ids[4]); sim < DefaultTauLow || sim > DefaultTauLink {
		t.Fatalf("similarity %v", sim)
	}
	m, err := tx.Match(near(rng, people[1], 0.42))
	if err != nil || m.Person != ids[1] || m.Same || !m.Maybe {
		t.Errorf("match %+v, error %v", m, err)
	}
	var few *ksame.TooFewError
	if _, err := tx.Ensure(Request{K: 5}); !errors.As(err, &few) || few.Have != 4 {
		t.Fatalf("five people, two of them perhaps one: error %v", err)
	}
	// One picture with both proves that they are two.
	mustEnsure(t, tx, Request{K: 5, Together: [][2]ksame.PersonID{{ids[4], ids[0]}}})
	cert, err := tx.Certify(5, ids)
	if err != nil || !cert.Population || !cert.Cast || cert.KEffective != 5 {
		t.Errorf("certificate %+v, error %v", cert, err)
	}
	commit(t, tx)
	r.Close()
	r = p.open(t) // the proof is kept
	if cert, err := r.Certify(5, ids); err != nil || !cert.Population || !cert.Cast {
		t.Errorf("certificate after reopening %+v, error %v", cert, err)
	}

	// A sample that makes two members look alike costs the certificate, on record.
	tx = begin(t, r)
	if kept, err := tx.AddSample(ids[1], near(rng, people[2], 0.6), 1); err != nil || !kept {
		t.Fatal(kept, err)
	}
	if _, err := tx.Ensure(Request{K: 5}); !errors.As(err, &few) || few.Have != 4 {
		t.Errorf("error %v", err)
	}
	commit(t, tx)
	if r.State().Certified(r.State().Of(ids[0]), 5) {
		t.Error("still certified")
	}
	checkHealthy(t, r)
	// A fifth distinct person mends it.
	tx = begin(t, r)
	newcomer := enrol(t, tx, people[4:])
	mustEnsure(t, tx, Request{K: 5, Screen: newcomer})
	commit(t, tx)
	if !r.State().Certified(r.State().Of(ids[0]), 5) {
		t.Error("not certified again")
	}
	checkHealthy(t, r)
}

func TestNewcomerWhoLinksMembers(t *testing.T) {
	p := newPlace(t)
	r := p.init(t)
	people := faces(12, 11)
	tx := begin(t, r)
	ids := enrol(t, tx, people[:10])
	mustEnsure(t, tx, Request{K: 5})
	clusters := tx.State().Clusters()
	if len(clusters) != 2 {
		t.Fatalf("%d clusters", len(clusters))
	}
	between := func(a, b ksame.PersonID) []float32 {
		e, n := make([]float32, 128), 0.0
		for i := range e {
			e[i] = people[a-1][i] + people[b-1][i]
			n += float64(e[i]) * float64(e[i])
		}
		for i := range e {
			e[i] /= float32(math.Sqrt(n))
		}
		return e
	}
	// Looks like two members of the first cluster: only the second can take them.
	link := enrol(t, tx, [][]float32{between(clusters[0].Members[0], clusters[0].Members[1])})
	mustEnsure(t, tx, Request{K: 5})
	if got := tx.State().Of(link[0]); got != clusters[1].ID {
		t.Errorf("the link is in cluster %d, want %d", got, clusters[1].ID)
	}
	if _, err := tx.Certify(5, ids); err != nil {
		t.Error(err)
	}
	commit(t, tx)
	checkHealthy(t, r)
}

func TestForget(t *testing.T) {
	p := newPlace(t)
	r := p.init(t)
	people := faces(13, 12)
	tx := begin(t, r)
	ids := enrol(t, tx, people[:10])
	mustEnsure(t, tx, Request{K: 5})
	commit(t, tx)
	before := homes(r.State())
	tx = begin(t, r)
	if err := tx.Forget(ids[3]); err != nil {
		t.Fatal(err)
	}
	if err := tx.Forget(ids[3]); !errors.Is(err, ErrUnknown) {
		t.Errorf("forgotten twice: %v", err)
	}
	if _, err := tx.AddSample(ids[3], people[3], 1); !errors.Is(err, ErrUnknown) {
		t.Errorf("a sample of a forgotten person: %v", err)
	}
	commit(t, tx)
	r.Close()
	r = p.open(t)
	list, _ := r.Persons(context.Background())
	if got := list[3]; got.ID != ids[3] || !got.Tombstone || got.Label != "" || got.Samples != 0 || got.Cluster != 0 {
		t.Errorf("the tombstone is %+v", got)
	}
	if m, err := r.Match(people[3]); err != nil || m.Person == ids[3] || m.Maybe {
		t.Errorf("a forgotten person is matched: %+v, error %v", m, err)
	}
	fell := before[ids[3]]
	if r.State().Certified(fell, 5) {
		t.Error("a cluster of four is certified for five")
	}
	// Before its next use the cluster is united with the other one.
	var member ksame.PersonID
	for _, id := range ids {
		if before[id] == fell && id != ids[3] {
			member = id
		}
	}
	out, err := r.Ensure(context.Background(), Request{K: 5, Screen: []ksame.PersonID{member}})
	if err != nil || out.United != 1 {
		t.Fatalf("outcome %+v, error %v", out, err)
	}
	appendOnly(t, before, r.State())
	// An id is never given again.
	if id, err := r.Enrol(context.Background(), Candidate{Embedding: people[11], Quality: 1}); err != nil || id != 11 {
		t.Errorf("id %d, error %v", id, err)
	}
	checkHealthy(t, r)
}

func TestKOfOne(t *testing.T) {
	p := newPlace(t)
	r := p.init(t)
	people := faces(2, 5)
	tx := begin(t, r)
	enrol(t, tx, people[:2])
	mustEnsure(t, tx, Request{K: 1})
	enrol(t, tx, people[2:])
	mustEnsure(t, tx, Request{K: 1})
	if n := len(tx.State().Clusters()); n != 5 {
		t.Errorf("%d clusters of five people for k = 1", n)
	}
	commit(t, tx)
	if out, err := r.Ensure(context.Background(), Request{K: 5}); err != nil || out.United != 1 {
		t.Errorf("outcome %+v, error %v", out, err)
	}
}

func TestSmallClustersAndNewcomersComeTogether(t *testing.T) {
	p := newPlace(t)
	r := p.init(t)
	people := faces(2, 12)
	tx := begin(t, r)
	enrol(t, tx, people[:4])
	mustEnsure(t, tx, Request{K: 2})
	enrol(t, tx, people[4:6])
	// Two clusters of two and two newcomers: only all six together make six.
	out := mustEnsure(t, tx, Request{K: 6})
	if s := tx.State(); len(s.Clusters()) != 1 || s.Clusters()[0].Distinct != 6 || out.Appended != 2 {
		t.Errorf("outcome %+v, clusters %v", out, s.Clusters())
	}
	commit(t, tx)
	checkHealthy(t, r)
}

// Random use of a registry; after every commit the file verifies, nobody moved and every cluster on screen has k.
func TestRandomUse(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	for seed := range uint64(rounds) {
		rng := rand.New(rand.NewPCG(seed, 77))
		p := newPlace(t)
		r := p.init(t)
		known := map[ksame.PersonID]bool{}
		for range 12 {
			before := homes(r.State())
			tx := begin(t, r)
			for range rng.IntN(6) {
				// Faces around a few centres: many are "maybe the same".
				e := near(rng, faces(seed, 4)[rng.IntN(4)], 0.5*rng.Float64())
				known[enrol(t, tx, [][]float32{e})[0]] = true
			}
			var screen []ksame.PersonID
			for _, id := range tx.State().Persons() {
				if rng.IntN(3) == 0 {
					screen = append(screen, id)
				}
			}
			if people := tx.State().Persons(); len(people) > 4 && rng.IntN(3) == 0 {
				gone := people[rng.IntN(len(people))]
				if err := tx.Forget(gone); err != nil {
					t.Fatal(err)
				}
				screen = slices.DeleteFunc(screen, func(id ksame.PersonID) bool { return id == gone })
			}
			var together [][2]ksame.PersonID
			for i := 1; i < len(screen); i++ {
				together = append(together, [2]ksame.PersonID{screen[i-1], screen[i]})
			}
			k := 1 + rng.IntN(5)
			q := Request{K: k, Screen: screen, Together: together, Growth: Growth(rng.IntN(2))}
			_, err := tx.Ensure(q)
			few := errors.Is(err, ksame.ErrTooFew)
			if err != nil && !few {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if few && rng.IntN(2) == 0 {
				tx.Rollback()
				continue
			}
			commit(t, tx)
			checkHealthy(t, r)
			appendOnly(t, before, r.State())
			if cert, err := r.Certify(k, screen); err != nil || !few && !cert.Population {
				t.Fatalf("seed %d: certificate %+v, error %v", seed, cert, err)
			}
		}
		head := r.State().Head()
		r.Close()
		if p.open(t).State().Head() != head {
			t.Fatalf("seed %d: the file says otherwise", seed)
		}
	}
}

func TestPeopleWhoWaitOffScreen(t *testing.T) {
	p := newPlace(t)
	r := p.init(t)
	people := faces(2, 8)
	tx := begin(t, r)
	waiting := enrol(t, tx, people[:3])
	if _, err := tx.Ensure(Request{K: 5, Screen: waiting}); !errors.Is(err, ksame.ErrTooFew) {
		t.Fatalf("error %v", err)
	}
	commit(t, tx) // a run that was not certified keeps the people it met
	if out, err := r.Ensure(context.Background(), Request{K: 5, Screen: []ksame.PersonID{}}); err != nil || out != (Outcome{}) {
		t.Errorf("nobody on screen: outcome %+v, error %v", out, err)
	}
	tx = begin(t, r)
	more := enrol(t, tx, people[3:5])
	if out := mustEnsure(t, tx, Request{K: 5, Screen: more}); out.Partitioned != 1 || tx.State().Of(waiting[0]) != tx.State().Of(more[0]) {
		t.Errorf("outcome %+v: those who wait count", out)
	}
	commit(t, tx)
}
