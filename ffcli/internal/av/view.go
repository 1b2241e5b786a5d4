package av

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/asticode/go-astiav"
)

// ErrView says that a film cannot be seen in the way that was asked for: its part, or the filters before.
var ErrView = errors.New("cannot be seen so")

// View is what is seen of a film: a part of it, through filters. Both passes over a file need the same one. The zero value is the
// whole film as it is.
type View struct {
	From, To Mark // the first picture, and the first one that is not seen; not set: the film's start and end
	// Filter is a chain of libavfilter behind the decoder. It may change size, format and rate of pictures, not how long they last in
	// all.
	Filter string
}

// Mark is a place in a film.
type Mark struct {
	Set     bool
	Picture int64         // its number, from 0
	Time    time.Duration // with Timed: the first picture at or after this time from the first picture
	Timed   bool
	Even    bool // Picture was counted at the film's rate: it has to be constant
}

func (m Mark) String() string {
	if m.Timed {
		return m.Time.String()
	}
	return fmt.Sprintf("picture %d", m.Picture)
}

func (v View) whole() bool { return !v.From.Set && !v.To.Set }

// viewer is between the decoder of a reader and whoever reads from it. It belongs to the reader's goroutine.
type viewer struct {
	r      *reader
	window *window    // nil: the whole film
	filter *prefilter // nil: pictures as they are
	over   bool       // no picture comes any more
}

func newViewer(r *reader, v View) *viewer {
	if v == (View{}) {
		return nil
	}
	w := &viewer{r: r}
	if !v.whole() {
		w.window = newWindow(r, v)
	}
	if v.Filter != "" {
		w.filter = &prefilter{text: v.Filter, r: r}
	}
	return w
}

// next is reader.next through the view.
func (v *viewer) next(ctx context.Context) (item, error) {
	for {
		if v.window != nil {
			if p := v.window.released(); p != nil {
				return item{pkt: p}, nil
			}
		}
		if v.filter != nil && !v.over {
			it, more, err := v.filter.get(ctx)
			if err != nil || it.frame != nil {
				return it, err
			}
			v.over = !more
		}
		if v.over {
			return v.rest(ctx)
		}
		it, err := v.r.decode(ctx)
		if err != nil && !errors.Is(err, io.EOF) {
			return it, err
		}
		if err != nil {
			if err := v.ended(); err != nil {
				return item{}, err
			}
			continue
		}
		if it.pkt != nil {
			if v.window == nil {
				return it, nil
			}
			v.window.hold(it.pkt)
			continue
		}
		if v.window != nil {
			seen, err := v.window.sees(it)
			if !seen || err != nil {
				v.r.release(it.frame)
				if err != nil {
					return item{}, err
				}
				if v.window.over {
					if err := v.ended(); err != nil {
						return item{}, err
					}
				}
				continue
			}
			it.ticks -= v.window.shift()
		}
		if v.filter == nil {
			return v.r.given.count(it), nil
		}
		if err := v.filter.add(it); err != nil {
			return item{}, err
		}
	}
}

// ended is called when the decoder gives no more pictures that are seen.
func (v *viewer) ended() error {
	if v.window != nil {
		if err := v.window.end(); err != nil {
			return err
		}
	}
	if v.filter != nil {
		return v.filter.flush()
	}
	v.over = true
	return nil
}

// rest gives the packets behind the last picture that still belong to the part, then io.EOF.
func (v *viewer) rest(ctx context.Context) (item, error) {
	if v.window == nil {
		return item{}, io.EOF
	}
	return v.window.rest(ctx)
}

func (v *viewer) close() {
	if v.filter != nil {
		v.filter.close()
	}
	if v.window != nil {
		v.window.close()
	}
}

// shown numbers and times the pictures that a reader gives out.
type shown struct {
	tb       astiav.Rational
	interval astiav.Rational // of one picture, in seconds
	n        int64
	first    int64
	last     int64
	uneven   bool
}

func (s *shown) count(it item) item {
	if s.n == 0 {
		s.first = it.ticks
	}
	if _, even := onGrid(it.ticks-s.first, s.tb, s.interval); !even {
		s.uneven = true
	}
	it.index, it.pts = s.n, s.since(it.ticks)
	s.last = it.ticks
	s.n++
	return it
}

// gaps says that pictures do not come one interval after another, though each may be on the grid.
func (s *shown) gaps() bool {
	n, even := onGrid(s.last-s.first, s.tb, s.interval)
	return s.uneven || !even || n != s.n-1
}

func (s *shown) since(p int64) time.Duration {
	return time.Duration(astiav.RescaleQ(p-s.first, s.tb, astiav.NewRational(1, int(time.Second))))
}

// checkAny returns ErrDecode when nothing was decoded, and ErrView when nothing was seen.
func (r *reader) checkAny() error {
	if r.given.n > 0 {
		return nil
	}
	name := filepath.Base(r.src.info.Path)
	if r.clock.n > 0 {
		return faultf(ErrView, nil, "%s: no picture is left", name)
	}
	text := "no picture could be decoded"
	if why := r.end.early(); why != "" {
		text += ": " + why
	}
	return faultf(ErrDecode, nil, "%s: %s", name, text)
}

// skipped counts the film's pictures before what is seen.
func (r *reader) skipped() int64 {
	if r.view == nil || r.view.window == nil {
		return 0
	}
	return r.view.window.skipped
}

// seen counts the film's pictures that were seen so far.
func (r *reader) seen() int64 {
	if r.view == nil || r.view.window == nil {
		return r.clock.n
	}
	return r.view.window.n - r.view.window.skipped
}

// window is the part that is seen; nil: the whole film.
func (r *reader) window() *window {
	if r.view == nil {
		return nil
	}
	return r.view.window
}

// prefilter is the chain before; nil: there is none. It is open when the first picture came.
func (r *reader) prefilter() *prefilter {
	if r.view == nil {
		return nil
	}
	return r.view.filter
}

// aspect is the shape of the samples of a picture that was given out.
func (r *reader) aspect(f *astiav.Frame) astiav.Rational {
	if p := r.prefilter(); p != nil {
		return p.sink.Aspect
	}
	return r.src.ic.GuessSampleAspectRatio(r.src.video, f)
}

// Estimate is about how many pictures are seen of a film; 0 when that cannot be told.
func (v View) Estimate(i Info) int64 {
	at := func(m Mark, otherwise int64) int64 {
		switch {
		case !m.Set:
			return otherwise
		case m.Timed:
			return int64(m.Time.Seconds() * i.FrameRate.Float())
		}
		return m.Picture
	}
	to := at(v.To, i.FrameEstimate)
	if i.FrameEstimate > 0 {
		to = min(to, i.FrameEstimate)
	}
	return max(0, to-at(v.From, 0))
}
