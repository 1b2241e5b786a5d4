package ksame

import (
	"encoding/binary"
	"math"
	"slices"
)

// Slots deals the n members of a cluster its n surrogates, numbered from 1, for one release (mode distinct). The permutation
// is uniform over the key and a function of key, release (a name, say the input's hash), cluster and the set of members: to
// whoever lacks the key every member is equally likely to wear a surrogate that the release shows.
//
// Method: Fisher and Yates' shuffle, with draws by HMAC and rejection, so that no permutation is favoured.
func Slots(key []byte, release string, c ClusterID, members []PersonID) map[PersonID]int {
	order := slices.Compact(slices.Sorted(slices.Values(members)))
	var counter uint64
	draw := func(n uint64) uint64 {
		limit := math.MaxUint64 - math.MaxUint64%n
		for {
			counter++
			if v := binary.BigEndian.Uint64(tag(key, "slots\x00"+release, uint64(c), counter)); v < limit {
				return v % n
			}
		}
	}
	for i := len(order) - 1; i > 0; i-- {
		j := draw(uint64(i + 1))
		order[i], order[j] = order[j], order[i]
	}
	slots := make(map[PersonID]int, len(order))
	for i, p := range order {
		slots[p] = i + 1
	}
	return slots
}
