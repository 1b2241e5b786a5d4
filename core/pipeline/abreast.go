package pipeline

import (
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// abreast calls f(lane, i) for every i below n, as many at once as there are lanes, and returns when all have ended; no two calls
// with one lane overlap. A panic in f is one of the caller's.
func abreast(lanes, n int, f func(lane, i int)) {
	lanes = min(lanes, n)
	if lanes <= 1 {
		for i := range n {
			f(0, i)
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	panics := make([]any, lanes)
	work := func(lane int) {
		defer func() { panics[lane] = carried(recover()) }()
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			f(lane, i)
		}
	}
	for lane := 1; lane < lanes; lane++ {
		wg.Go(func() { work(lane) })
	}
	work(0)
	wg.Wait()
	for _, p := range panics {
		if p != nil {
			panic(p)
		}
	}
}

// carried is a recovered panic as it is raised again in another goroutine: it says where it was.
func carried(p any) any {
	if p == nil {
		return nil
	}
	return fmt.Sprintf("%v\n%s", p, debug.Stack())
}
