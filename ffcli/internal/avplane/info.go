package avplane

// #cgo noescape ksn_frame_describe
// #cgo nocallback ksn_frame_describe
// #cgo noescape ksn_stream_describe
// #cgo nocallback ksn_stream_describe
// #include "avplane.h"
import "C"

import (
	"github.com/asticode/go-astiav"
	"github.com/ksamenet/ksamenet/core/frame"
)

// FrameInfo is what a decoded frame says about itself beyond its pixels. Colour fields hold FFmpeg's numbers, which are
// those of ITU-T H.273. Times are in the stream's time base; astiav.NoPtsValue when unknown.
type FrameInfo struct {
	PTS, BestPTS, Duration                             int64
	Interlaced, TopFieldFirst, Corrupt                 bool
	Primaries, Transfer, Matrix, Range, ChromaLocation int
}

// Fields is the field order of the frame.
func (i FrameInfo) Fields() frame.FieldOrder {
	switch {
	case !i.Interlaced:
		return frame.Progressive
	case i.TopFieldFirst:
		return frame.TopFirst
	}
	return frame.BottomFirst
}

// FullRange says that the frame's tag calls its samples full range.
func (i FrameInfo) FullRange() bool { return i.Range == rangeFull }

// Describe reads the properties of f.
func Describe(f *astiav.Frame) FrameInfo {
	var o C.ksn_frame_info
	C.ksn_frame_describe(avframe(f), &o)
	return FrameInfo{
		PTS: int64(o.pts), BestPTS: int64(o.best_pts), Duration: int64(o.duration),
		Interlaced: o.interlaced != 0, TopFieldFirst: o.top_field_first != 0, Corrupt: o.corrupt != 0,
		Primaries: int(o.primaries), Transfer: int(o.transfer), Matrix: int(o.matrix), Range: int(o._range),
		ChromaLocation: int(o.chroma_location),
	}
}

// StreamInfo is what go-astiav does not tell about a stream.
type StreamInfo struct {
	Disposition     int  // AV_DISPOSITION_* bits
	AttachedPicture bool // a cover or thumbnail, not a film
	Interlaced      bool // its container or parser says so
	IndexEntries    int64
	Rotation        float64 // counter-clockwise degrees of its display matrix, as av_display_rotation_get gives them
}

// DescribeStream reads the properties of s.
func DescribeStream(s *astiav.Stream) StreamInfo {
	var o C.ksn_stream_info
	C.ksn_stream_describe(stream(s), &o)
	return StreamInfo{
		Disposition: int(o.disposition), AttachedPicture: o.attached_pic != 0,
		Interlaced:   o.field_order != C.AV_FIELD_UNKNOWN && o.field_order != C.AV_FIELD_PROGRESSIVE,
		IndexEntries: int64(o.index_entries), Rotation: float64(o.rotation),
	}
}

// DurationDeclared says that the duration of in stands in the file, rather than being guessed from bit rate or the last
// packets.
func DurationDeclared(in *astiav.FormatContext) bool { return C.ksn_duration_declared(format(in)) != 0 }

// ProfileName is FFmpeg's name for the profile of a stream ("High 4:2:2", "HQ"); empty when unknown.
func ProfileName(p *astiav.CodecParameters) string {
	c := params(p)
	n := C.avcodec_profile_name(c.codec_id, c.profile)
	if n == nil {
		return ""
	}
	return C.GoString(n)
}

// CodecTag is the four characters by which the container names the codec; empty when it has none.
func CodecTag(p *astiav.CodecParameters) string {
	t := uint32(params(p).codec_tag)
	if t == 0 {
		return ""
	}
	return string([]byte{byte(t), byte(t >> 8), byte(t >> 16), byte(t >> 24)})
}

// Chapters is the number of chapters in a file.
func Chapters(f *astiav.FormatContext) int { return int(format(f).nb_chapters) }

// InitialPadding is the codec's delay in samples at the start of an audio stream.
func InitialPadding(p *astiav.CodecParameters) int64 { return int64(params(p).initial_padding) }
