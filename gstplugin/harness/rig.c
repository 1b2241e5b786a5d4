#include "rig.h"
#include <string.h>
#include <time.h>

Rig *
rig_open (const char *line)
{
  Rig *r = g_new0 (Rig, 1);
  r->h = gst_harness_new_parse (line);
  r->bus = gst_bus_new ();
  gst_element_set_bus (r->h->element, r->bus);
  return r;
}

static void
rig_drop_kept (Rig * r)
{
  gst_clear_buffer (&r->kept);
  gst_clear_buffer (&r->copy);
}

void
rig_close (Rig * r)
{
  rig_drop_kept (r);
  gst_bus_set_flushing (r->bus, TRUE);
  gst_element_set_bus (r->h->element, NULL);
  gst_object_unref (r->bus);
  gst_harness_teardown (r->h);
  g_free (r);
}

gboolean
rig_caps (Rig * r, const char *text)
{
  GstCaps *caps = gst_caps_from_string (text);
  if (!caps || !gst_video_info_from_caps (&r->info, caps)) {
    gst_clear_caps (&caps);
    return FALSE;
  }
  gst_harness_set_src_caps (r->h, caps);
  return TRUE;
}

static gsize
rig_row (const Rig * r, int plane, int *rows)
{
  gint comp[GST_VIDEO_MAX_COMPONENTS];
  gst_video_format_info_component (r->info.finfo, plane, comp);
  *rows = GST_VIDEO_INFO_COMP_HEIGHT (&r->info, comp[0]);
  return (gsize) GST_VIDEO_INFO_COMP_WIDTH (&r->info, comp[0]) * GST_VIDEO_INFO_COMP_PSTRIDE (&r->info, comp[0]);
}

gsize
rig_size (const Rig * r)
{
  gsize n = 0;
  for (guint i = 0; i < GST_VIDEO_INFO_N_PLANES (&r->info); i++) {
    int rows;
    gsize row = rig_row (r, i, &rows);
    n += row * rows;
  }
  return n;
}

static GstBuffer *
rig_buffer (Rig * r, const guint8 * rows, int pad, guint64 pts)
{
  gsize offset[4] = { 0 }, size = 0;
  gint stride[4] = { 0 };
  GstBuffer *b;
  GstMapInfo map;
  for (guint i = 0; i < GST_VIDEO_INFO_N_PLANES (&r->info); i++) {
    int n;
    r->stride[i] = stride[i] = rig_row (r, i, &n) + pad;
    offset[i] = size + pad;
    size = offset[i] + (gsize) stride[i] * n;
  }
  b = gst_buffer_new_allocate (NULL, size, NULL);
  gst_buffer_map (b, &map, GST_MAP_WRITE);
  if (pad)
    memset (map.data, RIG_PAD, size);
  for (guint i = 0; i < GST_VIDEO_INFO_N_PLANES (&r->info); i++) {
    int n;
    gsize row = rig_row (r, i, &n);
    for (int y = 0; y < n; y++, rows += row)
      memcpy (map.data + offset[i] + (gsize) y * stride[i], rows, row);
  }
  gst_buffer_unmap (b, &map);
  gst_buffer_add_video_meta_full (b, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT (&r->info), GST_VIDEO_INFO_WIDTH (&r->info),
      GST_VIDEO_INFO_HEIGHT (&r->info), GST_VIDEO_INFO_N_PLANES (&r->info), offset, stride);
  GST_BUFFER_PTS (b) = pts;
  return b;
}

GstFlowReturn
rig_push (Rig * r, const guint8 * rows, int pad, guint64 pts, gboolean shared)
{
  GstBuffer *b = rig_buffer (r, rows, pad, pts);
  rig_drop_kept (r);
  if (shared) {
    r->kept = gst_buffer_ref (b);
    r->copy = gst_buffer_copy_deep (b);
  }
  return gst_harness_push (r->h, b);
}

int
rig_pull (Rig * r, guint8 * rows, guint64 * pts)
{
  GstBuffer *b = gst_harness_try_pull (r->h);
  GstVideoFrame f;
  int found = 1;
  if (!b)
    return 0;
  *pts = GST_BUFFER_PTS (b);
  gst_video_frame_map (&f, &r->info, b, GST_MAP_READ);
  for (guint i = 0; i < GST_VIDEO_INFO_N_PLANES (&r->info); i++) {
    int n;
    gsize row = rig_row (r, i, &n), stride = GST_VIDEO_FRAME_PLANE_STRIDE (&f, i);
    const guint8 *data = GST_VIDEO_FRAME_PLANE_DATA (&f, i);
    for (int y = 0; y < n; y++, rows += row) {
      memcpy (rows, data + y * stride, row);
      if (stride == r->stride[i])
        for (gsize x = row; x < stride; x++)
          if (data[y * stride + x] != RIG_PAD)
            found = 2;
    }
  }
  gst_video_frame_unmap (&f);
  gst_buffer_unref (b);
  return found;
}

gboolean
rig_kept_intact (Rig * r)
{
  GstMapInfo map;
  gboolean same;
  if (!r->kept || !gst_buffer_map (r->copy, &map, GST_MAP_READ))
    return FALSE;
  same = gst_buffer_memcmp (r->kept, 0, map.data, map.size) == 0;
  gst_buffer_unmap (r->copy, &map);
  return same;
}

gboolean
rig_event (Rig * r, GstEvent * event)
{
  return gst_harness_push_event (r->h, event);
}

void
rig_flush (Rig * r)
{
  GstSegment segment;
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_harness_push_event (r->h, gst_event_new_flush_start ());
  gst_harness_push_event (r->h, gst_event_new_flush_stop (TRUE));
  gst_harness_push_event (r->h, gst_event_new_segment (&segment));
}

guint64
rig_latency (Rig * r)
{
  return gst_harness_query_latency (r->h);
}

static char *
rig_text (GstMessage * m)
{
  GError *e = NULL;
  char *text;
  gst_message_parse_error (m, &e, NULL);
  text = g_strdup (e->message);
  g_error_free (e);
  return text;
}

char *
rig_error (Rig * r)
{
  GstMessage *m = gst_bus_pop_filtered (r->bus, GST_MESSAGE_ERROR);
  char *text = NULL;
  if (m) {
    text = rig_text (m);
    gst_message_unref (m);
  }
  return text;
}

gint64
rig_now (clockid_t clock)
{
  struct timespec t;
  clock_gettime (clock, &t);
  return t.tv_sec * G_GINT64_CONSTANT (1000000000) + t.tv_nsec;
}

GstFlowReturn
rig_measure (Rig * r, const guint8 * frames, int count, int *at, int n, guint64 duration, gint64 * wall, gint64 * cpu, gint64 * each)
{
  gsize size = rig_size (r);
  int period = count > 1 ? 2 * count - 2 : 1;
  for (int i = 0; i < n; i++, (*at)++) {
    int k = *at % period;
    GstBuffer *b = rig_buffer (r, frames + size * (k < count ? k : period - k), 0, *at * duration);
    gint64 w, c;
    GstFlowReturn flow;
    GST_BUFFER_DURATION (b) = duration;
    w = rig_now (CLOCK_MONOTONIC), c = rig_now (CLOCK_PROCESS_CPUTIME_ID);
    flow = gst_harness_push (r->h, b);
    *cpu += rig_now (CLOCK_PROCESS_CPUTIME_ID) - c;
    each[i] = rig_now (CLOCK_MONOTONIC) - w;
    *wall += each[i];
    if (flow != GST_FLOW_OK)
      return flow;
    while ((b = gst_harness_try_pull (r->h)))
      gst_buffer_unref (b);
  }
  return GST_FLOW_OK;
}

char *
rig_play (const char *line, int cycles, guint64 timeout)
{
  GError *e = NULL;
  char *text = NULL;
  GstElement *p = gst_parse_launch (line, &e);
  GstBus *bus;
  if (e) {
    text = g_strdup (e->message);
    g_error_free (e);
    gst_clear_object (&p);
    return text;
  }
  bus = gst_element_get_bus (p);
  for (int i = 0; i < cycles && !text; i++) {
    GstMessage *m;
    gst_element_set_state (p, GST_STATE_PLAYING); /* why it failed is on the bus */
    m = gst_bus_timed_pop_filtered (bus, timeout, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    if (!m)
      text = g_strdup_printf ("cycle %d: neither an end nor an error", i);
    else if (GST_MESSAGE_TYPE (m) == GST_MESSAGE_ERROR)
      text = rig_text (m);
    if (m)
      gst_message_unref (m);
    if (gst_element_set_state (p, GST_STATE_NULL) == GST_STATE_CHANGE_FAILURE && !text)
      text = g_strdup_printf ("cycle %d: it does not stop", i);
  }
  gst_object_unref (bus);
  gst_object_unref (p);
  return text;
}

char *
rig_alive (void)
{
  GList *tracers = gst_tracing_get_active_tracers (), *l;
  GString *out = NULL;
  for (l = tracers; l; l = l->next) {
    GstStructure *s = NULL;
    const GValue *list;
    if (strcmp (G_OBJECT_TYPE_NAME (l->data), "GstLeaksTracer") != 0)
      continue;
    out = g_string_new (NULL);
    g_signal_emit_by_name (l->data, "get-live-objects", &s);
    list = s ? gst_structure_get_value (s, "live-objects-list") : NULL;
    for (guint i = 0; list && i < gst_value_list_get_size (list); i++) {
      const GstStructure *one = gst_value_get_structure (gst_value_list_get_value (list, i));
      const GValue *object = gst_structure_get_value (one, "object");
      g_string_append_printf (out, "%s\n", object ? G_VALUE_TYPE_NAME (object) : gst_structure_get_name (one));
    }
    /* s stays: GStreamer 1.22's tracer puts borrowed pointers into it, and freeing it would release what it never held. */
  }
  g_list_free_full (tracers, gst_object_unref);
  return out ? g_string_free (out, FALSE) : NULL;
}
