package pipeline

import (
	"errors"
	"testing"

	"github.com/ksamenet/ksamenet/core/decisions"
)

// An edit of a list can turn a face into a cover, but it cannot widen a claim.
func TestConfirm(t *testing.T) {
	reg := newRegistry(t)
	decide := func() *decisions.List {
		l, err := twoShots().decide(t, config3(), reg, 60, 30)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	if err := Confirm(reg, decide()); err != nil {
		t.Fatalf("an unedited list: %v", err)
	}
	l := decide()
	l.Persons[0].Action = decisions.Cover
	if err := Confirm(reg, l); err != nil {
		t.Errorf("one person covered: %v", err)
	}
	other := func(l *decisions.List) uint64 {
		for _, c := range l.Clusters {
			if c.ID != l.Persons[0].Cluster {
				return c.ID
			}
		}
		t.Fatal("one cluster only")
		return 0
	}
	for name, edit := range map[string]func(*decisions.List){
		"another cluster": func(l *decisions.List) { l.Persons[0].Cluster = other(l) },
		"more members":    func(l *decisions.List) { l.Clusters[0].Members++ },
		"other donors":    func(l *decisions.List) { l.Clusters[0].Donors = []int{0, 1, 2, 3} },
		"a deleted track": func(l *decisions.List) { l.Tracks = l.Tracks[1:] },
		"larger k":        func(l *decisions.List) { l.Policy.K = 4 },
		"made-up cluster": func(l *decisions.List) { l.Clusters[0].ID = 77 },
	} {
		l := decide()
		edit(l)
		if err := Confirm(reg, l); !errors.Is(err, ErrUnconfirmed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
