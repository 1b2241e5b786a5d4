package av

import (
	"context"
	"errors"
	"io"
	"runtime/debug"
	"sync"
	"time"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/ffcli/internal/avplane"
)

// DecodeOptions set up a decoding run.
type DecodeOptions struct {
	Threads  int    // of the decoder; 0: one for each core
	Hardware string // device that decodes, see UseHardware; empty: none
	View     View
}

// Reading says how the reading of a file went.
type Reading struct {
	Frames          int64
	Rate            Rational      // at which they come; a mean for a variable one
	Skipped, Seen   int64         // pictures of the film before the part that is seen, and in it; with View.Filter not those that were given out
	Duration        time.Duration // time of the last frame from the first
	ConstantRate    bool          // every frame is at a multiple of the frame duration; for TranscodeOptions
	Truncated       bool          // the input ended early
	Reason          string        // why it is thought so
	DecodeErrors    int64         // packets that the decoder refused; it went on with the next
	CorruptPackets  int64         // video packets that the container marks as damaged
	ConcealedFrames int64         // frames with parts that the decoder had to make up
	Complaints      int64         // error lines of the decoder about damage that it went over; runs at the same time share the count
}

// DecodeResult is the outcome of Decode.
type DecodeResult struct{ Reading }

func (r *reader) reading() Reading {
	why := ""
	if r.ended {
		why = r.end.early()
	}
	d := time.Duration(0)
	if r.given.n > 0 {
		d = r.given.since(r.given.last)
	}
	g := &r.given
	return Reading{
		Frames: g.n, Duration: d, ConstantRate: !g.uneven, Rate: Rational{g.interval.Den(), g.interval.Num()}, Skipped: r.skipped(), Seen: r.seen(), Truncated: why != "", Reason: why, DecodeErrors: r.end.decodeErrors,
		CorruptPackets: r.end.corrupt, ConcealedFrames: r.end.corruptFrames, Complaints: avplane.DecoderErrors() - r.end.complaints,
	}
}

// decodeAhead is how many frames wait for the caller while the decoder works on.
const decodeAhead = 3

// Decode lends every picture of the file's video, in presentation order, to fn, which must not write to it. fn runs on
// the calling goroutine; its error, or a panic as *PanicError, ends the run. An input that ends early is no error: see
// Reading. It returns ErrOpen, ErrNoVideo, ErrHardware, ErrDecode when no picture comes out, ErrChanged, frame.ErrLayout, or ctx's
// cause. ctx is looked at between packets.
func Decode(ctx context.Context, path string, opts DecodeOptions, fn func(*frame.Picture) error) (DecodeResult, error) {
	return lendAll(ctx, path, opts, nil, fn)
}

// DecodeAhead is Decode with every picture lent to ahead first, in order and on another goroutine, up to a dozen pictures
// before fn sees it.
func DecodeAhead(ctx context.Context, path string, opts DecodeOptions, ahead, fn func(*frame.Picture) error) (DecodeResult, error) {
	return lendAll(ctx, path, opts, ahead, fn)
}

// DecodeAmong is Decode with the pictures dealt among fns, each on a goroutine of its own: each picture goes to whichever is
// free. Each fn sees its pictures in order.
func DecodeAmong(ctx context.Context, path string, opts DecodeOptions, fns ...func(*frame.Picture) error) (DecodeResult, error) {
	return lendAll(ctx, path, opts, nil, fns...)
}

// lendAll lends pictures to ahead, unless it is nil, and to one of fns; the first runs on the calling goroutine.
func lendAll(ctx context.Context, path string, opts DecodeOptions, ahead func(*frame.Picture) error, fns ...func(*frame.Picture) error) (DecodeResult, error) {
	src, err := Open(path)
	if err != nil {
		return DecodeResult{}, err
	}
	defer src.Close()
	if err := src.UseHardware(opts.Hardware); err != nil {
		return DecodeResult{}, err
	}
	inFlight := decodeAhead + len(fns)
	if ahead != nil {
		inFlight = max(inFlight, framesInFlight(src))
	}
	r, err := newReader(src, opts.Threads, inFlight, false, opts.View)
	if err != nil {
		return DecodeResult{}, err
	}
	defer r.close()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// No channel blocks its sender for long: there are no more frames than places.
	items := make(chan item, inFlight)
	var failed error // written before items is closed
	go func() {
		defer close(items)
		for {
			it, err := r.next(ctx)
			if err != nil {
				failed = err
				return
			}
			items <- it
		}
	}()
	show := func(pic *frame.Picture, it item, fn func(*frame.Picture) error) {
		if ctx.Err() == nil {
			if err := lend(pic, it, false, fn); err != nil {
				cancel(err)
			}
		}
	}
	ready := items
	if ahead != nil {
		ready = make(chan item, inFlight)
		go func() {
			defer close(ready)
			var pic frame.Picture
			for it := range items {
				show(&pic, it, ahead)
				ready <- it
			}
		}()
	}
	var others sync.WaitGroup
	work := func(fn func(*frame.Picture) error) {
		var pic frame.Picture
		for it := range ready {
			show(&pic, it, fn)
			r.release(it.frame)
		}
	}
	for _, fn := range fns[1:] {
		others.Go(func() { work(fn) })
	}
	work(fns[0])
	others.Wait()
	switch {
	case ctx.Err() != nil:
		return DecodeResult{r.reading()}, context.Cause(ctx)
	case !errors.Is(failed, io.EOF):
		return DecodeResult{r.reading()}, failed
	}
	return DecodeResult{r.reading()}, r.checkAny()
}

// lend maps a frame and calls fn with it.
func lend(pic *frame.Picture, it item, writable bool, fn func(*frame.Picture) error) (err error) {
	if err := avplane.Map(it.frame, writable, pic); err != nil {
		return err
	}
	pic.Index, pic.PTS = it.index, it.pts
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Index: it.index, Value: v, Stack: debug.Stack()}
		}
	}()
	return fn(pic)
}
