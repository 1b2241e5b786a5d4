package av

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"sync"

	"github.com/asticode/go-astiav"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/ffcli/internal/avplane"
)

// TranscodeOptions set up a second pass. The zero value keeps the input's codec at high quality.
type TranscodeOptions struct {
	Codec string   // encoder by FFmpeg's name; empty: the input's own family
	CRF   *float64 // constant rate factor; nil: the encoder's default here
	// PreferredCRF is CRF for encoders that have one, and nothing to others; 0: the default.
	PreferredCRF float64
	Options      map[string]string // further options of the encoder; an unknown one is an error
	MuxOptions   map[string]string // options of the container ("movflags": "+faststart")
	Metadata     map[string]string // tags of the file, added to the input's ("comment"), behind "; " to one it has; containers keep the keys they know
	// Filter is a chain of libavfilter between edit and encoder; it may change samples and their format, nothing else.
	Filter string
	// Widen converts to the encoder's nearest pixel format that holds every sample, where it does not take the input's.
	Widen        bool
	PixelFormats []string // with Widen: the only ones to be written; empty: all of the encoder
	MatchRate    bool     // hold the input's bit rate rather than a constant quality
	DropCaptions bool     // closed captions may be lost where the encoder cannot write them
	DropTags     bool     // what container and codec cannot say of the film may be lost: colours, aspect ratio, rotation, chapters, timecode, HDR10
	Threads      int      // of the encoder; the decoder, which waits for it, gets half as many; 0: one for each core. Outputs may differ with it
	// ConstantRate is DecodeResult's. Encoders then count frames, and write a rate into the stream that players of raw and
	// transport streams rely on. Without it H.264 and H.265 say that their rate is variable.
	ConstantRate  bool
	Hardware      string // device that decodes, see UseHardware; empty: none
	Device        string // device of a VAAPI encoder; empty: the first
	View          View   // what is seen of the input: the same as in the first pass
	Overwrite     bool   // the output may exist
	Drop          []int  // input streams to leave out
	DropUnmuxable bool   // leave out what the output's container cannot hold, and report it
	Smart         *Smart // copy what is not touched; nil: all pictures are encoded anew
}

// TranscodeResult is the outcome of Transcode.
type TranscodeResult struct {
	Reading
	Encoder string
	// Streams gives for each input stream its index in the output, or -1.
	Streams []int
	// Dropped are the input streams that were left out: as asked, covers, and tracks that the muxer makes anew.
	Dropped []Stream
	// Retimed counts packets and frames whose time was moved by a tick, because it did not follow the one before.
	Retimed int64
	// Copied pictures are the input's packets; see Smart.
	Copied int64
	// Output is the finished file under its working name. The caller commits or aborts it.
	Output *Output
}

// job is a transcoding run: everything that has to be closed.
type job struct {
	src         *Source
	reader      *reader
	encoder     *astiav.CodecContext
	encoderName string
	mux         *muxer
	enc         *encoding
	out         *Output
	drained     bool          // the encoder was told of the end
	captions    bool          // closed captions reach the output, or may be lost
	chain       *chain        // nil: pictures go to the encoder as they are
	probe       *astiav.Frame // the first picture as the chain gives it, for the headers
	pending     []item        // what was read before the first frame, and it
	first       *astiav.Frame // in pending, until run
	smart       *smartPlan    // nil: all pictures are encoded anew
	copied      int64
	parts       *Reading // of an output in parts
}

// pendingLimit bounds the packets held until the first picture is decoded.
const pendingLimit = 256 << 20

// Check does everything of Transcode up to the first picture, and throws it away: it finds out in a moment whether the
// encoder takes the pictures, the container the streams, and the directory the file.
func Check(ctx context.Context, in, out string, opts TranscodeOptions) error {
	j, err := newJob(ctx, in, out, &opts)
	if err != nil {
		return err
	}
	return j.abandon()
}

// Transcode reads in as Decode does, lends every picture, writable, to edit, and writes it and the packets of all other
// streams to a working file beside out; see TranscodeResult.Output. Pictures come in presentation order with the Index
// and PTS that Decode gives them. edit runs on the calling goroutine; its error, or a panic as *PanicError, ends the run.
//
// Other streams are copied packet by packet; metadata, chapters, dispositions, rotation, aspect ratio, colour tags, HDR10
// and field order are kept. Pixel formats are never converted. On any error, and when ctx is done, the working file is
// removed. ctx is looked at between packets.
//
// With opts.Smart untouched groups of pictures are copied, and edit sees the others only; ErrSmart says why that cannot be.
//
// It returns the errors of Decode, ErrSameFile, ErrExists, ErrOutput, *StreamError, ErrEncoder.
func Transcode(ctx context.Context, in, out string, opts TranscodeOptions, edit func(*frame.Picture) error) (TranscodeResult, error) {
	j, err := newJob(ctx, in, out, &opts)
	if err != nil {
		return TranscodeResult{}, err
	}
	if j.smart != nil {
		err = j.runSmart(ctx, &opts, edit)
	} else {
		err = j.run(ctx, edit)
	}
	if err != nil {
		return j.result(), errors.Join(err, j.abandon())
	}
	res := j.result()
	res.Output = j.out
	return res, j.close()
}

func newJob(ctx context.Context, in, out string, opts *TranscodeOptions) (j *job, err error) {
	if err := CheckOutput(in, out, opts.Overwrite); err != nil {
		return nil, err
	}
	if opts.Smart != nil && opts.View != (View{}) {
		return nil, faultf(ErrSmart, nil, "%s %v: neither a part of it, nor through filters", filepath.Base(in), ErrSmart)
	}
	j = &job{}
	defer func() {
		if err != nil {
			err = errors.Join(err, j.abandon())
			j = nil
		}
	}()
	if j.src, err = Open(in); err != nil {
		return j, err
	}
	if err = j.src.UseHardware(opts.Hardware); err != nil {
		return j, err
	}
	if err = j.src.checkDrops(opts.Drop); err != nil {
		return j, err
	}
	if j.reader, err = newReader(j.src, max(1, threadCount(opts.Threads)/2), framesInFlight(j.src), true, opts.View); err != nil {
		return j, err
	}
	first, err := j.firstFrame(ctx)
	if err != nil {
		return j, err
	}
	if j.out, err = newOutput(out, opts.Overwrite); err != nil {
		return j, err
	}
	if j.mux, err = newMuxer(out, j.out.path); err != nil {
		return j, err
	}
	j.first = first
	header := j.mux.globalHeader()
	if opts.Smart != nil {
		if err = j.prepareSmart(ctx, opts); err != nil {
			return j, err
		}
		header = j.smart.headers()
	}
	if first, err = j.openChain(first, opts); err != nil {
		return j, err
	}
	if err = j.rehearse(filepath.Base(out), first, header, opts); err != nil {
		return j, err
	}
	var fam family
	if j.encoder, fam, err = openEncoder(j.reader, first, header, opts); err != nil {
		return j, err
	}
	j.encoderName = fam.encoder
	if err = j.mux.addStreams(j.reader, j.encoder, first, opts); err != nil {
		return j, err
	}
	if j.smart != nil {
		if err = j.smart.describe(j, first); err != nil {
			return j, err
		}
	}
	if err = j.mux.start(out, j.out.path, muxOptions(j, j.mux, opts)); err != nil {
		return j, err
	}
	j.captions = opts.DropCaptions || captioners[fam.encoder]
	j.enc = newEncoding(j.encoder, fam.fixedRate || opts.ConstantRate, j.mux, j.reader.given.tb)
	return j, nil
}

// framesInFlight bounds decoded frames by memory: 4 to 12, at most about 12 MiB of 8-bit pictures where 4 need less.
func framesInFlight(s *Source) int {
	bytes := max(1, s.info.W*s.info.H*3/2)
	return min(12, max(4, (12<<20)/bytes))
}

// firstFrame reads up to the first frame: only it tells HDR10, field order and the real size.
func (j *job) firstFrame(ctx context.Context) (*astiav.Frame, error) {
	held := 0
	for {
		it, err := j.reader.next(ctx)
		if errors.Is(err, io.EOF) {
			return nil, j.reader.checkAny()
		}
		if err != nil {
			return nil, err
		}
		j.pending = append(j.pending, it)
		if it.frame != nil {
			return it.frame, nil
		}
		if held += it.pkt.Size(); held > pendingLimit {
			return nil, faultf(ErrDecode, nil, "%s: no picture in the first %d MiB of the other streams", filepath.Base(j.src.info.Path), pendingLimit>>20)
		}
	}
}

// muxOptions adds what keeps times as they are.
func muxOptions(j *job, m *muxer, opts *TranscodeOptions) map[string]string {
	set := maps.Clone(opts.MuxOptions)
	if set == nil {
		set = map[string]string{}
	}
	if j.reader.window() != nil && m.isISO() {
		if scale := m.commonScale(); scale > 0 {
			setDefault(set, "movie_timescale", fmt.Sprint(scale))
		}
	}
	if m.oc.OutputFormat().Name() == "mpegts" {
		// This muxer lets the clock run ahead of the decoding times by twice max_delay, and adds that to every time. A
		// stream that starts late enough has room for it already; one that comes from a transport stream gets what it has.
		delay := int64(700_000) // µs; the ffmpeg tool's
		start := j.src.ic.StartTime()
		if dts := j.reader.end.firstDTS; dts != astiav.NoPtsValue {
			start = min(start, astiav.RescaleQ(dts, j.src.video.TimeBase(), astiav.NewRational(1, 1_000_000)))
		}
		if start >= 2*delay || (start >= 0 && j.src.info.Format == "mpegts") {
			delay = min(delay, start/2)
			setDefault(set, "mpegts_copyts", "1")
		}
		setDefault(set, "max_delay", fmt.Sprint(delay))
	}
	return set
}

func setDefault(set map[string]string, key, value string) {
	if _, ok := set[key]; !ok {
		set[key] = value
	}
}

// run moves items through three stages: decode, edit (here), encode. The frames are bounded by the reader, the packets by
// the channels. It returns when all stages have ended.
func (j *job) run(ctx context.Context, edit func(*frame.Picture) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	decoded, edited := make(chan item, 64), make(chan item, 64)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(decoded)
		if err := j.decodeAll(ctx, decoded); err != nil {
			cancel(err)
		}
	})
	wg.Go(func() { j.encodeAll(ctx, cancel, edited) })
	var pic frame.Picture
	for it := range decoded {
		if ctx.Err() == nil && it.frame != nil {
			if err := lend(&pic, it, true, edit); err != nil {
				cancel(err)
			}
		}
		edited <- it
	}
	close(edited)
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := j.finish(); err != nil {
		return err
	}
	if err := syncFile(j.out.path); err != nil {
		return faultf(ErrOutput, err, "the output cannot be brought to disk: %v", err)
	}
	return nil
}

// finish empties the encoder and ends the container.
func (j *job) finish() error {
	j.drained = true
	if err := j.enc.frame(nil, 0); err != nil {
		return err
	}
	if err := j.enc.complete(); err != nil {
		return err
	}
	return j.mux.finish()
}

// decodeAll sends what is pending and what the reader gives, to the end of the input (nil) or to what ended it before its time. Whoever
// receives must empty the channel, whatever happens.
func (j *job) decodeAll(ctx context.Context, to chan<- item) error {
	pending := j.pending
	j.pending = nil
	for _, it := range pending {
		to <- it
	}
	for {
		it, err := j.reader.next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		to <- it
	}
}

// encodeAll writes items until the channel closes; after an error, which it cancels the run with, it lets go of them.
func (j *job) encodeAll(ctx context.Context, cancel context.CancelCauseFunc, from <-chan item) {
	for it := range from {
		if ctx.Err() == nil {
			if err := j.sink(it); err != nil {
				cancel(err)
			}
			continue
		}
		j.discard(it)
	}
}

// sink encodes or copies an item, and gives it back.
func (j *job) sink(it item) error {
	if it.frame == nil {
		return j.mux.copy(it.pkt)
	}
	defer j.reader.release(it.frame)
	if err := j.checkCaptions(it); err != nil {
		return err
	}
	f := it.frame
	if j.chain != nil {
		var err error
		if f, err = j.chain.apply(f, it.ticks); err != nil {
			return err
		}
	}
	return j.enc.frame(f, it.ticks)
}

// checkCaptions refuses a picture whose closed captions would be lost.
func (j *job) checkCaptions(it item) error {
	if !j.captions && len(avplane.Captions(it.frame)) > 0 {
		return faultf(ErrEncoder, nil, "picture %d carries closed captions, which encoder %s cannot write; drop them, or choose libx264", it.index, j.encoderName)
	}
	return nil
}

func (j *job) discard(it item) {
	if it.frame != nil {
		j.reader.release(it.frame)
	} else {
		it.pkt.Free()
	}
}

func (j *job) result() TranscodeResult {
	r := TranscodeResult{Reading: j.reader.reading(), Copied: j.copied, Encoder: j.encoderName, Dropped: j.mux.dropped, Retimed: j.mux.retimed + j.reader.clock.retimed}
	if j.parts != nil {
		r.Reading = *j.parts
	}
	for _, l := range j.mux.lanes {
		n := -1
		if l != nil {
			n = l.out.Index()
		}
		r.Streams = append(r.Streams, n)
	}
	return r
}

// abandon closes everything and removes the working file.
func (j *job) abandon() error {
	err := j.close()
	if j.out != nil {
		err = errors.Join(err, j.out.Abort())
	}
	return err
}

// close frees everything but the working file.
func (j *job) close() error {
	for _, it := range j.pending {
		j.discard(it)
	}
	j.pending = nil
	if j.enc != nil {
		j.enc.close()
	}
	if j.chain != nil {
		j.chain.close()
	}
	if j.probe != nil {
		j.probe.Free()
	}
	if j.encoder != nil {
		freeEncoder(j.encoder, j.encoderName, j.enc != nil && j.enc.frames > 0, j.drained)
	}
	if j.mux != nil {
		j.mux.close()
	}
	if j.reader != nil {
		j.reader.close()
	}
	if j.src != nil {
		return j.src.Close()
	}
	return nil
}
