#include "vf.h"
#include "_cgo_export.h"

GST_DEBUG_CATEGORY_STATIC (ksamenet_debug);
#define GST_CAT_DEFAULT ksamenet_debug
#define DISCLOSURE "ksamenet-disclosure"

GType vf_type (void) { return GST_TYPE_VIDEO_FILTER; }
gsize vf_class_size (void) { return sizeof (GstVideoFilterClass); }
gsize vf_instance_size (void) { return sizeof (GstVideoFilter); }

static gboolean
vf_start (GstBaseTransform * t)
{
  return goVfStart (t);
}

static gboolean
vf_stop (GstBaseTransform * t)
{
  return goVfStop (t);
}

static gboolean
vf_set_info (GstVideoFilter * f, GstCaps * incaps, GstVideoInfo * in, GstCaps * outcaps, GstVideoInfo * out)
{
  return goVfReset (f);
}

static gboolean
vf_sink_event (GstBaseTransform * t, GstEvent * event)
{
  gboolean segment, ok;
  const char *text;
  if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_STOP)
    goVfReset (GST_VIDEO_FILTER (t));
  segment = GST_EVENT_TYPE (event) == GST_EVENT_SEGMENT;
  ok = GST_BASE_TRANSFORM_CLASS (g_type_class_peek (GST_TYPE_VIDEO_FILTER))->sink_event (t, event);
  text = g_object_get_data (G_OBJECT (t), DISCLOSURE);
  if (ok && segment && text && *text) {
    char *comment = g_strconcat ("ksamenet[en]=", text, NULL);
    GstTagList *tags = gst_tag_list_new (GST_TAG_EXTENDED_COMMENT, comment, NULL);
    gst_tag_list_set_scope (tags, GST_TAG_SCOPE_GLOBAL);
    gst_pad_push_event (GST_BASE_TRANSFORM_SRC_PAD (t), gst_event_new_tag (tags));
    g_free (comment);
  }
  return ok;
}

void
vf_disclose (gpointer element, const char *text)
{
  g_object_set_data_full (G_OBJECT (element), DISCLOSURE, g_strdup (text), g_free);
}

static int
matrix_of (const GstVideoInfo * info)
{
  switch (info->colorimetry.matrix) {
    case GST_VIDEO_COLOR_MATRIX_BT601:
    case GST_VIDEO_COLOR_MATRIX_FCC:
      return 0;
    case GST_VIDEO_COLOR_MATRIX_BT2020:
      return 2;
    case GST_VIDEO_COLOR_MATRIX_UNKNOWN:
      return info->height < 720 ? 0 : 1;
    default:
      return 1;
  }
}

static int
fields_of (const GstVideoFrame * f)
{
  if (!GST_VIDEO_FRAME_IS_INTERLACED (f))
    return 0;
  return GST_VIDEO_FRAME_IS_TFF (f) ? 1 : 2;
}

static GstFlowReturn
vf_picture (GstVideoFilter * filter, GstVideoFrame * f)
{
  const GstVideoFormatInfo *fi = f->info.finfo;
  VfPicture p = { 0 };
  p.name = GST_VIDEO_FORMAT_INFO_NAME (fi);
  p.width = GST_VIDEO_FRAME_WIDTH (f);
  p.height = GST_VIDEO_FRAME_HEIGHT (f);
  p.planes = GST_VIDEO_FRAME_N_PLANES (f);
  p.components = GST_VIDEO_FRAME_N_COMPONENTS (f);
  p.rgb = GST_VIDEO_FORMAT_INFO_IS_RGB (fi);
  p.alpha = GST_VIDEO_FORMAT_INFO_HAS_ALPHA (fi);
  p.usable = !GST_VIDEO_FORMAT_INFO_IS_COMPLEX (fi) && !GST_VIDEO_FORMAT_INFO_HAS_PALETTE (fi)
      && !GST_VIDEO_FORMAT_INFO_IS_TILED (fi)
      && (GST_VIDEO_FORMAT_INFO_BITS (fi) <= 8 || GST_VIDEO_FORMAT_INFO_IS_LE (fi));
  p.matrix = matrix_of (&f->info);
  p.full_range = f->info.colorimetry.range == GST_VIDEO_COLOR_RANGE_0_255;
  p.fields = fields_of (f);
  p.pts = GST_BUFFER_PTS (f->buffer);
  for (gint c = 0; c < p.components && c < 4; c++) {
    p.plane[c] = GST_VIDEO_FORMAT_INFO_PLANE (fi, c);
    p.offset[c] = GST_VIDEO_FORMAT_INFO_POFFSET (fi, c);
    p.step[c] = GST_VIDEO_FORMAT_INFO_PSTRIDE (fi, c);
    p.shift[c] = GST_VIDEO_FORMAT_INFO_SHIFT (fi, c);
    p.depth[c] = GST_VIDEO_FORMAT_INFO_DEPTH (fi, c);
    p.sub_x[c] = GST_VIDEO_FORMAT_INFO_W_SUB (fi, c);
    p.sub_y[c] = GST_VIDEO_FORMAT_INFO_H_SUB (fi, c);
  }
  for (gint i = 0; i < p.planes && i < 4; i++) {
    gint comp[GST_VIDEO_MAX_COMPONENTS];
    gst_video_format_info_component (fi, i, comp);
    gint rows = GST_VIDEO_FRAME_COMP_HEIGHT (f, comp[0]);
    gint row = GST_VIDEO_FRAME_COMP_WIDTH (f, comp[0]) * GST_VIDEO_FRAME_COMP_PSTRIDE (f, comp[0]);
    p.data[i] = GST_VIDEO_FRAME_PLANE_DATA (f, i);
    p.stride[i] = GST_VIDEO_FRAME_PLANE_STRIDE (f, i);
    p.size[i] = (gint64) p.stride[i] * (rows - 1) + row;
  }
  return (GstFlowReturn) goVfPicture (filter, &p);
}

/* GstVideoFilter's own method warns about a buffer that it cannot map, and lets it pass. Here it ends the stream. */
static GstFlowReturn
vf_transform_ip (GstBaseTransform * t, GstBuffer * buffer)
{
  GstVideoFilter *filter = GST_VIDEO_FILTER (t);
  GstVideoFrame frame;
  GstFlowReturn ret;
  if (!filter->negotiated) {
    vf_error (t, FALSE, "a picture came before its format", "transform_ip");
    return GST_FLOW_NOT_NEGOTIATED;
  }
  if (!gst_video_frame_map (&frame, &filter->in_info, buffer, GST_MAP_READWRITE | GST_VIDEO_FRAME_MAP_FLAG_NO_REF)) {
    vf_error (t, FALSE, "a picture's memory cannot be mapped, so it cannot be examined", "gst_video_frame_map");
    return GST_FLOW_ERROR;
  }
  ret = vf_picture (filter, &frame);
  gst_video_frame_unmap (&frame);
  return ret;
}

void
vf_class_init (gpointer klass)
{
  GstVideoFilterClass *v = GST_VIDEO_FILTER_CLASS (klass);
  GstBaseTransformClass *b = GST_BASE_TRANSFORM_CLASS (klass);
  GST_DEBUG_CATEGORY_INIT (ksamenet_debug, "ksamenet", 0, "k-anonymous face surrogates");
  v->set_info = vf_set_info;
  b->transform_ip = vf_transform_ip;
  b->transform = NULL; /* in place, always */
  b->start = vf_start;
  b->stop = vf_stop;
  b->sink_event = vf_sink_event;
  b->passthrough_on_same_caps = FALSE; /* a clear face must never pass */
  b->transform_ip_on_passthrough = FALSE;
}

void
vf_error (gpointer element, gboolean init, const char *text, const char *debug)
{
  if (init)
    GST_ELEMENT_ERROR (GST_ELEMENT (element), LIBRARY, INIT, ("%s", text), ("%s", debug));
  else
    GST_ELEMENT_ERROR (GST_ELEMENT (element), LIBRARY, FAILED, ("%s", text), ("%s", debug));
}

gboolean
vf_post (gpointer element, GstStructure * structure)
{
  return gst_element_post_message (GST_ELEMENT (element), gst_message_new_element (GST_OBJECT (element), structure));
}

int
vf_log_threshold (void)
{
  return gst_debug_category_get_threshold (ksamenet_debug);
}

void
vf_log (gpointer element, int level, const char *text)
{
  GST_CAT_LEVEL_LOG (ksamenet_debug, (GstDebugLevel) level, element, "%s", text);
}

GType
vf_enum_type (const char *name, const char **nicks, int n)
{
  GType t = g_type_from_name (name);
  if (t)
    return t;
  GEnumValue *v = g_new0 (GEnumValue, n + 1);
  for (int i = 0; i < n; i++) {
    v[i].value = i;
    v[i].value_name = v[i].value_nick = g_strdup (nicks[i]);
  }
  return g_enum_register_static (name, v);
}

GParamSpec *
vf_enum_param (const char *name, const char *nick, const char *blurb, GType type, int def, guint flags)
{
  return g_param_spec_enum (name, nick, blurb, type, def, (GParamFlags) flags);
}
