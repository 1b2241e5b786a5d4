#!/usr/bin/python3
"""A Python program with the element: takes pictures of a video, with all faces replaced.

    examples/python/host.py VIDEO FOLDER [PROPERTY=VALUE...]

One picture a second of VIDEO goes to FOLDER as PPM; what the element reports goes to standard output, one line a message.
Without properties: uncertified=true (nothing is claimed then). Needs `make plugin` and the packages python3-gi and
gir1.2-gst-plugins-base-1.0 (`make deps` brings them), so the system's own Python.

The plugin holds a Go runtime, which does not survive fork(): start the pipeline in the process that runs it, and set
multiprocessing's start method to "spawn".
"""
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ["GST_PLUGIN_PATH"] = os.pathsep.join(filter(None, [str(ROOT / "bin"), os.environ.get("GST_PLUGIN_PATH")]))

import gi  # noqa: E402

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
from gi.repository import Gst, GstApp  # noqa: E402, F401  (GstApp gives appsink its methods)


def save(name, sample):
    """Writes a sample of RGB as PPM."""
    caps = sample.get_caps().get_structure(0)
    width, height = caps.get_value("width"), caps.get_value("height")
    stride = (3 * width + 3) & ~3  # GStreamer pads the rows of RGB to four bytes
    ok, mapped = sample.get_buffer().map(Gst.MapFlags.READ)
    if not ok:
        raise RuntimeError(f"{name}: the picture's memory cannot be mapped")
    try:
        with open(name, "wb") as f:
            f.write(b"P6 %d %d 255\n" % (width, height))
            for y in range(height):
                f.write(mapped.data[y * stride : y * stride + 3 * width])
    finally:
        sample.get_buffer().unmap(mapped)


def report(bus):
    """Prints the element's messages up to now; true at the end of the stream."""
    while message := bus.pop_filtered(Gst.MessageType.EOS | Gst.MessageType.ERROR | Gst.MessageType.ELEMENT):
        if message.type == Gst.MessageType.ERROR:
            raise RuntimeError(message.parse_error()[0].message)
        if message.type == Gst.MessageType.EOS:
            return True
        print(message.get_structure().to_string())
    return False


def main(video, folder, *properties):
    Gst.init(None)
    os.makedirs(folder, exist_ok=True)
    pipeline = Gst.parse_launch(
        "filesrc name=in ! decodebin ! videoconvert ! ksamenet name=faces qos=false "
        + " ".join(properties or ["uncertified=true"])
        + " ! videorate drop-only=true ! videoconvert ! video/x-raw,format=RGB,framerate=1/1"
        " ! appsink name=out sync=false max-buffers=2"
    )
    pipeline.get_by_name("in").set_property("location", video)
    out = pipeline.get_by_name("out")
    pipeline.set_state(Gst.State.PLAYING)  # why it failed is on the bus
    try:
        count = 0
        while not report(pipeline.get_bus()):
            # None: not yet, the end, or an error. The bus tells.
            if sample := out.try_pull_sample(100 * Gst.MSECOND):
                save(os.path.join(folder, f"{count:04}.ppm"), sample)
                count += 1
    finally:
        pipeline.set_state(Gst.State.NULL)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except RuntimeError as e:
        sys.exit(f"host.py: {e}")
