#!/bin/sh
# A file in, a file out: faces replaced, sound encoded anew (AAC).
# Usage: file-to-file.sh INPUT OUTPUT.mp4 [PROPERTY=VALUE…]
#
# Properties are the element's (gst-inspect-1.0 ksamenet). Without any, uncertified=true: everybody wears one shared
# surrogate, and nothing is claimed. With a registry:
#   file-to-file.sh in.mp4 out.mp4 registry=people.db key-file=people.key k=5
#
# For files `ksamenet redact` is the better tool: it looks at a file twice, so that a face is replaced from its first
# picture on, and it copies sound, subtitles, chapters and timecode as they are.
set -eu
if [ $# -lt 2 ]; then
    sed -n '2,3s/^# //p' "$0" >&2
    exit 2
fi
input=$1
output=$2
shift 2
[ $# -gt 0 ] || set -- uncertified=true

here=$(cd "$(dirname "$0")/../.." && pwd)
export GST_PLUGIN_PATH="$here/bin${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}" # where `make plugin` puts the element

# A branch for sound in a file without sound would wait for it for ever.
sound=
if ffprobe -v error -select_streams a:0 -show_entries stream=index -of csv=p=0 "$input" | grep -q .; then
    sound="d. ! audio/x-raw ! queue max-size-time=0 max-size-bytes=0 max-size-buffers=0 ! audioconvert ! audioresample ! avenc_aac ! mux."
fi

# preset=file: nothing is late in a file, so no picture is dropped, and the element looks further ahead. -e: Ctrl-C ends the
# stream in order, and what was written so far can be played.
# shellcheck disable=SC2086 # the branch is several words
exec gst-launch-1.0 -e --no-fault filesrc location="$input" ! decodebin name=d \
    mp4mux name=mux ! filesink location="$output" \
    d. ! video/x-raw ! queue ! videoconvert ! ksamenet preset=file "$@" ! videoconvert ! x264enc speed-preset=veryfast ! h264parse ! mux. \
    $sound
