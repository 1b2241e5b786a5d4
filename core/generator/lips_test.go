package generator

import (
	"bytes"
	"context"
	"errors"
	"math"
	"testing"

	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/infer"
)

// mouthy is an engine whose faces are as red as mouthOpen is strong and as green as the head is bent back.
func mouthy() *fakeEngine {
	e := newFake()
	e.paint = func(expression, pose []float32) (red, green float32) {
		return expression[appearance.MouthOpen], .5 - pose[1]/2
	}
	return e
}

// stiff lips stay shut for the first tenth of mouthOpen, in heads that are bent back for up to .4; they should open evenly.
type stiff struct {
	blind  bool
	err    error
	looked int
}

func stiffGap(strength, back float64) float64 {
	shut := .1 + .3*back
	return .002 + .1*max(0, strength-shut)/(1-shut)
}

func (s *stiff) Gaps(_ context.Context, patches []*frame.Patch) (gaps []float64, err error) {
	s.looked += len(patches)
	if s.blind || s.err != nil {
		return nil, s.err
	}
	for _, p := range patches {
		mid := p.RGBA[4*(p.Size/2*p.Size+p.Size/2):]
		gaps = append(gaps, stiffGap(float64(mid[0])/255, float64(mid[1])/255))
	}
	return gaps, nil
}

func (*stiff) Wanted(strength, _ float64) float64                   { return .1 * strength }
func (*stiff) Others(expression *[appearance.Units]float64) float64 { return expression[1] / 2 }

func speaking(level uint8, pitch int8) Request {
	r := Request{Cluster: 1}
	r.Look.Expression[appearance.MouthOpen], r.Look.Pitch = level, pitch
	return r
}

func TestLipsOpenAsFarAsIsWanted(t *testing.T) {
	e, eyes := mouthy(), &stiff{}
	g := newTest(t, e, Config{Mixes: testMixes, Lips: eyes, CacheBytes: -1})
	asked := func(r Request) float64 {
		t.Helper()
		if _, err := g.Render(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		return float64(e.seen["expression"][appearance.MouthOpen])
	}
	for _, pitch := range []int8{-30, -22, 0, 7, 30} {
		last := 0.
		for level := range uint8(20) {
			got := asked(speaking(level, pitch))
			want := .1 * float64(level) / 30
			gap := stiffGap(got, .5-float64(pitch)/60) - .002
			if want >= stir && math.Abs(gap-want) > .0015 || want < stir && gap > stir {
				t.Errorf("pitch %d, step %d: %.3f opens by %.4f, want %.4f", pitch, level, got, gap, want)
			}
			if got < last {
				t.Errorf("pitch %d, step %d: %.3f after %.3f", pitch, level, got, last)
			}
			last = got
		}
		if got := asked(speaking(30, pitch)); got <= last || got > 1 {
			t.Errorf("pitch %d, wide open: %.3f after %.3f", pitch, got, last)
		}
	}
	if got := asked(speaking(0, 3)); got != 0 {
		t.Errorf("shut lips are asked for with %.3f", got)
	}
	// A smile opens them by a part, which is bent alike.
	smile := speaking(6, 0)
	smile.Look.Expression[1] = 6 // as good as .2 of mouthOpen
	if got, alone := asked(smile), asked(speaking(12, 0)); math.Abs(got-alone/2) > 1e-6 {
		t.Errorf("half of an opening is asked for with %.3f, all of it with %.3f", got, alone)
	}

	seen := eyes.looked
	if asked(speaking(9, 6)); eyes.looked != seen {
		t.Error("a mouth was looked at again")
	}
}

// What was rendered before changes no surrogate (invariant I11).
func TestLipsAnswerAlwaysAlike(t *testing.T) {
	g := newTest(t, mouthy(), Config{Mixes: testMixes, Lips: &stiff{}, CacheBytes: -1})
	other := newTest(t, mouthy(), Config{Mixes: testMixes, Lips: &stiff{}, CacheBytes: -1})
	reqs := []Request{speaking(5, -3), speaking(8, 12), {Cluster: 2, Look: speaking(5, -3).Look}}
	at, err := g.RenderBatch(t.Context(), reqs)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(reqs) - 1; i >= 0; i-- {
		p, err := other.Render(t.Context(), reqs[i])
		if err != nil || !bytes.Equal(p.RGBA, at[i].RGBA) {
			t.Errorf("request %d differs when it comes first (%v)", i, err)
		}
	}
}

func TestLipsThatCannotBeSeen(t *testing.T) {
	e, eyes := mouthy(), &stiff{blind: true}
	g := newTest(t, e, Config{Mixes: testMixes, Lips: eyes})
	if _, err := g.Render(t.Context(), speaking(9, 0)); err != nil {
		t.Fatal(err)
	}
	if got := e.seen["expression"][appearance.MouthOpen]; math.Abs(float64(got)-.3) > 1e-6 {
		t.Errorf("asked for with %v, want .3 as it is", got)
	}

	// An error renders nothing and is not remembered.
	eyes.err = errors.New("no")
	if _, err := g.Render(t.Context(), speaking(9, 20)); !errors.Is(err, eyes.err) {
		t.Errorf("got %v", err)
	}
	eyes.err, eyes.blind, e.fail = nil, false, infer.ErrClosed
	if _, err := g.Render(t.Context(), speaking(9, 20)); !errors.Is(err, infer.ErrClosed) {
		t.Errorf("got %v", err)
	}
	e.fail = nil
	if _, err := g.Render(t.Context(), speaking(9, 20)); err != nil {
		t.Fatal(err)
	}
	if got := e.seen["expression"][appearance.MouthOpen]; got < .31 {
		t.Errorf("asked for with %v after an error", got)
	}
}
