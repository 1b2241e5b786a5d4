package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ksamenet/ksamenet/core/detector"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/tracker"
)

// scout takes the looks at whole pictures that need to know of no face, ahead of the analysis and beside it.
type scout struct {
	cuts  tracker.CutDetector
	count int64
	since struct{ look, wide, turn int } // pictures since the last of each
	vigil vigil
	lain  tracker.Scene // at the last look at turned pictures
	faces []frame.Rect  // of the last look
	known []frame.Rect  // around them
	doubt bool          // it also found what may be one
	times Times

	mu   sync.Mutex
	done []glance // not yet taken
}

// glance is what the scout saw in one picture.
type glance struct {
	index        int64
	cut          bool
	dissolve     int  // as tracker.Cut says
	whole        bool // found is of the whole picture
	found        []detector.Detection
	wide, turned []detector.Detection
	alarms       []detector.Detection // what the watch over the output would see, and what it nearly would
	passed       []frame.Rect         // faces that were known, around which the second detector did not look
	rolled       bool                 // turned was looked for
}

const (
	// lookStill is the most pictures between two looks while nothing is in doubt and the second detector sees nothing new. A track
	// reaches back as far (Config.Extend), so that a face which comes into sight between them is hidden all the same.
	lookStill = 12
	turnStill = 75
	// knownMargin is how far around a known face change is its own, in widths and heights.
	knownMargin = 0.5
)

// Scout looks at pic ahead of Picture, which must follow with the same picture; both see every picture in order. It may run
// on another goroutine than Picture, some pictures ahead, and halves the time of pass 1 where two cores are free. Without it
// Picture does its work. It only reads pic. After an error the analysis is worthless.
func (a *Analyzer) Scout(ctx context.Context, pic *frame.Picture) error {
	g, err := a.scout.glance(ctx, a.eyes, min(a.cfg.Extend+1, lookStill), pic)
	if err != nil {
		return err
	}
	a.scout.mu.Lock()
	defer a.scout.mu.Unlock()
	a.scout.done = append(a.scout.done, g)
	return nil
}

// next is the glance at pic, made now when nobody went ahead.
func (a *Analyzer) next(ctx context.Context, pic *frame.Picture) (glance, error) {
	s := &a.scout
	s.mu.Lock()
	ahead := len(s.done) > 0
	s.mu.Unlock()
	if !ahead {
		if err := a.Scout(ctx, pic); err != nil {
			return glance{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.done[0]
	s.done = slices.Delete(s.done, 0, 1)
	return g, nil
}

// glance takes the looks that are due. A whole look is due at the start of a shot and every lookEvery pictures, or up to
// most while nothing changes; one of the second detector and one at turned pictures more rarely.
func (s *scout) glance(ctx context.Context, eyes *Stages, most int, pic *frame.Picture) (g glance, err error) {
	if pic.Index != s.count {
		return g, fmt.Errorf("pipeline: picture %d came after %d", pic.Index, s.count-1)
	}
	start := time.Now()
	change, err := s.cuts.Next(pic)
	if err != nil {
		return g, err
	}
	g.index, g.cut, g.dissolve = pic.Index, change.Cut, change.Dissolve
	fresh := change.Cut || s.count == 0
	s.count++
	n := &s.since
	n.look, n.wide, n.turn = n.look+1, n.wide+1, n.turn+1
	start = s.times.count(StageCuts, start)
	defer func() {
		s.times.count(StageDetect, start)
		if err != nil {
			err = fmt.Errorf("pipeline: picture %d: %w", pic.Index, err)
		}
	}()
	g.whole = fresh || n.look >= most || n.look >= lookEvery && s.doubt
	wide := fresh || n.wide >= wideEvery
	watch := func() (err error) {
		var all bool
		if g.alarms, all, err = s.vigil.look(ctx, eyes.Watch, &s.cuts, pic, fresh, most, s.known); err == nil && !all {
			g.passed = slices.Clone(s.faces)
		}
		return err
	}
	if !g.whole {
		if err := watch(); err != nil {
			return g, err
		}
		if g.whole = n.look >= lookEvery && s.strange(g.alarms); !g.whole {
			return g, nil
		}
		watch = func() error { return nil }
	}
	// The first detector takes as long as all the rest.
	n.look = 0
	var errs [2]error
	abreast(2, 2, func(_, i int) {
		if i == 0 {
			g.found, errs[0] = look(ctx, eyes.Edges, pic)
			return
		}
		if errs[1] = watch(); errs[1] == nil && wide {
			g.wide, errs[1] = look(ctx, eyes.Wide, pic)
		}
	})
	if err := errors.Join(errs[:]...); err != nil {
		return g, err
	}
	s.known, s.faces, s.doubt = s.known[:0], s.faces[:0], false
	for _, d := range g.found {
		if d.Score < sure {
			s.doubt = true
			continue
		}
		s.faces = append(s.faces, d.Box)
		s.known = append(s.known, d.Box.Grow(knownMargin, knownMargin))
	}
	if wide {
		n.wide = 0
	}
	if fresh || n.turn >= turnStill || n.turn >= turnEvery && !s.cuts.Change(&s.lain, pic.W, pic.H, s.known).Empty() {
		n.turn = 0
		s.cuts.Remember(&s.lain)
		hint := fresh
		if !hint {
			lying, err := eyes.TurnHint.Detect(ctx, pic)
			if err != nil {
				return g, err
			}
			hint = s.strange(lying)
		}
		if hint {
			g.rolled = true
			g.turned, err = look(ctx, eyes.Turned, pic)
		}
	}
	return g, err
}

// strange says that one of the second detector's finds is a face where none is known.
func (s *scout) strange(found []detector.Detection) bool {
	return slices.ContainsFunc(found, func(d detector.Detection) bool {
		return d.Score >= hintLeast && !slices.ContainsFunc(s.known, func(k frame.Rect) bool { return holds(k, d.Box.Center()) })
	})
}

// look returns detections that last beyond d's next look: the analysis takes them some pictures later.
func look(ctx context.Context, d faceDetector, pic *frame.Picture) ([]detector.Detection, error) {
	found, err := d.Detect(ctx, pic)
	return slices.Clone(found), err
}

// shared is a detector for several goroutines, one at a time.
type shared struct {
	mu sync.Mutex
	d  faceDetector
}

// Detect returns detections of the caller's own.
func (s *shared) Detect(ctx context.Context, pic *frame.Picture) ([]detector.Detection, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.d.Detect(ctx, pic)
	return slices.Clone(found), err
}
