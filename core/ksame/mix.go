package ksame

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// ErrNoDonors: the pool holds no donor set that is still free.
var ErrNoDonors = errors.New("no free donor set")

// Mix is the identity of a surrogate: the indices of k_p donors in ascending order, each with the weight 1/k_p.
type Mix []int

// Check says what is wrong with m as a mix of a generator with n donors: it needs distinct, ascending indices in 0..n-1.
func (m Mix) Check(n int) error {
	if len(m) == 0 {
		return errors.New("ksame: a mix without donors")
	}
	for i, d := range m {
		if d < 0 || d >= n {
			return fmt.Errorf("ksame: donor %d is outside 0..%d", d, n-1)
		}
		if i > 0 && d <= m[i-1] {
			return fmt.Errorf("ksame: donors %v are not distinct and ascending", []int(m))
		}
	}
	return nil
}

// Weights is the generator's identity input: n values, exactly len(m) of them 1/len(m), all others 0 (invariant I3).
// Every donor has the same weight by construction: one division, before the loop. It panics when Check(n) fails, for a
// mix that is not exactly uniform must never be rendered.
func (m Mix) Weights(n int) []float32 {
	if err := m.Check(n); err != nil {
		panic(err)
	}
	weights := make([]float32, n)
	share := 1 / float32(len(m))
	for _, d := range m {
		weights[d] = share
	}
	return weights
}

// Deal gives clusters their donors. The choice is a function of the key, the cluster's id and what is dealt already; no
// person enters it.
type Deal struct {
	Key   []byte         // secret of the registry
	Per   int            // donors per mix, k_p
	Pool  []int          // donors that may be drawn, distinct; AllDonors(n) when nothing restricts them
	Taken []Mix          // mixes of the other clusters
	Veto  func(Mix) bool // true refuses a mix (invariant I10); nil refuses none
}

// AllDonors is the pool of all n donors of a generator.
func AllDonors(n int) []int {
	pool := make([]int, n)
	for i := range pool {
		pool[i] = i
	}
	return pool
}

// drawLimit bounds the redraws after a veto or an equal set.
const drawLimit = 1000

// Next deals one mix to cluster c. It shares no donor with a taken mix while such donors last; after that its largest
// overlap with any taken mix is as small as a greedy choice makes it, and it never equals one. Taken is not changed.
// It returns ErrNoDonors (wrapped) when 1,000 draws found no set that is free and not vetoed.
func (d Deal) Next(c ClusterID) (Mix, error) {
	if d.Per < 1 || d.Per > len(d.Pool) {
		return nil, fmt.Errorf("ksame: %d donors per surrogate from a pool of %d", d.Per, len(d.Pool))
	}
	for draw := range uint64(drawLimit) {
		mix := d.draw(c, draw)
		if err := mix.Check(slices.Max(d.Pool) + 1); err != nil {
			return nil, fmt.Errorf("ksame: bad donor pool: %w", err)
		}
		equal := func(t Mix) bool { return slices.Equal(t, mix) }
		if !slices.ContainsFunc(d.Taken, equal) && (d.Veto == nil || !d.Veto(mix)) {
			return mix, nil
		}
	}
	return nil, fmt.Errorf("ksame: cluster %d, %d donors of %d, %d mixes in use: %w", c, d.Per, len(d.Pool), len(d.Taken), ErrNoDonors)
}

// draw picks donor by donor the one that costs least: the largest overlap it makes with a taken mix, then how many mixes
// reach that overlap, then how often the donor is in use, then the keyed order. Redraws leave out the cost, one donor more
// each time the keyed order has been tried a while, so that a veto cannot corner the choice.
func (d Deal) draw(c ClusterID, draw uint64) Mix {
	type donor struct {
		index int
		tag   []byte
		in    []int // taken mixes that hold it
	}
	donors := make([]donor, len(d.Pool))
	for i, index := range d.Pool {
		donors[i] = donor{index: index, tag: tag(d.Key, "donor", uint64(c), draw, uint64(index))}
		for t, mix := range d.Taken {
			if slices.Contains(mix, index) {
				donors[i].in = append(donors[i].in, t)
			}
		}
	}
	slices.SortFunc(donors, func(a, b donor) int { return bytes.Compare(a.tag, b.tag) })
	overlap := make([]int, len(d.Taken))
	free := int(draw * uint64(d.Per) / drawLimit) // donors drawn by the keyed order alone
	var mix Mix
	for len(mix) < d.Per {
		best, bestCost := 0, [3]int{}
		for i, candidate := range donors {
			var cost [3]int
			for _, t := range candidate.in {
				switch o := overlap[t] + 1; {
				case o > cost[0]:
					cost[0], cost[1] = o, 1
				case o == cost[0]:
					cost[1]++
				}
			}
			cost[2] = len(candidate.in)
			if i == 0 || slices.Compare(cost[:], bestCost[:]) < 0 {
				best, bestCost = i, cost
			}
			if len(mix) < free {
				break
			}
		}
		for _, t := range donors[best].in {
			overlap[t]++
		}
		mix = append(mix, donors[best].index)
		donors = slices.Delete(donors, best, best+1)
	}
	slices.Sort(mix)
	return mix
}

// DealDonors deals per donors of pool to every cluster in turn; see Deal.
func DealDonors(clusters []ClusterID, per int, pool []int, key []byte) ([]Mix, error) {
	d := Deal{Key: key, Per: per, Pool: pool}
	for _, c := range clusters {
		mix, err := d.Next(c)
		if err != nil {
			return nil, err
		}
		d.Taken = append(d.Taken, mix)
	}
	return d.Taken, nil
}

// SharedMix is the mix everybody wears when k is not certified. It belongs to no cluster.
func SharedMix(key []byte, per int, pool []int) (Mix, error) {
	return Deal{Key: key, Per: per, Pool: pool}.Next(0)
}

// AppendChoice picks the cluster of a new person among candidates, uniformly over the key: without the key the choice says
// nothing about the face, with it the choice can be repeated. It is the candidate with the largest HMAC of (person,
// candidate), so the order of candidates does not matter and a candidate more or less changes few choices.
// It returns 0 when there is no candidate.
func AppendChoice(key []byte, person PersonID, candidates []ClusterID) ClusterID {
	var best ClusterID
	var bestTag []byte
	for _, c := range candidates {
		if t := tag(key, "append", uint64(person), uint64(c)); bestTag == nil || bytes.Compare(t, bestTag) > 0 {
			best, bestTag = c, t
		}
	}
	return best
}

// tag is HMAC-SHA256(key, purpose, 0, numbers as 8 bytes each): the only source of choice in this package.
func tag(key []byte, purpose string, numbers ...uint64) []byte {
	h := hmac.New(sha256.New, key)
	message := append([]byte(purpose), 0)
	for _, n := range numbers {
		message = binary.BigEndian.AppendUint64(message, n)
	}
	h.Write(message)
	return h.Sum(nil)
}
