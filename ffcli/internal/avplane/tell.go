package avplane

// #include "avplane.h"
import "C"

import (
	"strconv"
	"strings"
	"unsafe"

	"github.com/asticode/go-astiav"
)

// Tags are the entries of a dictionary of metadata, by their keys in lower case: containers write them as they like.
func Tags(d *astiav.Dictionary) map[string]string {
	tags := map[string]string{}
	if d == nil {
		return tags
	}
	all := astiav.NewDictionaryFlags(astiav.DictionaryFlagIgnoreSuffix)
	for e := d.Get("", nil, all); e != nil; e = d.Get("", e, all) {
		tags[strings.ToLower(e.Key())] = e.Value()
	}
	return tags
}

// Chapter is a named part of a file; times are in microseconds.
type Chapter struct {
	Number     int // in the file, from 0
	Start, End int64
	Tags       map[string]string
}

// ChapterList reads the chapters of f.
func ChapterList(f *astiav.FormatContext) []Chapter {
	c := format(f)
	var list []Chapter
	micro := C.AVRational{1, 1_000_000}
	for i, p := range unsafe.Slice(c.chapters, int(c.nb_chapters)) {
		tags := map[string]string{}
		for e := C.av_dict_get(p.metadata, emptyKey, nil, C.AV_DICT_IGNORE_SUFFIX); e != nil; e = C.av_dict_get(p.metadata, emptyKey, e, C.AV_DICT_IGNORE_SUFFIX) {
			tags[strings.ToLower(C.GoString(e.key))] = C.GoString(e.value)
		}
		list = append(list, Chapter{i, int64(C.av_rescale_q(p.start, p.time_base, micro)), int64(C.av_rescale_q(p.end, p.time_base, micro)), tags})
	}
	return list
}

// emptyKey matches every key when suffixes are ignored. It lives as long as the program.
var emptyKey = C.CString("")

// SideData are the properties that s carries beside its parameters (rotation, HDR10, stereo, …), by FFmpeg's name.
func SideData(s *astiav.Stream) map[string][]byte {
	c, all := stream(s), map[string][]byte{}
	for _, d := range unsafe.Slice(c.side_data, int(c.nb_side_data)) {
		all[C.GoString(C.av_packet_side_data_name(d._type))] = C.GoBytes(unsafe.Pointer(d.data), C.int(d.size))
	}
	return all
}

// Extradata are the headers that the codec keeps in the container.
func Extradata(p *astiav.CodecParameters) []byte {
	c := params(p)
	return C.GoBytes(unsafe.Pointer(c.extradata), c.extradata_size)
}

// Facts are what a stream's parameters say in words, by ffprobe's names; what is unknown is left out.
func Facts(s *astiav.Stream) map[string]string {
	c := stream(s)
	p := c.codecpar
	f := map[string]string{}
	said := func(key, v string) {
		if v != "" && v != "unknown" && v != "0" && v != "0/1" {
			f[key] = v
		}
	}
	said("disposition", dispositions(int(c.disposition)))
	said("codec", C.GoString(C.avcodec_get_name(p.codec_id)))
	if n := C.avcodec_profile_name(p.codec_id, p.profile); n != nil {
		said("profile", C.GoString(n))
	}
	switch p.codec_type {
	case C.AVMEDIA_TYPE_VIDEO:
		said("size", strconv.Itoa(int(p.width))+"x"+strconv.Itoa(int(p.height)))
		said("pix_fmt", name(C.av_get_pix_fmt_name(C.enum_AVPixelFormat(p.format))))
		sar := c.sample_aspect_ratio
		if sar.num == 0 {
			sar = p.sample_aspect_ratio
		}
		if sar.num != sar.den {
			said("sample_aspect_ratio", strconv.Itoa(int(sar.num))+":"+strconv.Itoa(int(sar.den)))
		}
		said("color_range", name(C.av_color_range_name(p.color_range)))
		said("color_primaries", name(C.av_color_primaries_name(p.color_primaries)))
		said("color_transfer", name(C.av_color_transfer_name(p.color_trc)))
		said("color_space", name(C.av_color_space_name(p.color_space)))
		said("frame_rate", strconv.Itoa(int(c.avg_frame_rate.num))+"/"+strconv.Itoa(int(c.avg_frame_rate.den)))
		said("field_order", map[C.enum_AVFieldOrder]string{
			C.AV_FIELD_PROGRESSIVE: "progressive", C.AV_FIELD_TT: "tt", C.AV_FIELD_BB: "bb", C.AV_FIELD_TB: "tb", C.AV_FIELD_BT: "bt",
		}[p.field_order])
	case C.AVMEDIA_TYPE_AUDIO:
		said("sample_rate", strconv.Itoa(int(p.sample_rate)))
		said("channels", strconv.Itoa(int(p.ch_layout.nb_channels)))
		said("bits", strconv.Itoa(int(p.bits_per_raw_sample)))
	}
	return f
}

func name(s *C.char) string {
	if s == nil {
		return ""
	}
	return C.GoString(s)
}

// dispositions names the bits, in their order.
func dispositions(bits int) string {
	var names []string
	for b := 1; b <= bits && b > 0; b <<= 1 {
		if bits&b != 0 {
			if n := C.av_disposition_to_string(C.int(b)); n != nil {
				names = append(names, C.GoString(n))
			}
		}
	}
	return strings.Join(names, "+")
}

// Captions are the closed captions (ATSC A/53 part 4) that a frame carries; empty when it has none. The slice is f's.
func Captions(f *astiav.Frame) []byte {
	d := f.SideData(astiav.FrameSideDataTypeA53Cc)
	if d == nil {
		return nil
	}
	return d.Data()
}
