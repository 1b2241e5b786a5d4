package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/landmark"
	"github.com/ksamenet/ksamenet/core/tracker"
)

// heldPicture is what has to be painted into a picture that was examined.
type heldPicture struct {
	at   int64 // number of the picture
	shot int
	size [2]int
	jobs []decisions.Job
	// later are what some of the jobs become, which are covers, when it is known whose the faces are.
	later []decisions.Job
}

// heldMost bounds a look-ahead: no host can hold more pictures than that.
const heldMost = 250

// Examine looks at the next picture and only reads it. Its faces are painted by a later Paint with the same picture. Faces that
// it shows for the first time, or again, are covered in the held pictures of its shot too, where they may have been: up to
// Config.Extend pictures before they were first seen, and between two sights.
//
// An error ends the stream: no held picture must be shown, and every later call returns the error again.
//
// regions are places that somebody else found: what does not lie on a face that is known here anyway is covered in this picture.
func (l *Live) Examine(ctx context.Context, pic *frame.Picture, regions ...frame.Rect) error {
	return l.end(func() error {
		l.missed = l.missed[:0]
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
		for _, r := range regions {
			if !l.isKnown(r) {
				jobs = append(jobs, newLiveFace(0).cover(l.count, r, "asked for from outside"))
			}
		}
		l.held = append(l.held, heldPicture{at: l.count, shot: l.shot, size: l.size, jobs: jobs, later: l.later})
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
		if err := l.lookLate(ctx, pic, &h); err != nil {
			return err
		}
		n, err = l.obey(ctx, pic, h.jobs)
		l.painted++
		l.forgetPainted(h)
		if err == nil && len(l.held) > 0 && l.eyes.more != nil {
			l.gen.start(ctx, l.paint.requests(l.held[0].jobs))
		}
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
		l.lookedTooLate(t, tracks)
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

// isKnown says that a region lies on a face that was seen in this picture: another detector's box of it, perhaps of the whole head.
func (l *Live) isKnown(r frame.Rect) bool {
	for i := range l.sights {
		b := l.sights[i].box
		c := b.Center()
		if b.IoU(r) > followIoU || c.X > r.X0 && c.X < r.X1 && c.Y > r.Y0 && c.Y < r.Y1 && r.Area() < 4*b.Area() {
			return true
		}
	}
	return false
}

// lookLate has the detector look at a picture that leaves, when it looked neither at it nor at a later one, and covers what it
// finds. A stream ends, or is cut short, between two looks.
func (l *Live) lookLate(ctx context.Context, pic *frame.Picture, h *heldPicture) error {
	if h.at <= l.looked {
		return nil
	}
	start := time.Now()
	found, err := l.eyes.Detector.Detect(ctx, pic)
	if err != nil {
		return err
	}
	l.looking.count(StageDetect, start)
	l.looked = h.at
	for _, d := range found {
		if !slices.ContainsFunc(h.jobs, func(j decisions.Job) bool { return j.Face.Rect().IoU(d.Box) > followIoU }) {
			h.jobs = append(h.jobs, newLiveFace(0).cover(h.at, d.Box, "seen, but on no track"))
		}
	}
	return nil
}

// wait covers a face of which it is not known yet whose it is. With a look-ahead it is measured already: dressBack replaces it if
// that is known before the picture leaves.
func (l *Live) wait(f *liveFace, t *tracker.Track, r landmark.Result, why string) decisions.Job {
	if l.cfg.Lookahead > 0 {
		if j := f.replace(l.count, l.now, t, r); j.Action == decisions.Replace {
			l.later = append(l.later, j)
		}
	}
	return f.cover(l.count, t.Cover, why)
}

// dressBack replaces a face, whose surrogate is known now, in those held pictures in which it waited for that.
func (l *Live) dressBack(f *liveFace) {
	if f.dressed {
		return
	}
	f.dressed = true
	for i := range l.held {
		h := &l.held[i]
		if h.shot != l.shot {
			continue
		}
		for _, late := range h.later {
			if late.Track.ID != f.track.ID {
				continue
			}
			at := slices.IndexFunc(h.jobs, func(j decisions.Job) bool { return j.Track.ID == f.track.ID })
			if at < 0 || h.jobs[at].Action != decisions.Cover {
				continue
			}
			t := f.track
			late.Track, late.Cluster = &t, uint64(f.wears.cluster)
			// Where it was then is measured: what was guessed about it, or looked back to, is not needed.
			h.jobs = append(slices.DeleteFunc(h.jobs, func(j decisions.Job) bool { return j.Track.ID == f.track.ID }), late)
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
		delete(l.paint.sides.track, id)
	}
}
