package avplane

// #include "avplane.h"
// #include <stdlib.h>
import "C"

import (
	"fmt"
	"unsafe"

	"github.com/asticode/go-astiav"
)

// SetPacketTimeBase tells a decoder the time base of its packets; without it durations and skipped samples are wrong.
func SetPacketTimeBase(d *astiav.CodecContext, tb astiav.Rational) {
	codec(d).pkt_timebase = C.AVRational{C.int(tb.Num()), C.int(tb.Den())}
}

// SetEncoderProps carries colour, field order and sample depth from the decoder and its first frame to an encoder. What
// the frame leaves unsaid is taken from the stream.
func SetEncoderProps(e, d *astiav.CodecContext, f *astiav.Frame) {
	ec, dc, i := codec(e), codec(d), Describe(f)
	ec.color_primaries = C.enum_AVColorPrimaries(said(i.Primaries, C.AVCOL_PRI_UNSPECIFIED, int(dc.color_primaries)))
	ec.color_trc = C.enum_AVColorTransferCharacteristic(said(i.Transfer, C.AVCOL_TRC_UNSPECIFIED, int(dc.color_trc)))
	ec.colorspace = C.enum_AVColorSpace(said(i.Matrix, matrixUnspecified, int(dc.colorspace)))
	ec.color_range = C.enum_AVColorRange(said(i.Range, rangeUnspecified, int(dc.color_range)))
	ec.chroma_sample_location = C.enum_AVChromaLocation(said(i.ChromaLocation, C.AVCHROMA_LOC_UNSPECIFIED, int(dc.chroma_sample_location)))
	ec.bits_per_raw_sample = dc.bits_per_raw_sample
	ec.field_order = dc.field_order
	if i.Interlaced && ec.field_order <= C.AV_FIELD_PROGRESSIVE {
		ec.field_order = C.AV_FIELD_BB
		if i.TopFieldFirst {
			ec.field_order = C.AV_FIELD_TT
		}
	}
}

func said(v, unsaid, otherwise int) int {
	if v == unsaid {
		return otherwise
	}
	return v
}

// X265HDR is the x265-params text for the HDR10 side data of f: mastering display and light levels; empty if it has none.
func X265HDR(f *astiav.Frame) (string, error) {
	var b [512]C.char
	if err := averror(C.ksn_x265_hdr(avframe(f), &b[0], C.int(len(b)))); err != nil {
		return "", fmt.Errorf("avplane: HDR10 metadata: %w", err)
	}
	return C.GoString(&b[0]), nil
}

// InjectSideData has in give what streams say as a whole (rotation, HDR10) with their first packets too, so that decoders put it on
// their pictures. To be called before packets are read.
func InjectSideData(in *astiav.FormatContext) { C.av_format_inject_global_side_data(format(in)) }

// AddHDR writes the HDR10 side data of f to the stream's header.
func AddHDR(out *astiav.Stream, f *astiav.Frame) error {
	return averror(C.ksn_stream_add_hdr(stream(out), avframe(f)))
}

// CopyStreamProps carries identifier, dispositions, metadata, rates, aspect ratio and side data (rotation, stereo, …)
// from in to out. copied says that the packets are copied too; else what describes the old coded stream stays behind.
func CopyStreamProps(out, in *astiav.Stream, copied bool) error {
	c := C.int(0)
	if copied {
		c = 1
	}
	return averror(C.ksn_stream_copy_props(stream(out), stream(in), c))
}

// CopyContainerProps carries the global metadata, except what describes the old container, and the chapters.
func CopyContainerProps(out, in *astiav.FormatContext) error {
	if err := averror(C.ksn_copy_metadata(format(out), format(in))); err != nil {
		return fmt.Errorf("avplane: metadata: %w", err)
	}
	if err := averror(C.ksn_copy_chapters(format(out), format(in))); err != nil {
		return fmt.Errorf("avplane: chapters: %w", err)
	}
	return nil
}

// SetMetadata sets a tag of the file.
func SetMetadata(out *astiav.FormatContext, key, value string) error {
	k, v := C.CString(key), C.CString(value)
	defer C.free(unsafe.Pointer(k))
	defer C.free(unsafe.Pointer(v))
	return averror(C.av_dict_set(&format(out).metadata, k, v, 0))
}

// TagValid says that the codec tag of p means the same codec in the container of out, or is free there.
func TagValid(out *astiav.FormatContext, p *astiav.CodecParameters) bool {
	return C.ksn_tag_valid(format(out), params(p)) != 0
}

// CanMux says that the container of out may hold the codec; an unsure container says yes and fails when it is opened.
func CanMux(out *astiav.FormatContext, id astiav.CodecID) bool {
	return C.ksn_can_mux(format(out), C.int(id)) != 0
}

// SetBitRateLimits gives an encoder a ceiling in bits a second, and the decoder buffer in bits that it is measured with.
func SetBitRateLimits(e *astiav.CodecContext, maxRate, buffer int64) {
	codec(e).rc_max_rate = C.int64_t(maxRate)
	codec(e).rc_buffer_size = C.int(buffer)
}

// SetQScale makes an encoder of the MPEG family hold the quantiser q (1 is best) rather than a bit rate.
func SetQScale(e *astiav.CodecContext, q int) {
	codec(e).flags |= C.AV_CODEC_FLAG_QSCALE
	codec(e).global_quality = C.int(q) * C.FF_QP2LAMBDA
}

// Widest is the format of the list that is nearest to src among those that hold all of it: depth, chroma, colour, alpha.
func Widest(list []astiav.PixelFormat, src astiav.PixelFormat) (best astiav.PixelFormat, ok bool) {
	d := C.av_pix_fmt_desc_get(C.enum_AVPixelFormat(src))
	if d == nil {
		return 0, false
	}
	alpha := C.int(0)
	if d.flags&C.AV_PIX_FMT_FLAG_ALPHA != 0 {
		alpha = 1
	}
	for _, f := range list {
		if C.av_get_pix_fmt_loss(C.enum_AVPixelFormat(f), C.enum_AVPixelFormat(src), alpha) != 0 {
			continue
		}
		if !ok {
			best, ok = f, true
			continue
		}
		best = astiav.PixelFormat(C.av_find_best_pix_fmt_of_2(C.enum_AVPixelFormat(best), C.enum_AVPixelFormat(f), C.enum_AVPixelFormat(src), alpha, nil))
	}
	return best, ok
}
