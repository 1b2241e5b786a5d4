package registry

import (
	"fmt"
	"slices"

	"github.com/ksamenet/ksamenet/core/ksame"
)

// Rekey deals a cluster a new surrogate that shares no donor with any it wore before, while donors last: two releases with
// a Rekey between them cannot be linked by the faces in them, and the clusters stay. Arguments are as in Donors.
func (t *Tx) Rekey(id ksame.ClusterID, per int, pool []int, veto func(ksame.Mix) bool) (ksame.Mix, error) {
	return t.dealSlot(id, per, 0, pool, veto, true)
}

// SlotDonors is Donors for one slot (1, 2, 3 …) of a cluster in mode distinct; fresh deals anew as Rekey does.
func (t *Tx) SlotDonors(id ksame.ClusterID, per, slot int, pool []int, veto func(ksame.Mix) bool, fresh bool) (ksame.Mix, error) {
	if slot < 1 {
		return nil, fmt.Errorf("registry: slot %d of cluster %d", slot, id)
	}
	return t.dealSlot(id, per, slot, pool, veto, fresh)
}

func (t *Tx) dealSlot(id ksame.ClusterID, per, slot int, pool []int, veto func(ksame.Mix) bool, fresh bool) (ksame.Mix, error) {
	if t.ended {
		return nil, ErrTx
	}
	c, ok := t.plan.state.Cluster(id)
	if !ok {
		return nil, fmt.Errorf("registry: no cluster %d", id)
	}
	has := c.SlotMix(per, slot)
	usable := has != nil && !slices.ContainsFunc(has, func(d int) bool { return !slices.Contains(pool, d) })
	if !fresh && usable && (veto == nil || !veto(has)) {
		return slices.Clone(has), nil
	}
	deal := ksame.Deal{Key: t.plan.secrets.choice, Per: per, Pool: pool, Taken: append(t.plan.state.Mixes(c.ID), c.Worn()...), Veto: veto}
	mix, err := deal.Next(c.ID)
	if err != nil {
		return nil, err
	}
	return slices.Clone(mix), t.record(ksame.Row{Kind: ksame.Donors, Cluster: c.ID, Slot: slot, Donors: mix})
}

// Slots deals the members of a cluster its surrogates 1 … n for one release, by a secret permutation; see ksame.Slots.
func (t *Tx) Slots(id ksame.ClusterID, release string) (map[ksame.PersonID]int, error) {
	c, ok := t.plan.state.Cluster(id)
	if !ok {
		return nil, fmt.Errorf("registry: no cluster %d", id)
	}
	return ksame.Slots(t.plan.secrets.choice, release, c.ID, c.Members), nil
}
