#!/bin/sh
# A camera's RTSP stream in, the redacted one out to an RTSP server, for others to watch.
# Usage: rtsp-to-rtsp.sh rtsp://CAMERA/PATH rtsp://SERVER/PATH [PROPERTY=VALUE…]
#
# The server must accept RECORD, as MediaMTX does. To try it without camera and server:
#   examples/python/rtsp_server.py examples/sample/sample.mp4 out.h264 &
#   examples/pipelines/rtsp-to-rtsp.sh rtsp://127.0.0.1:8554/in rtsp://127.0.0.1:8554/out
#
# Sound is left out: a voice tells who speaks. Ctrl-C ends it.
set -eu
if [ $# -lt 2 ]; then
    sed -n '2,3s/^# //p' "$0" >&2
    exit 2
fi
from=$1
to=$2
shift 2
[ $# -gt 0 ] || set -- uncertified=true

here=$(cd "$(dirname "$0")/../.." && pwd)
export GST_PLUGIN_PATH="$here/bin${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}" # where `make plugin` puts the element

# A camera does not wait: of the pictures that could not be worked on in time, the queue keeps the newest.
exec gst-launch-1.0 --no-fault rtspsrc location="$from" protocols=tcp latency=200 name=camera \
    camera. ! application/x-rtp,media=video ! decodebin ! queue leaky=downstream max-size-buffers=1 ! videoconvert ! \
    ksamenet "$@" ! videoconvert ! video/x-raw,format=I420 ! x264enc tune=zerolatency speed-preset=veryfast key-int-max=50 ! \
    h264parse ! rtspclientsink location="$to" protocols=tcp
