package ksame

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
)

var testKey = []byte("a key of thirty-two bytes, or so")

func TestWeightsAreUniform(t *testing.T) { // I3
	for n := 1; n <= 64; n++ {
		for per := 1; per <= n; per++ {
			mix, err := SharedMix(testKey, per, AllDonors(n))
			if err != nil {
				t.Fatal(err)
			}
			weights := mix.Weights(n)
			var sum float64
			shares := 0
			for _, w := range weights {
				sum += float64(w)
				if w == 1/float32(per) {
					shares++
				} else if w != 0 {
					t.Fatalf("n %d, per %d: a weight of %v", n, per, w)
				}
			}
			if len(weights) != n || shares != per || math.Abs(sum-1) >= 1e-6 {
				t.Fatalf("n %d, per %d: %d weights, %d shares, sum %v", n, per, len(weights), shares, sum)
			}
		}
	}
}

func TestWeightsOfABadMix(t *testing.T) {
	for _, mix := range []Mix{nil, {}, {3, 3}, {4, 2}, {-1, 2}, {0, 64}} {
		t.Run(fmt.Sprint(mix), func(t *testing.T) {
			if mix.Check(64) == nil {
				t.Error("Check finds nothing")
			}
			defer func() {
				if recover() == nil {
					t.Error("Weights returned")
				}
			}()
			mix.Weights(64)
		})
	}
}

func clusterIDs(n int) []ClusterID {
	out := make([]ClusterID, n)
	for i := range out {
		out[i] = ClusterID(i + 1)
	}
	return out
}

func overlap(a, b Mix) int {
	n := 0
	for _, d := range a {
		if slices.Contains(b, d) {
			n++
		}
	}
	return n
}

func TestDonorsAreDisjointWhileTheyLast(t *testing.T) {
	for _, tc := range []struct{ pool, per, clusters, most int }{
		{64, 4, 16, 0},   // exactly used up
		{64, 4, 100, 1},  // then one donor in common
		{64, 5, 12, 0},   // four donors over
		{64, 5, 13, 1},   // which the next one takes
		{5, 2, 10, 1},    // every pair there is
		{64, 1, 64, 0},   // every donor
		{64, 4, 2000, 3}, // never equal
	} {
		t.Run(fmt.Sprintf("%d of %d for %d", tc.per, tc.pool, tc.clusters), func(t *testing.T) {
			if testing.Short() && tc.clusters > 100 {
				t.Skip("seconds")
			}
			mixes, err := DealDonors(clusterIDs(tc.clusters), tc.per, AllDonors(tc.pool), testKey)
			if err != nil {
				t.Fatal(err)
			}
			for i, a := range mixes {
				if len(a) != tc.per || a.Check(tc.pool) != nil {
					t.Fatalf("cluster %d got %v", i+1, a)
				}
				for j, b := range mixes[:i] {
					if n := overlap(a, b); n > tc.most {
						t.Fatalf("clusters %d and %d share %d donors: %v, %v", j+1, i+1, n, b, a)
					}
				}
			}
		})
	}
}

func TestDonorsRunOut(t *testing.T) {
	if _, err := DealDonors(clusterIDs(11), 2, AllDonors(5), testKey); !errors.Is(err, ErrNoDonors) {
		t.Errorf("eleven pairs of five donors: %v", err)
	}
	for _, per := range []int{0, 6} {
		if mix, err := (Deal{Key: testKey, Per: per, Pool: AllDonors(5)}).Next(1); err == nil {
			t.Errorf("%d of 5 donors: %v", per, mix)
		}
	}
	if mix, err := (Deal{Key: testKey, Per: 2, Pool: []int{3, 3}}).Next(1); err == nil {
		t.Errorf("a pool with one donor twice: %v", mix)
	}
}

func TestDonorsFollowKeyAndVeto(t *testing.T) {
	d := Deal{Key: testKey, Per: 4, Pool: AllDonors(64)}
	first, err := d.Next(1)
	if err != nil {
		t.Fatal(err)
	}
	pool := AllDonors(64)
	slices.Reverse(pool)
	if again, _ := (Deal{Key: testKey, Per: 4, Pool: pool}).Next(1); !slices.Equal(first, again) {
		t.Errorf("%v, and %v from the pool in another order", first, again)
	}
	if other, _ := (Deal{Key: []byte("another key"), Per: 4, Pool: pool}).Next(1); slices.Equal(first, other) {
		t.Error("another key deals the same donors")
	}
	if other, _ := d.Next(2); slices.Equal(first, other) {
		t.Error("another cluster gets the same donors")
	}
	d.Veto = func(m Mix) bool { return slices.Contains(m, first[0]) || slices.Contains(m, first[1]) }
	second, err := d.Next(1)
	if err != nil || d.Veto(second) {
		t.Errorf("after the veto: %v, error %v", second, err)
	}
	d.Veto = func(Mix) bool { return true }
	if mix, err := d.Next(1); !errors.Is(err, ErrNoDonors) {
		t.Errorf("vetoed for good, yet %v, error %v", mix, err)
	}
}

func TestAppendChoice(t *testing.T) {
	candidates := clusterIDs(8)
	counts := map[ClusterID]int{}
	const people = 4000
	moved := 0
	for p := PersonID(1); p <= people; p++ {
		c := AppendChoice(testKey, p, candidates)
		counts[c]++
		reversed := slices.Clone(candidates)
		slices.Reverse(reversed)
		if AppendChoice(testKey, p, reversed) != c {
			t.Fatal("the order of candidates matters")
		}
		if c != 8 && AppendChoice(testKey, p, candidates[:7]) != c {
			moved++
		}
	}
	if moved > 0 {
		t.Errorf("%d people choose otherwise for a candidate they did not choose", moved)
	}
	// Chi-squared with 7 degrees of freedom: above 36.0 with probability 7e-6. The key is fixed, so this passes or fails for good.
	var chi float64
	for _, c := range candidates {
		d := float64(counts[c]) - people/8
		chi += d * d / (people / 8)
	}
	if chi > 36 {
		t.Errorf("choices %v are not uniform: chi-squared %.1f", counts, chi)
	}
	if got := AppendChoice(testKey, 1, nil); got != 0 {
		t.Errorf("cluster %d out of none", got)
	}
}
