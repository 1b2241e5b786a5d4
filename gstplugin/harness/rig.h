/* A GstHarness around one line of elements, and a host of two functions: for tests and benches. */
#ifndef KSAMENET_RIG_H
#define KSAMENET_RIG_H

#include <gst/check/gstharness.h>
#include <gst/gst.h>
#include <gst/video/video.h>

#define RIG_PAD 0xA5 /* the bytes between rows and planes */

typedef struct {
  GstHarness *h;
  GstBus *bus;
  GstVideoInfo info;
  gsize stride[4];   /* of the last pushed buffer */
  GstBuffer *kept;   /* another owner's reference to it, or none */
  GstBuffer *copy;   /* of kept, as it was */
} Rig;

Rig *rig_open (const char *line);
void rig_close (Rig * r);
gboolean rig_caps (Rig * r, const char *caps);
gsize rig_size (const Rig * r); /* bytes of a picture whose rows have no padding */

GstFlowReturn rig_push (Rig * r, const guint8 * rows, int pad, guint64 pts, gboolean shared);
/* 1: a picture, with its padding as it was; 2: the padding was written to; 0: none. */
int rig_pull (Rig * r, guint8 * rows, guint64 * pts);
gboolean rig_kept_intact (Rig * r);
gboolean rig_event (Rig * r, GstEvent * event);
void rig_flush (Rig * r);
guint64 rig_latency (Rig * r);
char *rig_error (Rig * r); /* text of the first error on the bus, or NULL; the caller's */

/* Pushes n of the count pictures at frames, forth and back from picture *at on, and drops what comes out. wall and cpu grow by the
 * nanoseconds of the pushes alone, each[i] is push i's. */
GstFlowReturn rig_measure (Rig * r, const guint8 * frames, int count, int *at, int n, guint64 duration, gint64 * wall, gint64 * cpu, gint64 * each);
gint64 rig_now (clockid_t clock);

/* Plays a line to its end, cycles times from NULL to PLAYING and back. Returns the error's text, or NULL; the caller's. */
char *rig_play (const char *line, int cycles, guint64 timeout);
/* What the leaks tracer sees alive, a type name and a number a line; the caller's. NULL without the tracer. */
char *rig_alive (void);

#endif
