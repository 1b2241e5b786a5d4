package pipeline

import (
	"context"
	"fmt"
	"slices"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/generator"
)

// earlyGenerator renders the surrogates of the picture that will be painted next while the host waits for a picture, or the present one
// is examined: with a look-ahead most of them are decided by then. A surrogate is a function of its request, so it changes no pixel. It
// belongs to one goroutine; what it starts ends before the next RenderBatch, or drop.
type earlyGenerator struct {
	faceGenerator
	reqs    []generator.Request
	patches []*frame.Patch
	err     error
	panicky any
	running chan struct{} // closed at the end; nil: nothing was started
}

// start renders reqs, which are copied, beside the caller.
func (e *earlyGenerator) start(ctx context.Context, reqs []generator.Request) {
	e.drop()
	if len(reqs) == 0 {
		return
	}
	e.reqs, e.running = append(e.reqs[:0], reqs...), make(chan struct{})
	ctx = context.WithoutCancel(ctx) // the call that asks for it ends long before
	go func(done chan<- struct{}) {
		defer close(done)
		defer func() { e.panicky = carried(recover()) }()
		e.patches, e.err = e.faceGenerator.RenderBatch(ctx, e.reqs)
	}(e.running)
}

// drop waits for what was started and forgets it, and its error.
func (e *earlyGenerator) drop() {
	if e.running != nil {
		<-e.running
	}
	e.running, e.patches, e.err, e.panicky = nil, nil, nil, nil
}

// RenderBatch takes what is there and renders the rest. An error of what was started is one of this call.
func (e *earlyGenerator) RenderBatch(ctx context.Context, reqs []generator.Request) ([]*frame.Patch, error) {
	if e.running == nil {
		return e.faceGenerator.RenderBatch(ctx, reqs)
	}
	<-e.running
	defer e.drop()
	switch {
	case e.panicky != nil:
		panic(e.panicky)
	case e.err != nil:
		return nil, e.err
	case len(e.patches) != len(e.reqs):
		return nil, fmt.Errorf("%d surrogates for %d faces", len(e.patches), len(e.reqs))
	}
	all := make([]*frame.Patch, len(reqs))
	var rest []generator.Request
	for i, r := range reqs {
		if k := slices.Index(e.reqs, r); k >= 0 {
			all[i] = e.patches[k]
		} else {
			rest = append(rest, r)
		}
	}
	late, err := e.faceGenerator.RenderBatch(ctx, rest)
	if err != nil {
		return nil, err
	}
	if len(late) != len(rest) {
		return nil, fmt.Errorf("%d surrogates for %d faces", len(late), len(rest))
	}
	for i := range all {
		if all[i] == nil {
			all[i], late = late[0], late[1:]
		}
	}
	return all, nil
}
