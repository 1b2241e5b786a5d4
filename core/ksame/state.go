package ksame

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Cluster is an equivalence class of people who share one surrogate.
type Cluster struct {
	ID       ClusterID
	K        int        // the k it was built or united for
	Members  []PersonID // ascending, forgotten people left out
	Distinct int        // members, "maybe the same" counting as one; k is certified when it is not less than k
	Stratum  string     // what all members were enrolled with when it was built; "" when there is nothing common
	mixes    map[wear]Mix
	past     []Mix // worn before by this cluster or one united into it
}

// wear names a surrogate of a cluster: by its number of donors and, in mode distinct, its slot.
type wear struct{ per, slot int }

// Mix is the donors dealt to the cluster for k_p = per, nil when none are.
func (c Cluster) Mix(per int) Mix { return c.mixes[wear{per, 0}] }

// SlotMix is the donors dealt to a slot (1, 2, 3 …) of the cluster in mode distinct, nil when none are.
func (c Cluster) SlotMix(per, slot int) Mix { return c.mixes[wear{per, slot}] }

// Worn lists every mix that the cluster wears or wore, and what clusters united into it wore, in the order of the ledger.
func (c Cluster) Worn() []Mix {
	out := slices.Clone(c.past)
	for _, w := range sortedWears(c.mixes) {
		out = append(out, slices.Clone(c.mixes[w]))
	}
	return out
}

func sortedWears(mixes map[wear]Mix) []wear {
	return slices.SortedFunc(maps.Keys(mixes), func(a, b wear) int { return cmp.Or(a.per-b.per, a.slot-b.slot) })
}

// State is what a ledger says, row by row: who exists, who shares a cluster, what each cluster wears. The zero value is the
// state before the first row. It is not safe for concurrent use.
type State struct {
	seq      int64
	head     string
	format   string
	registry string
	persons  map[PersonID]ClusterID // 0: no cluster yet; forgotten people are deleted
	gone     map[PersonID]bool
	clusters map[ClusterID]*Cluster // clusters that are in use
	into     map[ClusterID]ClusterID
	worn     map[string]ClusterID // mixes in use
	person   PersonID             // last id given
	cluster  ClusterID            // last id given
}

// noHash stands for the row before the first.
var noHash = strings.Repeat("0", 64)

// Replay applies rows to an empty state. It verifies the chain of hashes, that no person ever changes cluster except with
// their whole cluster by a union (I8), and that every cluster has at least its k distinct people whenever it is built, grows
// or is released (I2). An error names the first bad row and wraps ErrTampered.
func Replay(rows []Row) (*State, error) {
	s := new(State)
	if len(rows) == 0 {
		return nil, fmt.Errorf("ksame: %w: no rows", ErrTampered)
	}
	for _, r := range rows {
		if err := s.Apply(r); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Seal makes r the row that follows: it sets Seq, Prev and Hash.
func (s *State) Seal(r Row) Row {
	r.Seq, r.Prev = s.seq+1, s.Head()
	r.Hash = r.digest(s.format)
	return r
}

// Add seals r and applies it. When the rules forbid the row, the error wraps ErrRefused and the state is unchanged.
func (s *State) Add(r Row) (Row, error) {
	r = s.Seal(r)
	if err := s.check(r); err != nil {
		return Row{}, fmt.Errorf("ksame: %w: %s: %w", ErrRefused, r.Kind, err)
	}
	s.take(r)
	return r, nil
}

// Apply verifies that r is the next row, that it obeys the rules, and takes it in. When it does not, the error wraps
// ErrTampered and the state is unchanged.
func (s *State) Apply(r Row) error {
	if err := s.check(r); err != nil {
		return fmt.Errorf("ksame: %w: row %d (%.20s): %w", ErrTampered, s.seq+1, r.Kind, err)
	}
	s.take(r)
	return nil
}

// check says what is wrong with r as the next row.
func (s *State) check(r Row) error {
	if r.Seq != s.seq+1 {
		return fmt.Errorf("its number is %d", r.Seq)
	}
	if r.Prev != s.Head() {
		return fmt.Errorf("it does not follow the row before it: prev is %.64s, want %s", r.Prev, s.Head())
	}
	if want := r.digest(s.format); r.Hash != want {
		return fmt.Errorf("its hash is %.64s, want %s", r.Hash, want)
	}
	if (r.Kind == Init) != (r.Seq == 1) {
		return errors.New("init is the first row and only there")
	}
	if err := checkShape(r, s.format); err != nil {
		return err
	}
	return s.rules(r)
}

// Head is the hash of the newest row. Together with Rows it fixes the whole ledger.
func (s *State) Head() string {
	if s.seq == 0 {
		return noHash
	}
	return s.head
}

// Rows is the number of rows taken in.
func (s *State) Rows() int64 { return s.seq }

// Registry is the id of the registry, as the first row gives it.
func (s *State) Registry() string { return s.registry }

// Format is the format that the next row will have.
func (s *State) Format() string { return s.format }

// NextPerson and NextCluster are the ids that the next enrol, partition or union row has to give.
func (s *State) NextPerson() PersonID { return s.person + 1 }

// NextCluster is the first free cluster id; see NextPerson.
func (s *State) NextCluster() ClusterID { return s.cluster + 1 }

// Persons lists the people who are enrolled and not forgotten, ascending.
func (s *State) Persons() []PersonID { return slices.Sorted(maps.Keys(s.persons)) }

// Forgotten says that p has been enrolled and forgotten.
func (s *State) Forgotten(p PersonID) bool { return s.gone[p] }

// Of is the cluster of person p, 0 when p has none or is unknown or forgotten.
func (s *State) Of(p PersonID) ClusterID { return s.persons[p] }

// Clusters lists the clusters that have members, by id.
func (s *State) Clusters() []Cluster {
	var out []Cluster
	for _, id := range slices.Sorted(maps.Keys(s.clusters)) {
		if c := s.clusters[id]; len(c.Members) > 0 {
			out = append(out, c.copy())
		}
	}
	return out
}

// Cluster returns the cluster with an id, or the one it was united into; false when there never was such an id.
func (s *State) Cluster(id ClusterID) (Cluster, bool) {
	for s.into[id] != 0 {
		id = s.into[id]
	}
	c, ok := s.clusters[id]
	if !ok {
		return Cluster{}, false
	}
	return c.copy(), true
}

// Certified says that the cluster with this id, or the one it was united into, has k distinct people or more.
func (s *State) Certified(id ClusterID, k int) bool {
	c, ok := s.Cluster(id)
	return ok && k >= 1 && c.Distinct >= k
}

// Mixes lists the mixes in use by clusters other than except, by cluster id: what Deal.Taken wants.
func (s *State) Mixes(except ClusterID) []Mix {
	var out []Mix
	for _, id := range slices.Sorted(maps.Keys(s.clusters)) {
		if id == except {
			continue
		}
		mixes := s.clusters[id].mixes
		for _, w := range sortedWears(mixes) {
			out = append(out, slices.Clone(mixes[w]))
		}
	}
	return out
}

// Clone is an independent copy, to try rows on.
func (s *State) Clone() *State {
	c := *s
	c.persons, c.gone, c.into, c.worn = maps.Clone(s.persons), maps.Clone(s.gone), maps.Clone(s.into), maps.Clone(s.worn)
	c.clusters = maps.Clone(s.clusters)
	for id, cluster := range c.clusters {
		own := cluster.copy()
		c.clusters[id] = &own
	}
	return &c
}

func (c *Cluster) copy() Cluster {
	d := *c
	d.Members, d.mixes, d.past = slices.Clone(c.Members), maps.Clone(c.mixes), slices.Clone(c.past)
	return d
}

// take changes the state by a row that obeys the rules.
func (s *State) take(r Row) {
	s.seq, s.head = r.Seq, r.Hash
	switch r.Kind {
	case Init:
		s.registry, s.format = r.Registry, r.Format
		s.persons, s.gone = map[PersonID]ClusterID{}, map[PersonID]bool{}
		s.clusters, s.into, s.worn = map[ClusterID]*Cluster{}, map[ClusterID]ClusterID{}, map[string]ClusterID{}
	case Upgrade:
		s.format = r.Format
	case Enrol:
		s.person = r.Person
		s.persons[r.Person] = 0
	case Partitioned:
		for _, b := range r.Clusters {
			s.cluster = b.Cluster
			s.settle(&Cluster{ID: b.Cluster, K: r.K, Members: slices.Clone(b.Members), Distinct: b.Distinct, Stratum: b.Stratum})
		}
	case Append:
		s.join(r.Person, r.Cluster, r.Distinct)
	case Union:
		s.cluster = r.Cluster
		whole := &Cluster{ID: r.Cluster, K: r.K, Distinct: r.Distinct, Stratum: s.clusters[r.Of[0]].Stratum}
		for _, id := range r.Of {
			part := s.clusters[id]
			for _, mix := range part.mixes {
				delete(s.worn, fmt.Sprint(mix))
			}
			if part.Stratum != whole.Stratum {
				whole.Stratum = ""
			}
			whole.past = append(whole.past, part.Worn()...)
			whole.Members = append(whole.Members, part.Members...)
			s.into[id] = r.Cluster
			delete(s.clusters, id)
		}
		slices.Sort(whole.Members)
		s.settle(whole)
	case Recount:
		s.clusters[r.Cluster].Distinct = r.Distinct
	case Tombstone:
		s.leave(r.Person, r.Cluster, r.Distinct)
	case Merge:
		s.leave(r.Other, s.persons[r.Other], r.Distinct)
		if r.Cluster != 0 && s.persons[r.Person] == 0 {
			s.join(r.Person, r.Cluster, r.Distinct)
		} else if r.Cluster != 0 {
			s.clusters[r.Cluster].Distinct = r.Distinct
		}
	case Split:
		s.person = r.Person
		if s.persons[r.Person] = 0; r.Cluster != 0 {
			s.join(r.Person, r.Cluster, r.Distinct)
		}
	case Donors:
		c, w := s.clusters[r.Cluster], wear{len(r.Donors), r.Slot}
		if old := c.mixes[w]; old != nil {
			delete(s.worn, fmt.Sprint(old))
			c.past = append(c.past, old)
		}
		c.mixes[w] = slices.Clone(r.Donors)
		s.worn[fmt.Sprint(r.Donors)] = c.ID
	}
}

func (s *State) join(p PersonID, id ClusterID, distinct int) {
	c := s.clusters[id]
	at, _ := slices.BinarySearch(c.Members, p)
	c.Members = slices.Insert(c.Members, at, p)
	c.Distinct = distinct
	s.persons[p] = id
}

// leave is the end of an id: nobody has it any more, and nobody will.
func (s *State) leave(p PersonID, id ClusterID, distinct int) {
	if c := s.clusters[id]; c != nil {
		c.Members = slices.DeleteFunc(c.Members, func(m PersonID) bool { return m == p })
		c.Distinct = distinct
	}
	delete(s.persons, p)
	s.gone[p] = true
}

func (s *State) settle(c *Cluster) {
	c.mixes = map[wear]Mix{}
	s.clusters[c.ID] = c
	for _, p := range c.Members {
		s.persons[p] = c.ID
	}
}
