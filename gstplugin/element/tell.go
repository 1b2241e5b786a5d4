package element

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-gst/go-glib/glib"
	"github.com/go-gst/go-gst/gst"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/pipeline"
)

// counts are the element's books since its start.
type counts struct {
	seen, painted, blanked, dropped   int64 // pictures
	faces, replaced, covered, exposed int64 // faces, picture by picture
	busy                              time.Duration
	hits                              float64
}

func (c *counts) add(n pipeline.LiveCount) {
	c.painted++
	c.faces, c.replaced, c.covered = c.faces+int64(n.Faces), c.replaced+int64(n.Replaced), c.covered+int64(n.Covered)
}

// count changes the books.
func (k *ksamenet) count(change func(*counts)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change(&k.books)
}

// statsStructure is what the property stats and the message ksamenet-stats say. The caller owns it.
func (k *ksamenet) statsStructure(h handle) (*gst.Structure, error) {
	k.mu.Lock()
	c := k.books
	k.mu.Unlock()
	perPicture := uint64(0)
	if c.seen > 0 {
		perPicture = uint64(c.busy.Nanoseconds() / c.seen)
	}
	return structure("ksamenet-stats", "pictures", uint64(c.painted+c.blanked), "faces", uint64(c.faces), "replaced", uint64(c.replaced), "covered", uint64(c.covered),
		"uncovered", uint64(c.exposed), "blanked", uint64(c.blanked), "dropped", uint64(c.dropped),
		"time-per-picture", perPicture, "latency", h.latency(), "cache-hit-rate", c.hits)
}

func (k *ksamenet) statsValue(h handle) *glib.Value {
	s, err := k.statsStructure(h)
	if err != nil {
		return nil
	}
	defer s.Free()
	return structureValue(s)
}

// structure makes one of names and values.
func structure(name string, fields ...any) (*gst.Structure, error) {
	s := gst.NewStructure(name)
	for i := 0; i < len(fields); i += 2 {
		if err := s.SetValue(fields[i].(string), fields[i+1]); err != nil {
			s.Free()
			return nil, fmt.Errorf("element: message: %w", err)
		}
	}
	return s, nil
}

// post sends a message of names and values; one that cannot be made is logged.
func post(h handle, name string, fields ...any) {
	s, err := structure(name, fields...)
	if err != nil {
		h.logger().Error(err.Error())
		return
	}
	h.post(s)
}

// teller says on the bus what happens. It belongs to the streaming thread.
type teller struct {
	shown, next map[int]bool // by track: whether it was replaced in the last picture
	statsAt     time.Duration
	asked       bool // statsAt is set
	faultAt     time.Time
	faults      int // since the last warning
}

func (t *teller) reset() { t.shown, t.asked = nil, false }

// faces tells of each face of a painted picture: on the bus when it is new or treated otherwise than before, and downstream.
func (t *teller) faces(k *ksamenet, h handle, pic *frame.Picture) {
	all := k.live.Faces()
	if t.next == nil {
		t.next = map[int]bool{}
	}
	clear(t.next)
	for _, f := range all {
		x, y, w, hh, inside := boxOf(f.Box, pic)
		if !inside {
			continue
		}
		if k.now.roiMeta {
			h.region(x, y, w, hh, f.Track, f.Replaced)
		}
		if f.Track == 0 {
			continue
		}
		t.next[f.Track] = t.next[f.Track] || f.Replaced
	}
	for _, f := range all {
		x, y, w, hh, inside := boxOf(f.Box, pic)
		if !inside || f.Track == 0 || f.Replaced != t.next[f.Track] {
			continue
		}
		if was, known := t.shown[f.Track]; known && was == f.Replaced {
			continue
		}
		action, why := "replaced", ""
		if !f.Replaced {
			action, why = "covered", f.Why
		}
		post(h, "ksamenet-face", "pts", uint64(pic.PTS), "track", f.Track, "action", action, "why", why, "x", x, "y", y, "width", w, "height", hh)
	}
	t.shown, t.next = t.next, t.shown
}

// boxOf is what lies of a box in a picture, in whole pixels.
func boxOf(r frame.Rect, pic *frame.Picture) (x, y, w, h int, inside bool) {
	x, y = max(0, int(math.Floor(r.X0))), max(0, int(math.Floor(r.Y0)))
	w, h = min(pic.W, int(math.Ceil(r.X1)))-x, min(pic.H, int(math.Ceil(r.Y1)))-y
	return x, y, w, h, w > 0 && h > 0
}

// missed tells of faces that were found too late.
func (t *teller) missed(k *ksamenet, h handle, pic *frame.Picture) {
	for _, m := range k.live.Missed() {
		x, y, w, hh, _ := boxOf(m.Box, pic)
		k.count(func(c *counts) { c.exposed += int64(m.Pictures) })
		post(h, "ksamenet-uncovered", "pts", uint64(pic.PTS), "track", m.Track, "pictures", m.Pictures, "x", x, "y", y, "width", w, "height", hh)
	}
}

// now tells the statistics once a second of the stream.
func (t *teller) now(k *ksamenet, h handle, pts time.Duration) {
	if t.asked && pts >= t.statsAt && pts < t.statsAt+time.Second {
		return
	}
	if t.asked {
		t.stats(k, h)
	}
	t.statsAt, t.asked = pts, true
}

func (t *teller) stats(k *ksamenet, h handle) {
	hits := k.live.HitRate()
	k.count(func(c *counts) { c.hits = hits })
	s, err := k.statsStructure(h)
	if err != nil {
		h.logger().Error(err.Error())
		return
	}
	h.post(s)
}

// fault warns of a picture that could not be examined, at most once a second.
func (t *teller) fault(h handle, err error, f fate) {
	t.faults++
	if time.Since(t.faultAt) < time.Second {
		return
	}
	what := "is covered as a whole"
	if f == dropped {
		what = "is dropped"
	}
	h.warn(fmt.Sprintf("a picture that could not be examined %s (%d since the last warning): %s", what, t.faults, oneLine(err)), detail(err))
	t.faultAt, t.faults = time.Now(), 0
}

// oneLine is an error for the bus: hosts show the text and hide the debug string, so the way out belongs to the text.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// detail is the debug string of an error.
func detail(err error) string {
	var internal *internalError
	if errors.As(err, &internal) {
		return string(internal.stack)
	}
	return "ksamenet"
}

// checkReport says before the stream whether the report can be written.
func checkReport(path string) error {
	if path == "" {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".ksamenet-report-*")
	if err != nil {
		return fmt.Errorf("the report cannot be written: %w\nhint: set report= to a file in a folder that exists and may be written", err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// writeReport writes the account of the stream so far, whole or not at all.
func (k *ksamenet) writeReport() (err error) {
	if k.now.report == "" {
		return nil
	}
	k.mu.Lock()
	lost := pipeline.Lost{Blanked: k.books.blanked, Dropped: k.books.dropped}
	k.mu.Unlock()
	var doc bytes.Buffer
	if err := guarded(func() error { return k.live.Report(lost).Write(&doc) }); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(k.now.report), ".ksamenet-report-*")
	if err != nil {
		return err
	}
	_, err = f.Write(doc.Bytes())
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), k.now.report)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
