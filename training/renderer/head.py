"""Identities (shape and texture) and scenes (an identity with an expression and a gaze, ready to be lit)."""
import dataclasses

import numpy as np

from . import light, native
from .skin import from_log, log_texture

f32 = np.float32


def _both(name, w=1.):
    return {"R" + name: w, "L" + name: w}


# The 16 expression units of the contract (core/appearance), in order, as weights of the head's targets.
UNITS = {
    "smileClose": _both("smileClose"), "smileOpen": _both("smileOpen"), "MouthOpen": {"MouthOpen": 1.}, "eyeClose": _both("eyeClose"),
    "eyeOpen": _both("eyeOpen"), "squint": _both("squint"), "browUp": {**_both("browUp"), "RRbrowUp": 1., "LLbrowUp": 1.},
    "browDown": {**_both("browDown"), "RRbrowDown": .8, "LLbrowDown": .8}, "browSad": _both("pityful"), "mouthSad": _both("mouthSad"),
    "disgust": _both("disgust"), "pucker": {"Kiss": 1.}, "stretch": {"TD_I": 1.}, "jawSide": {"Rjaw": 1.}, "lipUp": _both("lipUp"),
    "lipDown": _both("lipDown")}
UNIT_NAMES = tuple(UNITS)


def rotation(yaw, pitch, roll=0.):
    """Head-to-camera rotation, degrees: R = Rz(roll) Rx(pitch) Ry(yaw) on (x right, y up, z to the viewer). yaw > 0 turns the face to the
    picture's right, pitch > 0 down, roll > 0 counter-clockwise as seen in the picture."""
    y, p, r = np.radians([yaw, pitch, roll])
    ry = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    rx = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    rz = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return (rz @ rx @ ry).astype(f32)


@dataclasses.dataclass
class Identity:
    """shape [V, 3] metres; texture [n, n, 3] sRGB bytes."""
    name: str
    shape: np.ndarray
    texture: np.ndarray


def mix(identities, weights=None, logs=None):
    """The mixture of identities: mean shape, mean log texture. weights default to equal and are normalised. logs: the identities'
    log textures if the caller has them (they cost more than the mixing)."""
    w = np.ones(len(identities)) if weights is None else np.asarray(weights, float)
    w = w / w.sum()
    logs = [log_texture(i.texture) for i in identities] if logs is None else logs
    total, shape = np.zeros(logs[0].shape, f32), 0
    for x, a, i in zip(w, logs, identities):
        total += f32(x) * a
        shape = shape + f32(x) * i.shape
    return Identity("+".join(i.name for i in identities), shape, from_log(total))


def landmarks(assets, v):
    """The 468 MediaPipe points [468, 3] of vertices v."""
    return (v[assets.lm_tri] * assets.lm_bary[:, :, None]).sum(1)


def measure(lm):
    """Unit of length and rotation centre of a neutral face, from its landmarks: unit = eye span + eye-to-mouth distance; centre = halfway
    between eyes and mouth in height, 0.27 units behind them. Rotating about a point inside the head keeps the face in the patch."""
    eyes, mouth = lm[[33, 263]].mean(0), lm[[61, 291]].mean(0)
    unit = np.linalg.norm(lm[33] - lm[263]) + np.linalg.norm(eyes - mouth)
    centre = (eyes + mouth) / 2 * [0, 1, 1] - [0, 0, .27 * unit]
    return float(unit), centre.astype(f32)


class Scene:
    """Geometry of an identity with an expression, and its radiance transfer (v, n [V, 3]; transfer [V, 9]; occlusion [V]).
    lm [468, 3] in metres; unit, centre from the identity's neutral face; eyes [2, 3] centres of the eyeballs."""

    def __init__(self, assets, identity, units, gaze=(0., 0.), wrinkles=None, depth_res=96):
        units = _by_name(units)
        self.assets = assets
        self.texture = wrinkles.draw(identity.texture, units) if wrinkles else identity.texture
        v = identity.shape.copy()
        self.unit, self.centre = measure(landmarks(assets, v))
        for target, w in _targets(_lids_follow(units, gaze[1])).items():
            v += f32(w) * assets.targets[assets.target_names.index(target)]
        turn, eyes, eye_normals = rotation(gaze[0], gaze[1]), [], []
        for i in assets.eyes:
            e, c = _turn_eyeball(v[i], turn)
            v[i] = e
            eyes.append(c)
            eye_normals.append((e - c) / np.linalg.norm(e - c, axis=1, keepdims=True))
        self.v, self.eyes, self.lm = np.ascontiguousarray(v), np.array(eyes), landmarks(assets, v)
        self.n = np.ascontiguousarray(native.normals(self.v, assets.weld_tri)[assets.weld])
        for i, n in zip(assets.eyes, eye_normals):
            self.n[i] = n
        self._transfer(depth_res)

    def _transfer(self, res):
        n = len(self.v)
        self.middle = self.v.mean(0)
        self.radius = float(np.linalg.norm(self.v - self.middle, axis=1).max() * 1.02)
        self.transfer, self.occlusion = np.empty((n, 9), f32), np.empty(n, f32)
        native.call("transfer", self.v, self.n, n, self.assets.occluders, len(self.assets.occluders), len(light.DIRS), light.DIRS_FRAMES,
                    light.DIRS_SH, self.middle, self.radius, res, np.empty(res * res, f32), np.empty((n, 3), f32), self.transfer,
                    self.occlusion)
        k = f32(4 / len(light.DIRS))  # solid angle of a direction, 4 pi / n, over pi
        self.transfer *= k
        self.occlusion *= k

    def along(self, frame, res):
        """Vertices in an orthographic picture along a light: x, y in pixels, depth (larger = nearer to the light)."""
        p, s = (self.v - self.middle) @ frame.T, res * .5 / self.radius
        return np.stack([p[:, 0] * s + res * .5, -p[:, 1] * s + res * .5, p[:, 2] + 2 * self.radius], 1).astype(f32)


def _by_name(units):
    """Expression units as a dict, given so or as a vector in the order of UNIT_NAMES."""
    if isinstance(units, dict):
        return units
    if len(units) != len(UNIT_NAMES):
        raise ValueError(f"{len(units)} expression units, want {len(UNIT_NAMES)}")
    return dict(zip(UNIT_NAMES, units))


def _lids_follow(units, pitch):
    """Lids go with the eyes: without it a glance down is hidden and a glance up shows the white under the iris. pitch > 0 is down."""
    close, wide = max(0., pitch) / 20 * .32, max(0., -pitch) / 20 * .7
    out = dict(units)
    out["eyeClose"] = min(1., out.get("eyeClose", 0.) + close * (1 - out.get("eyeClose", 0.)))
    out["eyeOpen"] = min(1., out.get("eyeOpen", 0.) + wide * (1 - out["eyeClose"]))
    return out


def _targets(units):
    """Target weights of expression units."""
    out = {}
    for u, w in units.items():
        for t, x in UNITS[u].items():
            if w:
                out[t] = out.get(t, 0) + x * float(w)
    return out


def _turn_eyeball(e, turn):
    """Rotates an eyeball's vertices about the centre of the sphere fitted to them (least squares)."""
    a = np.c_[2 * e, np.ones(len(e))]
    c = np.linalg.lstsq(a.astype(float), (e.astype(float) ** 2).sum(1), rcond=None)[0][:3].astype(f32)
    return (e - c) @ turn.T + c, c
