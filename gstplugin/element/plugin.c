/* The plugin descriptor is made by GStreamer's own macro: go-gst v1.4.0 writes the name without its final zero. */
#include <gst/gst.h>
#include "_cgo_export.h"

#define PACKAGE "ksamenet"
#ifndef KSAMENET_VERSION
#define KSAMENET_VERSION "0.1.0"
#endif

static gboolean
plugin_init (GstPlugin * plugin)
{
  return ksamenetPluginInit (plugin);
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, ksamenet,
    "Replaces faces with k-anonymous synthetic surrogates", plugin_init,
    KSAMENET_VERSION, "Apache 2.0", "ksamenet", "https://github.com/ksamenet/ksamenet")
