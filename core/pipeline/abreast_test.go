package pipeline

import (
	"strings"
	"sync/atomic"
	"testing"
)

func TestAbreast(t *testing.T) {
	for _, lanes := range []int{0, 1, 3, 9} {
		for _, n := range []int{0, 1, 5} {
			calls, busy := make([]int32, n), make([]atomic.Bool, max(lanes, 1))
			abreast(lanes, n, func(lane, i int) {
				if !busy[lane].CompareAndSwap(false, true) {
					t.Errorf("two calls in lane %d", lane)
				}
				atomic.AddInt32(&calls[i], 1)
				busy[lane].Store(false)
			})
			for i, c := range calls {
				if c != 1 {
					t.Errorf("%d lanes, %d calls: call %d was made %d times", lanes, n, i, c)
				}
			}
		}
	}
}

// A panic in a lane is the caller's, who recovers; it tells where it was.
func TestAbreastCarriesPanics(t *testing.T) {
	for _, lanes := range []int{1, 4} {
		for bad := range 4 {
			p := func() (p any) {
				defer func() { p = recover() }()
				abreast(lanes, 4, func(_, i int) {
					if i == bad {
						panic("broken")
					}
				})
				return nil
			}()
			if s, ok := p.(string); !ok || !strings.HasPrefix(s, "broken") || lanes > 1 && !strings.Contains(s, "abreast_test.go") {
				t.Errorf("%d lanes: %v", lanes, p)
			}
		}
	}
}
