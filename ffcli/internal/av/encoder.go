package av

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/asticode/go-astiav"
	"github.com/ksamenet/ksamenet/ffcli/internal/avplane"
)

// family is an encoder of ours: its defaults keep what the eye sees, not the size.
type family struct {
	encoder  string
	defaults map[string]string
	quality  string // the option that CRF means; empty when the encoder has none
	// fixedRate: time base must be one frame; the encoder cannot say a variable rate
	fixedRate bool
}

var families = map[string]family{
	"libx264":    {"libx264", map[string]string{"preset": "medium", "crf": "18"}, "crf", false},
	"libx265":    {"libx265", map[string]string{"preset": "medium", "crf": "18"}, "crf", false},
	"libvpx":     {"libvpx", map[string]string{"crf": "6", "b": "20M", "deadline": "good", "cpu-used": "2"}, "crf", false},
	"libvpx-vp9": {"libvpx-vp9", map[string]string{"crf": "20", "b": "0", "deadline": "good", "cpu-used": "3", "row-mt": "1"}, "crf", false},
	"libsvtav1":  {"libsvtav1", map[string]string{"crf": "22", "preset": "7"}, "crf", false},
	"libaom-av1": {"libaom-av1", map[string]string{"crf": "20", "b": "0", "cpu-used": "6", "row-mt": "1"}, "crf", false},
	"h264_nvenc": {"h264_nvenc", map[string]string{"preset": "p5", "rc": "vbr", "cq": "19", "b": "0"}, "cq", false},
	"hevc_nvenc": {"hevc_nvenc", map[string]string{"preset": "p5", "rc": "vbr", "cq": "19", "b": "0"}, "cq", false},
	"h264_vaapi": {"h264_vaapi", map[string]string{"qp": "20"}, "qp", false},
	"hevc_vaapi": {"hevc_vaapi", map[string]string{"qp": "20"}, "qp", false},
	"h264_qsv":   {"h264_qsv", map[string]string{"global_quality": "20"}, "global_quality", false},
	"hevc_qsv":   {"hevc_qsv", map[string]string{"global_quality": "20"}, "global_quality", false},
	"ffv1":       {"ffv1", map[string]string{"level": "3", "g": "1", "slices": "4", "slicecrc": "1"}, "", false},
	"mpeg2video": {"mpeg2video", nil, "", true},
	"mpeg1video": {"mpeg1video", nil, "", true},
	"mpeg4":      {"mpeg4", nil, "", true},
}

// sameFamily names the encoder that writes what a decoder read. An encoder of the same name as the codec needs no entry.
var sameFamily = map[string][]string{
	"h264":   {"libx264"},
	"hevc":   {"libx265"},
	"vp8":    {"libvpx"},
	"vp9":    {"libvpx-vp9"},
	"av1":    {"libsvtav1", "libaom-av1"}, // the first takes 4:2:0 only
	"prores": {"prores_ks"},
	"theora": {"libtheora"},
}

// keepers are codecs whose own encoder in FFmpeg keeps a picture's quality without being told how.
var keepers = []string{"ffv1", "dnxhd", "mpeg2video", "mpeg1video", "mpeg4", "mjpeg", "rawvideo", "v210", "v308", "v408", "v410",
	"huffyuv", "ffvhuff", "utvideo", "magicyuv", "png", "qtrle", "dvvideo", "cfhd", "jpeg2000", "r210"}

// chooseEncoder finds the encoder by its name, or by the input's codec; format is the pixel format it has to take.
func chooseEncoder(asked, codec string, format astiav.PixelFormat) (*astiav.Codec, error) {
	if asked != "" {
		if names, ok := sameFamily[asked]; ok { // "h264" is asked for as often as "libx264"
			return chooseAmong(names, format)
		}
		return chooseAmong([]string{asked}, format)
	}
	if names, ok := sameFamily[codec]; ok {
		return chooseAmong(names, format)
	}
	if slices.Contains(keepers, codec) {
		return chooseAmong([]string{codec}, format)
	}
	return nil, faultf(ErrEncoder, nil, "no encoder is known for %s; choose one (libx264, libx265, prores_ks, ffv1, …)", codec)
}

func chooseAmong(names []string, format astiav.PixelFormat) (*astiav.Codec, error) {
	var text []string
	for _, n := range names {
		c := astiav.FindEncoderByName(n)
		if c == nil || c.ID().MediaType() != astiav.MediaTypeVideo {
			text = append(text, fmt.Sprintf("this FFmpeg has no video encoder %s", n))
			continue
		}
		formats := takes(c)
		if len(formats) == 0 || slices.Contains(formats, format) {
			return c, nil
		}
		var known []string
		for _, f := range formats {
			if _, err := avplane.Layout(f); err == nil { // what an edited picture can be in
				known = append(known, f.Name())
			}
		}
		text = append(text, fmt.Sprintf("encoder %s does not take %s; it takes %s", n, format.Name(), strings.Join(known, ", ")))
	}
	return nil, faultf(ErrEncoder, nil, "%s", strings.Join(text, "; "))
}

// Above this size, in pixels, x264 looks ahead over 30 pictures, as its preset "fast", rather than over the 40 of "medium": it holds
// them all, 6.5 MB each at 1080p. On 240 pictures of each of two 1080p clips at crf 18 that made 0.0 and 1.4 % less bits, at 0.00 dB more
// and 0.05 dB less (PSNR; SSIM the same to 0.0001).
const (
	frugalAbove     = 1280 * 720
	frugalLookahead = "30"
)

// openEncoder makes an encoder for pictures like first, set up as the stream was.
func openEncoder(r *reader, first *astiav.Frame, globalHeader bool, opts *TranscodeOptions) (*astiav.CodecContext, family, error) {
	s := r.src
	c, err := chooseEncoder(opts.Codec, s.info.Codec, first.PixelFormat())
	if err != nil {
		return nil, family{}, err
	}
	fam, ok := families[c.Name()]
	if !ok {
		fam = family{encoder: c.Name()}
	}
	ec := astiav.AllocCodecContext(c)
	if ec == nil {
		return nil, fam, faultf(ErrEncoder, nil, "%s: out of memory", c.Name())
	}
	fail := func(err error) (*astiav.CodecContext, family, error) {
		ec.Free()
		return nil, fam, err
	}
	rate := astiav.NewRational(r.given.interval.Den(), r.given.interval.Num())
	ec.SetWidth(first.Width())
	ec.SetHeight(first.Height())
	ec.SetPixelFormat(first.PixelFormat())
	ec.SetSampleAspectRatio(r.aspect(first))
	ec.SetFramerate(rate)
	ec.SetTimeBase(r.given.tb)
	if fam.fixedRate || opts.ConstantRate {
		ec.SetTimeBase(r.given.interval)
	}
	ec.SetThreadCount(threadCount(opts.Threads))
	avplane.SetEncoderProps(ec, r.dec, first)
	filtered := r.prefilter() != nil
	if filtered {
		avplane.SetFilteredProps(ec, first)
	}
	flags := ec.Flags()
	if globalHeader {
		flags = flags.Add(astiav.CodecContextFlagGlobalHeader)
	}
	if s.info.Interlaced && !filtered || avplane.Describe(first).Interlaced {
		flags = flags.Add(astiav.CodecContextFlagInterlacedDct).Add(astiav.CodecContextFlagInterlacedMe)
	}
	ec.SetFlags(flags)

	set := maps.Clone(fam.defaults)
	if set == nil {
		set = map[string]string{}
	}
	if err := openOn(ec, c.Name(), opts.Device); err != nil {
		return fail(err)
	}
	if err := likeInput(ec, c.Name(), r, first, set); err != nil {
		return fail(err)
	}
	if opts.MatchRate {
		if err := matchRate(r, fam, set); err != nil {
			return fail(err)
		}
	}
	if opts.PreferredCRF > 0 && fam.quality != "" {
		set[fam.quality] = strconv.FormatFloat(opts.PreferredCRF, 'f', -1, 64)
	}
	if opts.CRF != nil {
		if fam.quality == "" {
			return fail(faultf(ErrEncoder, nil, "encoder %s has no constant rate factor", c.Name()))
		}
		set[fam.quality] = strconv.FormatFloat(*opts.CRF, 'f', -1, 64)
	}
	if asksRate(opts.Options) {
		delete(set, fam.quality)
	}
	for k, v := range opts.Options {
		if (k == "x264-params" || k == "x265-params") && set[k] != "" {
			v = set[k] + ":" + v // what the user says comes last and wins
		}
		set[k] = v
	}
	if _, asked := opts.Options["preset"]; !asked && c.Name() == "libx264" && first.Width()*first.Height() > frugalAbove {
		setDefault(set, "rc-lookahead", frugalLookahead)
	}
	if err := open(ec, c, set); err != nil {
		return fail(err)
	}
	return ec, fam, nil
}

// freeEncoder frees an encoder by that name. begun says that pictures were sent, drained that it was told of the end.
//
// SVT-AV1 has to be told of the end of a run that is given up, or freeing it waits for ever (SVT-AV1 1.4). With nothing sent, the end
// is not enough; it gets a picture first.
func freeEncoder(ec *astiav.CodecContext, name string, begun, drained bool) {
	defer ec.Free()
	if name != "libsvtav1" || drained {
		return
	}
	if !begun {
		f := astiav.AllocFrame()
		defer f.Free()
		f.SetWidth(ec.Width())
		f.SetHeight(ec.Height())
		f.SetPixelFormat(ec.PixelFormat())
		f.SetPts(0)
		if f.AllocBuffer(0) == nil {
			_ = ec.SendFrame(f) // nobody sees what becomes of it
		}
	}
	_ = ec.SendFrame(nil)
	p := astiav.AllocPacket()
	defer p.Free()
	for ec.ReceivePacket(p) == nil {
		p.Unref()
	}
}

// asksRate says that the user chose another way than CRF to control the rate; encoders would prefer the CRF of our defaults.
func asksRate(options map[string]string) bool {
	for _, k := range []string{"qp", "b", "global_quality", "qscale", "rc"} {
		if _, ok := options[k]; ok {
			return true
		}
	}
	return false
}

// open opens an encoder and refuses options it did not know.
func open(ec *astiav.CodecContext, c *astiav.Codec, set map[string]string) error {
	d, err := dictionary(set)
	if err != nil {
		return err
	}
	defer d.Free()
	avplane.TakeLog()
	if err := ec.Open(c, d); err != nil {
		return faultf(ErrEncoder, err, "encoder %s: %s%s", c.Name(), reason(err), deviceHint(c.Name()))
	}
	if left := leftover(d); left != "" {
		return faultf(ErrEncoder, nil, "encoder %s has no option %q", c.Name(), left)
	}
	return nil
}

// dictionary makes an FFmpeg dictionary; the caller frees it. Keys go in sorted: equal options, equal calls.
func dictionary(set map[string]string) (*astiav.Dictionary, error) {
	d := astiav.NewDictionary()
	for _, k := range slices.Sorted(maps.Keys(set)) {
		if err := d.Set(k, set[k], 0); err != nil {
			d.Free()
			return nil, faultf(ErrEncoder, err, "option %s: %v", k, err)
		}
	}
	return d, nil
}

// leftover is an option that nobody took.
func leftover(d *astiav.Dictionary) string {
	e := d.Get("", nil, astiav.NewDictionaryFlags(astiav.DictionaryFlagIgnoreSuffix))
	if e == nil {
		return ""
	}
	return e.Key()
}
