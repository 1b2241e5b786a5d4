package element

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/ksamenet/ksamenet/core/compositor"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/pipeline"
)

// state belongs to the streaming thread, between start and stop.
type state struct {
	live   live
	now    settings
	held   []fate // of the pictures that were examined and have not left, the oldest first
	broken error  // the stream has stopped: nothing leaves any more
	told   teller
}

// fate is what becomes of a held picture.
type fate uint8

const (
	painted fate = iota // its faces are replaced and covered
	blanked             // it is covered as a whole
	dropped
)

// start loads registry, models and engine when the element goes from READY to PAUSED.
func (k *ksamenet) start(h handle) (err error) {
	k.mu.Lock()
	set := k.set
	k.changed, k.books = false, counts{}
	k.mu.Unlock()
	k.state = state{now: set}
	set.config = set.effective()
	set.config.Tool, set.config.Log = "ksamenet element", h.logger()
	if err := set.config.Validate(); err != nil {
		return err
	}
	if err := checkReport(set.report); err != nil {
		return err
	}
	disclosure := pipeline.DisclosureTag
	if set.config.NoDisclosureTag {
		disclosure = ""
	}
	h.disclose(disclosure)
	if set.preset == pipeline.PresetFile {
		h.qos(false)
	}
	h.lookAhead(set.config.Lookahead)
	if k.live, err = k.open(context.Background(), set); err != nil {
		return err
	}
	k.mu.Lock()
	k.running = true
	k.mu.Unlock()
	return nil
}

func (k *ksamenet) stop(h handle) error {
	k.mu.Lock()
	k.running = false
	k.mu.Unlock()
	if k.live == nil {
		return nil
	}
	l := k.live
	err := k.writeReport()
	k.live = nil
	return errors.Join(err, l.Close())
}

// end is the end of the stream, when all pictures have left.
func (k *ksamenet) end(h handle) error {
	if k.live == nil {
		return nil
	}
	k.told.stats(k, h)
	return k.writeReport()
}

// reset forgets all tracks: new caps, or a seek. The pictures that were held have left, or are gone.
func (k *ksamenet) reset(handle) error {
	k.held = k.held[:0]
	k.told.reset()
	if k.live != nil {
		k.live.Reset()
	}
	return nil
}

// renew takes over properties that were set since the last picture.
func (k *ksamenet) renew() error {
	k.mu.Lock()
	changed, set := k.changed, k.set
	k.changed = false
	k.mu.Unlock()
	if !changed {
		return nil
	}
	k.now = set
	return k.live.Adjust(set.effective())
}

// guarded is a step on the live pipeline. A panic in it is an error like another.
func guarded(step func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &internalError{value: r, stack: debug.Stack()}
		}
	}()
	return step()
}

type internalError struct {
	value any
	stack []byte
}

func (e *internalError) Error() string { return fmt.Sprintf("internal error: %v", e.value) }

// examine looks at a picture that came, and only reads it.
func (k *ksamenet) examine(h handle, pic *frame.Picture, regions []frame.Rect, err error) verdict {
	if k.broken != nil {
		return failed
	}
	start := time.Now()
	if err == nil {
		err = guarded(func() error {
			if k.live == nil {
				return errors.New("element: picture before start")
			}
			if err := k.renew(); err != nil {
				return err
			}
			if !k.now.roiMeta {
				regions = nil
			}
			return k.live.Examine(context.Background(), pic, regions...)
		})
	}
	k.count(func(c *counts) { c.busy += time.Since(start); c.seen++ })
	if err == nil {
		k.held = append(k.held, painted)
		k.told.missed(k, h, pic)
		return done
	}
	switch k.fault(h, err) {
	case blanked:
		k.held = append(k.held, blanked)
		return done
	case dropped:
		k.count(func(c *counts) { c.dropped++ })
		return drop
	}
	return failed
}

// paint does what was decided to the oldest held picture.
func (k *ksamenet) paint(h handle, pic *frame.Picture, err error) verdict {
	if k.broken != nil {
		return failed
	}
	if len(k.held) == 0 {
		return k.stopped(h, errors.New("element: a picture leaves that did not come"))
	}
	start := time.Now()
	next := k.held[0]
	k.held = append(k.held[:0], k.held[1:]...)
	var n pipeline.LiveCount
	if next == painted && err == nil {
		err = guarded(func() (err error) { n, err = k.live.Paint(context.Background(), pic); return err })
	}
	if err != nil && next != dropped {
		if next = k.fault(h, err); next == painted {
			return failed
		}
	}
	defer func() { k.count(func(c *counts) { c.busy += time.Since(start) }) }()
	switch next {
	case blanked:
		if err := guarded(func() error { _, err := compositor.Cover(pic, frame.Rect{}, compositor.Solid); return err }); err != nil {
			return k.stopped(h, err)
		}
		k.count(func(c *counts) { c.blanked++ })
	case dropped:
		k.count(func(c *counts) { c.dropped++ })
		return drop
	default:
		k.count(func(c *counts) { c.add(n) })
		k.told.faces(k, h, pic)
	}
	k.told.now(k, h, pic.PTS)
	return done
}

// unreadable is a picture whose memory cannot be mapped. It cannot be covered either: it is dropped, or the stream stops.
func (k *ksamenet) unreadable(h handle, leaving bool) verdict {
	if k.broken != nil {
		return failed
	}
	if leaving && len(k.held) > 0 {
		k.held = append(k.held[:0], k.held[1:]...)
	}
	if k.fault(h, errors.New("a picture's memory cannot be mapped, so it cannot be examined")) == painted {
		return failed
	}
	k.count(func(c *counts) {
		c.dropped++
		if !leaving {
			c.seen++
		}
	})
	return drop
}

// fault does with an error what the property on-error says, and returns what becomes of the picture: painted means that the
// stream has stopped. Pictures that are held were decided upon with what is lost now, and share its fate.
func (k *ksamenet) fault(h handle, err error) fate {
	f := map[string]fate{onErrorCover: blanked, onErrorDrop: dropped}[k.now.onError]
	if f == painted {
		k.stopped(h, err)
		return painted
	}
	if again := guarded(k.live.Resume); again != nil {
		k.stopped(h, errors.Join(err, again))
		return painted
	}
	for i := range k.held {
		k.held[i] = max(k.held[i], f)
	}
	k.told.fault(h, err, f)
	return f
}

// stopped ends the stream with an error.
func (k *ksamenet) stopped(h handle, err error) verdict {
	k.broken = err
	h.fail(false, oneLine(err), detail(err))
	return failed
}
