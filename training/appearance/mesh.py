"""The 478-point face mesh on one picture, with the region logic of core/landmark (roi.go)."""
import math

import cv2
import numpy as np
import onnxruntime

SIDE = 192


def roi_of_points(p5, scale=3.9):
    """First region from eyes, nose, mouth corners [5, 2]: (x, y, side, angle)."""
    eye, mouth = (p5[0] + p5[1]) / 2, (p5[3] + p5[4]) / 2
    d = p5[1] - p5[0]
    centre = (eye + mouth) / 2
    return centre[0], centre[1], scale * max(np.hypot(*d), .9 * np.hypot(*(mouth - eye))), math.atan2(d[1], d[0])


def roi_of_mesh(p, scale=1.5):
    """Region of the next run from a mesh [478, 3]: the upright box of its 468 face points, squared and enlarged."""
    d = p[263, :2] - p[33, :2]
    angle = math.atan2(d[1], d[0])
    c, s = math.cos(angle), math.sin(angle)
    back = np.array([[c, -s], [s, c]])
    q = p[:468, :2] @ back
    lo, hi = q.min(0), q.max(0)
    centre = back @ ((lo + hi) / 2)
    return centre[0], centre[1], scale * (hi - lo).max(), angle


class Mesh:
    def __init__(self, path, threads=1):
        o = onnxruntime.SessionOptions()
        o.intra_op_num_threads = threads
        o.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.session = onnxruntime.InferenceSession(path, o, providers=["CPUExecutionProvider"])

    def run(self, rgb, roi):
        """rgb [h, w, 3] bytes -> points [478, 3] (pixels, pixel centres at .5; z in the same unit, negative towards the viewer), presence."""
        x, y, side, angle = roi
        k = side / SIDE
        c, s = math.cos(angle) * k, math.sin(angle) * k
        # The network was trained on crops sampled without a half-pixel shift: crop index i lies at region position i, not i + .5.
        m = np.array([[c, -s, x - .5 - (c - s) * SIDE / 2], [s, c, y - .5 - (s + c) * SIDE / 2]])
        crop = cv2.warpAffine(rgb, m, (SIDE, SIDE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)
        points, presence = self.session.run(["landmarks", "presence"], {"input_1": crop[None].astype(np.float32) / 255})
        p = points[0].astype(float)
        return np.c_[p[:, :2] @ m[:, :2].T + m[:, 2] + .5, p[:, 2] * k], float(presence.ravel()[0])

    def find(self, rgb, p5):
        """Two runs from five points, as from a detector's box."""
        p, presence = self.run(rgb, roi_of_points(p5))
        p, presence = self.run(rgb, roi_of_mesh(p))
        return p, presence
