#!/bin/sh
# A video or a camera in, an HLS playlist with redacted segments out, for any web server.
# Usage: hls.sh VIDEO|/dev/videoN FOLDER [PROPERTY=VALUE…]
#
# FOLDER/index.m3u8 is the playlist. Of a video all segments are kept, of a camera the last ten. To watch it:
#   python3 -m http.server --directory FOLDER, and http://127.0.0.1:8000/index.m3u8 in a player
set -eu
if [ $# -lt 2 ]; then
    sed -n '2,3s/^# //p' "$0" >&2
    exit 2
fi
video=$1
folder=$2
shift 2
[ $# -gt 0 ] || set -- uncertified=true

here=$(cd "$(dirname "$0")/../.." && pwd)
export GST_PLUGIN_PATH="$here/bin${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}" # where `make plugin` puts the element
mkdir -p "$folder"

case $video in
/dev/*)
    set -- v4l2src device="$video" ! queue leaky=downstream max-size-buffers=1 ! videoconvert ! ksamenet "$@"
    keep="playlist-length=6 max-files=10"
    ;;
*)
    set -- filesrc location="$video" ! decodebin ! video/x-raw ! videoconvert ! ksamenet qos=false "$@"
    keep="playlist-length=0 max-files=0"
    ;;
esac
# hlssink, not hlssink2: in GStreamer 1.22 that one now and then never says that it has ended.
# shellcheck disable=SC2086 # $keep is two words
exec gst-launch-1.0 -e --no-fault "$@" ! videoconvert ! video/x-raw,format=I420 ! x264enc tune=zerolatency speed-preset=veryfast key-int-max=50 ! \
    h264parse ! mpegtsmux ! hlssink location="$folder/%05d.ts" playlist-location="$folder/index.m3u8" target-duration=2 $keep
