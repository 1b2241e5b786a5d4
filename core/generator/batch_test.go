package generator

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/ksamenet/ksamenet/core/infer"
)

// Faces of one picture share calls: as few as 4, 2 and 1 rows allow.
func TestBatchWidths(t *testing.T) {
	e, cfg := newFake(), testConfig()
	cfg.CacheBytes = -1
	g := newTest(t, e, cfg)
	faces := func(n int, yaw float64) (reqs []Request) {
		for i := range n {
			reqs = append(reqs, ask(1, look(yaw+float64(i))))
		}
		return reqs
	}
	// The first batch of a width is followed by its rows alone, which is how it comes to be trusted.
	for _, step := range []struct {
		faces int
		want  []int
	}{
		{1, []int{1}}, {2, []int{2, 1, 1}}, {2, []int{2}}, {3, []int{2, 1}}, {4, []int{4, 1, 1, 1, 1}}, {7, []int{4, 2, 1}}, {9, []int{4, 4, 1}},
	} {
		e.widths = nil
		if _, err := g.RenderBatch(t.Context(), faces(step.faces, -40)); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(e.widths, step.want) {
			t.Errorf("%d faces took runs of %v, want %v", step.faces, e.widths, step.want)
		}
	}
	if s := g.Stats(); s.Misses != 28 || s.Hits != 0 || s.Calls != 12 {
		t.Errorf("%+v", s)
	}
}

// An engine whose rows depend on their batch is used row by row, from its very first batch on.
func TestBatchThatMixesRows(t *testing.T) {
	e, cfg := newFake(), testConfig()
	e.mixes, cfg.CacheBytes = true, -1
	g := newTest(t, e, cfg)
	reqs := []Request{ask(1, look(3)), ask(2, look(3)), ask(9, look(3)), ask(2, look(-3)), ask(1, look(8))}
	alone := make([][]byte, len(reqs))
	for i, r := range reqs {
		p, err := g.Render(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		alone[i] = p.RGBA
	}
	for range 2 {
		e.widths = nil
		batch, err := g.RenderBatch(t.Context(), reqs)
		if err != nil {
			t.Fatal(err)
		}
		for i := range reqs {
			if !bytes.Equal(batch[i].RGBA, alone[i]) {
				t.Errorf("request %d: alone and in a batch differ", i)
			}
		}
	}
	if !slices.Equal(e.widths, []int{1, 1, 1, 1, 1}) {
		t.Errorf("runs of %v", e.widths)
	}
}

// Nothing of a batch is returned or remembered when one of its faces is unusable.
func TestBatchFailsWhole(t *testing.T) {
	e := newFake()
	g := newTest(t, e, testConfig())
	e.spoil = func(o []float32) { o[len(o)-1] = 7 }
	if p, err := g.RenderBatch(t.Context(), []Request{ask(1, look(1)), ask(1, look(2))}); !errors.Is(err, ErrOutput) || p != nil {
		t.Errorf("got %v, %v", p, err)
	}
	if s := g.Stats(); s.Patches != 0 {
		t.Errorf("%+v", s)
	}
}

// The smallest model that reaches the side is used; the cache keeps sizes apart.
func TestSizes(t *testing.T) {
	small, large := newFakeSize(32), newFakeSize(64)
	g, err := New(testConfig(), large, small)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if s := g.Sizes(); !slices.Equal(s, []int{32, 64}) {
		t.Fatalf("sizes %v", s)
	}
	for _, step := range []struct{ side, want int }{{0, 64}, {1, 32}, {32, 32}, {33, 64}, {64, 64}, {500, 64}} {
		r := ask(1, look(4))
		r.Side = step.side
		p, err := g.Render(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if p.Size != step.want {
			t.Errorf("side %d gave %d texels, want %d", step.side, p.Size, step.want)
		}
	}
	if small.runs != 1 || large.runs != 1 || g.Stats().Hits != 4 {
		t.Errorf("%d and %d runs, %+v", small.runs, large.runs, g.Stats())
	}
	for name, other := range map[string][]infer.Engine{
		"two of a size": {newFakeSize(32), newFakeSize(32)},
		"none":          nil,
		"other donors": {newFakeSize(32), func() infer.Engine {
			e := newFakeSize(64)
			e.tensors[0].Shape[1] = testDonors + 1
			return e
		}()},
	} {
		if g, err := New(testConfig(), other...); !errors.Is(err, ErrModel) || g != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if small.sessions != 0 || large.sessions != 0 {
		t.Error("sessions are left open")
	}
	if _, err := g.RenderBatch(context.Background(), []Request{ask(1, look(0))}); !errors.Is(err, infer.ErrClosed) {
		t.Error(err)
	}
}
