package pipeline

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/registry"
)

// ErrUnconfirmed says that a decision list claims what the registry does not bear out.
var ErrUnconfirmed = errors.New("pipeline: the registry does not bear out the decision list")

// Confirm compares a certified list, which may have been edited, with the registry: no face may have been deleted, every cluster must be there with at
// least k distinct people and the same donors, and every enrolled person must wear their own cluster. Only then may a
// rendering of the list be called certified.
func Confirm(reg *registry.Registry, l *decisions.List) error {
	if n := l.Faces(); n < l.Source.Faces {
		return fmt.Errorf("%w: it holds %d faces, %d were analysed; to leave a face clear say keep, do not delete it", ErrUnconfirmed, n, l.Source.Faces)
	}
	st := reg.State()
	for _, c := range l.Clusters {
		have, ok := st.Cluster(ksame.ClusterID(c.ID))
		switch {
		case !ok || uint64(have.ID) != c.ID:
			return fmt.Errorf("%w: cluster %d is not in use", ErrUnconfirmed, c.ID)
		case !st.Certified(have.ID, l.Policy.K) || have.Distinct < c.Members:
			return fmt.Errorf("%w: cluster %d holds %d distinct people, the list says %d", ErrUnconfirmed, c.ID, have.Distinct, c.Members)
		case !slices.Equal(have.Mix(l.Policy.Donors), c.Donors) && len(c.Slots) == 0 || len(c.Slots) > 0 && l.Policy.Mode != ModeDistinct:
			return fmt.Errorf("%w: cluster %d has other donors", ErrUnconfirmed, c.ID)
		case c.Stratum != have.Stratum:
			return fmt.Errorf("%w: cluster %d is of stratum %q, the list says %q", ErrUnconfirmed, c.ID, have.Stratum, c.Stratum)
		}
		for _, s := range c.Slots {
			if !slices.Equal(have.SlotMix(l.Policy.Donors, s.Slot), s.Donors) {
				return fmt.Errorf("%w: slot %d of cluster %d has other donors", ErrUnconfirmed, s.Slot, c.ID)
			}
		}
	}
	for _, p := range l.Persons {
		if p.Registry != 0 && p.Cluster != 0 && uint64(st.Of(ksame.PersonID(p.Registry))) != p.Cluster {
			return fmt.Errorf("%w: person %d of the registry is not in cluster %d", ErrUnconfirmed, p.Registry, p.Cluster)
		}
		if p.Registry != 0 && p.Slot != 0 {
			slots, err := reg.Slots(ksame.ClusterID(p.Cluster), l.Source.SHA256)
			if err != nil {
				return err
			}
			if slots[ksame.PersonID(p.Registry)] != p.Slot {
				return fmt.Errorf("%w: person %d of the registry was dealt another surrogate of cluster %d", ErrUnconfirmed, p.Registry, p.Cluster)
			}
		}
	}
	return nil
}
