#!/usr/bin/python3
"""An RTSP server to try examples/pipelines/rtsp-to-rtsp.sh with, in place of a camera and a media server.

    examples/python/rtsp_server.py VIDEO.mp4 RECORD.h264 [PORT]

Plays VIDEO (H.264) at rtsp://127.0.0.1:PORT/in to everybody who asks, from its start, and writes what somebody sends to
rtsp://127.0.0.1:PORT/out into RECORD. PORT is 8554 when it is not given. It listens on this machine alone. Needs the packages
python3-gi and gir1.2-gst-rtsp-server-1.0 (`make deps` brings them). Ctrl-C ends it.
"""
import signal
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402


def quoted(name):
    """A name as gst-launch's grammar takes it."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def main(video, record, port="8554"):
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    play = GstRtspServer.RTSPMediaFactory()
    play.set_launch(f"( filesrc location={quoted(video)} ! qtdemux ! h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96 )")
    take = GstRtspServer.RTSPMediaFactory()
    take.set_transport_mode(GstRtspServer.RTSPTransportMode.RECORD)
    take.set_launch(
        "( rtph264depay name=depay0 ! h264parse config-interval=-1 ! video/x-h264,stream-format=byte-stream,alignment=au"
        f" ! filesink buffer-mode=unbuffered location={quoted(record)} )"
    )
    server.get_mount_points().add_factory("/in", play)
    server.get_mount_points().add_factory("/out", take)
    if server.attach(None) == 0:
        sys.exit(f"rtsp_server.py: port {port} is taken")
    print(f"rtsp://127.0.0.1:{port}/in plays, rtsp://127.0.0.1:{port}/out records", flush=True)
    loop = GLib.MainLoop()
    for number in (signal.SIGINT, signal.SIGTERM):
        GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, number, loop.quit)
    loop.run()


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
