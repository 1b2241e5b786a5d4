package av

import (
	"context"
	"errors"
	"io"
	"maps"
	"math"
	"path/filepath"
	"time"

	"github.com/asticode/go-astiav"
	"github.com/ksamenet/ksamenet/core/timecode"
	"github.com/ksamenet/ksamenet/ffcli/internal/avplane"
)

// window is a part of a film, from one picture up to another. What is in it is moved in time so that it begins where the film began.
//
// A packet of another stream belongs to it when it begins in it, or, for subtitles, which last, when it is seen in it; the times of
// those are clipped. Packets wait until the film has come to their time: only then are the ends of the part known.
type window struct {
	r        *reader
	from, to Mark
	n        int64         // pictures of the film so far
	skipped  int64         // of them before the part
	begun    bool          // a picture of the part came
	over     bool          // and one behind it, or the film's end
	start    int64         // of the first picture, in ticks
	first    time.Duration // likewise; times are from the file's zero
	last     time.Duration // of the first picture behind; at the film's end, for ever
	at       time.Duration // where the film is
	held     []*astiav.Packet
	passed   map[int]bool // streams of which packets behind the part came
}

// windowSlack is what times of streams that belong together may be apart by rounding: Matroska counts in milliseconds.
const windowSlack = time.Millisecond

const (
	forEver = time.Duration(math.MaxInt64)
	never   = time.Duration(math.MinInt64)
)

func newWindow(r *reader, v View) *window {
	return &window{r: r, from: v.From, to: v.To, first: never, last: forEver, at: never, passed: map[int]bool{}}
}

// reached says that the film is at a mark with picture n, at ticks.
func (w *window) reached(m Mark, n, ticks int64) (bool, error) {
	c := w.r.clock
	if !m.Timed {
		if m.Even && n == m.Picture && !c.counts(n, ticks) {
			return false, faultf(ErrView, nil, "%s: its pictures do not last equally long, so timecodes do not count them; name seconds, or a picture as 123f", filepath.Base(w.r.src.info.Path))
		}
		return n >= m.Picture, nil
	}
	return c.since(ticks)+min(windowSlack, toTime(1, c.tb)) > m.Time, nil
}

// sees says whether a decoded picture lies in the part.
func (w *window) sees(it item) (bool, error) {
	n := w.n
	w.n++
	w.at = toTime(it.ticks, w.r.clock.tb)
	if !w.begun {
		if w.from.Set {
			if ok, err := w.reached(w.from, n, it.ticks); !ok || err != nil {
				return false, err
			}
			w.first = w.at
		}
		w.begun, w.start, w.skipped = true, it.ticks, n
	}
	if w.to.Set {
		ok, err := w.reached(w.to, n, it.ticks)
		if err != nil {
			return false, err
		}
		if ok {
			if n == w.skipped {
				return false, faultf(ErrView, nil, "%s: no picture lies between %v and %v", filepath.Base(w.r.src.info.Path), w.from, w.to)
			}
			w.over, w.last = true, w.at
			w.n--
			return false, nil
		}
	}
	return true, nil
}

// shift is by how much what is seen is moved towards the film's start, in ticks of its time base.
func (w *window) shift() int64 {
	if !w.from.Set {
		return 0
	}
	return w.start - w.r.clock.first
}

// end is called behind the last picture, be it the part's or the film's.
func (w *window) end() error {
	if !w.begun {
		return faultf(ErrView, nil, "%s ends after %d pictures, %v; nothing of it lies behind %v", filepath.Base(w.r.src.info.Path), w.n,
			w.r.clock.since(w.r.clock.last).Round(time.Millisecond), w.from)
	}
	w.over, w.at = true, forEver
	return nil
}

// hold takes a packet of another stream.
func (w *window) hold(p *astiav.Packet) { w.held = append(w.held, p) }

// released is the next packet that belongs to the part, nil when none is known to.
func (w *window) released() *astiav.Packet {
	kept := w.held[:0]
	var out *astiav.Packet
	behind := map[int]bool{} // streams of which a packet waits: the next ones stay behind it
	for i, p := range w.held {
		if out != nil {
			kept = append(kept, w.held[i:]...)
			break
		}
		if behind[p.StreamIndex()] {
			kept = append(kept, p)
			continue
		}
		switch w.judge(p) {
		case waits:
			behind[p.StreamIndex()] = true
			kept = append(kept, p)
		case belongs:
			out = p
		default:
			p.Free()
		}
	}
	w.held = kept
	return out
}

type judgement int

const (
	waits judgement = iota
	belongs
	outside
)

// judge tells whether a packet belongs to the part; one that does is moved in time.
func (w *window) judge(p *astiav.Packet) judgement {
	tb := w.r.src.streams[p.StreamIndex()].TimeBase()
	t := p.Pts()
	if t == astiav.NoPtsValue {
		t = p.Dts()
	}
	if t == astiav.NoPtsValue { // it belongs to where it stands
		switch {
		case !w.begun:
			return outside
		case w.at == forEver && w.last != forEver:
			return outside
		}
		return belongs
	}
	begins := toTime(t, tb)
	ends := begins
	if w.isSubtitle(p) {
		ends = toTime(t+p.Duration(), tb)
	}
	switch {
	case begins >= w.last-windowSlack:
		w.passed[p.StreamIndex()] = true
		return outside
	case w.to.Set && ends > w.at, !w.begun && ends > w.at:
		return waits
	case !w.begun, w.from.Set && (ends < w.first-windowSlack || ends > begins && ends <= w.first):
		return outside
	}
	w.move(p, tb)
	return belongs
}

func (w *window) isSubtitle(p *astiav.Packet) bool {
	return w.r.src.streams[p.StreamIndex()].CodecParameters().MediaType() == astiav.MediaTypeSubtitle && p.Duration() > 0
}

// move brings a packet to its new time. A subtitle is clipped to the part.
func (w *window) move(p *astiav.Packet, tb astiav.Rational) {
	vtb := w.r.clock.tb
	if w.isSubtitle(p) {
		begin, end := p.Pts(), p.Pts()+p.Duration()
		if w.from.Set {
			begin = max(begin, astiav.RescaleQ(w.start, vtb, tb))
		}
		if w.last != forEver {
			end = min(end, astiav.RescaleQ(int64(w.last), astiav.NewRational(1, int(time.Second)), tb))
		}
		p.SetPts(begin)
		p.SetDts(begin)
		p.SetDuration(max(1, end-begin))
	}
	by := astiav.RescaleQ(w.shift(), vtb, tb)
	least := int64(math.MinInt64 + 1)
	if w.from.Set { // rounding must not bring it before the film
		least = astiav.RescaleQ(w.r.clock.first, vtb, tb)
	}
	if t := p.Pts(); t != astiav.NoPtsValue {
		p.SetPts(max(least, t-by))
	}
	if t := p.Dts(); t != astiav.NoPtsValue {
		p.SetDts(max(least, t-by))
	}
}

// rest reads on behind the last picture: other streams may lag behind it in the file.
func (w *window) rest(ctx context.Context) (item, error) {
	r := w.r
	if !r.packets || r.draining {
		return item{}, io.EOF
	}
	for !w.allPassed() {
		if ctx.Err() != nil {
			return item{}, context.Cause(ctx)
		}
		if err := r.src.ic.ReadFrame(r.pkt); errors.Is(err, astiav.ErrEof) {
			return item{}, io.EOF
		} else if err != nil {
			r.end.readError(reason(err))
			return item{}, faultf(ErrDecode, err, "%s: reading failed: %s", filepath.Base(r.src.info.Path), reason(err))
		}
		if i := r.pkt.StreamIndex(); i < len(r.src.streams) {
			if r.pkt.StreamIndex() != r.src.video.Index() {
				if w.judge(r.pkt) == belongs {
					p := r.pkt.Clone()
					r.pkt.Unref()
					return item{pkt: p}, nil
				}
			} else if t := r.pkt.Dts(); t != astiav.NoPtsValue && toTime(t, r.src.video.TimeBase()) > w.last+restMost {
				w.passed[i] = true
			}
		}
		r.pkt.Unref()
	}
	return item{}, io.EOF
}

// restMost is how far behind the part subtitles and data are looked for in the file.
const restMost = 2 * time.Second

// allPassed says that the film and all sound are behind the part in the file.
func (w *window) allPassed() bool {
	for _, s := range w.r.src.info.Streams {
		if (s.Type == "audio" || s.Index == w.r.src.info.Video) && !w.passed[s.Index] {
			return false
		}
	}
	return true
}

func (w *window) close() {
	for _, p := range w.held {
		p.Free()
	}
	w.held = nil
}

// chapters are those of the film that are seen in the part, at their times there. w may be nil, for the whole film.
func (w *window) chapters(all []avplane.Chapter) (seen []avplane.Chapter) {
	if w == nil {
		return all
	}
	micro := func(d time.Duration) int64 { return d.Microseconds() }
	by := micro(toTime(w.shift(), w.r.clock.tb))
	for _, c := range all {
		if w.first != never {
			c.Start = max(c.Start, micro(w.first))
		}
		c.End = min(c.End, micro(w.until()))
		if c.End <= c.Start {
			continue
		}
		c.Start, c.End = c.Start-by, c.End-by
		seen = append(seen, c)
	}
	return seen
}

// until is where the part will end, reckoned at the film's rate: chapters are written before its last picture is known.
func (w *window) until() time.Duration {
	c := w.r.clock
	begin := toTime(c.first, c.tb)
	switch {
	case !w.to.Set:
		return forEver
	case w.to.Timed:
		return begin + w.to.Time
	}
	return begin + toTime(w.to.Picture, c.interval)
}

// timecode is a timecode tag moved on to the first picture that is seen.
func (w *window) timecode(text string) (string, error) {
	if w.skipped == 0 {
		return text, nil
	}
	i := w.r.src.info
	code, err := timecode.Parse(text)
	if err == nil {
		var n int64
		rate := timecode.Rate{Num: int64(i.FrameRate.Num), Den: int64(i.FrameRate.Den)}
		if n, err = code.Count(rate); err == nil {
			return timecode.At(n+w.skipped, rate, code.Drop).String(), nil
		}
	}
	return "", faultf(ErrView, err, "%s: its timecode %s cannot be moved to the part's start: %v", filepath.Base(i.Path), text, err)
}

// tags are those of a stream or file as they are to be for the part. w may be nil, for the whole film.
func (w *window) tags(all map[string]string) (map[string]string, error) {
	was, ok := all["timecode"]
	if w == nil || !ok {
		return all, nil
	}
	is, err := w.timecode(was)
	if err != nil {
		return nil, err
	}
	all = maps.Clone(all)
	all["timecode"] = is
	return all, nil
}
