package ksame

import (
	"testing"
)

func TestCertify(t *testing.T) {
	b := newBook(t)
	b.enrol(9)
	b.add(Row{Kind: Partitioned, K: 3, Clusters: []Block{
		{Cluster: 1, Members: []PersonID{1, 2, 3}, Distinct: 3}, {Cluster: 2, Members: []PersonID{4, 5, 6, 7, 8}, Distinct: 5}}})
	alike := func(a, b PersonID) bool { return min(a, b) == 4 && max(a, b) == 5 }
	for _, tc := range []struct {
		name             string
		k                int
		screen           []PersonID
		population, cast bool
		k1, k2, free     int
	}{
		{"nobody", 3, nil, true, true, 0, 0, 0},
		{"one of each", 3, []PersonID{1, 8}, true, false, 3, 1, 0},
		{"named twice", 3, []PersonID{8, 1, 8}, true, false, 3, 1, 0},
		{"a whole cluster", 3, []PersonID{1, 2, 3}, true, true, 3, 3, 0},
		{"two who look alike", 3, []PersonID{4, 5, 6}, true, false, 5, 2, 0},
		{"k too large for one", 4, []PersonID{1, 4, 6, 7, 8}, false, false, 3, 1, 0},
		{"k too large for none", 4, []PersonID{4, 6, 7, 8}, true, true, 5, 4, 0},
		{"somebody without a cluster", 3, []PersonID{1, 2, 3, 9}, false, false, 0, 0, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := Certify(b.s, tc.k, tc.screen, alike)
			if err != nil {
				t.Fatal(err)
			}
			if c.K != tc.k || c.Population != tc.population || c.Cast != tc.cast || c.KEffective != tc.k1 || c.KEffectiveCast != tc.k2 || c.Unassigned != tc.free {
				t.Errorf("certificate %+v", c)
			}
		})
	}
	for _, screen := range [][]PersonID{{10}, {0}} {
		if c, err := Certify(b.s, 3, screen, nil); err == nil {
			t.Errorf("people %v: %+v", screen, c)
		}
	}
	if c, err := Certify(b.s, 0, nil, nil); err == nil {
		t.Errorf("k of zero: %+v", c)
	}
}
