/* A GstVideoFilter subclass whose methods are Go functions. go-gst v1.4.0 hands its own vmethods a nil self and cannot
 * chain up, so the class is filled in here. */
#ifndef KSAMENET_VF_H
#define KSAMENET_VF_H

#include <gst/gst.h>
#include <gst/video/video.h>
#include <gst/video/gstvideofilter.h>

GType vf_type (void);
gsize vf_class_size (void);
gsize vf_instance_size (void);
void vf_class_init (gpointer klass);

/* Posts GST_ELEMENT_ERROR of the library domain: INIT when the element could not start, else FAILED. */
void vf_error (gpointer element, gboolean init, const char *text, const char *debug);
/* Posts an element message; takes the structure. */
gboolean vf_post (gpointer element, GstStructure * structure);
/* Sets the comment that goes out as a tag event after each segment; an empty one is not sent. */
void vf_disclose (gpointer element, const char *text);
void vf_log (gpointer element, int level, const char *text);
int vf_log_threshold (void);

GType vf_enum_type (const char *name, const char **nicks, int n);
GParamSpec *vf_enum_param (const char *name, const char *nick, const char *blurb, GType type, int def, guint flags);

/* What Go needs of a mapped frame; rows and components as in GstVideoFormatInfo. */
typedef struct {
  gint width, height, planes, components, rgb, alpha, usable;
  gint matrix, full_range, fields; /* matrix: 0 BT.601, 1 BT.709, 2 BT.2020; fields: 0 progressive, 1 top first, 2 bottom first */
  gint plane[4], offset[4], step[4], shift[4], depth[4], sub_x[4], sub_y[4];
  gpointer data[4];
  gint stride[4];
  gint64 size[4];
  guint64 pts;
  const char *name;
} VfPicture;

#endif
