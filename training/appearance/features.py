"""Pose fit and pose-normalised geometry of a mesh: the twin of core/landmark head.go and geometry.go."""
import json
import pathlib

import numpy as np

HEAD = pathlib.Path(__file__).resolve().parents[2] / "models" / "generator" / "head.json"

# The mesh points that the regressor sees; core/landmark/geometry.go holds the same list.
WATCHED = np.array([
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185,  # lips, outer edge
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191,  # lips, inner edge
    33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246,  # eye on the picture's left
    263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466,  # eye on the right
    46, 53, 52, 65, 55, 70, 63, 105, 66, 107, 276, 283, 282, 295, 285, 300, 293, 334, 296, 336,  # brows
    468, 469, 470, 471, 472, 473, 474, 475, 476, 477,  # irises
    152, 148, 176, 149, 150, 136, 172, 377, 400, 378, 379, 365, 397, 199, 200, 18,  # jaw and chin
    50, 280, 205, 425, 36, 266, 101, 330, 187, 411, 207, 427, 206, 426, 216, 436,  # cheeks
    1, 4, 5, 6, 98, 327, 64, 294, 2, 168, 195, 48, 278, 129, 358])  # nose
COORDINATES = 3 * len(WATCHED)
FEATURES = COORDINATES + 3
EYES = [(40, 56, 92, 97), (56, 72, 97, 102)]  # places in WATCHED: an eye's contour, its iris


class Head:
    """The generator's mean neutral head (models/generator/head.json), patch units."""

    def __init__(self, path=HEAD):
        d = json.loads(pathlib.Path(path).read_text())
        if d["format"] != 1:
            raise ValueError(f"{path}: format {d['format']}, want 1")
        self.centre, self.distance = np.array(d["centre"]), d["distance"]
        self.points, self.stable = np.array(d["points"]), np.array(d["stable"])

    def fit(self, mesh):
        """mesh [478, 3] -> R [3, 3], scale, shift [3], (yaw, pitch, roll) degrees: mesh = scale R (head - centre) + shift, z towards the viewer.
        Least squares over the stable points (Umeyama 1991; core/landmark reaches the same by quaternions)."""
        q = _space(mesh)[self.stable]
        h = self.points[self.stable] - self.centre
        mq, mh = q.mean(0), h.mean(0)
        a, b = q - mq, h - mh
        u, s, vt = np.linalg.svd(a.T @ b)
        d = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
        r = (u * d) @ vt
        scale = (s * d).sum() / (b ** 2).sum()
        pitch, yaw, roll = np.arcsin(np.clip(-r[2, 1], -1, 1)), np.arctan2(-r[2, 0], r[2, 2]), np.arctan2(-r[0, 1], r[1, 1])
        return r, scale, mq - scale * r @ mh, np.degrees([yaw, pitch, roll])

    def place(self, mesh, yaw, pitch):
        """The patch's placement for a surrogate rendered at yaw and pitch: x, y, scale (pixels), roll (radians, clockwise); and the residual."""
        f, t = self.project(self.points[self.stable], yaw, pitch), np.asarray(mesh, float)[self.stable, :2]
        mf, mt = f.mean(0), t.mean(0)
        p, q = f - mf, t - mt
        n = (p ** 2).sum()
        a, b = (p * q).sum() / n, (p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum() / n
        m = np.array([[a, -b], [b, a]])
        centre, scale = mt + m @ (np.array([.5, .5]) - mf), np.hypot(a, b)
        residual = np.sqrt((((p @ m.T) - q) ** 2).sum(1).mean()) / scale
        return np.array([*centre, scale, np.arctan2(b, a)]), residual

    def project(self, points, yaw, pitch):
        """Patch positions of head points rendered at yaw and pitch (degrees)."""
        (sa, sb), (ca, cb) = np.sin(np.radians([yaw, pitch])), np.cos(np.radians([yaw, pitch]))
        x, y, z = (points - self.centre).T
        x, z = x * ca + z * sa, z * ca - x * sa
        y, z = y * cb + z * sb, z * cb - y * sb
        s = self.distance / (self.distance - z)
        return np.stack([self.centre[0] + s * x, self.centre[1] + s * y], 1)


def _space(mesh):
    return np.asarray(mesh, float) * [1, 1, -1]


def geometry(mesh, fit):
    """The regressor's input [FEATURES] for a mesh and its fit, without a reference."""
    r, scale, shift, (yaw, pitch, _) = fit
    q = (_space(mesh)[WATCHED] - shift) @ r / scale
    return np.r_[q.ravel(), yaw / 60, pitch / 30, 0]


def reference(geometries):
    """The neutral face [COORDINATES] of one person: the median of geometries of neutral pictures. An iris stands at the middle of its eye's
    contour, wherever the person looked."""
    p = np.median(np.asarray(geometries)[:, :COORDINATES], 0).reshape(-1, 3)
    for a, b, c, d in EYES:
        p[c:d] = p[a:b].mean(0)
    return p.ravel()


def relative(geometry, reference):
    """The regressor's input for a geometry relative to the person's own neutral face."""
    g = np.array(geometry)
    g[..., :COORDINATES] -= reference
    g[..., -1] = 1
    return g


def turn(geometries):
    """Yaw and pitch [..., 2] in degrees: the fit's, corrected for what it misses (least squares on renders; core/landmark Geometry.turn)."""
    g = np.asarray(geometries, float)
    y, p = g[..., COORDINATES] * 60, g[..., COORDINATES + 1] * 30
    q = y / 60
    return np.stack([.9245 * y + 9.73 * q ** 3, 1.0725 * p + 5.82 * q ** 2 - 1.47], -1)


LIPS = np.array([(25, 35), (24, 36), (26, 34)])  # places in WATCHED
LIDS = np.array([(13, 3), (12, 4), (11, 5)])  # upper and lower, counted from an eye's first contour point


def opening(geometry):
    """The gap between the lips (patch units) and the eyes' height by width, as core/landmark's Geometry.opening."""
    g = np.asarray(geometry, float)
    p = g[:COORDINATES].reshape(-1, 3)
    apart = lambda pairs: np.linalg.norm(p[pairs[:, 0]] - p[pairs[:, 1]], axis=1).mean()
    eyes = [apart(LIDS + a) / np.linalg.norm(p[a] - p[a + 8]) for a, _, _, _ in EYES]
    left = 1 / (1 + np.exp(-g[COORDINATES] * 10))
    return apart(LIPS), left * eyes[0] + (1 - left) * eyes[1]
