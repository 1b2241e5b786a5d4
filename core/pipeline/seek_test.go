package pipeline

import (
	"context"
	"testing"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/detector"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/landmark"
)

// followed plays a stage whose landmarks follow faces, and counts the looks.
type followed struct {
	*stage
	whole, near int
	blindNear   bool
}

func (f *followed) Detect(ctx context.Context, pic *frame.Picture) ([]detector.Detection, error) {
	f.whole++
	return f.stage.Detect(ctx, pic)
}

func (f *followed) Near(ctx context.Context, pic *frame.Picture, _ frame.Rect, _ float64) ([]detector.Detection, error) {
	f.near++
	if f.blindNear {
		return nil, nil
	}
	return f.stage.Detect(ctx, pic)
}

func (f *followed) Follow(ctx context.Context, pic *frame.Picture, before *landmark.Mesh) (landmark.Result, error) {
	f.at = pic.Index
	c := before.Box().Center()
	return f.Analyze(ctx, pic, [5]frame.Point{c})
}

func (f *followed) list(t *testing.T, frames int64) *decisions.List {
	t.Helper()
	cfg := config3()
	cfg.Uncertified = true
	a, err := NewAnalyzer(cfg, &Stages{Detector: f, Edges: f, Near: f, Wide: nobody{}, Watch: nobody{}, TurnHint: nobody{}, Turned: nobody{}, Landmark: f, Recognizer: f})
	if err != nil {
		t.Fatal(err)
	}
	for i := range frames {
		if _, err := a.Picture(context.Background(), textured(i, 1)); err != nil {
			t.Fatal(err)
		}
	}
	l, err := a.Decide(context.Background(), newRegistry(t), decisions.Source{SHA256: "ab"})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// faceAt says that a job lies on a's face in frame f.
func faceAt(jobs []decisions.Job, a actor) bool {
	for _, j := range jobs {
		if j.Face.Rect().Intersect(a.box()).Area() > .9*a.box().Area() {
			return true
		}
	}
	return false
}

func TestLandmarksCarryFacesBetweenLooks(t *testing.T) {
	s := &followed{stage: newStage(actor{who: 1, x: 80, y: 100, last: 99}, actor{who: 2, x: 220, y: 100, first: 42, last: 99})}
	l := s.list(t, 100)
	if s.whole > 22 || s.near > 0 {
		t.Errorf("%d whole looks and %d near ones at 100 pictures", s.whole, s.near)
	}
	jobs := l.ByFrame()
	for f := range int64(100) {
		for _, a := range s.actors {
			if f >= a.first && f <= a.last && !faceAt(jobs[f], a) {
				t.Errorf("frame %d: the face of %d is shown", f, a.who)
			}
		}
	}
	if len(l.Tracks) != 2 {
		t.Errorf("%d tracks", len(l.Tracks))
	}
}

// A face that landmarks cannot follow is looked for near its place; if it is not there either, the whole picture is looked at.
func TestFacesWithoutLandmarksAreLookedFor(t *testing.T) {
	for _, blind := range []bool{false, true} {
		s := &followed{stage: newStage(actor{who: 1, x: 80, y: 100, last: 59, blind: true}), blindNear: blind}
		jobs := s.list(t, 60).ByFrame()
		for f := range int64(60) {
			if !faceAt(jobs[f], s.actors[0]) {
				t.Errorf("blind %v, frame %d: the face is shown", blind, f)
			}
		}
		if blind && s.whole < 60 || !blind && (s.whole > 13 || s.near < 40) {
			t.Errorf("blind %v: %d whole looks, %d near ones", blind, s.whole, s.near)
		}
	}
}
