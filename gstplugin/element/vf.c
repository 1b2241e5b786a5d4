#include "hold.h"
#include "_cgo_export.h"

GST_DEBUG_CATEGORY_STATIC (ksamenet_debug);
#define GST_CAT_DEFAULT ksamenet_debug
#define DISCLOSURE "ksamenet-disclosure"
#define REGION_PARAM "ksamenet"

GType vf_type (void) { return GST_TYPE_VIDEO_FILTER; }
gsize vf_class_size (void) { return sizeof (GstVideoFilterClass); }
gsize vf_instance_size (void) { return sizeof (GstVideoFilter); }

GstBaseTransformClass *
vf_parent (void)
{
  return GST_BASE_TRANSFORM_CLASS (g_type_class_peek (GST_TYPE_VIDEO_FILTER));
}

static gboolean
vf_start (GstBaseTransform * t)
{
  return goVfStart (t);
}

static gboolean
vf_stop (GstBaseTransform * t)
{
  vf_hold_clear (t);
  return goVfStop (t);
}

static gboolean
vf_set_info (GstVideoFilter * f, GstCaps * incaps, GstVideoInfo * in, GstCaps * outcaps, GstVideoInfo * out)
{
  GstBaseTransform *t = GST_BASE_TRANSFORM (f);
  vf_hold_drain (t); /* the filter still knows their format */
  vf_hold_renew (t, in);
  return goVfReset (t);
}

static void
vf_send_disclosure (GstBaseTransform * t)
{
  const char *text = g_object_get_data (G_OBJECT (t), DISCLOSURE);
  char *comment;
  GstTagList *tags;
  if (!text || !*text)
    return;
  comment = g_strconcat ("ksamenet[en]=", text, NULL);
  tags = gst_tag_list_new (GST_TAG_EXTENDED_COMMENT, comment, NULL);
  gst_tag_list_set_scope (tags, GST_TAG_SCOPE_GLOBAL);
  gst_pad_push_event (GST_BASE_TRANSFORM_SRC_PAD (t), gst_event_new_tag (tags));
  g_free (comment);
}

/* Held pictures leave before an event that ends what they belong to; other events keep their place behind them. A CAPS event
 * sends them on in vf_set_info, if the format does change. */
static gboolean
vf_sink_event (GstBaseTransform * t, GstEvent * event)
{
  gboolean segment = FALSE, ok;
  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_CAPS:
      break;
    case GST_EVENT_SEGMENT:
      segment = TRUE;
      vf_hold_drain (t);
      break;
    case GST_EVENT_EOS:
      vf_hold_drain (t);
      goVfEnd (t);
      break;
    case GST_EVENT_STREAM_START:
    case GST_EVENT_SEGMENT_DONE:
    case GST_EVENT_GAP:
      vf_hold_drain (t);
      break;
    case GST_EVENT_FLUSH_STOP:
      vf_hold_clear (t);
      goVfReset (t);
      break;
    default:
      if (GST_EVENT_IS_SERIALIZED (event) && vf_hold_event (t, event))
        return TRUE;
  }
  ok = vf_parent ()->sink_event (t, event);
  if (ok && segment)
    vf_send_disclosure (t);
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

static void
vf_read_regions (VfPicture * p, GstBuffer * buffer)
{
  gpointer state = NULL;
  GstMeta *m;
  while ((m = gst_buffer_iterate_meta_filtered (buffer, &state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE))) {
    GstVideoRegionOfInterestMeta *r = (GstVideoRegionOfInterestMeta *) m;
    if (gst_video_region_of_interest_meta_get_param (r, REGION_PARAM))
      continue; /* another ksamenet has hidden it */
    if (p->regions == VF_REGIONS) {
      p->regions = -1;
      return;
    }
    gint *to = p->region[p->regions++];
    to[0] = (gint) MIN (r->x, 1 << 20), to[1] = (gint) MIN (r->y, 1 << 20);
    to[2] = (gint) MIN (r->w, 1 << 20), to[3] = (gint) MIN (r->h, 1 << 20);
  }
}

void
vf_add_region (gpointer buffer, gint x, gint y, gint w, gint h, gint track, gboolean replaced)
{
  GstVideoRegionOfInterestMeta *r = gst_buffer_add_video_region_of_interest_meta (GST_BUFFER (buffer), "face", x, y, w, h);
  gst_video_region_of_interest_meta_add_param (r, gst_structure_new (REGION_PARAM,
          "track", G_TYPE_INT, track, "action", G_TYPE_STRING, replaced ? "replaced" : "covered", NULL));
}

/* Describes a mapped frame to one of the Go functions. */
static int
vf_picture (GstVideoFilter * filter, GstVideoFrame * f, int (*tell) (GstVideoFilter *, VfPicture *))
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
  p.buffer = f->buffer;
  vf_read_regions (&p, f->buffer);
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
  return tell (filter, &p);
}

static GstFlowReturn
vf_flow (int verdict)
{
  switch (verdict) {
    case VF_OK:
      return GST_FLOW_OK;
    case VF_DROP:
      return GST_BASE_TRANSFORM_FLOW_DROPPED;
    default:
      return GST_FLOW_ERROR;
  }
}

/* GstVideoFilter's own method warns about a buffer that it cannot map, and lets it pass. Here it is a picture that could not be
 * examined. */
static GstFlowReturn
vf_mapped (GstBaseTransform * t, GstBuffer * buffer, GstMapFlags flags, int (*tell) (GstVideoFilter *, VfPicture *))
{
  GstVideoFilter *filter = GST_VIDEO_FILTER (t);
  GstVideoFrame frame;
  int verdict;
  if (!filter->negotiated) {
    vf_error (t, FALSE, "a picture came before its format", "ksamenet");
    return GST_FLOW_NOT_NEGOTIATED;
  }
  if (!gst_video_frame_map (&frame, &filter->in_info, buffer, flags | GST_VIDEO_FRAME_MAP_FLAG_NO_REF))
    return vf_flow (goVfUnreadable (t, flags & GST_MAP_WRITE ? 1 : 0));
  verdict = vf_picture (filter, &frame, tell);
  gst_video_frame_unmap (&frame);
  return vf_flow (verdict);
}

GstFlowReturn
vf_examine (GstBaseTransform * t, GstBuffer * buffer)
{
  return vf_mapped (t, buffer, GST_MAP_READ, goVfExamine);
}

static GstFlowReturn
vf_transform_ip (GstBaseTransform * t, GstBuffer * buffer)
{
  return vf_mapped (t, buffer, GST_MAP_READWRITE, goVfPaint);
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
  vf_hold_class_init (b);
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

void
vf_warning (gpointer element, const char *text, const char *debug)
{
  GST_ELEMENT_WARNING (GST_ELEMENT (element), LIBRARY, FAILED, ("%s", text), ("%s", debug));
}

void
vf_qos (gpointer element, gboolean enabled)
{
  gst_base_transform_set_qos_enabled (GST_BASE_TRANSFORM (element), enabled);
}

void
vf_set_structure (gpointer value, gpointer structure)
{
  gst_value_set_structure (value, structure);
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
vf_enum_type (const char *name, const char **nicks, const char **words, int n)
{
  GType t = g_type_from_name (name);
  if (t)
    return t;
  GEnumValue *v = g_new0 (GEnumValue, n + 1);
  for (int i = 0; i < n; i++) {
    v[i].value = i;
    v[i].value_nick = g_strdup (nicks[i]);
    v[i].value_name = g_strdup (words[i]);
  }
  return g_enum_register_static (name, v);
}

GParamSpec *
vf_enum_param (const char *name, const char *nick, const char *blurb, GType type, int def, guint flags)
{
  return g_param_spec_enum (name, nick, blurb, type, def, (GParamFlags) flags);
}
