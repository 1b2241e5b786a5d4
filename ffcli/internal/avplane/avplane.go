// Package avplane reaches what go-astiav v0.16.0 does not: the planes of a frame, in place and writable, and the parts
// of streams and containers that a faithful transcode must carry over. It is the only cgo and unsafe of the transcoder,
// and holds no policy: package av decides.
//
// The functions take go-astiav objects and keep none of them.
package avplane

// #cgo pkg-config: libavformat libavcodec libavutil
// #cgo LDFLAGS: -lm
// #cgo noescape ksn_log_take
// #cgo nocallback ksn_log_take
// #include "avplane.h"
import "C"

import (
	"unsafe"

	"github.com/asticode/go-astiav"
)

// object is the C pointer of an astiav object. Sound because each of them is a struct whose first field is that pointer
// (checked for v0.16.0, which go.mod pins); TestObjectLayout fails if a new version differs.
func object[T any](p *T) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(p)) }

func stream(s *astiav.Stream) *C.AVStream                   { return (*C.AVStream)(object(s)) }
func format(f *astiav.FormatContext) *C.AVFormatContext     { return (*C.AVFormatContext)(object(f)) }
func codec(c *astiav.CodecContext) *C.AVCodecContext        { return (*C.AVCodecContext)(object(c)) }
func params(p *astiav.CodecParameters) *C.AVCodecParameters { return (*C.AVCodecParameters)(object(p)) }
func avframe(f *astiav.Frame) *C.AVFrame                    { return (*C.AVFrame)(f.UnsafePointer()) }

func averror(r C.int) error {
	if r < 0 {
		return astiav.Error(r)
	}
	return nil
}

// CaptureLog keeps FFmpeg's error lines for TakeLog in place of printing them. Lines are bounded; input files cannot
// overflow them.
func CaptureLog() { C.ksn_log_capture() }

// TakeLog is the last error line that FFmpeg logged since the last call, in any thread; empty if none.
func TakeLog() string {
	var b [512]C.char
	C.ksn_log_take(&b[0], C.int(len(b)))
	return C.GoString(&b[0])
}

// DecoderErrors counts the error lines of all decoders in the process since CaptureLog. Decoders that conceal damage tell
// of it in this way only.
func DecoderErrors() int64 { return int64(C.ksn_log_decoder_errors()) }
