package registry

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ksamenet/ksamenet/core/ksame"
)

// Growth says what becomes of people without a cluster when certified clusters exist already.
type Growth int

const (
	// GrowAppend appends each of them to a certified cluster by keyed choice (docs/guarantee.md, unknown person).
	GrowAppend Growth = iota
	// GrowPartition makes new clusters of them when they are k distinct people or more, and appends them otherwise: for
	// enrolling many people at once, who would else crowd the few clusters there are.
	GrowPartition
)

// Request is what Ensure is to bring about.
type Request struct {
	K int
	// Screen is the people of the production: their clusters are the ones that must have k. nil means everybody.
	Screen []ksame.PersonID
	// Together lists pairs seen in one picture; see Tx.Together.
	Together [][2]ksame.PersonID
	Growth   Growth
}

// Outcome counts what Ensure did.
type Outcome struct {
	Partitioned int // new clusters
	Appended    int // people appended to clusters
	United      int // unions
}

// Ensure gives the people on screen a cluster, and with them everybody else who waits for one, and sees to it that the
// clusters on screen have k distinct people.
//
// Nobody who has a cluster leaves it. People without one form new clusters when none is certified for k yet (ksame.Partition);
// otherwise each is appended to a certified cluster, chosen by HMAC under the registry's key among those that hold nobody
// seen together with them, or among all where there is no such cluster. Clusters that are too small are united with their
// nearest neighbours. With k = 1 everybody new gets a cluster of their own.
//
// A *ksame.TooFewError (errors.Is ksame.ErrTooFew) means that even everybody together is fewer than k distinct people; the
// plan is then as before, with the pairs of Together recorded, and may still be committed to keep the people enrolled.
func (t *Tx) Ensure(q Request) (Outcome, error) {
	if t.ended {
		return Outcome{}, ErrTx
	}
	if q.K < 1 {
		return Outcome{}, fmt.Errorf("registry: k is %d, must be at least 1", q.K)
	}
	for _, id := range q.Screen {
		if _, err := t.key(id); err != nil {
			return Outcome{}, err
		}
	}
	if err := t.Together(q.Together); err != nil {
		return Outcome{}, err
	}
	if err := t.recount(); err != nil {
		return Outcome{}, err
	}
	state, rows, writes := t.plan.state.Clone(), len(t.plan.rows), len(t.writes)
	e := &ensure{Tx: t, Request: q, same: t.plan.same(), counts: map[ksame.ClusterID]*ksame.Counter{}}
	err := e.run()
	if err != nil {
		t.plan.state, t.plan.rows, t.writes = state, t.plan.rows[:rows], t.writes[:writes]
		if errors.Is(err, ksame.ErrTooFew) {
			err = &ksame.TooFewError{Have: ksame.Distinct(state.Persons(), e.same), Need: q.K}
		}
		return Outcome{}, err
	}
	return e.done, nil
}

// recount writes down what new evidence did to the number of distinct people of clusters.
func (t *Tx) recount() error {
	for _, id := range slices.Sorted(maps.Keys(t.dirty)) {
		c, ok := t.plan.state.Cluster(id)
		if !ok || len(c.Members) == 0 {
			continue
		}
		if n := ksame.Distinct(c.Members, t.plan.same()); n != c.Distinct {
			if err := t.record(ksame.Row{Kind: ksame.Recount, Cluster: c.ID, Distinct: n}); err != nil {
				return err
			}
		}
	}
	clear(t.dirty)
	return nil
}

type ensure struct {
	*Tx
	Request
	same   func(a, b ksame.PersonID) bool
	counts map[ksame.ClusterID]*ksame.Counter // of the clusters that newcomers were tried in
	done   Outcome
}

func (e *ensure) run() error {
	var newcomers []ksame.PersonID
	wanted := false
	for _, p := range e.plan.state.Persons() {
		if e.plan.state.Of(p) == 0 {
			newcomers = append(newcomers, p)
			wanted = wanted || e.Screen == nil || slices.Contains(e.Screen, p)
		}
	}
	if !wanted {
		// Nobody on screen waits for a cluster; too few people who are not on screen must not stop a production.
		newcomers = nil
	}
	if len(newcomers) > 0 && (e.K == 1 || e.Growth == GrowPartition || len(e.certified()) == 0) {
		var err error
		if newcomers, err = e.partition(newcomers); err != nil {
			return err
		}
	}
	if len(newcomers) > 0 && len(e.certified()) == 0 {
		// Old clusters that are too small: all they lack may be each other, or the newcomers.
		if err := e.unite(e.all()[:min(1, len(e.all()))]); errors.Is(err, ksame.ErrTooFew) {
			return e.gather(newcomers)
		} else if err != nil {
			return err
		}
	}
	for _, p := range newcomers {
		if err := e.append(p); err != nil {
			return err
		}
	}
	if err := e.unite(e.onScreen()); err != nil {
		return err
	}
	for _, id := range e.onScreen() {
		if !e.plan.state.Certified(id, e.K) {
			return fmt.Errorf("registry: internal error: cluster %d is not certified for k = %d", id, e.K)
		}
	}
	return nil
}

// partition makes new clusters of people, stratum by stratum, and returns those who are too few for one.
func (e *ensure) partition(people []ksame.PersonID) (left []ksame.PersonID, err error) {
	strata := map[string][]ksame.PersonID{}
	for _, p := range people {
		strata[e.stratum(p)] = append(strata[e.stratum(p)], p)
	}
	row := ksame.Row{Kind: ksame.Partitioned, K: e.K}
	for _, name := range slices.Sorted(maps.Keys(strata)) {
		members := strata[name]
		vectors := make([][]float32, len(members))
		for i, p := range members {
			vectors[i] = e.plan.gallery.mean(p)
		}
		clusters, err := ksame.Partition(members, vectors, e.K, e.options())
		if errors.Is(err, ksame.ErrTooFew) {
			left = append(left, members...)
			continue
		} else if err != nil {
			return nil, err
		}
		for _, c := range clusters {
			row.Clusters = append(row.Clusters, ksame.Block{Cluster: e.plan.state.NextCluster() + ksame.ClusterID(len(row.Clusters)),
				Members: c, Distinct: ksame.Distinct(c, e.same), Stratum: name})
		}
	}
	slices.Sort(left)
	if len(row.Clusters) == 0 {
		return e.mixed(left)
	}
	e.done.Partitioned += len(row.Clusters)
	return left, e.record(row)
}

// mixed makes clusters of people whose strata are too small each, when nobody else is there to be joined: k goes before
// strata, and such clusters publish none.
func (e *ensure) mixed(people []ksame.PersonID) (left []ksame.PersonID, err error) {
	if !e.plan.strata || len(e.plan.state.Clusters()) > 0 {
		return people, nil
	}
	vectors := make([][]float32, len(people))
	for i, p := range people {
		vectors[i] = e.plan.gallery.mean(p)
	}
	clusters, err := ksame.Partition(people, vectors, e.K, e.options())
	if errors.Is(err, ksame.ErrTooFew) {
		return people, nil
	} else if err != nil {
		return nil, err
	}
	row := ksame.Row{Kind: ksame.Partitioned, K: e.K}
	for _, c := range clusters {
		row.Clusters = append(row.Clusters, ksame.Block{Cluster: e.plan.state.NextCluster() + ksame.ClusterID(len(row.Clusters)),
			Members: c, Distinct: ksame.Distinct(c, e.same)})
	}
	e.done.Partitioned += len(row.Clusters)
	return nil, e.record(row)
}

// stratum is what a person's cluster should publish.
func (e *ensure) stratum(p ksame.PersonID) string {
	if !e.plan.strata {
		return ""
	}
	return e.plan.persons[p].stratum
}

func (e *ensure) options() ksame.Options {
	return ksame.Options{CoOccur: e.plan.pairs(), Same: e.same}
}

// append puts one person into a certified cluster.
func (e *ensure) append(p ksame.PersonID) error {
	met := map[ksame.ClusterID]bool{}
	for both := range e.plan.together {
		if both[0] == p {
			met[e.plan.state.Of(both[1])] = true
		} else if both[1] == p {
			met[e.plan.state.Of(both[0])] = true
		}
	}
	// Best: a cluster of their stratum that holds nobody they met; then one of their stratum; then as if there were no strata.
	certified := e.certified()
	strangers := slices.DeleteFunc(slices.Clone(certified), func(c ksame.ClusterID) bool { return met[c] })
	alike := func(of []ksame.ClusterID) []ksame.ClusterID {
		return slices.DeleteFunc(slices.Clone(of), func(id ksame.ClusterID) bool {
			c, _ := e.plan.state.Cluster(id)
			return c.Stratum != e.stratum(p)
		})
	}
	for _, candidates := range [][]ksame.ClusterID{alike(strangers), alike(certified), strangers, certified} {
		for len(candidates) > 0 {
			c := ksame.AppendChoice(e.plan.secrets.choice, p, candidates)
			// A person who links two members that look alike would lower the count: the choice falls on another cluster.
			if n := e.counter(c).With(p); n >= e.K {
				return e.join(p, c, e.K, n)
			}
			candidates = slices.DeleteFunc(candidates, func(other ksame.ClusterID) bool { return other == c })
		}
	}
	// No cluster stays certified with p: everybody has to come together.
	return e.gather([]ksame.PersonID{p})
}

// gather unites all clusters and appends people to the whole: the last resort before "too few".
func (e *ensure) gather(people []ksame.PersonID) error {
	all := e.all()
	if len(all) == 0 {
		return &ksame.TooFewError{Need: e.K}
	}
	if len(all) > 1 {
		if err := e.union(all, 1); err != nil {
			return err
		}
		all = e.all()
	}
	for _, p := range people {
		before, _ := e.plan.state.Cluster(all[0])
		after := e.counter(all[0]).With(p)
		if err := e.join(p, all[0], min(before.Distinct, after, e.K), after); err != nil {
			return err
		}
	}
	if c, _ := e.plan.state.Cluster(all[0]); c.Distinct < e.K {
		return &ksame.TooFewError{Have: c.Distinct, Need: e.K}
	}
	return nil
}

func (e *ensure) join(p ksame.PersonID, c ksame.ClusterID, k, distinct int) error {
	if err := e.record(ksame.Row{Kind: ksame.Append, K: k, Person: p, Cluster: c, Distinct: distinct}); err != nil {
		return err
	}
	e.counter(c).Add(p)
	e.done.Appended++
	return nil
}

// counter counts the members of a cluster; it is kept in step by join.
func (e *ensure) counter(id ksame.ClusterID) *ksame.Counter {
	if e.counts[id] == nil {
		count := &ksame.Counter{Same: e.same}
		c, _ := e.plan.state.Cluster(id)
		for _, p := range c.Members {
			count.Add(p)
		}
		e.counts[id] = count
	}
	return e.counts[id]
}

// unite makes the clusters of need large enough.
func (e *ensure) unite(need []ksame.ClusterID) error {
	need = slices.DeleteFunc(slices.Clone(need), func(id ksame.ClusterID) bool { return e.plan.state.Certified(id, e.K) })
	if len(need) == 0 {
		return nil
	}
	if e.plan.strata {
		var err error
		if need, err = e.uniteWithin(need); err != nil || len(need) == 0 {
			return err
		}
	}
	unions, err := ksame.Unite(e.plan.state.Clusters(), e.plan.gallery.mean, need, e.K, e.options())
	if err != nil {
		return err
	}
	for _, of := range unions {
		if err := e.union(of, e.K); err != nil {
			return err
		}
	}
	return nil
}

// uniteWithin unites clusters of one stratum with each other where that is enough, and returns those that still need more.
func (e *ensure) uniteWithin(need []ksame.ClusterID) (left []ksame.ClusterID, err error) {
	strata := map[string][]ksame.Cluster{}
	for _, c := range e.plan.state.Clusters() {
		strata[c.Stratum] = append(strata[c.Stratum], c)
	}
	for _, name := range slices.Sorted(maps.Keys(strata)) {
		mine := slices.DeleteFunc(slices.Clone(need), func(id ksame.ClusterID) bool {
			return !slices.ContainsFunc(strata[name], func(c ksame.Cluster) bool { return c.ID == id })
		})
		unions, err := ksame.Unite(strata[name], e.plan.gallery.mean, mine, e.K, e.options())
		if errors.Is(err, ksame.ErrTooFew) {
			left = append(left, mine...)
			continue
		} else if err != nil {
			return nil, err
		}
		for _, of := range unions {
			if err := e.union(of, e.K); err != nil {
				return nil, err
			}
		}
	}
	slices.Sort(left)
	return left, nil
}

func (e *ensure) union(of []ksame.ClusterID, k int) error {
	var members []ksame.PersonID
	for _, id := range of {
		c, _ := e.plan.state.Cluster(id)
		members = append(members, c.Members...)
	}
	e.done.United++
	return e.record(ksame.Row{Kind: ksame.Union, K: k, Cluster: e.plan.state.NextCluster(), Of: of, Distinct: ksame.Distinct(members, e.same)})
}

func (e *ensure) all() []ksame.ClusterID {
	var out []ksame.ClusterID
	for _, c := range e.plan.state.Clusters() {
		out = append(out, c.ID)
	}
	return out
}

func (e *ensure) certified() []ksame.ClusterID {
	var out []ksame.ClusterID
	for _, c := range e.plan.state.Clusters() {
		if c.Distinct >= e.K {
			out = append(out, c.ID)
		}
	}
	return out
}

// onScreen lists the clusters of the people on screen, ascending.
func (e *ensure) onScreen() []ksame.ClusterID {
	if e.Screen == nil {
		return e.all()
	}
	var out []ksame.ClusterID
	for _, p := range e.Screen {
		if c := e.plan.state.Of(p); c != 0 {
			out = append(out, c)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
