#!/bin/sh
# Four videos, redacted, in one picture. Usage: mosaic.sh VIDEO VIDEO VIDEO VIDEO [PROPERTY=VALUE…]
#
# Each input has an element of its own, before it is made smaller: faces are larger there, and each element follows the
# people of one scene. SINK names what comes after the picture, in place of the screen:
#   SINK='x264enc ! mp4mux ! filesink location=out.mp4' mosaic.sh a.mp4 b.mp4 c.mp4 d.mp4
set -eu
if [ $# -lt 4 ]; then
    sed -n '2s/^# //p' "$0" >&2
    exit 2
fi
a=$1
b=$2
c=$3
d=$4
shift 4
[ $# -gt 0 ] || set -- uncertified=true
properties=$*

here=$(cd "$(dirname "$0")/../.." && pwd)
export GST_PLUGIN_PATH="$here/bin${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}" # where `make plugin` puts the element

# One thread a network: four elements share the processors.
tile="video/x-raw ! queue ! videoconvert ! ksamenet qos=false threads=1 $properties ! videoconvert ! videoscale ! video/x-raw,width=640,height=360,pixel-aspect-ratio=1/1"
# shellcheck disable=SC2086 # tile and SINK are several words
exec gst-launch-1.0 -e --no-fault compositor name=wall background=black \
    sink_1::xpos=640 sink_2::ypos=360 sink_3::xpos=640 sink_3::ypos=360 ! videoconvert ! ${SINK:-autovideosink} \
    filesrc location="$a" ! decodebin ! $tile ! queue ! wall.sink_0 \
    filesrc location="$b" ! decodebin ! $tile ! queue ! wall.sink_1 \
    filesrc location="$c" ! decodebin ! $tile ! queue ! wall.sink_2 \
    filesrc location="$d" ! decodebin ! $tile ! queue ! wall.sink_3
