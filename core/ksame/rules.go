package ksame

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// checkShape says whether a row carries exactly the fields of its kind in a format.
func checkShape(r Row, format string) error {
	fields := []struct {
		name    string
		present bool
	}{
		{"format", r.Format != ""}, {"registry", r.Registry != ""}, {"k", r.K != 0}, {"person", r.Person != 0},
		{"other", r.Other != 0}, {"cluster", r.Cluster != 0}, {"distinct", r.Distinct != 0}, {"of", len(r.Of) > 0},
		{"clusters", len(r.Clusters) > 0}, {"donors", len(r.Donors) > 0}, {"slot", r.Slot != 0}, {"digest", r.Digest != ""}, {"report", r.Report != ""},
		{"mode", r.Mode != ""},
	}
	var need, may []string
	switch r.Kind {
	case Init:
		need = []string{"format", "registry"}
	case Enrol:
		need = []string{"person"}
	case Partitioned:
		need = []string{"k", "clusters"}
	case Append:
		need = []string{"k", "person", "cluster", "distinct"}
	case Union:
		need = []string{"k", "cluster", "of", "distinct"}
	case Recount:
		need = []string{"cluster", "distinct"}
	case Tombstone:
		need, may = []string{"person"}, []string{"cluster", "distinct"}
	case Donors:
		need, may = []string{"cluster", "donors"}, []string{"slot"}
	case Release:
		need, may = []string{"digest"}, []string{"k", "of", "report", "mode"}
	case Upgrade:
		need = []string{"format"}
	case Merge, Split:
		need, may = []string{"person", "other"}, []string{"cluster", "distinct"}
	default:
		return errors.New("unknown kind")
	}
	if format == LedgerFormat1 && (r.Kind == Merge || r.Kind == Split || r.Slot != 0 || r.Report != "" || r.Mode != "" ||
		slices.ContainsFunc(r.Clusters, func(b Block) bool { return b.Stratum != "" })) {
		return fmt.Errorf("not a row of %s", LedgerFormat1)
	}
	for _, f := range fields {
		if wanted := slices.Contains(need, f.name); wanted != f.present && !(f.present && slices.Contains(may, f.name)) {
			return fmt.Errorf("field %q: present %t, wanted %t", f.name, f.present, wanted)
		}
	}
	if r.K < 0 || r.Person < 0 || r.Other < 0 || r.Cluster < 0 || r.Distinct < 0 || r.Slot < 0 {
		return errors.New("a negative number")
	}
	return nil
}

// rules says whether a well-formed row may follow. Here is what the ledger proves.
func (s *State) rules(r Row) error {
	switch r.Kind {
	case Init:
		if r.Format != LedgerFormat1 && r.Format != LedgerFormat2 {
			return fmt.Errorf("format %.40q, this program reads %q and %q", r.Format, LedgerFormat1, LedgerFormat2)
		}
		return hexDigits(r.Registry, 16)
	case Upgrade:
		if s.format != LedgerFormat1 || r.Format != LedgerFormat2 {
			return fmt.Errorf("from format %q to %.40q; this program knows %q to %q", s.format, r.Format, LedgerFormat1, LedgerFormat2)
		}
	case Merge:
		return s.mergeRules(r)
	case Split:
		return s.splitRules(r)
	case Enrol:
		if r.Person != s.person+1 {
			return fmt.Errorf("person %d, the next id is %d", r.Person, s.person+1)
		}
	case Partitioned:
		return s.partitionRules(r)
	case Append:
		c, err := s.inUse(r.Cluster)
		if err != nil {
			return err
		}
		if err := s.free(r.Person); err != nil {
			return err
		}
		if c.Distinct < r.K || r.Distinct < r.K {
			return fmt.Errorf("cluster %d has %d distinct people, %d with person %d: not certified for k = %d",
				c.ID, c.Distinct, r.Distinct, r.Person, r.K)
		}
		return atMost(r.Distinct, len(c.Members)+1)
	case Union:
		return s.unionRules(r)
	case Recount:
		c, err := s.inUse(r.Cluster)
		if err != nil {
			return err
		}
		return atMost(r.Distinct, len(c.Members))
	case Tombstone:
		home, known := s.persons[r.Person]
		if !known {
			return fmt.Errorf("person %d is unknown or forgotten", r.Person)
		}
		if home != r.Cluster {
			return fmt.Errorf("person %d is in cluster %d, not %d", r.Person, home, r.Cluster)
		}
		if home == 0 {
			return atMost(r.Distinct, 0)
		}
		return atMost(r.Distinct, len(s.clusters[home].Members)-1)
	case Donors:
		if _, err := s.inUse(r.Cluster); err != nil {
			return err
		}
		if err := r.Donors.Check(r.Donors[len(r.Donors)-1] + 1); err != nil {
			return err
		}
		if other, worn := s.worn[fmt.Sprint(r.Donors)]; worn && other != r.Cluster {
			return fmt.Errorf("cluster %d has the same donors as cluster %d", r.Cluster, other)
		}
	case Release:
		if !ascending(r.Of) {
			return errors.New("clusters are not ascending")
		}
		for _, id := range r.Of {
			c, err := s.inUse(id)
			if err != nil {
				return err
			}
			if c.Distinct < r.K {
				return fmt.Errorf("cluster %d has %d distinct people, released as k = %d", id, c.Distinct, r.K)
			}
		}
		if r.Mode != "" && r.Mode != DistinctMode {
			return fmt.Errorf("unknown mode %.40q", r.Mode)
		}
		if r.Report != "" {
			if err := hexDigits(r.Report, 32); err != nil {
				return err
			}
		}
		return hexDigits(r.Digest, 32)
	}
	return nil
}

// mergeRules: two identities of one cluster, or of which at least one has none, become one. Were they of two clusters, the one
// person would leave a cluster that earlier releases showed them in: those clusters have to be united first.
func (s *State) mergeRules(r Row) error {
	keep, known := s.persons[r.Person]
	gone, knownOther := s.persons[r.Other]
	switch {
	case !known || !knownOther:
		return fmt.Errorf("person %d or %d is unknown or forgotten", r.Person, r.Other)
	case r.Person == r.Other:
		return fmt.Errorf("person %d is merged with themselves", r.Person)
	case keep != 0 && gone != 0 && keep != gone:
		return fmt.Errorf("persons %d and %d are in clusters %d and %d, which have to be united first", r.Person, r.Other, keep, gone)
	case r.Cluster != max(keep, gone):
		return fmt.Errorf("the person is in cluster %d, not %d", max(keep, gone), r.Cluster)
	case r.Cluster == 0:
		return atMost(r.Distinct, 0)
	}
	members := len(s.clusters[r.Cluster].Members)
	if keep == gone {
		members--
	}
	return atMost(r.Distinct, members)
}

// splitRules: the new identity stays in the cluster that earlier releases showed it in.
func (s *State) splitRules(r Row) error {
	home, known := s.persons[r.Other]
	switch {
	case !known:
		return fmt.Errorf("person %d is unknown or forgotten", r.Other)
	case r.Person != s.person+1:
		return fmt.Errorf("person %d, the next id is %d", r.Person, s.person+1)
	case r.Cluster != home:
		return fmt.Errorf("person %d is in cluster %d, not %d", r.Other, home, r.Cluster)
	case home == 0:
		return atMost(r.Distinct, 0)
	}
	return atMost(r.Distinct, len(s.clusters[home].Members)+1)
}

func (s *State) partitionRules(r Row) error {
	seen := map[PersonID]bool{}
	for i, b := range r.Clusters {
		if b.Cluster != s.cluster+1+ClusterID(i) {
			return fmt.Errorf("cluster %d, the next id is %d", b.Cluster, s.cluster+1+ClusterID(i))
		}
		if !ascending(b.Members) {
			return fmt.Errorf("members of cluster %d are not ascending", b.Cluster)
		}
		for _, p := range b.Members {
			if err := s.free(p); err != nil {
				return err
			}
			if seen[p] {
				return fmt.Errorf("person %d is in two clusters", p)
			}
			seen[p] = true
		}
		if b.Distinct < r.K {
			return fmt.Errorf("cluster %d has %d distinct people for k = %d", b.Cluster, b.Distinct, r.K)
		}
		if err := atMost(b.Distinct, len(b.Members)); err != nil {
			return err
		}
		if err := checkStratum(b.Stratum); err != nil {
			return err
		}
	}
	return nil
}

func (s *State) unionRules(r Row) error {
	if r.Cluster != s.cluster+1 {
		return fmt.Errorf("cluster %d, the next id is %d", r.Cluster, s.cluster+1)
	}
	if len(r.Of) < 2 || !ascending(r.Of) {
		return errors.New("a union takes two clusters or more, ascending")
	}
	members := 0
	for _, id := range r.Of {
		c, ok := s.clusters[id]
		if !ok {
			return fmt.Errorf("cluster %d is not in use", id)
		}
		members += len(c.Members)
	}
	if r.Distinct < r.K {
		return fmt.Errorf("%d distinct people for k = %d", r.Distinct, r.K)
	}
	return atMost(r.Distinct, members)
}

func (s *State) inUse(id ClusterID) (*Cluster, error) {
	c, ok := s.clusters[id]
	if !ok || len(c.Members) == 0 {
		return nil, fmt.Errorf("cluster %d is not in use", id)
	}
	return c, nil
}

// free says that a person may be given a cluster: known, not forgotten, without one. This is the append-only rule.
func (s *State) free(p PersonID) error {
	home, known := s.persons[p]
	if !known {
		return fmt.Errorf("person %d is unknown or forgotten", p)
	}
	if home != 0 {
		return fmt.Errorf("person %d already is in cluster %d", p, home)
	}
	return nil
}

func atMost(distinct, members int) error {
	if distinct > members {
		return fmt.Errorf("%d distinct people among %d members", distinct, members)
	}
	return nil
}

func ascending[T PersonID | ClusterID](ids []T) bool {
	for i, id := range ids {
		if id <= 0 || i > 0 && id <= ids[i-1] {
			return false
		}
	}
	return true
}

// checkStratum keeps what is published to a short plain word: letters, digits, and "-", "+", "." or "_" between them.
func checkStratum(name string) error {
	if len(name) > 40 {
		return fmt.Errorf("a stratum of %d characters, at most 40", len(name))
	}
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '+' && c != '.' && c != '_' {
			return fmt.Errorf("stratum %.50q: letters, digits and - + . _ only", name)
		}
	}
	return nil
}

// CheckStratum says what is wrong with the name of a stratum; "" is none.
func CheckStratum(name string) error {
	if err := checkStratum(name); err != nil {
		return fmt.Errorf("ksame: %w", err)
	}
	return nil
}

func hexDigits(text string, size int) error {
	if b, err := hex.DecodeString(text); err != nil || len(b) != size || hex.EncodeToString(b) != text {
		return fmt.Errorf("%.80q is not %d lower-case hex digits", text, 2*size)
	}
	return nil
}
