package element

/*
#cgo pkg-config: gstreamer-1.0
#include <gst/gst.h>
*/
import "C"

import (
	"unsafe"

	"github.com/go-gst/go-gst/gst"
)

// ksamenetPluginInit only registers the element: models and engines are loaded when the element goes to PAUSED, so that
// scanning a plugin folder stays cheap and safe.
//
//export ksamenetPluginInit
func ksamenetPluginInit(p *C.GstPlugin) C.gboolean {
	return gbool(Register(gst.FromGstPluginUnsafeNone(unsafe.Pointer(p))))
}
