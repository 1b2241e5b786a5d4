#!/bin/sh
# H.264 over RTP/UDP in, redacted, out again. Usage: rtp-to-rtp.sh IN_PORT HOST OUT_PORT [PROPERTY=VALUE…]
#
# To try it, in three terminals:
#   gst-launch-1.0 filesrc location=examples/sample/sample.mp4 ! qtdemux ! h264parse config-interval=-1 ! \
#       identity sync=true ! rtph264pay ! udpsink host=127.0.0.1 port=5004
#   examples/pipelines/rtp-to-rtp.sh 5004 127.0.0.1 5006
#   gst-launch-1.0 udpsrc port=5006 caps=application/x-rtp,media=video,encoding-name=H264,clock-rate=90000 ! \
#       rtph264depay ! avdec_h264 ! videoconvert ! autovideosink
#
# Plain RTP is neither encrypted nor authenticated: keep the incoming side on a wire that you trust. Ctrl-C ends it.
set -eu
if [ $# -lt 3 ]; then
    sed -n '2s/^# //p' "$0" >&2
    exit 2
fi
from=$1
host=$2
to=$3
shift 3
[ $# -gt 0 ] || set -- uncertified=true

here=$(cd "$(dirname "$0")/../.." && pwd)
export GST_PLUGIN_PATH="$here/bin${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}" # where `make plugin` puts the element

exec gst-launch-1.0 --no-fault udpsrc port="$from" caps=application/x-rtp,media=video,encoding-name=H264,clock-rate=90000 ! \
    rtpjitterbuffer latency=200 ! rtph264depay ! h264parse ! avdec_h264 ! queue leaky=downstream max-size-buffers=1 ! videoconvert ! \
    ksamenet "$@" ! videoconvert ! video/x-raw,format=I420 ! x264enc tune=zerolatency speed-preset=veryfast key-int-max=50 ! \
    h264parse config-interval=-1 ! rtph264pay ! udpsink host="$host" port="$to" sync=false
