package ksame

import "testing"

// All six permutations of three members occur about equally often over releases: 6,000 draws, mean 1,000, sd 29; ±6 sd.
func TestSlotsAreAUniformPermutation(t *testing.T) {
	counts := map[[3]int]int{}
	for i := range 6000 {
		s := Slots([]byte("key"), string(rune(i)), 7, []PersonID{12, 5, 9})
		if len(s) != 3 || s[5]+s[9]+s[12] != 6 || s[5] == s[9] || s[5] == s[12] {
			t.Fatalf("slots %v", s)
		}
		counts[[3]int{s[5], s[9], s[12]}]++
	}
	if len(counts) != 6 {
		t.Fatalf("%d permutations", len(counts))
	}
	for p, n := range counts {
		if n < 825 || n > 1175 {
			t.Errorf("%v: %d of 6,000", p, n)
		}
	}
}

func TestSlotsFollowKeyReleaseAndCluster(t *testing.T) {
	people := make([]PersonID, 40)
	for i := range people {
		people[i] = PersonID(i + 1)
	}
	differ := func(a, b map[PersonID]int) bool {
		for p, slot := range a {
			if b[p] != slot {
				return true
			}
		}
		return false
	}
	base := Slots([]byte("key"), "release", 1, people)
	reversed := make([]PersonID, len(people))
	for i, p := range people {
		reversed[len(people)-1-i] = p
	}
	if differ(base, Slots([]byte("key"), "release", 1, reversed)) {
		t.Error("the order of members changes the permutation")
	}
	for name, other := range map[string]map[PersonID]int{
		"key":     Slots([]byte("yek"), "release", 1, people),
		"release": Slots([]byte("key"), "another", 1, people),
		"cluster": Slots([]byte("key"), "release", 2, people),
	} {
		if !differ(base, other) {
			t.Errorf("another %s gives the same permutation", name)
		}
	}
}
