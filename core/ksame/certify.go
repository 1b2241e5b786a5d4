package ksame

import (
	"fmt"
	"maps"
	"slices"
)

// Certificate says what k may be claimed for one production.
type Certificate struct {
	K int `json:"k"` // asked for
	// Population: the attacker's candidates are the whole registry. Cast: the attacker knows who is in the material.
	Population     bool           `json:"population"` // every person on screen has a cluster, and each such cluster >= k distinct people
	Cast           bool           `json:"cast"`       // the same, counting only the people on screen
	KEffective     int            `json:"k_eff"`      // smallest count of distinct people in a cluster on screen
	KEffectiveCast int            `json:"k_eff_cast"` // the same, counting only people on screen
	Unassigned     int            `json:"unassigned"` // people on screen without a cluster
	Clusters       []ClusterCount `json:"clusters"`
}

// ClusterCount is one cluster on screen.
type ClusterCount struct {
	Cluster    ClusterID `json:"cluster"`
	Population int       `json:"population"` // distinct members
	Cast       int       `json:"cast"`       // distinct members on screen
}

// Certify counts the clusters of the people on screen, in both modes. same is as in Distinct.
// Without anybody on screen both claims hold and the effective k is 0. It is an error to name a person whom the ledger does
// not know or has forgotten.
func Certify(s *State, k int, screen []PersonID, same func(a, b PersonID) bool) (Certificate, error) {
	if k < 1 {
		return Certificate{}, fmt.Errorf("ksame: k is %d, must be at least 1", k)
	}
	cert := Certificate{K: k}
	cast := map[ClusterID][]PersonID{}
	for _, p := range slices.Compact(slices.Sorted(slices.Values(screen))) {
		home, known := s.persons[p]
		switch {
		case !known:
			return Certificate{}, fmt.Errorf("ksame: person %d is unknown or forgotten", p)
		case home == 0:
			cert.Unassigned++
		default:
			cast[home] = append(cast[home], p)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(cast)) {
		n := ClusterCount{Cluster: id, Population: s.clusters[id].Distinct, Cast: Distinct(cast[id], same)}
		// Whoever looks at fewer people cannot see more of them: chains may be shorter within the cast.
		n.Cast = min(n.Cast, n.Population)
		if len(cert.Clusters) == 0 {
			cert.KEffective, cert.KEffectiveCast = n.Population, n.Cast
		}
		cert.KEffective, cert.KEffectiveCast = min(cert.KEffective, n.Population), min(cert.KEffectiveCast, n.Cast)
		cert.Clusters = append(cert.Clusters, n)
	}
	if cert.Unassigned > 0 {
		cert.KEffective, cert.KEffectiveCast = 0, 0
		return cert, nil
	}
	cert.Population = len(cast) == 0 || cert.KEffective >= k
	cert.Cast = len(cast) == 0 || cert.KEffectiveCast >= k
	return cert, nil
}
