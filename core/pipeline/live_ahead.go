package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/tracker"
)

// heldPicture is what has to be painted into a picture that was examined.
type heldPicture struct {
	at   int64 // number of the picture
	shot int
	size [2]int
	jobs []decisions.Job
}

// heldMost bounds a look-ahead: no host can hold more pictures than that.
const heldMost = 250

// Examine looks at the next picture and only reads it. Its faces are painted by a later Paint with the same picture. Faces that
// it shows for the first time, or again, are covered in the held pictures of its shot too, where they may have been: up to
// Config.Extend pictures before they were first seen, and between two sights.
//
// An error ends the stream: no held picture must be shown, and every later call returns the error again.
func (l *Live) Examine(ctx context.Context, pic *frame.Picture) error {
	return l.end(func() error {
		if err := pic.Validate(); err != nil {
			return err
		}
		if len(l.held) >= heldMost {
			return fmt.Errorf("%d pictures are held back, none was painted", len(l.held))
		}
		if size := [2]int{pic.W, pic.H}; size != l.size {
			l.begin()
			l.size = size
		}
		l.tick(pic.PTS)
		jobs, err := l.examine(ctx, pic)
		if err != nil {
			return err
		}
		l.held = append(l.held, heldPicture{at: l.count, shot: l.shot, size: l.size, jobs: jobs})
		l.count++
		return nil
	})
}

// errNothingHeld says that a picture was painted that was not examined.
var errNothingHeld = errors.New("a picture is to be painted that was not examined")

// Paint paints the oldest picture that was examined and not painted; pic is that picture. Errors as of Process.
func (l *Live) Paint(ctx context.Context, pic *frame.Picture) (n LiveCount, err error) {
	err = l.end(func() error {
		if len(l.held) == 0 {
			return errNothingHeld
		}
		h := l.held[0]
		if h.size != [2]int{pic.W, pic.H} {
			return fmt.Errorf("picture %d was %dx%d when it was examined and is %dx%d now", h.at, h.size[0], h.size[1], pic.W, pic.H)
		}
		l.held = slices.Delete(l.held, 0, 1)
		n, err = l.obey(ctx, pic, h.jobs)
		l.forgetPainted(h)
		return err
	})
	return n, err
}

// end runs a step; its error stands for good.
func (l *Live) end(step func() error) error {
	if l.failed == nil {
		if err := step(); err != nil {
			l.failed = fmt.Errorf("pipeline: live picture %d: %w", l.count, err)
		}
	}
	return l.failed
}

// Held is the number of pictures that were examined and wait to be painted.
func (l *Live) Held() int { return len(l.held) }

// lookBack covers, in the held pictures of this shot, where the tracks of the present one were then.
func (l *Live) lookBack(tracks []*tracker.Track) {
	for _, t := range tracks {
		if t.State == tracker.Removed || t.Tag < 0 {
			continue
		}
		for i := range l.held {
			h := &l.held[i]
			if h.shot != l.shot {
				continue
			}
			box, ok := t.At(h.at)
			if !ok || slices.ContainsFunc(h.jobs, func(j decisions.Job) bool { return j.Track.ID == t.ID && j.Action == decisions.Replace }) {
				continue
			}
			if slices.ContainsFunc(h.jobs, func(j decisions.Job) bool { return j.Action == decisions.Cover && j.Face.Rect() == box }) {
				continue
			}
			h.jobs = append(h.jobs, newLiveFace(t.ID).cover(h.at, box, "before it was seen"))
		}
	}
}

// forgetPainted drops what the painter keeps of tracks that have ended and are in no held picture.
func (l *Live) forgetPainted(h heldPicture) {
	for _, j := range h.jobs {
		id := j.Track.ID
		if slices.ContainsFunc(l.faces, func(f *liveFace) bool { return f.track.ID == id }) ||
			slices.ContainsFunc(l.held, func(o heldPicture) bool {
				return slices.ContainsFunc(o.jobs, func(k decisions.Job) bool { return k.Track.ID == id })
			}) {
			continue
		}
		delete(l.paint.worn, id)
		delete(l.paint.sides, id)
	}
}
