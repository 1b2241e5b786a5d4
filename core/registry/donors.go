package registry

import (
	"context"
	"fmt"
	"slices"

	"github.com/ksamenet/ksamenet/core/ksame"
)

// Donors is the mix of a cluster, per donors of pool, dealt once and kept in the ledger; see ksame.Deal. id may be a cluster
// that has been united since. The mix is dealt anew when it draws on donors outside pool, or when veto refuses it
// (invariant I10); a nil veto refuses none.
func (t *Tx) Donors(id ksame.ClusterID, per int, pool []int, veto func(ksame.Mix) bool) (ksame.Mix, error) {
	if t.ended {
		return nil, ErrTx
	}
	c, ok := t.plan.state.Cluster(id)
	if !ok {
		return nil, fmt.Errorf("registry: no cluster %d", id)
	}
	if mix := standing(c, per, pool, veto); mix != nil {
		return mix, nil
	}
	deal := ksame.Deal{Key: t.plan.secrets.choice, Per: per, Pool: pool, Taken: t.plan.state.Mixes(c.ID), Veto: veto}
	mix, err := deal.Next(c.ID)
	if err != nil {
		return nil, err
	}
	return slices.Clone(mix), t.record(ksame.Row{Kind: ksame.Donors, Cluster: c.ID, Donors: mix})
}

// standing is the mix a cluster has already, nil when there is none or it may not be used.
func standing(c ksame.Cluster, per int, pool []int, veto func(ksame.Mix) bool) ksame.Mix {
	mix := c.Mix(per)
	for _, d := range mix {
		if !slices.Contains(pool, d) {
			return nil
		}
	}
	if mix == nil || veto != nil && veto(mix) {
		return nil
	}
	return slices.Clone(mix)
}

// Donors is Tx.Donors in a transaction of its own; nothing is written when the cluster has its mix already.
func (r *Registry) Donors(ctx context.Context, id ksame.ClusterID, per int, pool []int, veto func(ksame.Mix) bool) (ksame.Mix, error) {
	if c, ok := r.State().Cluster(id); ok {
		if mix := standing(c, per, pool, veto); mix != nil {
			return mix, nil
		}
	}
	var mix ksame.Mix
	err := r.change(ctx, func(t *Tx) (err error) {
		mix, err = t.Donors(id, per, pool, veto)
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
