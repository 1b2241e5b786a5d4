package av

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"runtime"
	"time"

	"github.com/asticode/go-astiav"
	"github.com/ksamenet/ksamenet/ffcli/internal/avplane"
)

// item is a decoded frame or a packet of another stream, in the order of the file. The receiver owns it.
type item struct {
	frame *astiav.Frame
	index int64         // of the frame, from 0
	ticks int64         // its time in the time base of what is seen (shown)
	pts   time.Duration // the same, from the first frame
	pkt   *astiav.Packet
}

// reader demuxes a file and decodes its video. Both passes read with it, so that they agree on every index and time.
// It belongs to one goroutine at a time.
type reader struct {
	src     *Source
	dec     *astiav.CodecContext
	clock   *clock
	end     *ending
	frames  chan *astiav.Frame // the free list: bounds the frames in flight
	spare   *astiav.Frame
	pkt     *astiav.Packet
	packets bool // give out the packets of other streams too

	view     *viewer // nil: the whole film as it is
	given    shown
	shape    shape // of decoded frames
	draining bool
	failures int  // errors in a row while draining
	ended    bool // next has returned io.EOF
}

// drainFailures bounds errors in a row when the decoder is emptied: more than any decoder has frames in flight.
const drainFailures = 256

// newReader opens the decoder of src with that many threads (0: one for each core). frames is how many decoded frames may
// be in flight, counting the one in the decoder's hands; it is at least 2.
func newReader(src *Source, threads, frames int, packets bool, view View) (*reader, error) {
	r := &reader{src: src, packets: packets, clock: newClock(src), end: newEnding(src)}
	r.given = shown{tb: r.clock.tb, interval: r.clock.interval}
	r.view = newViewer(r, view)
	var err error
	if r.dec, err = openDecoder(src, threads); err != nil {
		return nil, err
	}
	r.pkt = astiav.AllocPacket()
	r.frames = make(chan *astiav.Frame, frames)
	for range frames {
		r.frames <- astiav.AllocFrame()
	}
	return r, nil
}

// openDecoder makes a decoder for the video of src. The caller frees it.
func openDecoder(src *Source, threads int) (*astiav.CodecContext, error) {
	name := filepath.Base(src.info.Path)
	c := astiav.FindDecoder(src.video.CodecParameters().CodecID())
	if c == nil {
		return nil, faultf(ErrDecode, nil, "%s: this FFmpeg has no decoder for %s", name, src.info.Codec)
	}
	dec := astiav.AllocCodecContext(c)
	if dec == nil {
		return nil, faultf(ErrDecode, nil, "%s: out of memory", name)
	}
	if err := src.video.CodecParameters().ToCodecContext(dec); err != nil {
		dec.Free()
		return nil, faultf(ErrDecode, err, "%s: %s decoder: %v", name, src.info.Codec, err)
	}
	avplane.SetPacketTimeBase(dec, src.video.TimeBase())
	dec.SetFramerate(src.ic.GuessFrameRate(src.video, nil))
	dec.SetThreadCount(threadCount(threads))
	if src.hw != nil {
		dec.SetThreadCount(1)
		if err := src.hw.attach(dec); err != nil {
			freeDecoder(dec)
			return nil, err
		}
	}
	if err := dec.Open(c, nil); err != nil {
		why := reason(err)
		freeDecoder(dec)
		return nil, faultf(ErrDecode, err, "%s: %s decoder: %s", name, src.info.Codec, why)
	}
	return dec, nil
}

func threadCount(n int) int {
	if n > 0 {
		return n
	}
	return runtime.NumCPU()
}

// next returns the next frame or packet of what is seen, io.EOF at its end or at that of what could be read, ctx's cause when it is done.
// It waits for a free frame.
func (r *reader) next(ctx context.Context) (item, error) {
	if r.view != nil {
		return r.view.next(ctx)
	}
	it, err := r.decode(ctx)
	if err == nil && it.frame != nil {
		it = r.given.count(it)
	}
	return it, err
}

// takeSpare waits for a free frame.
func (r *reader) takeSpare(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if r.spare == nil {
		select {
		case r.spare = <-r.frames:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// decode is next for the whole film. Its frames are not numbered yet. Damaged packets are counted and skipped, as the ffmpeg tool does.
func (r *reader) decode(ctx context.Context) (item, error) {
	for {
		if err := r.takeSpare(ctx); err != nil {
			return item{}, err
		}
		switch err := r.dec.ReceiveFrame(r.spare); {
		case err == nil:
			r.failures = 0
			if err := r.src.fetch(r.spare); err != nil {
				return item{}, err
			}
			return r.accept()
		case errors.Is(err, astiav.ErrEof):
			r.ended = true
			return item{}, io.EOF
		case r.src.hw != nil && r.src.hw.refused.Load():
			return item{}, r.src.hw.fault(r.src)
		case !errors.Is(err, astiav.ErrEagain):
			r.end.decodeErrors++
			if r.draining {
				if r.failures++; r.failures > drainFailures {
					r.ended = true
					return item{}, io.EOF
				}
				continue
			}
		}
		it, err := r.feed()
		if err != nil || it.pkt != nil {
			return it, err
		}
	}
}

// accept times the frame in spare, and gives it out.
func (r *reader) accept() (item, error) {
	f := r.spare
	info := avplane.Describe(f)
	n := r.clock.n
	if n == 0 {
		r.shape = shapeOf(f)
	} else if s := shapeOf(f); s != r.shape {
		f.Unref()
		return item{}, faultf(ErrChanged, nil, "picture %d is %v after %v; such a stream has to be split there", n, s, r.shape)
	}
	ticks, err := r.clock.stamp(info, r.end.firstDTS)
	if err != nil {
		f.Unref()
		return item{}, err
	}
	if info.Corrupt {
		r.end.corruptFrames++
	}
	r.spare = nil
	return item{frame: f, ticks: ticks}, nil
}

// feed reads one packet: into the decoder, or out as an item.
func (r *reader) feed() (item, error) {
	if err := r.src.ic.ReadFrame(r.pkt); err != nil {
		if !errors.Is(err, astiav.ErrEof) {
			r.end.readError(reason(err))
		}
		r.draining = true
		if err := r.dec.SendPacket(nil); err != nil && !errors.Is(err, astiav.ErrEof) {
			r.end.decodeErrors++
		}
		return item{}, nil
	}
	defer r.pkt.Unref()
	r.end.saw(r.pkt)
	if r.pkt.StreamIndex() != r.src.video.Index() {
		if !r.packets {
			return item{}, nil
		}
		p := r.pkt.Clone()
		if p == nil {
			return item{}, faultf(ErrDecode, nil, "out of memory")
		}
		return item{pkt: p}, nil
	}
	if err := r.dec.SendPacket(r.pkt); err != nil {
		r.end.decodeErrors++ // never EAGAIN: the decoder was emptied before
	}
	return item{}, nil
}

// release takes a frame back. Any goroutine may call it.
func (r *reader) release(f *astiav.Frame) {
	f.Unref()
	r.frames <- f // never blocks: the channel holds all frames there are
}

// close frees the decoder and the frames that were given back. All must have been.
func (r *reader) close() {
	if r.view != nil {
		r.view.close()
		r.view = nil
	}
	if r.spare != nil {
		r.spare.Free()
		r.spare = nil
	}
	for len(r.frames) > 0 {
		(<-r.frames).Free()
	}
	if r.pkt != nil {
		r.pkt.Free()
		r.pkt = nil
	}
	if r.dec != nil {
		freeDecoder(r.dec)
		r.dec = nil
	}
}
