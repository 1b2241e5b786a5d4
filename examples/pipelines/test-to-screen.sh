#!/bin/sh
# Faces replaced live, on the screen. Usage: test-to-screen.sh [VIDEO|/dev/videoN] [PROPERTY=VALUE…]
#
# Without VIDEO: the sample of synthetic people. With a camera's device: what the camera sees. SINK names what comes
# after the picture, in place of the screen: SINK=fakesink, or SINK='x264enc ! mp4mux ! filesink location=out.mp4'.
#
# To try a camera: `v4l2-ctl --list-devices` (package v4l-utils) names the devices; then test-to-screen.sh /dev/video0.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
export GST_PLUGIN_PATH="$here/bin${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}" # where `make plugin` puts the element

video=$here/examples/sample/sample.mp4
case ${1-} in
"" | *=*) ;;
*)
    video=$1
    shift
    ;;
esac
[ $# -gt 0 ] || set -- uncertified=true

# A camera does not wait: of the pictures that could not be shown in time the newest is taken, the others are dropped.
case $video in
/dev/*) set -- v4l2src device="$video" ! queue leaky=downstream max-size-buffers=1 ! videoconvert ! ksamenet "$@" ;;
*) set -- filesrc location="$video" ! decodebin ! video/x-raw ! videoconvert ! ksamenet "$@" ;;
esac
# shellcheck disable=SC2086 # SINK is several words
exec gst-launch-1.0 -e --no-fault "$@" ! queue ! videoconvert ! ${SINK:-autovideosink}
