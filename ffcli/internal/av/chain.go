package av

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/asticode/go-astiav"
	"github.com/ksamenet/ksamenet/ffcli/internal/avplane"
)

// chain is a chain of libavfilter between the edit and the encoder. It gives one picture for each it is given, of the same
// size and at the same time: what changes more than samples and their format would break the promise that every picture
// stays where it was. It belongs to one goroutine at a time.
type chain struct {
	text     string
	graph    *astiav.FilterGraph
	src, dst *astiav.FilterContext
	out      *astiav.Frame
	w, h     int
}

// newChain builds the chain for pictures like f with times in tb. The caller closes it.
func newChain(text string, f *astiav.Frame, tb, sar astiav.Rational) (c *chain, err error) {
	c = &chain{text: text, out: astiav.AllocFrame(), w: f.Width(), h: f.Height()}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if sar.Num() <= 0 || sar.Den() <= 0 {
		sar = astiav.NewRational(1, 1)
	}
	args := astiav.FilterArgs{
		"video_size": fmt.Sprintf("%dx%d", c.w, c.h), "pix_fmt": f.PixelFormat().Name(),
		"time_base": fmt.Sprintf("%d/%d", tb.Num(), tb.Den()), "pixel_aspect": fmt.Sprintf("%d/%d", sar.Num(), sar.Den()),
	}
	if c.graph, c.src, c.dst, err = parseChain(text, args); err != nil {
		return c, faultf(ErrEncoder, err, "filter chain %q: %s", text, reason(err))
	}
	if err := c.graph.Configure(); err != nil {
		return c, faultf(ErrEncoder, err, "filter chain %q: %s", text, reason(err))
	}
	return c, nil
}

// apply gives the filtered picture, which is valid until the next call. f stays the caller's and unchanged.
func (c *chain) apply(f *astiav.Frame, ticks int64) (*astiav.Frame, error) {
	c.out.Unref()
	f.SetPts(ticks)
	avplane.TakeLog()
	const keep = 8 // AV_BUFFERSRC_FLAG_KEEP_REF
	if err := c.src.BuffersrcAddFrame(f, astiav.NewBuffersrcFlags(astiav.BuffersrcFlag(keep))); err != nil {
		return nil, faultf(ErrEncoder, err, "filter chain %q: %s", c.text, reason(err))
	}
	if err := c.dst.BuffersinkGetFrame(c.out, astiav.NewBuffersinkFlags()); err != nil {
		if errors.Is(err, astiav.ErrEagain) {
			return nil, faultf(ErrEncoder, nil, "filter chain %q holds pictures back; only chains that give one picture for each can be used", c.text)
		}
		return nil, faultf(ErrEncoder, err, "filter chain %q: %s", c.text, reason(err))
	}
	if c.out.Width() != c.w || c.out.Height() != c.h {
		return nil, faultf(ErrEncoder, nil, "filter chain %q makes %dx%d of %dx%d; the size has to stay", c.text, c.out.Width(), c.out.Height(), c.w, c.h)
	}
	return c.out, nil
}

func (c *chain) close() {
	if c.out != nil {
		c.out.Free()
		c.out = nil
	}
	if c.graph != nil {
		c.graph.Free()
		c.graph = nil
	}
}

// openChain makes the job's chain, when one is asked for or needed, and gives the first picture as the encoder will see it.
func (j *job) openChain(first *astiav.Frame, opts *TranscodeOptions) (*astiav.Frame, error) {
	text := opts.Filter
	switch convert, err := widening(opts.Codec, j.src.info.Codec, opts.PixelFormats, first); {
	case opts.Widen || onDevice(opts.Codec): // these take nv12 where others take yuv420p
		if err != nil {
			return nil, err
		}
		text = strings.Trim(text+","+convert, ",")
	case opts.Filter == "":
		text = renaming(opts.Codec, j.src.info.Codec, first.PixelFormat())
	}
	if text == "" {
		return first, nil
	}
	tb, sar := j.reader.given.tb, j.reader.aspect(first)
	// A chain of its own: one with a memory must not see the first picture twice.
	probe, err := newChain(text, first, tb, sar)
	if err != nil {
		return nil, err
	}
	defer probe.close()
	shown, err := probe.apply(first, 0)
	if err != nil {
		return nil, err
	}
	if j.chain, err = newChain(text, first, tb, sar); err != nil {
		return nil, err
	}
	if j.probe = shown.Clone(); j.probe == nil {
		return nil, faultf(ErrEncoder, nil, "out of memory")
	}
	return j.probe, nil
}

// fullRange are pixel formats whose samples span the whole byte by their name, and those that leave it to a tag.
var fullRange = map[string]string{"yuvj420p": "yuv420p", "yuvj422p": "yuv422p", "yuvj444p": "yuv444p", "yuvj440p": "yuv440p", "yuvj411p": "yuv411p"}

// tagged is format by its name without a range.
func tagged(format astiav.PixelFormat) (f astiav.PixelFormat, other bool) {
	name, other := fullRange[format.Name()]
	if !other {
		return format, false
	}
	return astiav.FindPixelFormatByName(name), true
}

// asTagged is the filter's text that leaves every sample of a full range where it is.
const asTagged = "in_range=full:out_range=full"

// renaming is a chain that changes no sample, for an encoder that takes format only under the name that leaves its range to a tag;
// empty where there is nothing to do, or nothing helps.
func renaming(asked, codec string, format astiav.PixelFormat) string {
	f, other := tagged(format)
	if _, err := chooseEncoder(asked, codec, format); err == nil || !other {
		return ""
	}
	if _, err := chooseEncoder(asked, codec, f); err != nil {
		return ""
	}
	return "scale=" + asTagged + ",format=" + f.Name()
}

// widening is the conversion to the encoder's nearest pixel format that holds every sample; empty when it takes format as
// it is. only restricts its formats when it is not empty. An encoder that would lose depth, colour or alpha is refused. A full range
// stays one: what an 8-bit limited one cannot hold would be lost, and a container that cannot say it is refused (rehearse).
func widening(asked, codec string, only []string, first *astiav.Frame) (string, error) {
	format := first.PixelFormat()
	allowed := func(f astiav.PixelFormat) bool { return len(only) == 0 || slices.Contains(only, f.Name()) }
	if _, err := chooseEncoder(asked, codec, format); err == nil && allowed(format) {
		return "", nil
	}
	names := sameFamily[asked]
	if len(names) == 0 {
		names = []string{asked}
	}
	for _, n := range names {
		c := astiav.FindEncoderByName(n)
		if c == nil {
			continue
		}
		formats := slices.DeleteFunc(takes(c), func(f astiav.PixelFormat) bool { return !allowed(f) })
		plain, full := tagged(format)
		if best, ok := avplane.Widest(formats, plain); ok {
			text := "scale=interl=-1:flags=bicubic+accurate_rnd+full_chroma_int"
			if full || avplane.Describe(first).FullRange() {
				text += ":" + asTagged
			}
			return text + ",format=" + best.Name(), nil
		}
	}
	return "", faultf(ErrEncoder, nil, "encoder %s takes no pixel format here that holds all of %s", asked, format.Name())
}

// matchRate sets an encoder's rate to the input's in place of a constant quality.
func matchRate(r *reader, fam family, set map[string]string) error {
	if fam.quality == "" {
		return nil // these follow the input by themselves (likeInput)
	}
	i := r.src.info
	rate := r.src.video.CodecParameters().BitRate()
	if rate <= 0 && i.Duration > 0 { // the container does not tell: the whole file's, less the other streams'
		rate = int64(float64(i.Size) * 8 / i.Duration.Seconds())
		for _, st := range r.src.streams {
			if st != r.src.video {
				rate -= st.CodecParameters().BitRate()
			}
		}
	}
	if rate <= 0 {
		return faultf(ErrEncoder, nil, "the input tells no bit rate to match; name one (b=…)")
	}
	delete(set, fam.quality)
	set["b"] = strconv.FormatInt(rate, 10)
	set["maxrate"], set["bufsize"] = strconv.FormatInt(rate*3/2, 10), strconv.FormatInt(rate*2, 10)
	return nil
}

// captioners are the encoders that write the closed captions of a picture into the stream.
var captioners = map[string]bool{"libx264": true, "mpeg2video": true, "h264_nvenc": true, "hevc_nvenc": true, "h264_vaapi": true}
