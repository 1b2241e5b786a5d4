package registry

import (
	"fmt"
	"slices"

	"github.com/ksamenet/ksamenet/core/ksame"
)

// Rekey deals a cluster a new surrogate that shares no donor with any it wore before, while donors last: two releases with
// a Rekey between them cannot be linked by the faces in them, and the clusters stay. Arguments are as in Donors.
func (t *Tx) Rekey(id ksame.ClusterID, per int, pool []int, j *Judge) (ksame.Mix, error) {
	return t.dealSlot(id, per, 0, pool, j, true)
}

// SlotDonors is Donors for one slot (1, 2, 3 …) of a cluster in mode distinct; fresh deals anew as Rekey does.
func (t *Tx) SlotDonors(id ksame.ClusterID, per, slot int, pool []int, j *Judge, fresh bool) (ksame.Mix, error) {
	if slot < 1 {
		return nil, fmt.Errorf("registry: slot %d of cluster %d", slot, id)
	}
	return t.dealSlot(id, per, slot, pool, j, fresh)
}

func (t *Tx) dealSlot(id ksame.ClusterID, per, slot int, pool []int, j *Judge, fresh bool) (ksame.Mix, error) {
	if t.ended {
		return nil, ErrTx
	}
	c, ok := t.plan.state.Cluster(id)
	if !ok {
		return nil, fmt.Errorf("registry: no cluster %d", id)
	}
	has := c.SlotMix(per, slot)
	usable := has != nil && !slices.ContainsFunc(has, func(d int) bool { return !slices.Contains(pool, d) })
	if usable && !fresh && j != nil {
		no, err := j.Refuse(has, true)
		if err != nil {
			return nil, err
		}
		usable = !no
	}
	if usable && !fresh {
		return slices.Clone(has), nil
	}
	deal := ksame.Deal{Key: t.plan.secrets.choice, Per: per, Pool: pool, Taken: append(t.plan.state.Mixes(c.ID), c.Worn()...)}
	mix, err := j.deal(deal, c.ID)
	if err != nil {
		return nil, err
	}
	return slices.Clone(mix), t.record(ksame.Row{Kind: ksame.Donors, Cluster: c.ID, Slot: slot, Donors: mix})
}

// Slots deals the members of a cluster its surrogates 1 … n for one release, by a secret permutation; see ksame.Slots.
func (t *Tx) Slots(id ksame.ClusterID, release string) (map[ksame.PersonID]int, error) {
	return t.plan.slots(id, release)
}

// Slots is Tx.Slots as of the last commit.
func (r *Registry) Slots(id ksame.ClusterID, release string) (map[ksame.PersonID]int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now.slots(id, release)
}

func (c *content) slots(id ksame.ClusterID, release string) (map[ksame.PersonID]int, error) {
	cluster, ok := c.state.Cluster(id)
	if !ok {
		return nil, fmt.Errorf("registry: no cluster %d", id)
	}
	return ksame.Slots(c.secrets.choice, release, cluster.ID, cluster.Members), nil
}
