#!/bin/sh
# An SRT contribution (MPEG-TS) in, the redacted one out by SRT. Usage: srt-to-srt.sh IN_URI OUT_URI [PROPERTY=VALUE…]
#
#   srt-to-srt.sh 'srt://:7001?mode=listener' 'srt://:7002?mode=listener'
#
# waits for a sender on port 7001 and serves viewers on port 7002. To try it, in three terminals:
#   the line above
#   ffplay 'srt://127.0.0.1:7002'
#   ffmpeg -re -i examples/sample/sample.mp4 -an -c copy -f mpegts 'srt://127.0.0.1:7001'
#
# For encryption add passphrase=… to the URIs (SRT's own, 10 to 79 characters). Ends with the sender, or by Ctrl-C.
set -eu
if [ $# -lt 2 ]; then
    sed -n '2s/^# //p' "$0" >&2
    exit 2
fi
from=$1
to=$2
shift 2
[ $# -gt 0 ] || set -- uncertified=true

here=$(cd "$(dirname "$0")/../.." && pwd)
export GST_PLUGIN_PATH="$here/bin${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}" # where `make plugin` puts the element

exec gst-launch-1.0 --no-fault srtsrc uri="$from" ! decodebin ! video/x-raw ! queue leaky=downstream max-size-buffers=1 ! videoconvert ! \
    ksamenet "$@" ! videoconvert ! video/x-raw,format=I420 ! x264enc tune=zerolatency speed-preset=veryfast key-int-max=50 ! \
    h264parse config-interval=-1 ! mpegtsmux alignment=7 ! srtsink uri="$to" sync=false wait-for-connection=false
