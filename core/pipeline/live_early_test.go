package pipeline

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/generator"
)

// countedGenerator counts what is asked of it.
type countedGenerator struct {
	fakeGenerator
	asked atomic.Int64
	fail  func()
}

func (c *countedGenerator) RenderBatch(ctx context.Context, reqs []generator.Request) ([]*frame.Patch, error) {
	c.asked.Add(int64(len(reqs)))
	if c.fail != nil {
		c.fail()
	}
	return c.fakeGenerator.RenderBatch(ctx, reqs)
}

func requestsOf(clusters ...generator.ClusterID) (reqs []generator.Request) {
	for _, c := range clusters {
		reqs = append(reqs, generator.Request{Cluster: c})
	}
	return reqs
}

// What was rendered early is what would be rendered late, once, whatever is asked for beside it.
func TestEarlyGenerator(t *testing.T) {
	ctx := context.Background()
	c := &countedGenerator{}
	e := &earlyGenerator{faceGenerator: c}
	for _, tc := range []struct {
		early, asked []generator.ClusterID
		calls        int64
	}{
		{nil, []generator.ClusterID{1}, 1},
		{[]generator.ClusterID{1, 2}, []generator.ClusterID{1, 2}, 2},
		{[]generator.ClusterID{1, 2}, []generator.ClusterID{3, 2, 4, 1}, 4},
		{[]generator.ClusterID{1, 2}, nil, 2},
		{[]generator.ClusterID{5}, []generator.ClusterID{6}, 2},
	} {
		c.asked.Store(0)
		e.start(ctx, requestsOf(tc.early...))
		got, err := e.RenderBatch(ctx, requestsOf(tc.asked...))
		if err != nil || len(got) != len(tc.asked) {
			t.Fatalf("%v after %v: %d patches, %v", tc.asked, tc.early, len(got), err)
		}
		for i, r := range tc.asked {
			if !bytes.Equal(got[i].RGBA, disc(byte(40*r)).RGBA) {
				t.Errorf("%v after %v: patch %d is another one", tc.asked, tc.early, i)
			}
		}
		if n := c.asked.Load(); n != tc.calls {
			t.Errorf("%v after %v: %d renderings, want %d", tc.asked, tc.early, n, tc.calls)
		}
	}
}

// I7: what goes wrong beside the caller reaches the picture that it was for, and no other.
func TestEarlyGeneratorFailsClosed(t *testing.T) {
	ctx := context.Background()
	lost := errors.New("device lost")
	c := &countedGenerator{fakeGenerator: fakeGenerator{err: lost}}
	e := &earlyGenerator{faceGenerator: c}
	e.start(ctx, requestsOf(1))
	if _, err := e.RenderBatch(ctx, requestsOf(1)); !errors.Is(err, lost) {
		t.Errorf("got %v, want the engine's error", err)
	}
	e.start(ctx, requestsOf(1))
	e.drop()
	c.err = nil
	if p, err := e.RenderBatch(ctx, requestsOf(1)); err != nil || len(p) != 1 {
		t.Errorf("%d patches, %v: the error of a picture that was thrown away stayed", len(p), err)
	}
	c.short = true
	e.start(ctx, requestsOf(1, 2))
	if _, err := e.RenderBatch(ctx, requestsOf(1, 2)); err == nil {
		t.Error("a patch is missing, and nobody says so")
	}
	c.short, c.fail = false, func() { panic("broken") }
	e.start(ctx, requestsOf(1))
	func() {
		defer func() {
			if s, _ := recover().(string); !strings.HasPrefix(s, "broken") {
				t.Errorf("recovered %q, want the panic", s)
			}
		}()
		_, err := e.RenderBatch(ctx, requestsOf(1))
		t.Errorf("no panic, %v", err)
	}()
}

// Several lanes and early surrogates change no pixel of a stream.
func TestLiveLanesChangeNothing(t *testing.T) {
	film := func(lanes int) (all []byte, c *countedGenerator) {
		s := &liveScene{actors: []*liveActor{newActor(1, 70), newActor(2, 160), newActor(3, 250)}}
		s.actors[0].vx = 1.5
		c = &countedGenerator{}
		l := play(t, s, nil, nil)
		l.gen.faceGenerator = c
		for range lanes - 1 {
			l.eyes.more = append(l.eyes.more, s)
		}
		l.cfg.Lookahead, l.cfg.DetectInterval = 6, 3
		s.ahead(t, l, 6, 40, func(_ int, p *frame.Picture) { all = append(all, p.Planes[0].Data...) })
		return all, c
	}
	one, a := film(1)
	many, b := film(3)
	if !bytes.Equal(one, many) {
		t.Error("three lanes give other pixels than one")
	}
	if a.asked.Load() < 60 || a.asked.Load() != b.asked.Load() {
		t.Errorf("%d renderings with one lane, %d with three", a.asked.Load(), b.asked.Load())
	}
}
