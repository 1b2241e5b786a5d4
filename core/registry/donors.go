package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ksamenet/ksamenet/core/ksame"
)

// Judge looks at surrogates before they are worn (invariant I10). A nil *Judge takes the first draw.
type Judge struct {
	// Refuse says that a mix may not be worn, for it resembles a person or a donor; standing, that the cluster wears it already.
	Refuse func(mix ksame.Mix, standing bool) (bool, error)
	// Likeness says how much two mixes resemble each other. From 1 on they may not be worn by two clusters.
	Likeness func(a, b ksame.Mix) (float64, error)
	// Guess, when set, says without making a surrogate how near it may come to what Refuse and Likeness are about; less is better.
	// Where draw after draw is refused, those that it finds far are looked at first.
	Guess func(mix ksame.Mix, taken []ksame.Mix) (float64, error)
	// Lenient, when set, is told of a cluster for which every draw was refused, and the first free draw is dealt: for runs that need
	// no certificate. When nil such a deal fails.
	Lenient func(ksame.ClusterID)
}

// candidates is the number of draws among which the one is dealt that resembles the other clusters' mixes least; after
// maxLooks at mixes, the search ends. When blindLooks were refused, as many more draws as guesses are put in the order of what
// is guessed of them.
const (
	candidates = 8
	maxLooks   = 96
	blindLooks = 16
	guesses    = 512
)

// Donors is the mix of a cluster, per donors of pool, dealt once and kept in the ledger; see ksame.Deal. id may be a cluster
// that has been united since. The mix is dealt anew when it draws on donors outside pool, or when j refuses it. Of a few
// keyed draws that j lets pass, the one is dealt that is least like any mix in use: farthest point, among donors, never
// among people. The error wraps ksame.ErrNoDonors when every draw is refused,
// unless j is lenient.
func (t *Tx) Donors(id ksame.ClusterID, per int, pool []int, j *Judge) (ksame.Mix, error) {
	if t.ended {
		return nil, ErrTx
	}
	c, ok := t.plan.state.Cluster(id)
	if !ok {
		return nil, fmt.Errorf("registry: no cluster %d", id)
	}
	if mix, err := standing(c, per, pool, j); mix != nil || err != nil {
		return mix, err
	}
	d := ksame.Deal{Key: t.plan.secrets.choice, Per: per, Pool: pool, Taken: t.plan.state.Mixes(c.ID)}
	mix, err := j.deal(d, c.ID)
	if err != nil {
		return nil, err
	}
	return slices.Clone(mix), t.record(ksame.Row{Kind: ksame.Donors, Cluster: c.ID, Donors: mix})
}

// deal draws until enough mixes have passed, and returns the one that is least like the mixes in use.
func (j *Judge) deal(d ksame.Deal, id ksame.ClusterID) (ksame.Mix, error) {
	if j == nil {
		return d.Next(id)
	}
	blind := maxLooks
	if j.Guess != nil {
		blind = blindLooks
	}
	s := search{Judge: j, id: id, least: 1}
	d.Veto = func(m ksame.Mix) bool { // true: go on drawing
		s.look(m, d.Taken)
		return s.failed == nil && len(s.looked) < blind && (s.best == nil || len(s.looked) < candidates && len(d.Taken) > 0)
	}
	_, err := d.Next(id)
	if s.failed == nil && s.best == nil && j.Guess != nil {
		s.guess(d)
	}
	switch {
	case s.failed != nil:
		return nil, s.failed
	case s.best != nil: // err, if any, says that there was nothing more to draw
		return s.best, nil
	case err == nil || j.Guess != nil && len(s.looked) > 0:
		if j.Lenient != nil {
			j.Lenient(id)
			d.Veto = nil
			return d.Next(id)
		}
		err = fmt.Errorf("registry: cluster %d: each of %d surrogates resembles a person, a donor or another cluster's: %w"+
			"\nhint: another number of donors, or a wider choice of them (age, gender, tone), makes other surrogates", id, len(s.looked), ksame.ErrNoDonors)
	}
	return nil, err
}

// search is the state of one deal.
type search struct {
	*Judge
	id     ksame.ClusterID
	looked []ksame.Mix
	best   ksame.Mix // nil: every draw was refused so far
	least  float64   // its likeness
	failed error
}

// seen says that a mix was looked at.
func (s *search) seen(m ksame.Mix) bool {
	return slices.ContainsFunc(s.looked, func(o ksame.Mix) bool { return slices.Equal(o, m) })
}

// look judges a mix, unless it was looked at before.
func (s *search) look(m ksame.Mix, taken []ksame.Mix) {
	if s.seen(m) {
		return
	}
	s.looked = append(s.looked, m)
	alike, err := s.likeness(m, taken)
	if err != nil {
		s.failed = err
	} else if alike < s.least {
		s.best, s.least = m, alike
	}
}

// guess looks at further draws, the most promising first, until one passes.
func (s *search) guess(d ksame.Deal) {
	type draw struct {
		mix  ksame.Mix
		near float64
	}
	var draws []draw
	d.Veto = func(m ksame.Mix) bool {
		if s.seen(m) || slices.ContainsFunc(draws, func(o draw) bool { return slices.Equal(o.mix, m) }) {
			return true
		}
		near, err := s.Guess(m, d.Taken)
		if err != nil {
			s.failed = err
			return false
		}
		draws = append(draws, draw{m, near})
		return len(draws) < guesses
	}
	// That there is nothing more to draw is no failure: what was drawn is looked at.
	if _, err := d.Next(s.id); err != nil && !errors.Is(err, ksame.ErrNoDonors) {
		s.failed = err
	}
	slices.SortStableFunc(draws, func(a, b draw) int { return cmp.Compare(a.near, b.near) }) // equal ones in keyed order
	for _, o := range draws {
		if s.failed != nil || s.best != nil || len(s.looked) == maxLooks {
			return
		}
		s.look(o.mix, d.Taken)
	}
}

// likeness is the largest likeness of m to the mixes in use, 1 when it is refused.
func (j *Judge) likeness(m ksame.Mix, taken []ksame.Mix) (float64, error) {
	if no, err := j.Refuse(m, false); err != nil || no {
		return 1, err
	}
	alike := 0.
	for _, o := range taken {
		l, err := j.Likeness(m, o)
		if err != nil {
			return 1, err
		}
		alike = max(alike, l)
	}
	return alike, nil
}

// standing is the mix a cluster has already, nil when there is none or it may not be used.
func standing(c ksame.Cluster, per int, pool []int, j *Judge) (ksame.Mix, error) {
	mix := c.Mix(per)
	for _, d := range mix {
		if !slices.Contains(pool, d) {
			return nil, nil
		}
	}
	if mix == nil {
		return nil, nil
	}
	if j != nil {
		if no, err := j.Refuse(mix, true); err != nil || no {
			return nil, err
		}
	}
	return slices.Clone(mix), nil
}

// Donors is Tx.Donors in a transaction of its own; nothing is written when the cluster has its mix already.
func (r *Registry) Donors(ctx context.Context, id ksame.ClusterID, per int, pool []int, j *Judge) (ksame.Mix, error) {
	if c, ok := r.State().Cluster(id); ok {
		if mix, err := standing(c, per, pool, j); mix != nil || err != nil {
			return mix, err
		}
	}
	var mix ksame.Mix
	err := r.change(ctx, func(t *Tx) (err error) {
		mix, err = t.Donors(id, per, pool, j)
		return err
	})
	return mix, err
}

// Enrol is Tx.Enrol in a transaction of its own.
func (r *Registry) Enrol(ctx context.Context, c Candidate) (ksame.PersonID, error) {
	var id ksame.PersonID
	err := r.change(ctx, func(t *Tx) (err error) {
		id, err = t.Enrol(c)
		return err
	})
	return id, err
}

// Ensure is Tx.Ensure in a transaction of its own; nothing is written when it fails.
func (r *Registry) Ensure(ctx context.Context, q Request) (Outcome, error) {
	var out Outcome
	err := r.change(ctx, func(t *Tx) (err error) {
		out, err = t.Ensure(q)
		return err
	})
	return out, err
}

// change plans and commits.
func (r *Registry) change(ctx context.Context, plan func(*Tx) error) error {
	t, err := r.Begin()
	if err != nil {
		return err
	}
	defer t.Rollback()
	if err := plan(t); err != nil {
		return err
	}
	return t.Commit(ctx)
}
