package ksame

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

func TestUnite(t *testing.T) {
	// Four clusters on a line: 1 and 2 close together, 3 and 4 close together.
	at := []float32{0, 0.1, 0.2, 1, 1.1, 1.2, 5, 5.1, 5.2, 7, 7.1, 7.2}
	emb := func(p PersonID) []float32 { return []float32{at[p-1], 1} }
	var clusters []Cluster
	for c := range 4 {
		clusters = append(clusters, Cluster{ID: ClusterID(c + 1), Members: []PersonID{PersonID(3*c + 1), PersonID(3*c + 2), PersonID(3*c + 3)}, Distinct: 3})
	}
	slices.Reverse(clusters) // order does not matter
	for _, tc := range []struct {
		name string
		need []ClusterID
		k    int
		opt  Options
		want string
	}{
		{"enough already", []ClusterID{1, 2, 3, 4}, 3, Options{}, "[]"},
		{"one in need", []ClusterID{2}, 4, Options{}, "[[1 2]]"},
		{"all in need", []ClusterID{4, 3, 2, 1}, 6, Options{}, "[[1 2] [3 4]]"},
		{"two are not enough", []ClusterID{4}, 7, Options{}, "[[2 3 4]]"},
		{"the neighbour was seen with a member", []ClusterID{3}, 4, Options{CoOccur: [][2]PersonID{{7, 12}}}, "[[2 3]]"},
		{"two members look alike", []ClusterID{1}, 3, Options{Same: func(a, b PersonID) bool { return min(a, b) == 1 && max(a, b) == 3 }}, "[[1 2]]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Unite(clusters, emb, tc.need, tc.k, tc.opt)
			if err != nil || fmt.Sprint(got) != tc.want {
				t.Errorf("unions %v, error %v, want %s", got, err, tc.want)
			}
		})
	}
	var few *TooFewError
	if got, err := Unite(clusters, emb, []ClusterID{1}, 13, Options{}); !errors.As(err, &few) || few.Have != 12 {
		t.Errorf("thirteen out of twelve: %v, error %v", got, err)
	}
	if got, err := Unite(clusters, emb, []ClusterID{9}, 4, Options{}); err == nil {
		t.Errorf("an unknown cluster: %v", got)
	}
}
