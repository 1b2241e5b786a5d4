#!/usr/bin/env bash
# The redacted picture on the screen, and the clear one recorded for nobody but the holder of a key.
# Usage: tee-record.sh VIDEO|/dev/videoN [RECORD.cms CERTIFICATE.pem] [PROPERTY=VALUE…]
#
# Without RECORD and CERTIFICATE no clear picture is kept: that is the default, and the better choice where nobody must be
# able to look. With them the clear pictures go, compressed, through `openssl cms -encrypt` (AES-256-GCM, a fresh key for each
# record, wrapped with the certificate's public key) into RECORD. Nothing clear touches the disk, and this machine cannot
# read the record back. Make the pair where the private key is to live, and bring only the certificate here:
#   openssl req -x509 -newkey rsa:3072 -nodes -subj /CN=record -days 3650 -keyout record.key -out record.pem
# and there, to look at a record:
#   openssl cms -decrypt -binary -inform DER -in RECORD.cms -inkey record.key -out clear.mkv
#
# SINK names what comes after the redacted picture, in place of the screen. Ctrl-C ends it in order.
set -euo pipefail
if [ $# -lt 1 ]; then
    sed -n '2,3s/^# //p' "$0" >&2
    exit 2
fi
video=$1
shift
record=
certificate=
case ${1-} in
"" | *=*) ;;
*)
    record=$1
    certificate=${2:?a record needs the certificate of the person who may read it}
    shift 2
    ;;
esac
[ $# -gt 0 ] || set -- uncertified=true

here=$(cd "$(dirname "$0")/../.." && pwd)
export GST_PLUGIN_PATH="$here/bin${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}" # where `make plugin` puts the element

case $video in
/dev/*) source=(v4l2src "device=$video" ! queue leaky=downstream max-size-buffers=1) ;;
*) source=(filesrc "location=$video" ! decodebin ! video/x-raw) ;;
esac
# shellcheck disable=SC2206 # SINK is several words
redacted=(queue ! videoconvert ! ksamenet "$@" ! videoconvert ! ${SINK:-autovideosink})

if [ -z "$record" ]; then
    exec gst-launch-1.0 -e --no-fault "${source[@]}" ! "${redacted[@]}"
fi
openssl x509 -in "$certificate" -noout # says what is wrong with it before a picture is taken
# The clear branch writes to descriptor 3, and 3 is openssl. It holds whatever the other branch needs to start: a frame or two
# of look-ahead and the networks' loading.
gst-launch-1.0 -e --no-fault "${source[@]}" ! tee name=t \
    t. ! "${redacted[@]}" \
    t. ! queue max-size-time=0 max-size-bytes=0 max-size-buffers=100 ! videoconvert ! video/x-raw,format=I420 ! \
    x264enc tune=zerolatency speed-preset=veryfast ! h264parse ! matroskamux streamable=true ! fdsink fd=3 sync=false async=false \
    3>&1 >&2 | (
    trap '' INT # Ctrl-C ends the pipeline; openssl ends after it, with the last picture
    openssl cms -encrypt -binary -stream -aes-256-gcm -outform DER -out "$record" "$certificate"
)
