package avplane

// #include <stdlib.h>
// #include <libavutil/hwcontext.h>
// #include "avplane.h"
import "C"

import (
	"unsafe"

	"github.com/asticode/go-astiav"
)

// HardwareTypes are the kinds of devices that this FFmpeg was built for, by name; whether one is there is another matter.
func HardwareTypes() []string {
	var names []string
	for t := C.av_hwdevice_iterate_types(C.AV_HWDEVICE_TYPE_NONE); t != C.AV_HWDEVICE_TYPE_NONE; t = C.av_hwdevice_iterate_types(t) {
		names = append(names, C.GoString(C.av_hwdevice_get_type_name(t)))
	}
	return names
}

// Download puts a copy in system memory in the place of a picture on a device, in the format want if the device offers it.
func Download(f *astiav.Frame, want astiav.PixelFormat) error {
	return averror(C.ksn_hw_download(avframe(f), C.int(want)))
}

// Repack puts the same picture in another arrangement of its samples in f's place: nv12 and yuv420p, p010 and yuv420p10. It
// is an error where the two formats do not hold the same samples.
func Repack(f *astiav.Frame, want astiav.PixelFormat) error {
	return averror(C.ksn_repack(avframe(f), C.int(want)))
}

// UseDevice opens a device for an encoder that takes pictures there only, before the encoder is opened: device is empty for
// the first one. hw is the encoder's pixel format, sw that of the pictures which are brought there.
func UseDevice(e *astiav.CodecContext, t astiav.HardwareDeviceType, device string, hw, sw astiav.PixelFormat) error {
	var d *C.char
	if device != "" {
		d = C.CString(device)
		defer C.free(unsafe.Pointer(d))
	}
	return averror(C.ksn_hw_pool(codec(e), C.int(t), d, C.int(hw), C.int(sw)))
}

// Upload copies f to the device of e, into o.
func Upload(e *astiav.CodecContext, o, f *astiav.Frame) error {
	return averror(C.ksn_hw_upload(codec(e), avframe(o), avframe(f)))
}
