package element

/*
#cgo pkg-config: gstreamer-1.0 gstreamer-base-1.0 gstreamer-video-1.0
#include <stdlib.h>
#include "vf.h"
*/
import "C"

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"unsafe"

	"github.com/go-gst/go-glib/glib"
	"github.com/go-gst/go-gst/gst"

	"github.com/ksamenet/ksamenet/core/frame"
)

// handle is a borrowed element instance, valid during a callback and between start and stop. It is never wrapped in a
// go-gst object: those unref in a finalizer.
type handle struct{ p unsafe.Pointer }

// filter is what a Go type must do to be a video filter. All calls come from GStreamer's streaming or state-change threads,
// never two at a time for one element.
type filter interface {
	start(handle) error
	stop(handle) error
	reset(handle) error
	picture(handle, *frame.Picture) error
}

type extendsVideoFilter struct{}

// Type, ClassSize, InstanceSize and InitClass make this a go-glib Extendable.
func (extendsVideoFilter) Type() glib.Type     { return glib.Type(C.vf_type()) }
func (extendsVideoFilter) ClassSize() int64    { return int64(C.vf_class_size()) }
func (extendsVideoFilter) InstanceSize() int64 { return int64(C.vf_instance_size()) }
func (extendsVideoFilter) InitClass(klass unsafe.Pointer, elem glib.GoObjectSubclass) {
	gst.ExtendsElement.InitClass(klass, elem) // not BaseTransform's: it would hook methods that get a nil self
	C.vf_class_init(C.gpointer(klass))
}

// call runs f for the element at p. A panic or an error becomes an ERROR message on the bus and a false result: a Go
// panic that left an exported function would kill the host.
func call(p unsafe.Pointer, starting bool, where string, f func(filter, handle) error) (ok bool) {
	h := handle{p}
	defer func() {
		if r := recover(); r != nil {
			h.fail(starting, fmt.Sprintf("internal error in %s: %v", where, r), string(debug.Stack()))
			ok = false
		}
	}()
	if err := f(glib.FromObjectUnsafePrivate(p).(filter), h); err != nil {
		// Hosts show the text and hide the debug string, so the way out belongs to the text.
		h.fail(starting, strings.ReplaceAll(err.Error(), "\n", "; "), where)
		return false
	}
	return true
}

func gbool(b bool) C.gboolean {
	if b {
		return 1
	}
	return 0
}

//export goVfStart
func goVfStart(t *C.GstBaseTransform) C.gboolean {
	return gbool(call(unsafe.Pointer(t), true, "start", filter.start))
}

//export goVfStop
func goVfStop(t *C.GstBaseTransform) C.gboolean {
	call(unsafe.Pointer(t), false, "stop", filter.stop)
	return 1 // GStreamer cannot leave a state that an element refuses to leave: what failed is on the bus
}

//export goVfReset
func goVfReset(f *C.GstVideoFilter) C.gboolean {
	return gbool(call(unsafe.Pointer(f), false, "reset", filter.reset))
}

//export goVfPicture
func goVfPicture(f *C.GstVideoFilter, v *C.VfPicture) C.int {
	ok := call(unsafe.Pointer(f), false, "picture", func(e filter, h handle) error {
		pic, err := borrow(v)
		if err != nil {
			return err
		}
		return e.picture(h, pic)
	})
	if !ok {
		return C.int(gst.FlowError)
	}
	return C.int(gst.FlowOK)
}

// fail posts an ERROR message.
func (h handle) fail(starting bool, text, dbg string) {
	a, b := C.CString(text), C.CString(dbg)
	defer C.free(unsafe.Pointer(a))
	defer C.free(unsafe.Pointer(b))
	C.vf_error(C.gpointer(h.p), gbool(starting), a, b)
}

// disclose sets the comment that is sent after each segment; none when it is empty.
func (h handle) disclose(text string) {
	s := C.CString(text)
	defer C.free(unsafe.Pointer(s))
	C.vf_disclose(C.gpointer(h.p), s)
}

// post sends an element message on the bus. The structure is GStreamer's afterwards.
func (h handle) post(s *gst.Structure) bool {
	return C.vf_post(C.gpointer(h.p), (*C.GstStructure)(unsafe.Pointer(s.Instance()))) != 0
}

// logger writes slog records to the element's GST_DEBUG category.
func (h handle) logger() *slog.Logger { return slog.New(gstHandler{h: h}) }

type gstHandler struct {
	h     handle
	attrs string
}

func gstLevel(l slog.Level) int {
	switch {
	case l >= slog.LevelError:
		return int(C.GST_LEVEL_ERROR)
	case l >= slog.LevelWarn:
		return int(C.GST_LEVEL_WARNING)
	case l >= slog.LevelInfo:
		return int(C.GST_LEVEL_INFO)
	default:
		return int(C.GST_LEVEL_DEBUG)
	}
}

func (g gstHandler) Enabled(_ context.Context, l slog.Level) bool {
	return gstLevel(l) <= int(C.vf_log_threshold())
}

func (g gstHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Message + g.attrs)
	r.Attrs(func(a slog.Attr) bool { b.WriteString(" " + a.String()); return true })
	s := C.CString(b.String())
	defer C.free(unsafe.Pointer(s))
	C.vf_log(C.gpointer(g.h.p), C.int(gstLevel(r.Level)), s)
	return nil
}

func (g gstHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		g.attrs += " " + a.String()
	}
	return g
}

func (g gstHandler) WithGroup(string) slog.Handler { return g }

// enumType registers a GEnum with one value per nick; registering the same name again returns the first type.
func enumType(name string, nicks []string) glib.Type {
	c := make([]*C.char, len(nicks))
	for i, n := range nicks {
		c[i] = C.CString(n)
	}
	cn := C.CString(name)
	// The array is copied by C before the call returns; the strings are duplicated there.
	t := glib.Type(C.vf_enum_type(cn, (**C.char)(unsafe.Pointer(unsafe.SliceData(c))), C.int(len(nicks))))
	C.free(unsafe.Pointer(cn))
	for _, s := range c {
		C.free(unsafe.Pointer(s))
	}
	return t
}

func enumParam(name, nick, blurb string, t glib.Type, def int, flags glib.ParameterFlags) *glib.ParamSpec {
	// GParamSpec keeps the strings unless told they are static; these live as long as the process.
	return glib.ToParamSpec(unsafe.Pointer(C.vf_enum_param(C.CString(name), C.CString(nick), C.CString(blurb), C.GType(t), C.int(def), C.guint(flags))))
}
