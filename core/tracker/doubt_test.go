package tracker

import (
	"math"
	"slices"
	"testing"
)

// TestSimilaritySettlesDoubt: two faces meet, are hidden, and turn back. Motion cannot tell; appearance can.
func TestSimilaritySettlesDoubt(t *testing.T) {
	for _, name := range []string{"meeting, both hidden", "meeting and turning back", "crossing slowly behind"} {
		s := scenes()[name]
		frames := s.render()
		cfg := DefaultConfig()
		asked := 0
		// Tags are the person's number in these scenes.
		cfg.Similarity = func(tr *Track, index int64, o *Observation) (float64, bool) {
			asked++
			if index < 0 || tr.Last < 0 || tr.BestFrame < 0 {
				t.Fatalf("%s: asked about frame %d, track of %d, best %d", name, index, tr.Last, tr.BestFrame)
			}
			if tr.LastTag == o.Tag && tr.BestTag == o.Tag {
				return 0.7, true
			}
			return 0.05, true
		}
		out := mustLink(t, cfg, frames)
		got := s.judge(frames, out, 12, 0.88)
		if len(out) != 2 || got.switches != 0 || got.ambiguous != 0 || len(got.exposed) != 0 {
			t.Errorf("%s: %d tracklets, %+v", name, len(out), got)
		}
		if asked == 0 || asked > 400 {
			t.Errorf("%s: %d questions; want some, and only in doubt", name, asked)
		}
	}
}

// TestDissimilarityEndsAJump: a missed cut puts another face where the first one was; its appearance keeps them apart.
func TestDissimilarityEndsAJump(t *testing.T) {
	s := scene{frames: 60, jitter: 0.02, people: []person{
		{to: 30, box: linear(500, 300, 0, 0, 80)}, {from: 30, to: 60, box: linear(570, 320, 0, 0, 80)}}}
	frames := s.render()
	cfg := DefaultConfig()
	cfg.Similarity = func(tr *Track, _ int64, o *Observation) (float64, bool) {
		if tr.LastTag == o.Tag {
			return 0.8, true
		}
		return 0, true
	}
	if got := s.judge(frames, mustLink(t, cfg, frames), 12, 0.88); got.switches != 0 || len(got.exposed) != 0 {
		t.Errorf("%+v", got)
	}
}

// TestOneObservationBetweenTwoTracks: it could be either face, so it is neither.
func TestOneObservationBetweenTwoTracks(t *testing.T) {
	k := mustNew(t, DefaultConfig())
	for i := range int64(10) {
		mustUpdate(t, k, i, false, sure(0, square(500, 300, 100)), sure(1, square(560, 300, 100)))
	}
	out := mustUpdate(t, k, 10, false, sure(0, square(530, 300, 100)))
	if len(out) != 3 || !slices.Equal(out[2].Rivals, []int{1, 2}) || out[2].Tag != 0 || out[0].Tag >= 0 || out[1].Tag >= 0 {
		t.Errorf("got %d tracks", len(out))
	}
	for _, tr := range out {
		if !tr.Ambiguous {
			t.Errorf("track %d is not marked ambiguous", tr.ID)
		}
	}
	// Those that ended in doubt go on covering, and take nothing.
	out = mustUpdate(t, k, 11, false, sure(0, square(500, 300, 100)), sure(1, square(560, 300, 100)))
	for _, tr := range out[:2] {
		if tr.State != Lost || tr.Tag >= 0 {
			t.Errorf("track %d is %v with observation %d", tr.ID, tr.State, tr.Tag)
		}
	}
}

// TestTwoObservationsForOneLostTrack: either could be the face that went unseen between them.
func TestTwoObservationsForOneLostTrack(t *testing.T) {
	k := mustNew(t, DefaultConfig())
	for i := range int64(10) {
		mustUpdate(t, k, i, false, sure(0, square(500, 300, 100)))
	}
	out := mustUpdate(t, k, 15, false, sure(0, square(450, 300, 100)), sure(1, square(550, 300, 100)))
	if len(out) != 3 || out[0].Tag >= 0 || !slices.Equal(out[1].Rivals, []int{1}) || !slices.Equal(out[2].Rivals, []int{1}) {
		for _, tr := range out {
			t.Errorf("track %d has observation %d, rivals %v", tr.ID, tr.Tag, tr.Rivals)
		}
	}
}

// TestNoJumpAfterLosingABid: the nearest observation went to another track; the loser does not take a far one instead.
func TestNoJumpAfterLosingABid(t *testing.T) {
	k := mustNew(t, DefaultConfig())
	for i := range int64(10) {
		mustUpdate(t, k, i, false, sure(0, square(500, 300, 100)))
	}
	mustUpdate(t, k, 10, false, sure(0, square(500, 300, 100)), sure(1, square(530, 300, 100)))
	out := mustUpdate(t, k, 11, false, sure(0, square(505, 300, 100)), sure(1, square(660, 300, 100)))
	if len(out) != 3 || out[0].Tag != 0 || out[1].Tag >= 0 || out[2].Tag != 1 {
		for _, tr := range out {
			t.Errorf("track %d has observation %d", tr.ID, tr.Tag)
		}
	}
}

// TestCourseAfterAGap: a face that stood still went on, unseen, at six pixels a frame. The filter must know that speed when
// it sees it again, not the one that its own wandering uncertainty suggests.
func TestCourseAfterAGap(t *testing.T) {
	k := mustNew(t, DefaultConfig())
	for i := range int64(20) {
		mustUpdate(t, k, i, false, sure(0, square(300, 300, 100)))
	}
	for i := int64(20); i < 34; i++ {
		mustUpdate(t, k, i, false)
	}
	out := mustUpdate(t, k, 34, false, sure(0, square(390, 300, 100)))
	if v := out[0].velocity(); len(out) != 1 || math.Abs(v.X-6) > 1 || math.Abs(v.Y) > 0.1 {
		t.Errorf("%d tracks, velocity %v, want 6, 0", len(out), v)
	}
}

// TestFoundWhereItStopped: a face that walked behind something and stays there comes out far from its predicted place.
func TestFoundWhereItStopped(t *testing.T) {
	k := mustNew(t, DefaultConfig())
	for i := range int64(20) {
		mustUpdate(t, k, i, false, sure(0, square(300+10*float64(i), 300, 100)))
	}
	for i := int64(20); i < 45; i++ {
		mustUpdate(t, k, i, false)
	}
	out := mustUpdate(t, k, 45, false, sure(0, square(495, 300, 100)))
	if len(out) != 1 || out[0].ID != 1 || out[0].State != Confirmed {
		t.Errorf("%d tracks, first %v", len(out), out[0].State)
	}
}

func TestRivalsNameEachOther(t *testing.T) {
	s := scenes()["meeting, both hidden"]
	out := mustLink(t, DefaultConfig(), s.render())
	if len(out) != 4 {
		t.Fatalf("%d tracklets, want 4", len(out))
	}
	for i, want := range [][]int{{3, 4}, {3, 4}, {1, 2}, {1, 2}} {
		if !out[i].Ambiguous || !slices.Equal(out[i].Rivals, want) {
			t.Errorf("tracklet %d: ambiguous %v, rivals %v, want %v", out[i].ID, out[i].Ambiguous, out[i].Rivals, want)
		}
	}
}
