package avplane

// #cgo pkg-config: libavfilter
// #include <libavfilter/buffersink.h>
// #include <libavfilter/buffersrc.h>
// #include "avplane.h"
// #include <stdlib.h>
import "C"

import (
	"unsafe"

	"github.com/asticode/go-astiav"
)

// SinkInfo is what a configured graph gives out at its sink (a filter of the kind buffersink). Rate is 0/1 when it varies or is unknown.
type SinkInfo struct {
	TimeBase, Rate, Aspect astiav.Rational
}

// DescribeSink reads the properties of a sink. See av_buffersink_get_time_base and its neighbours.
func DescribeSink(f *astiav.FilterContext) SinkInfo {
	// *FilterContext too is a struct whose first field is the C pointer.
	c := (*C.AVFilterContext)(object(f))
	q := func(r C.AVRational) astiav.Rational { return astiav.NewRational(int(r.num), int(r.den)) }
	return SinkInfo{q(C.av_buffersink_get_time_base(c)), q(C.av_buffersink_get_frame_rate(c)), q(C.av_buffersink_get_sample_aspect_ratio(c))}
}

// CloseSource tells a source (a filter of the kind buffer) that the film ends at pts. See av_buffersrc_close.
func CloseSource(f *astiav.FilterContext, pts int64) error {
	return averror(C.av_buffersrc_close((*C.AVFilterContext)(object(f)), C.int64_t(pts), 0))
}

// SetDuration sets how long f lasts, in its time base.
func SetDuration(f *astiav.Frame, d int64) { avframe(f).pkt_duration = C.int64_t(d) }

// SetStreamMetadata sets a tag of a stream.
func SetStreamMetadata(s *astiav.Stream, key, value string) error {
	k, v := C.CString(key), C.CString(value)
	defer C.free(unsafe.Pointer(k))
	defer C.free(unsafe.Pointer(v))
	return averror(C.av_dict_set(&stream(s).metadata, k, v, 0))
}

// SetStreamRate sets the rate of pictures that a stream is said to have, and the shape of their samples.
func SetStreamRate(s *astiav.Stream, rate, aspect astiav.Rational) {
	c := stream(s)
	c.avg_frame_rate = C.AVRational{C.int(rate.Num()), C.int(rate.Den())}
	c.r_frame_rate = c.avg_frame_rate
	c.sample_aspect_ratio = C.AVRational{C.int(aspect.Num()), C.int(aspect.Den())}
}

// SetChapters keeps of the chapters of out those of list, by their numbers, at the times that it says.
func SetChapters(out *astiav.FormatContext, list []Chapter) {
	c := format(out)
	all := unsafe.Slice(c.chapters, int(c.nb_chapters))
	at := map[int]Chapter{}
	for _, n := range list {
		at[n.Number] = n
	}
	n := 0
	for i, p := range all {
		if to, ok := at[i]; ok {
			p.time_base = C.AVRational{1, 1_000_000}
			p.start, p.end = C.int64_t(to.Start), C.int64_t(to.End)
			all[n] = p
			n++
			continue
		}
		C.av_dict_free(&p.metadata)
		C.av_free(unsafe.Pointer(p))
	}
	c.nb_chapters = C.uint(n)
}

// SetFilteredProps corrects, behind SetEncoderProps, what the decoder says of pictures that filters have changed since.
func SetFilteredProps(e *astiav.CodecContext, f *astiav.Frame) {
	ec, i := codec(e), Describe(f)
	ec.bits_per_raw_sample = 0
	switch {
	case !i.Interlaced:
		ec.field_order = C.AV_FIELD_PROGRESSIVE
	case i.TopFieldFirst:
		ec.field_order = C.AV_FIELD_TT
	default:
		ec.field_order = C.AV_FIELD_BB
	}
}
