package ffcli

import (
	"context"
	"sync"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/core/registry"
	"github.com/ksamenet/ksamenet/core/report"
)

// order makes the decisions of several files one after another, in the order of the files, however many are worked on at
// once: who is enrolled first, and so everything that the registry decides, does not depend on which analysis ends first.
// It is also the lock of the registry's one transaction. A nil order is that of a single file.
type order struct {
	mu     sync.Mutex
	reg    sync.Mutex
	next   int
	passed []bool
	turn   []chan struct{} // closed when the file's turn has come
}

func newOrder(files int) *order {
	o := &order{passed: make([]bool, files)}
	for range files {
		o.turn = append(o.turn, make(chan struct{}))
	}
	if files > 0 {
		close(o.turn[0])
	}
	return o
}

// wait returns when every file before file (from 1) has decided, or will not.
func (o *order) wait(ctx context.Context, file int) error {
	if o == nil || file == 0 {
		return nil
	}
	select {
	case <-o.turn[file-1]:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// pass says that a file has decided, or will not. It may be called twice.
func (o *order) pass(file int) {
	if o == nil || file == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.passed[file-1] = true
	for o.next < len(o.passed) && o.passed[o.next] {
		if o.next++; o.next < len(o.turn) {
			close(o.turn[o.next])
		}
	}
}

func (o *order) lock() {
	if o != nil {
		o.reg.Lock()
	}
}

func (o *order) unlock() {
	if o != nil {
		o.reg.Unlock()
	}
}

// decide ends pass 1 in the file's turn, and tells the state of the registry then.
func (s *session) decide(ctx context.Context, an *pipeline.Analyzer, src decisions.Source) (*decisions.List, report.Ledger, error) {
	if err := s.order.wait(ctx, s.file); err != nil {
		return nil, report.Ledger{}, err
	}
	defer s.order.pass(s.file)
	s.order.lock()
	defer s.order.unlock()
	list, err := an.Decide(ctx, s.reg, src)
	if err != nil {
		return nil, report.Ledger{}, err
	}
	return list, ledgerOf(s.reg), nil
}

// confirmed compares a list of an earlier run with the registry, in the file's turn.
func (s *session) confirmed(ctx context.Context, list *decisions.List) (report.Ledger, error) {
	if err := s.order.wait(ctx, s.file); err != nil {
		return report.Ledger{}, err
	}
	s.order.lock()
	defer s.order.unlock()
	if list.Policy.Certified {
		if err := pipeline.Confirm(s.reg, list); err != nil {
			return report.Ledger{}, err
		}
	}
	s.order.pass(s.file)
	return ledgerOf(s.reg), nil
}

func ledgerOf(r *registry.Registry) report.Ledger {
	st := r.State()
	return report.Ledger{Rows: int(st.Rows()), Head: st.Head()}
}
