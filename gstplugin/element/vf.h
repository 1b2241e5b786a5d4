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
/* Posts GST_ELEMENT_WARNING: the stream goes on. */
void vf_warning (gpointer element, const char *text, const char *debug);
/* Posts an element message; takes the structure. */
gboolean vf_post (gpointer element, GstStructure * structure);
/* Sets the comment that goes out as a tag event after each segment; an empty one is not sent. */
void vf_disclose (gpointer element, const char *text);
/* Sets how many pictures are held back, from the next one on. Any thread. */
void vf_look_ahead (gpointer element, guint pictures);
/* How long the pictures are held back that vf_look_ahead asks for. Any thread. */
GstClockTime vf_latency (gpointer element);
void vf_qos (gpointer element, gboolean enabled);
void vf_log (gpointer element, int level, const char *text);
int vf_log_threshold (void);

GType vf_enum_type (const char *name, const char **nicks, const char **words, int n);
GParamSpec *vf_enum_param (const char *name, const char *nick, const char *blurb, GType type, int def, guint flags);
/* Puts a copy of structure into value, which holds a GstStructure. */
void vf_set_structure (gpointer value, gpointer structure);

#define VF_REGIONS 128

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
  gpointer buffer;
  gint regions; /* of interest, from upstream; -1: more than VF_REGIONS */
  gint region[VF_REGIONS][4]; /* x, y, width, height */
} VfPicture;

/* Tells downstream of a face. Only while the picture is written. */
void vf_add_region (gpointer buffer, gint x, gint y, gint w, gint h, gint track, gboolean replaced);

/* What Go says of a picture. */
enum { VF_OK, VF_DROP, VF_ERROR };

#endif
