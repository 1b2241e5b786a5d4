/* Look-ahead: pictures are examined when they come, and painted some pictures later. The element's own thread of streaming is
 * the only one that touches the queue; the number of pictures and their duration are read by latency queries as well. */
#include "hold.h"
#include "_cgo_export.h"

typedef struct {
  GQueue queue;  /* of GstBuffer, examined; and of GstEvent, which must not overtake them */
  guint held;    /* buffers in it */
  gint ahead;    /* atomic: buffers that may stay in it */
  gint duration; /* atomic: of a picture, us; 0: not known */
} Hold;

/* The rate that is assumed of a stream that does not tell its own. */
#define USUAL_DURATION 40000

static GQuark hold_quark;

static void
hold_free (gpointer p)
{
  Hold *h = p;
  g_queue_clear_full (&h->queue, (GDestroyNotify) gst_mini_object_unref);
  g_free (h);
}

/* A property may be set, and the latency asked for, before the element starts, by any thread. */
static Hold *
hold_of (gpointer element)
{
  Hold *h = g_object_get_qdata (element, hold_quark);
  if (!h) {
    Hold *made = g_new0 (Hold, 1);
    g_queue_init (&made->queue);
    if (!g_object_replace_qdata (element, hold_quark, NULL, made, hold_free, NULL))
      hold_free (made);
    h = g_object_get_qdata (element, hold_quark);
  }
  return h;
}

GstClockTime
vf_latency (gpointer element)
{
  Hold *h = hold_of (element);
  gint us = g_atomic_int_get (&h->duration);
  return (GstClockTime) g_atomic_int_get (&h->ahead) * (us ? us : USUAL_DURATION) * GST_USECOND;
}

/* Whether somebody listens, and held buffers may be short. */
static gboolean
is_running (gpointer element)
{
  return GST_STATE (element) >= GST_STATE_PAUSED;
}

static void
latency_changed (gpointer element)
{
  gst_element_post_message (GST_ELEMENT (element), gst_message_new_latency (GST_OBJECT (element)));
}

void
vf_look_ahead (gpointer element, guint pictures)
{
  Hold *h = hold_of (element);
  gint before = g_atomic_int_get (&h->ahead);
  if (before == (gint) pictures)
    return;
  g_atomic_int_set (&h->ahead, (gint) pictures);
  if (!is_running (element))
    return;
  if ((gint) pictures > before)
    gst_base_transform_reconfigure_sink (GST_BASE_TRANSFORM (element)); /* upstream's pool has to grow */
  latency_changed (element);
}

void
vf_hold_renew (GstBaseTransform * t, GstVideoInfo * info)
{
  Hold *h = hold_of (t);
  gint us = 0;
  if (info->fps_n > 0 && info->fps_d > 0)
    us = (gint) MIN (gst_util_uint64_scale_ceil (1000000, info->fps_d, info->fps_n), 10000000);
  if (g_atomic_int_get (&h->duration) == us)
    return;
  g_atomic_int_set (&h->duration, us);
  if (g_atomic_int_get (&h->ahead) > 0)
    latency_changed (t);
}

void
vf_hold_clear (GstBaseTransform * t)
{
  Hold *h = hold_of (t);
  g_queue_clear_full (&h->queue, (GDestroyNotify) gst_mini_object_unref);
  h->held = 0;
}

/* Lets events through, up to the next picture. */
static void
pass_events (GstBaseTransform * t, Hold * h)
{
  while (!g_queue_is_empty (&h->queue) && GST_IS_EVENT (g_queue_peek_head (&h->queue)))
    vf_parent ()->sink_event (t, g_queue_pop_head (&h->queue));
}

/* Paints the oldest picture. out stays NULL if it is dropped. */
static GstFlowReturn
release (GstBaseTransform * t, Hold * h, GstBuffer ** out)
{
  GstFlowReturn ret;
  pass_events (t, h);
  t->queued_buf = g_queue_pop_head (&h->queue);
  h->held--;
  ret = vf_parent ()->generate_output (t, out);
  if (ret != GST_FLOW_OK && *out) {
    gst_buffer_unref (*out);
    *out = NULL;
  }
  return ret;
}

void
vf_hold_drain (GstBaseTransform * t)
{
  Hold *h = hold_of (t);
  GstFlowReturn ret = GST_FLOW_OK;
  while (h->held > 0 && (ret == GST_FLOW_OK || ret == GST_BASE_TRANSFORM_FLOW_DROPPED)) {
    GstBuffer *out = NULL;
    ret = release (t, h, &out);
    if (out)
      ret = gst_pad_push (GST_BASE_TRANSFORM_SRC_PAD (t), out);
  }
  if (h->held > 0) { /* nobody takes them, or they must not be shown */
    GST_DEBUG_OBJECT (t, "%u held pictures are dropped: %s", h->held, gst_flow_get_name (ret));
    goVfForget (t);
    while (!g_queue_is_empty (&h->queue)) {
      GstMiniObject *o = g_queue_pop_head (&h->queue);
      if (GST_IS_EVENT (o))
        vf_parent ()->sink_event (t, GST_EVENT (o));
      else
        gst_mini_object_unref (o);
    }
    h->held = 0;
  }
  pass_events (t, h);
}

gboolean
vf_hold_event (GstBaseTransform * t, GstEvent * event)
{
  Hold *h = hold_of (t);
  if (h->held == 0)
    return FALSE;
  g_queue_push_tail (&h->queue, event);
  return TRUE;
}

/* A pool that cannot grow, and whose buffers are held here, would starve its owner. */
static GstBuffer *
hold_buffer (GstBuffer * b, gint ahead)
{
  GstStructure *config;
  guint most = 0;
  GstBuffer *own;
  if (!b->pool || ahead == 0)
    return b;
  config = gst_buffer_pool_get_config (b->pool);
  gst_buffer_pool_config_get_params (config, NULL, NULL, NULL, &most);
  gst_structure_free (config);
  if (most == 0 || most > (guint) ahead + 3)
    return b;
  own = gst_buffer_copy_deep (b);
  if (!own)
    return b;
  gst_buffer_unref (b);
  return own;
}

static GstFlowReturn
hold_generate_output (GstBaseTransform * t, GstBuffer ** out)
{
  Hold *h = hold_of (t);
  gint ahead = g_atomic_int_get (&h->ahead);
  *out = NULL;
  if (t->queued_buf) {
    GstBuffer *b = t->queued_buf;
    GstFlowReturn ret;
    t->queued_buf = NULL;
    ret = vf_examine (t, b);
    if (ret != GST_FLOW_OK) {
      gst_buffer_unref (b);
      return ret;
    }
    g_queue_push_tail (&h->queue, hold_buffer (b, ahead));
    h->held++;
  }
  while (h->held > (guint) ahead) {
    GstFlowReturn ret = release (t, h, out);
    if (ret != GST_BASE_TRANSFORM_FLOW_DROPPED)
      return ret;
  }
  return GST_FLOW_OK;
}

static gboolean
hold_query (GstBaseTransform * t, GstPadDirection direction, GstQuery * query)
{
  gboolean ok, live;
  GstClockTime min, max, own;
  if (direction == GST_PAD_SINK && GST_QUERY_TYPE (query) == GST_QUERY_DRAIN)
    vf_hold_drain (t); /* upstream wants its buffers back */
  ok = vf_parent ()->query (t, direction, query);
  if (!ok || direction != GST_PAD_SRC || GST_QUERY_TYPE (query) != GST_QUERY_LATENCY)
    return ok;
  own = vf_latency (t);
  gst_query_parse_latency (query, &live, &min, &max);
  GST_DEBUG_OBJECT (t, "latency: %" GST_TIME_FORMAT " from upstream, %" GST_TIME_FORMAT " held back", GST_TIME_ARGS (min), GST_TIME_ARGS (own));
  if (max != GST_CLOCK_TIME_NONE)
    max += own;
  gst_query_set_latency (query, live, min + own, max);
  return TRUE;
}

static gboolean
hold_propose_allocation (GstBaseTransform * t, GstQuery * decide, GstQuery * query)
{
  guint ahead = (guint) g_atomic_int_get (&hold_of (t)->ahead);
  if (!vf_parent ()->propose_allocation (t, decide, query))
    return FALSE;
  for (guint i = 0; ahead > 0 && i < gst_query_get_n_allocation_pools (query); i++) {
    GstBufferPool *pool;
    guint size, min, max;
    gst_query_parse_nth_allocation_pool (query, i, &pool, &size, &min, &max);
    min += ahead;
    if (max > 0)
      max += ahead;
    gst_query_set_nth_allocation_pool (query, i, pool, size, min, max);
    if (pool)
      gst_object_unref (pool);
  }
  return TRUE;
}

void
vf_hold_class_init (GstBaseTransformClass * klass)
{
  hold_quark = g_quark_from_static_string ("ksamenet-held-pictures");
  klass->generate_output = hold_generate_output;
  klass->query = hold_query;
  klass->propose_allocation = hold_propose_allocation;
}
