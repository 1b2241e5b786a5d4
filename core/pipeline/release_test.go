package pipeline

import (
	"context"
	"errors"
	"testing"

	"github.com/ksamenet/ksamenet/core/decisions"
)

// The networks may go once, when everybody is known; a failure leaves the registry alone.
func TestRelease(t *testing.T) {
	s, reg := twoShots(), newRegistry(t)
	look := func(release func() error) (*decisions.List, error) {
		a, err := s.run(t, config3(), 60, 30)
		if err != nil {
			t.Fatal(err)
		}
		a.Release = release
		return a.Decide(context.Background(), reg, decisions.Source{})
	}
	before, broken := reg.State().Rows(), errors.New("broken")
	if _, err := look(func() error { return broken }); !errors.Is(err, broken) {
		t.Errorf("a failure gave %v", err)
	}
	if n := reg.State().Rows(); n != before {
		t.Errorf("a failure left %d rows in the ledger, not %d", n, before)
	}
	released := 0
	if _, err := look(func() error { released++; return nil }); err != nil || released != 1 {
		t.Errorf("released %d times: %v", released, err)
	}
}
