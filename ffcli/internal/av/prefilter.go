package av

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/asticode/go-astiav"
	"github.com/ksamenet/ksamenet/ffcli/internal/avplane"
)

// prefilter is a chain of libavfilter between a reader's decoder and whoever reads: deinterlacers, scalers, colour conversions, and
// what changes the rate. It watches over the times: what comes out has to lie where what went in lay. It belongs to the reader's
// goroutine.
type prefilter struct {
	text     string
	r        *reader
	graph    *astiav.FilterGraph // nil before the first picture
	src, dst *astiav.FilterContext
	sink     avplane.SinkInfo
	tb       astiav.Rational // of the pictures that go in
	firstIn  time.Duration
	lastIn   time.Duration // from firstIn
	end      int64         // of the film, in tb
	flushed  bool
	spoken   bool // closed captions went in
	changed  bool // another number of pictures may come out
}

// heldMost is how much a chain may hold back: more would fill the memory, or is a film that runs slower than its sound.
const heldMost = 5 * time.Second

func (p *prefilter) fault(cause error, format string, a ...any) error {
	return faultf(ErrView, cause, "%s: filter chain %q: "+format, append([]any{filepath.Base(p.r.src.info.Path), p.text}, a...)...)
}

// CheckFilter refuses a chain that no film could go through: unknown filters and options. It returns ErrView.
func CheckFilter(text string) error {
	hush()
	g, _, _, err := parseChain(text, astiav.FilterArgs{"video_size": "64x64", "pix_fmt": "yuv420p", "time_base": "1/25"})
	if g != nil {
		g.Free()
	}
	if err != nil {
		return faultf(ErrView, err, "filter chain %q: %s", text, reason(err))
	}
	return nil
}

// parseChain makes a graph of one source, the chain and one sink, not configured yet. The caller frees it, also on an error.
func parseChain(text string, args astiav.FilterArgs) (g *astiav.FilterGraph, src, dst *astiav.FilterContext, err error) {
	g = astiav.AllocFilterGraph()
	avplane.TakeLog()
	if src, err = g.NewFilterContext(astiav.FindFilterByName("buffer"), "in", args); err != nil {
		return g, nil, nil, err
	}
	if dst, err = g.NewFilterContext(astiav.FindFilterByName("buffersink"), "out", nil); err != nil {
		return g, nil, nil, err
	}
	outs, ins := astiav.AllocFilterInOut(), astiav.AllocFilterInOut()
	defer outs.Free()
	defer ins.Free()
	outs.SetName("in")
	outs.SetFilterContext(src)
	ins.SetName("out")
	ins.SetFilterContext(dst)
	return g, src, dst, g.Parse(text, ins, outs)
}

// open configures the chain for pictures like f, and tells the reader what it makes of them.
func (p *prefilter) open(f *astiav.Frame, ticks int64) (err error) {
	r := p.r
	p.tb = r.clock.tb
	sar := r.src.ic.GuessSampleAspectRatio(r.src.video, f)
	if sar.Num() <= 0 || sar.Den() <= 0 {
		sar = astiav.NewRational(1, 1)
	}
	rate := astiav.NewRational(r.clock.interval.Den(), r.clock.interval.Num())
	p.graph, p.src, p.dst, err = parseChain(p.text, astiav.FilterArgs{
		"video_size": fmt.Sprintf("%dx%d", f.Width(), f.Height()), "pix_fmt": f.PixelFormat().Name(),
		"time_base": fmt.Sprintf("%d/%d", p.tb.Num(), p.tb.Den()), "pixel_aspect": fmt.Sprintf("%d/%d", sar.Num(), sar.Den()),
		"frame_rate": fmt.Sprintf("%d/%d", rate.Num(), rate.Den()),
	})
	if err == nil {
		err = p.graph.Configure()
	}
	if err != nil {
		return p.fault(err, "%s", reason(err))
	}
	p.sink = avplane.DescribeSink(p.dst)
	if p.sink.Rate.Num() <= 0 {
		p.sink.Rate = rate
	}
	if !equalRational(p.sink.Rate, rate) {
		p.changed = true
		if r.src.info.Timecode != "" {
			return p.fault(nil, "it makes %v pictures a second of %v, and the film's timecode counts those; take a chain that keeps the rate", p.sink.Rate, rate)
		}
	}
	r.given.tb, r.given.interval = p.sink.TimeBase, astiav.NewRational(p.sink.Rate.Den(), p.sink.Rate.Num())
	p.firstIn = toTime(ticks, p.tb)
	return nil
}

// add gives a decoded picture to the chain, which takes it.
func (p *prefilter) add(it item) error {
	defer p.r.release(it.frame)
	if p.graph == nil {
		if err := p.open(it.frame, it.ticks); err != nil {
			return err
		}
	}
	if len(avplane.Captions(it.frame)) > 0 {
		p.spoken = true
	}
	if p.spoken && p.changed {
		return p.fault(nil, "it makes %v pictures a second, and closed captions, which go with pictures, cannot follow", p.sink.Rate)
	}
	p.lastIn = toTime(it.ticks, p.tb) - p.firstIn
	p.end = it.ticks + max(1, astiav.RescaleQ(1, p.r.clock.interval, p.tb))
	it.frame.SetPts(it.ticks)
	avplane.TakeLog()
	if err := p.src.BuffersrcAddFrame(it.frame, astiav.NewBuffersrcFlags()); err != nil {
		return p.fault(err, "%s", reason(err))
	}
	return nil
}

// flush tells the chain that no picture follows.
func (p *prefilter) flush() error {
	p.flushed = true
	if p.graph == nil {
		return nil
	}
	if err := avplane.CloseSource(p.src, p.end); err != nil {
		return p.fault(err, "%s", reason(err))
	}
	return nil
}

// get gives the next picture of the chain. Without one its frame is nil, and more says whether there will be one.
func (p *prefilter) get(ctx context.Context) (it item, more bool, err error) {
	if p.graph == nil {
		return item{}, !p.flushed, nil
	}
	if err := p.r.takeSpare(ctx); err != nil {
		return item{}, false, err
	}
	avplane.TakeLog()
	switch err := p.dst.BuffersinkGetFrame(p.r.spare, astiav.NewBuffersinkFlags()); {
	case errors.Is(err, astiav.ErrEagain):
		return item{}, true, p.lagging()
	case errors.Is(err, astiav.ErrEof):
		if !p.flushed {
			return item{}, false, p.fault(nil, "it ends the film after %v", p.lastIn.Round(time.Millisecond))
		}
		return item{}, false, p.complete()
	case err != nil:
		return item{}, false, p.fault(err, "%s", reason(err))
	}
	f := p.r.spare
	ticks := avplane.Describe(f).PTS
	if err := p.inTime(ticks); err != nil {
		f.Unref()
		return item{}, false, err
	}
	p.setDuration(f)
	p.r.spare = nil
	return p.r.given.count(item{frame: f, ticks: ticks}), true, nil
}

// setDuration corrects what filters leave in the old time base or at the old rate.
func (p *prefilter) setDuration(f *astiav.Frame) {
	switch d := avplane.Describe(f).Duration; {
	case p.changed:
		avplane.SetDuration(f, astiav.RescaleQ(1, p.r.given.interval, p.r.given.tb))
	case d > 0:
		avplane.SetDuration(f, astiav.RescaleQ(d, p.tb, p.r.given.tb))
	}
}

// interval is the longer of what lies between two pictures before and after the chain.
func (p *prefilter) interval() time.Duration {
	return max(toTime(1, p.r.clock.interval), toTime(1, p.r.given.interval))
}

// inTime refuses a picture that is not where the film is.
func (p *prefilter) inTime(ticks int64) error {
	g := &p.r.given
	if ticks == astiav.NoPtsValue {
		return p.fault(nil, "picture %d has no time behind it", g.n)
	}
	t := toTime(ticks, g.tb) - p.firstIn
	if g.n == 0 && t.Abs() > p.interval() {
		return p.fault(nil, "it moves the film by %v; sound and subtitles cannot follow", t)
	}
	if g.n > 0 && ticks <= g.last || t > p.lastIn+p.interval() {
		return p.fault(nil, "it changes the times of pictures (picture %d is at %v when the film is at %v); sound and subtitles cannot follow", g.n, t, p.lastIn)
	}
	return nil
}

func (p *prefilter) lastOut() time.Duration {
	if g := &p.r.given; g.n > 0 {
		return toTime(g.last, g.tb) - p.firstIn
	}
	return 0
}

func (p *prefilter) lagging() error {
	if p.lastIn-p.lastOut() > heldMost {
		return p.fault(nil, "it holds back more than %v, or slows the film down", heldMost)
	}
	return nil
}

// complete refuses a chain that lost the film's end.
func (p *prefilter) complete() error {
	if out := p.lastOut(); p.r.given.n == 0 || p.lastIn-out > p.interval() {
		return p.fault(nil, "the film lasts %v before it and %v behind; sound and subtitles cannot follow", p.lastIn, out)
	}
	if !p.changed && p.spoken && p.r.given.n != p.r.seen() {
		return p.fault(nil, "it makes %d pictures of %d, and closed captions, which go with pictures, cannot follow", p.r.given.n, p.r.seen())
	}
	return nil
}

func (p *prefilter) close() {
	if p.graph != nil {
		p.graph.Free()
		p.graph = nil
	}
}
