package ksame

import (
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
	mixes    map[int]Mix
}

// Mix is the donors dealt to the cluster for k_p = per, nil when none are.
func (c Cluster) Mix(per int) Mix { return c.mixes[per] }

// State is what a ledger says, row by row: who exists, who shares a cluster, what each cluster wears. The zero value is the
// state before the first row. It is not safe for concurrent use.
type State struct {
	seq      int64
	head     string
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
	r.Hash = r.digest()
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
	if want := r.digest(); r.Hash != want {
		return fmt.Errorf("its hash is %.64s, want %s", r.Hash, want)
	}
	if (r.Kind == Init) != (r.Seq == 1) {
		return errors.New("init is the first row and only there")
	}
	if err := checkShape(r); err != nil {
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
		for _, per := range slices.Sorted(maps.Keys(mixes)) {
			out = append(out, slices.Clone(mixes[per]))
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
	d.Members, d.mixes = slices.Clone(c.Members), maps.Clone(c.mixes)
	return d
}

// take changes the state by a row that obeys the rules.
func (s *State) take(r Row) {
	s.seq, s.head = r.Seq, r.Hash
	switch r.Kind {
	case Init:
		s.registry = r.Registry
		s.persons, s.gone = map[PersonID]ClusterID{}, map[PersonID]bool{}
		s.clusters, s.into, s.worn = map[ClusterID]*Cluster{}, map[ClusterID]ClusterID{}, map[string]ClusterID{}
	case Enrol:
		s.person = r.Person
		s.persons[r.Person] = 0
	case Partitioned:
		for _, b := range r.Clusters {
			s.cluster = b.Cluster
			s.settle(&Cluster{ID: b.Cluster, K: r.K, Members: slices.Clone(b.Members), Distinct: b.Distinct})
		}
	case Append:
		c := s.clusters[r.Cluster]
		at, _ := slices.BinarySearch(c.Members, r.Person)
		c.Members = slices.Insert(c.Members, at, r.Person)
		c.Distinct = r.Distinct
		s.persons[r.Person] = c.ID
	case Union:
		s.cluster = r.Cluster
		whole := &Cluster{ID: r.Cluster, K: r.K, Distinct: r.Distinct}
		for _, id := range r.Of {
			for _, mix := range s.clusters[id].mixes {
				delete(s.worn, fmt.Sprint(mix))
			}
			whole.Members = append(whole.Members, s.clusters[id].Members...)
			s.into[id] = r.Cluster
			delete(s.clusters, id)
		}
		slices.Sort(whole.Members)
		s.settle(whole)
	case Recount:
		s.clusters[r.Cluster].Distinct = r.Distinct
	case Tombstone:
		if c := s.clusters[r.Cluster]; c != nil {
			c.Members = slices.DeleteFunc(c.Members, func(p PersonID) bool { return p == r.Person })
			c.Distinct = r.Distinct
		}
		delete(s.persons, r.Person)
		s.gone[r.Person] = true
	case Donors:
		c := s.clusters[r.Cluster]
		delete(s.worn, fmt.Sprint(c.mixes[len(r.Donors)]))
		c.mixes[len(r.Donors)] = slices.Clone(r.Donors)
		s.worn[fmt.Sprint(r.Donors)] = c.ID
	}
}

func (s *State) settle(c *Cluster) {
	c.mixes = map[int]Mix{}
	s.clusters[c.ID] = c
	for _, p := range c.Members {
		s.persons[p] = c.ID
	}
}
