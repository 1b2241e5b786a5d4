package av

import (
	"fmt"
	"time"

	"github.com/asticode/go-astiav"
	"github.com/ksamenet/ksamenet/ffcli/internal/avplane"
)

// clock gives each decoded frame its time: FFmpeg's best effort, strictly increasing. A raw stream without times is
// numbered at its frame rate throughout; a mixture of both fails in muxers. In containers with decoding times only (AVI)
// the best effort is late by the decoder's delay, which is taken off.
type clock struct {
	tb        astiav.Rational
	interval  astiav.Rational // of one frame, in seconds
	numbered  bool
	delay     int64
	n         int64
	uneven    bool // a frame was not at a multiple of interval from the first
	first     int64
	last      int64
	retimed   int64 // frames that had no time, or one not after the frame before
	backwards int64 // ticks of the largest step back that is taken for jitter
}

func newClock(s *Source) *clock {
	tb, rate := s.video.TimeBase(), s.ic.GuessFrameRate(s.video, nil)
	if rate.Num() <= 0 || rate.Den() <= 0 {
		rate = astiav.NewRational(25, 1) // FFmpeg's own default for streams that do not say
	}
	return &clock{
		tb: tb, interval: astiav.NewRational(rate.Den(), rate.Num()),
		numbered:  s.ic.InputFormat().Flags().Has(astiav.IOFormatFlagNotimestamps),
		backwards: astiav.RescaleQ(1, astiav.NewRational(1, 1), tb),
	}
}

// stamp returns the time of the next frame in ticks of tb. firstDTS is the decoding time of the stream's first packet.
func (c *clock) stamp(i avplane.FrameInfo, firstDTS int64) (int64, error) {
	p := i.BestPTS
	if p == astiav.NoPtsValue {
		p = i.PTS
	}
	if c.n == 0 && i.PTS == astiav.NoPtsValue && p != astiav.NoPtsValue && firstDTS != astiav.NoPtsValue {
		c.delay = max(0, p-firstDTS)
	}
	if p != astiav.NoPtsValue {
		p -= c.delay
	}
	switch {
	case c.n == 0 && p == astiav.NoPtsValue:
		c.numbered = true
	case p == astiav.NoPtsValue && !c.numbered:
		p = c.last + max(1, astiav.RescaleQ(1, c.interval, c.tb))
		c.retimed++
	}
	if c.numbered {
		p = astiav.RescaleQ(c.n, c.interval, c.tb)
	}
	if c.n == 0 {
		c.first = p
	} else if p <= c.last {
		if c.last-p > c.backwards {
			return 0, faultf(ErrChanged, nil, "picture %d: time jumps back by %v; cut the file there", c.n, c.since(c.last)-c.since(p))
		}
		p = c.last + 1
		c.retimed++
	}
	if _, even := onGrid(p-c.first, c.tb, c.interval); !even {
		c.uneven = true
	}
	c.last = p
	c.n++
	return p, nil
}

// onGrid gives the number of the frame that is t ticks of tb after the first, when frames come every interval; even says
// that it is there to within a tick and an eighth of a frame, which is what containers round to.
func onGrid(t int64, tb, interval astiav.Rational) (n int64, even bool) {
	n = astiav.RescaleQ(t, tb, interval)
	d := t - astiav.RescaleQ(n, interval, tb)
	tolerance := 1 + astiav.RescaleQ(1, interval, tb)/8
	return n, -tolerance <= d && d <= tolerance
}

// counts says that frame n, at p, is where its number says at a constant rate.
func (c *clock) counts(n, p int64) bool {
	m, even := onGrid(p-c.first, c.tb, c.interval)
	return even && m == n
}

// since is the time of p from the first frame.
func (c *clock) since(p int64) time.Duration {
	return time.Duration(astiav.RescaleQ(p-c.first, c.tb, astiav.NewRational(1, int(time.Second))))
}

// shape is what must not change within a stream: encoders cannot follow.
type shape struct {
	w, h   int
	format astiav.PixelFormat
}

func shapeOf(f *astiav.Frame) shape { return shape{f.Width(), f.Height(), f.PixelFormat()} }

func (s shape) String() string { return fmt.Sprintf("%dx%d %s", s.w, s.h, s.format.Name()) }
