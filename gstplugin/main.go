// Package main is the GStreamer plugin: built with -buildmode=c-shared it is libgstksamenet.so with one element, ksamenet.
package main

/*
#cgo pkg-config: gstreamer-1.0
#include <gst/gst.h>
*/
import "C"

import (
	"unsafe"

	"github.com/go-gst/go-gst/gst"

	"github.com/ksamenet/ksamenet/gstplugin/element"
)

// ksamenetPluginInit only registers the element: models and engines are loaded when the element goes to PAUSED, so that
// scanning a plugin folder stays cheap and safe.
//
//export ksamenetPluginInit
func ksamenetPluginInit(p *C.GstPlugin) C.gboolean {
	if element.Register(gst.FromGstPluginUnsafeNone(unsafe.Pointer(p))) {
		return 1
	}
	return 0
}

func main() {}
