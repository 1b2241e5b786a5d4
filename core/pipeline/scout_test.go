package pipeline

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/detector"
	"github.com/ksamenet/ksamenet/core/frame"
)

// looked counts whole looks.
type looked struct {
	*stage
	n int
}

func (l *looked) Detect(ctx context.Context, pic *frame.Picture) ([]detector.Detection, error) {
	l.n++
	return l.stage.Detect(ctx, pic)
}

// lending is a detector whose detections are valid until its next look, as those of core/detector.
type lending struct {
	*stage
	found []detector.Detection
}

func (l *lending) Detect(ctx context.Context, pic *frame.Picture) ([]detector.Detection, error) {
	found, err := l.stage.Detect(ctx, pic)
	for i := range found { // no two pictures are alike
		found[i].Box.X0 -= float64(pic.Index) / 4
	}
	l.found = append(l.found[:0], found...)
	return l.found, err
}

func (l *lending) Within(ctx context.Context, pic *frame.Picture, _ frame.Rect) ([]detector.Detection, frame.Rect, error) {
	found, err := l.Detect(ctx, pic)
	return found, pic.Bounds(), err
}

// A scout that goes ahead decides nothing: the list is the same.
func TestScoutAheadChangesNothing(t *testing.T) {
	const frames = 40
	reg := newRegistry(t)
	list := func(ahead int64) string {
		s := newStage(actor{who: 1, x: 80, y: 100, last: frames}, actor{who: 2, x: 220, y: 100, last: frames})
		cfg := config3()
		cfg.Uncertified = true
		lent := &lending{stage: s}
		a, err := NewAnalyzer(cfg, &Stages{Detector: s, Edges: lent, Near: s, Wide: lent, Watch: lent, TurnHint: nobody{}, Turned: nobody{}, Landmark: s, Recognizer: s})
		if err != nil {
			t.Fatal(err)
		}
		scene := func(i int64) *frame.Picture { return textured(i, 1+int(i/20)) }
		for i := range frames + ahead {
			if ahead > 0 && i < frames {
				if err := a.Scout(context.Background(), scene(i)); err != nil {
					t.Fatal(err)
				}
			}
			if i >= ahead {
				s.at = i - ahead // the scene, for the landmarks
				if _, err := a.Picture(context.Background(), scene(i-ahead)); err != nil {
					t.Fatal(err)
				}
			}
		}
		l, err := a.Decide(context.Background(), reg, decisions.Source{SHA256: strings.Repeat("ab", 32)})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := l.Write(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if list(0) != list(14) {
		t.Error("the list depends on how far the scout is ahead")
	}
}

// While the second detector sees nothing new looks are rarer, but no rarer than tracks reach back.
func TestQuietPicturesAreLookedAtLess(t *testing.T) {
	stranger := others{boxes: map[int64][]frame.Rect{}}
	for i := range int64(120) {
		stranger.boxes[i] = []frame.Rect{{X0: 100, Y0: 100, X1: 140, Y1: 150}}
	}
	for _, tc := range []struct {
		name        string
		second      faceWatch
		extend      int
		least, most int
	}{
		{"quiet", nobody{}, 12, 120 / lookStill, 120/lookStill + 1},
		{"quiet, short reach", nobody{}, 7, 120 / 8, 120/8 + 1},
		{"a stranger", stranger, 12, 120 / lookEvery, 120/lookEvery + 1},
		{"no reach", nobody{}, 0, 120, 120},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &looked{stage: newStage()}
			cfg := config3()
			cfg.Extend = tc.extend
			a, err := NewAnalyzer(cfg, &Stages{Detector: s, Edges: s, Near: s, Wide: nobody{}, Watch: tc.second, TurnHint: nobody{}, Turned: nobody{}, Landmark: s, Recognizer: s})
			if err != nil {
				t.Fatal(err)
			}
			for i := range int64(120) {
				if _, err := a.Picture(context.Background(), textured(i, 1)); err != nil {
					t.Fatal(err)
				}
			}
			if s.n < tc.least || s.n > tc.most {
				t.Errorf("%d looks at 120 pictures, want %d to %d", s.n, tc.least, tc.most)
			}
		})
	}
}

// What lies on its side is looked for with the first detector when the second has a hint of it, and at the start of a shot.
func TestTurnedLooksWaitForAHint(t *testing.T) {
	hint := others{boxes: map[int64][]frame.Rect{}}
	for i := range int64(160) {
		hint.boxes[i] = []frame.Rect{{X0: 100, Y0: 100, X1: 140, Y1: 150}}
	}
	for _, tc := range []struct {
		name        string
		hint        faceDetector
		least, most int
	}{{"none", nobody{}, 1, 1}, {"one", hint, 2, 1 + 159/turnEvery}} {
		turned := &looked{stage: newStage()}
		s := newStage()
		a, err := NewAnalyzer(config3(), &Stages{Detector: s, Edges: s, Near: s, Wide: nobody{}, Watch: nobody{}, TurnHint: tc.hint, Turned: turned, Landmark: s, Recognizer: s})
		if err != nil {
			t.Fatal(err)
		}
		for i := range int64(160) {
			if _, err := a.Picture(context.Background(), textured(i, 1)); err != nil {
				t.Fatal(err)
			}
		}
		if turned.n < tc.least || turned.n > tc.most {
			t.Errorf("%s: %d looks, want %d to %d", tc.name, turned.n, tc.least, tc.most)
		}
	}
}

// I7: a look that failed ends the analysis, also when it was taken ahead.
func TestScoutFailsClosed(t *testing.T) {
	s := newStage()
	s.fail["detector"] = errors.New("device lost")
	a, err := NewAnalyzer(config3(), &Stages{Detector: s, Edges: s, Near: s, Wide: nobody{}, Watch: nobody{}, Turned: nobody{}, Landmark: s, Recognizer: s})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Scout(context.Background(), textured(0, 1)); err == nil || !strings.Contains(err.Error(), "picture 0: device lost") {
		t.Errorf("got %v", err)
	}
	if err := a.Scout(context.Background(), textured(2, 1)); err == nil {
		t.Error("a picture was skipped unnoticed")
	}
}
