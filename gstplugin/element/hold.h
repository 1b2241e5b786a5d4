/* The pictures that the element holds back, and the latency that this makes. */
#ifndef KSAMENET_HOLD_H
#define KSAMENET_HOLD_H

#include "vf.h"

/* Fills in the methods of the class that hold pictures back. */
void vf_hold_class_init (GstBaseTransformClass * klass);
/* Lets go of what is held, unseen. */
void vf_hold_clear (GstBaseTransform * t);
/* Sends what is held on its way. */
void vf_hold_drain (GstBaseTransform * t);
/* Keeps an event behind the pictures that are held; FALSE if none is, and the event is still the caller's. */
gboolean vf_hold_event (GstBaseTransform * t, GstEvent * event);
/* Says downstream that the latency may have changed. */
void vf_hold_renew (GstBaseTransform * t, GstVideoInfo * info);
/* Examines a picture, only reading it. */
GstFlowReturn vf_examine (GstBaseTransform * t, GstBuffer * buffer);
/* The methods of GstVideoFilter. */
GstBaseTransformClass *vf_parent (void);

#endif
