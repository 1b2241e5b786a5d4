package element

/*
#cgo pkg-config: gstreamer-1.0 gstreamer-base-1.0 gstreamer-video-1.0
#include <stdlib.h>
#include "vf.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"unsafe"

	"github.com/go-gst/go-glib/glib"
	"github.com/go-gst/go-gst/gst"

	"github.com/ksamenet/ksamenet/core/frame"
)

// handle is a borrowed element instance, valid during a callback and between start and stop. It is never wrapped in a
// go-gst object: those unref in a finalizer.
type handle struct {
	p      unsafe.Pointer
	buffer unsafe.Pointer // the picture's, while it is painted
}

// filter is what a Go type must do to be a video filter that looks ahead. All calls come from GStreamer's streaming or
// state-change threads, never two at a time for one element.
type filter interface {
	start(handle) error
	stop(handle) error
	// reset comes with a new format or a seek: no picture is held any more.
	reset(handle) error
	// end comes when the last picture has left.
	end(handle) error
	// examine takes a picture that came, to be read only, with regions that came with it; err says that it cannot be used.
	examine(h handle, pic *frame.Picture, regions []frame.Rect, err error) verdict
	// paint changes the oldest picture that was examined and has not left; err likewise.
	paint(h handle, pic *frame.Picture, err error) verdict
	// unreadable is in their place when a picture's memory cannot be mapped: one that came, or the oldest.
	unreadable(h handle, leaving bool) verdict
}

// verdict is what becomes of a picture.
type verdict int

const (
	done   = verdict(C.VF_OK)
	drop   = verdict(C.VF_DROP)
	failed = verdict(C.VF_ERROR)
)

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
	h := handle{p: p}
	defer func() {
		if r := recover(); r != nil {
			h.fail(starting, fmt.Sprintf("internal error in %s: %v", where, r), string(debug.Stack()))
			ok = false
		}
	}()
	if err := f(glib.FromObjectUnsafePrivate(p).(filter), h); err != nil {
		h.fail(starting, oneLine(err), where)
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
func goVfReset(t *C.GstBaseTransform) C.gboolean {
	return gbool(call(unsafe.Pointer(t), false, "reset", filter.reset))
}

//export goVfForget
func goVfForget(t *C.GstBaseTransform) { goVfReset(t) }

//export goVfEnd
func goVfEnd(t *C.GstBaseTransform) { call(unsafe.Pointer(t), false, "end", filter.end) }

//export goVfExamine
func goVfExamine(f *C.GstVideoFilter, v *C.VfPicture) C.int {
	return judge(unsafe.Pointer(f), "examine", func(e filter, h handle) verdict {
		pic, err := borrow(v)
		var regions []frame.Rect
		if v.regions < 0 {
			err = errors.Join(err, fmt.Errorf("element: more than %d regions of interest in a picture", C.VF_REGIONS))
		}
		for i := range max(0, int(v.regions)) {
			r := v.region[i]
			regions = append(regions, frame.Rect{X0: float64(r[0]), Y0: float64(r[1]), X1: float64(r[0] + r[2]), Y1: float64(r[1] + r[3])})
		}
		return e.examine(h, pic, regions, err)
	})
}

//export goVfPaint
func goVfPaint(f *C.GstVideoFilter, v *C.VfPicture) C.int {
	return judge(unsafe.Pointer(f), "paint", func(e filter, h handle) verdict {
		pic, err := borrow(v)
		h.buffer = unsafe.Pointer(v.buffer)
		return e.paint(h, pic, err)
	})
}

//export goVfUnreadable
func goVfUnreadable(t *C.GstBaseTransform, leaving C.gboolean) C.int {
	return judge(unsafe.Pointer(t), "mapping", func(e filter, h handle) verdict { return e.unreadable(h, leaving != 0) })
}

// judge is call for what becomes of a picture.
func judge(p unsafe.Pointer, where string, f func(filter, handle) verdict) C.int {
	v := failed
	if !call(p, false, where, func(e filter, h handle) error { v = f(e, h); return nil }) {
		v = failed
	}
	return C.int(v)
}

// fail posts an ERROR message.
func (h handle) fail(starting bool, text, dbg string) {
	a, b := C.CString(text), C.CString(dbg)
	defer C.free(unsafe.Pointer(a))
	defer C.free(unsafe.Pointer(b))
	C.vf_error(C.gpointer(h.p), gbool(starting), a, b)
}

// warn posts a WARNING message.
func (h handle) warn(text, dbg string) {
	a, b := C.CString(text), C.CString(dbg)
	defer C.free(unsafe.Pointer(a))
	defer C.free(unsafe.Pointer(b))
	C.vf_warning(C.gpointer(h.p), a, b)
}

// lookAhead sets how many pictures are held back.
func (h handle) lookAhead(pictures int) { C.vf_look_ahead(C.gpointer(h.p), C.guint(pictures)) }

// latency is how long they are, ns.
func (h handle) latency() uint64 { return uint64(C.vf_latency(C.gpointer(h.p))) }

// qos says whether pictures that are late already are dropped before they are examined.
func (h handle) qos(enabled bool) { C.vf_qos(C.gpointer(h.p), gbool(enabled)) }

// region tells downstream of a face in the picture that is being painted.
func (h handle) region(x, y, w, hh, track int, replaced bool) {
	C.vf_add_region(C.gpointer(h.buffer), C.gint(x), C.gint(y), C.gint(w), C.gint(hh), C.gint(track), gbool(replaced))
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

// structureType is the type of a GstStructure.
func structureType() glib.Type { return glib.Type(C.gst_structure_get_type()) }

// structureValue is a value with a copy of s; nil if there is no memory for it.
func structureValue(s *gst.Structure) *glib.Value {
	v, err := glib.ValueInit(structureType())
	if err != nil {
		return nil
	}
	C.vf_set_structure(C.gpointer(unsafe.Pointer(v.GValue)), C.gpointer(unsafe.Pointer(s.Instance())))
	return v
}

// enumType registers a GEnum with one value per nick; registering the same name again returns the first type. words say what the
// values mean; without any, the nicks do.
func enumType(name string, nicks []string, words ...string) glib.Type {
	if len(words) == 0 {
		words = nicks
	}
	copied := func(all []string) []*C.char {
		c := make([]*C.char, len(all))
		for i, s := range all {
			c[i] = C.CString(s)
		}
		return c
	}
	n, w, cn := copied(nicks), copied(words), C.CString(name)
	// The arrays are copied by C before the call returns; the strings are duplicated there.
	t := glib.Type(C.vf_enum_type(cn, (**C.char)(unsafe.Pointer(unsafe.SliceData(n))), (**C.char)(unsafe.Pointer(unsafe.SliceData(w))), C.int(len(nicks))))
	C.free(unsafe.Pointer(cn))
	for _, s := range slices.Concat(n, w) {
		C.free(unsafe.Pointer(s))
	}
	return t
}

func enumParam(name, nick, blurb string, t glib.Type, def int, flags glib.ParameterFlags) *glib.ParamSpec {
	// GParamSpec keeps the strings unless told they are static; these live as long as the process.
	return glib.ToParamSpec(unsafe.Pointer(C.vf_enum_param(C.CString(name), C.CString(nick), C.CString(blurb), C.GType(t), C.int(def), C.guint(flags))))
}
