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

// A scout that goes ahead decides nothing: the list is the same.
func TestScoutAheadChangesNothing(t *testing.T) {
	const frames = 40
	reg := newRegistry(t)
	list := func(ahead int64) string {
		s := newStage(actor{who: 1, x: 80, y: 100, last: frames}, actor{who: 2, x: 220, y: 100, last: frames})
		cfg := config3()
		cfg.Uncertified = true
		lent := &lending{stage: s}
		a, err := NewAnalyzer(cfg, &Stages{Detector: s, Edges: lent, Near: s, Wide: lent, Watch: lent, Turned: nobody{}, Landmark: s, Recognizer: s})
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

// While nothing changes looks are rarer, but no rarer than tracks reach back.
func TestStillPicturesAreLookedAtLess(t *testing.T) {
	for _, tc := range []struct {
		name        string
		moving      bool
		extend      int
		least, most int
	}{
		{"still", false, 12, 120 / lookStill, 120/lookStill + 1},
		{"still, short reach", false, 7, 120 / 8, 120/8 + 1},
		{"moving", true, 12, 120 / lookEvery, 120/lookEvery + 1},
		{"no reach", false, 0, 120, 120},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &looked{stage: newStage()}
			cfg := config3()
			cfg.Extend = tc.extend
			a, err := NewAnalyzer(cfg, &Stages{Detector: s, Edges: s, Near: s, Wide: nobody{}, Watch: nobody{}, Turned: nobody{}, Landmark: s, Recognizer: s})
			if err != nil {
				t.Fatal(err)
			}
			for i := range int64(120) {
				p := textured(i, 1)
				if tc.moving { // a spot of 16 px goes along
					for y := range 16 {
						for x := range 16 {
							p.Planes[0].Data[y*p.Planes[0].Stride+int(i)*2+x] = 255
						}
					}
				}
				if _, err := a.Picture(context.Background(), p); err != nil {
					t.Fatal(err)
				}
			}
			if s.n < tc.least || s.n > tc.most {
				t.Errorf("%d looks at 120 pictures, want %d to %d", s.n, tc.least, tc.most)
			}
		})
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
