package av

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/asticode/go-astiav"
	"github.com/ksamenet/ksamenet/core/frame"
)

// Editor changes a stream in one pass. Every picture is examined first, which only reads it, and painted afterwards, in the same
// order, when as many as FilterOptions.Ahead were examined after it, or none follows. All calls come from one goroutine.
type Editor interface {
	Examine(*frame.Picture) error
	Paint(*frame.Picture) error
}

// FilterOptions set up a run between two pipes. Of TranscodeOptions, Overwrite, Filter, Widen and MatchRate mean nothing here.
type FilterOptions struct {
	TranscodeOptions
	InputFormat string // by FFmpeg's name; empty: told by the stream's first bytes
	Format      string // of the output: PipeFormats; empty: the input's if it is one of them, else the first
	Ahead       int    // pictures that are examined before one is painted; they are held in memory
	Digests     bool   // tell the SHA-256 of both streams
}

// PipeFormats are the containers that can be written to a pipe with any codec, and every stream beside the film.
var PipeFormats = []string{"nut", "matroska"}

// FilterResult is the outcome of Filter.
type FilterResult struct {
	Reading
	Encoder, Format string
	W, H            int
	Dropped         []Stream
	Retimed         int64  // as of TranscodeResult
	Written         int64  // pictures that were given to the encoder
	In, Out         string // SHA-256 in hex, when asked for
}

// Filter reads a stream from r, lends every picture to ed, and writes pictures and the packets of all other streams to w. No picture
// is written that ed has not painted: its error, or a panic as *PanicError, stops the run at once, and what is written then is a
// stream without an end.
//
// When ctx is done, the input ends there: what was read is painted and written, and the result is ErrStopped. Likewise a stream that
// breaks off, or changes its pictures' size, is written as far as it went; the latter returns ErrChanged, the former is no error (see
// Reading). Errors else: those of Decode and Transcode, and ErrClosed.
func Filter(ctx context.Context, r io.Reader, w io.Writer, opts FilterOptions, ed Editor) (FilterResult, error) {
	j, out, err := newFilterJob(ctx, r, w, &opts)
	if err != nil {
		return FilterResult{}, err
	}
	late, err := j.filter(ed, opts.Ahead)
	res := FilterResult{
		Reading: j.reader.reading(), Encoder: j.encoderName, Format: j.mux.oc.OutputFormat().Name(), W: j.encoder.Width(), H: j.encoder.Height(),
		Dropped: j.mux.dropped, Retimed: j.mux.retimed + j.reader.clock.retimed, Written: j.enc.frames, In: j.src.pipe.digest(), Out: digest(out.sum),
	}
	if err == nil {
		if err = late; err == nil && j.src.pipe.stopped {
			err = faultf(ErrStopped, nil, "interrupted after %d pictures; all that were read are written", res.Written)
		}
	} else if why := out.fault(); why != nil {
		err = why // FFmpeg's own word for it is "input/output error"
	}
	out.shut = true
	return res, errors.Join(err, j.close())
}

func newFilterJob(ctx context.Context, r io.Reader, w io.Writer, opts *FilterOptions) (j *job, out *pipeOut, err error) {
	j, out = &job{}, &pipeOut{w: w}
	defer func() {
		if err != nil {
			out.shut = true
			err = errors.Join(err, j.close())
		}
	}()
	var in hash.Hash
	if opts.Digests {
		in, out.sum = sha256.New(), sha256.New()
	}
	if j.src, err = openPipe(ctx, r, opts.InputFormat, in); err != nil {
		j.src = nil
		return j, out, err
	}
	if err := j.src.checkDrops(opts.Drop); err != nil {
		return j, out, err
	}
	if j.reader, err = newReader(j.src, opts.Threads, opts.Ahead+framesInFlight(j.src), true, opts.View); err != nil {
		return j, out, err
	}
	// Not ctx: its end is the end of the input, and what was read before is still decoded.
	first, err := j.firstFrame(context.WithoutCancel(ctx))
	if err != nil {
		if j.src.pipe.stopped {
			err = errStoppedEarly
		}
		return j, out, err
	}
	if opts.Format == "" {
		if opts.Format = PipeFormats[0]; j.src.isMatroska() {
			opts.Format = "matroska"
		}
	}
	if opts.Codec == "" {
		opts.Codec = rawCodec(opts.Format, first.PixelFormat())
	}
	if j.mux, err = newPipeMuxer(opts.Format, out); err != nil {
		return j, out, err
	}
	if err = j.rehearse(pipeOutName, first, j.mux.globalHeader(), &opts.TranscodeOptions); err != nil {
		return j, out, err
	}
	var fam family
	if j.encoder, fam, err = openEncoder(j.reader, first, j.mux.globalHeader(), &opts.TranscodeOptions); err != nil {
		return j, out, err
	}
	if fam.encoder == "rawvideo" && !rawHolds(opts.Format, first.PixelFormat()) {
		return j, out, faultf(ErrEncoder, nil, "%s has no name for raw pictures in %s, and readers would take them for something else", opts.Format, first.PixelFormat().Name())
	}
	j.encoderName = fam.encoder
	if err = j.mux.addStreams(j.reader, j.encoder, first, &opts.TranscodeOptions); err != nil {
		return j, out, err
	}
	if err = j.mux.header(pipeOutName, opts.MuxOptions); err != nil {
		if why := out.fault(); why != nil {
			err = why
		}
		return j, out, err
	}
	j.captions = opts.DropCaptions || captioners[fam.encoder]
	j.enc = newEncoding(j.encoder, fam.fixedRate, j.mux, j.reader.given.tb)
	return j, out, nil
}

// pipeOutName is what messages call the output.
const pipeOutName = "standard output"

// rawHolds says that a container tells readers what raw pictures of a format are; where it does not, they are lost, or taken for
// something else. Found with FFmpeg 5.1 by writing and reading each format (TestRawPicturesAreNamed).
func rawHolds(container string, format astiav.PixelFormat) bool {
	if container == "nut" {
		return !slices.Contains(unnamedInNUT, format.Name())
	}
	return slices.Contains(namedInMatroska, format.Name())
}

var (
	unnamedInNUT = strings.Fields("ayuv64le nv16 nv20le nv24 nv42 p010le p016le p210le p216le p410le p416le y210le ya16le yuv440p10le yuv440p12le yuvj411p yuvj420p yuvj422p yuvj440p yuvj444p")

	namedInMatroska = strings.Fields("gray nv12 nv21 rgba uyvy422 yuv410p yuv411p yuv420p yuv422p yuyv422 yvyu422")
)

// rawCodec is the codec that changes no sample: none in NUT, FFV1 in Matroska and where NUT has no name for the pixel format.
func rawCodec(container string, format astiav.PixelFormat) string {
	if container == "nut" && rawHolds(container, format) {
		return "rawvideo"
	}
	if _, err := chooseEncoder("ffv1", "", format); err != nil && rawHolds(container, format) {
		return "rawvideo"
	}
	return "ffv1"
}

// filter moves items through decoding, editing (here) and encoding, as run does, and holds back as many pictures as ahead says. late is
// what ended the input before its time.
func (j *job) filter(ed Editor, ahead int) (late, err error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	defer context.AfterFunc(ctx, j.src.pipe.abandon)()
	decoded, edited := make(chan item, 64), make(chan item, 64)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(decoded)
		if err := j.decodeAll(ctx, decoded); err != nil && ctx.Err() == nil {
			late = err
		}
	})
	wg.Go(func() { j.encodeAll(ctx, cancel, edited) })
	h := holding{ed: ed, ahead: ahead}
	for it := range decoded {
		if ctx.Err() != nil {
			j.discard(it)
			continue
		}
		if err := h.take(it, edited); err != nil {
			cancel(err)
		}
	}
	if ctx.Err() == nil {
		if err := h.drain(edited); err != nil {
			cancel(err)
		}
	}
	for _, it := range h.items {
		j.discard(it)
	}
	close(edited)
	wg.Wait()
	if ctx.Err() != nil {
		return late, context.Cause(ctx)
	}
	return late, j.finish()
}

// holding keeps back pictures that were examined and not painted, with the packets between them.
type holding struct {
	ed     Editor
	ahead  int
	items  []item // the first is a picture
	frames int
	pic    frame.Picture
}

// take examines a picture and passes on what is due. What is in items stays the caller's on an error.
func (h *holding) take(it item, to chan<- item) error {
	if it.frame == nil && len(h.items) == 0 {
		to <- it
		return nil
	}
	h.items = append(h.items, it)
	if it.frame == nil {
		return nil
	}
	h.frames++
	if err := lend(&h.pic, it, false, h.ed.Examine); err != nil {
		return err
	}
	for h.frames > h.ahead {
		if err := h.pass(to); err != nil {
			return err
		}
	}
	return nil
}

// drain passes on all that is held.
func (h *holding) drain(to chan<- item) error {
	for h.frames > 0 {
		if err := h.pass(to); err != nil {
			return err
		}
	}
	return nil
}

// pass paints the oldest picture and passes it on, and the packets up to the next.
func (h *holding) pass(to chan<- item) error {
	if err := lend(&h.pic, h.items[0], true, h.ed.Paint); err != nil {
		return err
	}
	h.frames--
	n := 1
	for n < len(h.items) && h.items[n].frame == nil {
		n++
	}
	for _, it := range h.items[:n] {
		to <- it
	}
	h.items = slices.Delete(h.items, 0, n)
	return nil
}
