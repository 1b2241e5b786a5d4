#!/bin/sh
# Installs the Debian packages that building, running and testing need. Does nothing, without root and without a
# network, when all are there. Usage: system.sh PYTHON
set -u
python=${1:-python3}

build="gcc g++ pkg-config libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libavcodec-dev libavformat-dev
libavfilter-dev libavdevice-dev libswscale-dev libavutil-dev"
run="ffmpeg gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
gstreamer1.0-plugins-ugly gstreamer1.0-libav"
# examples/ and make test-e2e: RTSP, and Python with GStreamer's introspection
examples="gstreamer1.0-rtsp python3-gi gir1.2-gst-plugins-base-1.0 gir1.2-gst-rtsp-server-1.0 openssl"

if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
    # Another system: the same pieces under its own names.
    for module in gstreamer-1.0 gstreamer-base-1.0 gstreamer-video-1.0 libavcodec libavformat libavfilter libavdevice libswscale libavutil; do
        if ! pkg-config --exists "$module" 2>/dev/null; then
            echo "deps: missing: $module (pkg-config does not know it)" >&2
            echo "      this system has no apt-get: install its packages for" $build $run $examples >&2
            exit 1
        fi
    done
    exit 0
fi

wanted="$build $run $examples"
"$python" -c 'import venv, ensurepip' 2>/dev/null || wanted="$wanted python3 python3-venv"

missing=""
for package in $wanted; do
    case $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) in
    installed) ;;
    *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

echo "deps: installing system packages:$missing"
as_root=""
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "deps: not root, and there is no sudo. As root, run:" >&2
        echo "      apt-get update && apt-get install --no-install-recommends$missing" >&2
        exit 1
    fi
    as_root=sudo
fi

# Another apt-get may hold the lock (a fresh machine's own updates): wait, not fail.
if ! { $as_root apt-get -o DPkg::Lock::Timeout=300 update &&
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends $missing; }; then
    echo "deps: installing system packages failed (see above); mend it, then run make deps again" >&2
    exit 1
fi
