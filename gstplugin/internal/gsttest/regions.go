// Package gsttest does in C what tests of the element cannot do in Go: files of tests have no cgo, and go-gst v1.4.0 knows no
// regions of interest. It serves tests only.
package gsttest

/*
#cgo pkg-config: gstreamer-1.0 gstreamer-video-1.0
#include <gst/gst.h>
#include <gst/video/video.h>

typedef struct { guint x, y, w, h; gint count; } Region;

static GstPadProbeReturn
add_region (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  Region *r = data;
  GstBuffer *b = gst_buffer_make_writable (GST_PAD_PROBE_INFO_BUFFER (info));
  gst_buffer_add_video_region_of_interest_meta (b, "thing", r->x, r->y, r->w, r->h);
  GST_PAD_PROBE_INFO_DATA (info) = b;
  return GST_PAD_PROBE_OK;
}

static GstPadProbeReturn
count_region (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  Region *r = data;
  gpointer state = NULL;
  GstMeta *m;
  while ((m = gst_buffer_iterate_meta_filtered (GST_PAD_PROBE_INFO_BUFFER (info), &state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE))) {
    GstVideoRegionOfInterestMeta *v = (GstVideoRegionOfInterestMeta *) m;
    if (v->x == r->x && v->y == r->y && v->w == r->w && v->h == r->h && g_strcmp0 (g_quark_to_string (v->roi_type), "face") == 0)
      g_atomic_int_inc (&r->count);
  }
  return GST_PAD_PROBE_OK;
}

static Region *
watch (gpointer pad, gboolean add, guint x, guint y, guint w, guint h)
{
  Region *r = g_new0 (Region, 1);
  r->x = x, r->y = y, r->w = w, r->h = h;
  gst_pad_add_probe (GST_PAD (pad), GST_PAD_PROBE_TYPE_BUFFER, add ? add_region : count_region, r, NULL);
  return r;
}

static gint count_of (Region * r) { return g_atomic_int_get (&r->count); }
*/
import "C"

import "unsafe"

// AddRegion lets every buffer that passes a pad carry a region of interest that no ksamenet wrote. The pad is a GstPad.
func AddRegion(pad unsafe.Pointer, x, y, w, h int) {
	C.watch(C.gpointer(pad), 1, C.guint(x), C.guint(y), C.guint(w), C.guint(h)) // what is made here lives as long as the test
}

// CountRegions counts the buffers that pass a pad with a region of the type "face" in that place.
func CountRegions(pad unsafe.Pointer, x, y, w, h int) (count func() int) {
	r := C.watch(C.gpointer(pad), 0, C.guint(x), C.guint(y), C.guint(w), C.guint(h))
	return func() int { return int(C.count_of(r)) }
}
