package pipeline

import (
	"slices"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/registry"
)

// wear deals the surrogates of one cluster on screen: one for everybody, or in mode distinct one for each member on screen.
func (c *cast) wear(tx *registry.Tx, cfg Config, l *decisions.List, out *decisions.Cluster, judge *registry.Judge) (err error) {
	id, pool := ksame.ClusterID(out.ID), cfg.pool()
	if cfg.Mode != ModeDistinct {
		if cfg.Rekey {
			out.Donors, err = tx.Rekey(id, cfg.Donors, pool, judge)
		} else {
			out.Donors, err = tx.Donors(id, cfg.Donors, pool, judge)
		}
		return err
	}
	slots, err := tx.Slots(id, l.Source.SHA256)
	if err != nil {
		return err
	}
	var worn []int
	for i := range c.groups {
		g := &c.groups[i]
		if g.cluster != id || !g.shown() {
			continue
		}
		if g.slot = slots[g.person]; g.slot == 0 { // a face that nobody could identify
			g.slot = 1 + draw(l.Source.SHA256, g.tracklets[0], len(slots))
		}
		worn = append(worn, g.slot)
	}
	slices.Sort(worn)
	for _, slot := range slices.Compact(worn) {
		mix, err := tx.SlotDonors(id, cfg.Donors, slot, pool, judge, cfg.Rekey)
		if err != nil {
			return err
		}
		out.Slots = append(out.Slots, decisions.Slot{Slot: slot, Donors: mix})
	}
	return nil
}
