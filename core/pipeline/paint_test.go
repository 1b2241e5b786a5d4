package pipeline

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"

	"github.com/ksamenet/ksamenet/core/compositor"
	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
)

// Faces that are composed at once, beside and over each other, covers among them, give the picture that one after the other gives.
func TestPainterComposesAtOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	together := 0
	for range 40 {
		var jobs []decisions.Job
		for id := range 2 + r.IntN(6) {
			f := face(1, 20+280*r.Float64(), 20+200*r.Float64(), true)
			j := decisions.Job{Track: &decisions.Track{ID: id + 1}, Face: &f, Cluster: uint64(1 + r.IntN(3)), Action: decisions.Replace}
			switch r.IntN(6) {
			case 0:
				j.Action = decisions.Cover
			case 1:
				f.Oval = f.Oval[:2] // cannot be composed
			}
			jobs = append(jobs, j)
		}
		paint := func(lanes int) (*frame.Picture, []int) {
			p := newPainter(DefaultConfig())
			for p.comps = nil; len(p.comps) < lanes; {
				p.comps = append(p.comps, compositor.New())
			}
			pic, order := grey(1, 200), []int{}
			err := p.all(context.Background(), &fakeGenerator{}, pic, jobs, func(j decisions.Job, _ decisions.Action) { order = append(order, j.Track.ID) })
			if err != nil || len(order) != len(jobs) {
				t.Fatalf("%d of %d faces, %v", len(order), len(jobs), err)
			}
			together = max(together, len(p.strokes))
			return pic, order
		}
		one, first := paint(1)
		many, second := paint(4)
		for i := range one.Planes {
			if !bytes.Equal(one.Planes[i].Data, many.Planes[i].Data) {
				t.Fatalf("plane %d differs; %d faces", i, len(jobs))
			}
		}
		for i := range first {
			if first[i] != second[i] {
				t.Fatalf("order %v, then %v", first, second)
			}
		}
	}
	if together < 3 {
		t.Errorf("%d faces at most waited for each other: the test says nothing", together)
	}
}

// One surrogate over another: the later, larger one is on top, however many lanes there are.
func TestPainterKeepsTheOrderOfFacesThatMeet(t *testing.T) {
	a, b := face(1, 150, 120, true), face(1, 170, 120, true)
	for _, jobs := range [][]decisions.Job{
		{{Track: &decisions.Track{ID: 1}, Face: &a, Cluster: 1, Action: decisions.Replace}, {Track: &decisions.Track{ID: 2}, Face: &b, Cluster: 3, Action: decisions.Replace}},
		{{Track: &decisions.Track{ID: 2}, Face: &b, Cluster: 3, Action: decisions.Replace}, {Track: &decisions.Track{ID: 1}, Face: &a, Cluster: 1, Action: decisions.Replace}},
	} {
		p := newPainter(DefaultConfig())
		p.comps = append(p.comps, compositor.New())
		pic := grey(1, 200)
		if err := p.all(context.Background(), &fakeGenerator{}, pic, jobs, func(decisions.Job, decisions.Action) {}); err != nil {
			t.Fatal(err)
		}
		only := grey(1, 200)
		if err := p.all(context.Background(), &fakeGenerator{}, only, jobs[1:], func(decisions.Job, decisions.Action) {}); err != nil {
			t.Fatal(err)
		}
		if x := 160; lumaAt(pic, x, 120) != lumaAt(only, x, 120) {
			t.Errorf("track %d is not on top", jobs[1].Track.ID)
		}
	}
}
