"""Camera and shading: a lit scene to pictures."""
import dataclasses

import cv2
import numpy as np

from . import light as lights
from . import native
from .assets import LINEAR, SKIN, UNIT
from .head import rotation

f32 = np.float32
SHADOW = 256  # resolution of the key light's depth map


@dataclasses.dataclass(frozen=True)
class View:
    """A square picture: span = its width in units of the head (head.measure) at the depth of the rotation centre, (x, y) = where that centre
    lies, in parts of the picture; distance of the camera in metres."""
    span: float
    x: float = .5
    y: float = .5
    distance: float = 2.2


PATCH = View(span=1.40, y=.52)            # the generator's canonical crop
WHOLE_HEAD = View(span=2.45, x=.5, y=.46)  # with hair, neck and collar


def face_mask(assets, grow=.005, forehead=.08, soft=5., n=1024):
    """The face oval in UV space, with a soft edge; its upper half reaches `forehead` farther up than the landmarks, to the hairline.
    [n, n] bytes."""
    p = assets.lm_uv[assets.oval]
    c = p.mean(0)
    p = c + (p - c) * (1 + grow)
    p[:, 1] -= np.clip(c[1] - p[:, 1], 0, None) * forehead
    m = np.zeros((n, n), np.uint8)
    cv2.fillPoly(m, [np.round(p * n * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return np.ascontiguousarray(cv2.GaussianBlur(m, (0, 0), soft))


def _pack(light, distance, exposure):
    """The Lighting struct of raster.cpp."""
    lobes = np.zeros((8, 7), f32)
    for i, (d, sharp, colour) in enumerate(light.lobes[:8]):
        lobes[i] = [*d, sharp, *colour]
    head = np.array([*light.kd, *light.kc, *light.sky, *light.ground], f32)
    raw = head.tobytes() + np.int32(min(8, len(light.lobes))).tobytes() + lobes.tobytes() + np.array([distance, exposure], f32).tobytes()
    return np.frombuffer(raw, np.uint8)


def _blurs(E, px):
    """The irradiance, weighted by skin, blurred by 0.5, 1.2 and 3 mm (px pixels to the mm) at full, half and quarter size."""
    w = E.shape[0]
    m = E * E[:, :, 3:4]
    half = cv2.resize(m, (w // 2, w // 2), interpolation=cv2.INTER_AREA)
    quarter = cv2.resize(half, (w // 4, w // 4), interpolation=cv2.INTER_AREA)
    return [np.ascontiguousarray(cv2.GaussianBlur(im, (0, 0), max(s, .4))) for im, s in ((m, .5 * px), (half, .6 * px), (quarter, .75 * px))]


def _spread(rgb, cov):
    """Straight colours of a picture premultiplied by coverage; empty pixels take the colour of near ones, so that no background is baked in."""
    out, weight = rgb.copy(), cov[:, :, None].copy()
    total = out.reshape(-1, 3).sum(0) / max(weight.sum(), 1e-6)
    for sigma in (2., 8.):
        gap = np.clip(1 - weight, 0, 1)
        blur_w = cv2.GaussianBlur(weight, (0, 0), sigma)[:, :, None]
        fill = cv2.GaussianBlur(out, (0, 0), sigma) / np.maximum(blur_w, 1e-4)
        g = gap * np.minimum(1, blur_w * 50)
        out, weight = out + fill * g, weight + g
    return out + total * np.clip(1 - weight, 0, 1)


def _fade(alpha, width=.04):
    """Mask that runs out before the picture's border: a long forehead at a steep pitch must not end in a straight cut."""
    n = alpha.shape[0]
    ramp = np.clip((np.minimum(np.arange(n), np.arange(n)[::-1]) + .5) / (width * n), 0, 1).astype(f32)
    ramp = ramp * ramp * (3 - 2 * ramp)
    return alpha * np.minimum(ramp[:, None], ramp[None, :])


def _close(alpha):
    """Fills what the face encloses: lids, lips and nostrils leave pinholes where the mesh is open."""
    solid = cv2.morphologyEx(alpha, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    flood = (solid < .5).astype(np.uint8)
    flood = cv2.copyMakeBorder(flood, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    cv2.floodFill(flood, None, (0, 0), 2)
    solid[flood[1:-1, 1:-1] == 1] = 1
    return np.maximum(alpha, solid)


class Camera:
    """Renders scenes of one Assets. Not safe for concurrent use."""

    def __init__(self, assets):
        self.assets = assets
        self.mask = face_mask(assets)

    def project(self, scene, points, R, view, size):
        """Pixel positions [n, 2] of head-space points."""
        p = (points - scene.centre) @ R.T
        f = size / (scene.unit * view.span) * view.distance / (view.distance - p[:, 2])
        return np.stack([size * view.x + p[:, 0] * f, size * view.y - p[:, 1] * f], 1)

    def render(self, scene, yaw=0., pitch=0., roll=0., light=None, size=128, view=PATCH, supersample=2, exposure=1.):
        """rgb [size, size, 3] straight sRGB bytes; alpha: the face's mask, bytes; cover: coverage of the whole head, bytes;
        lm468 [468, 2] and lm5 [5, 2] (eyes, nose, mouth corners; picture left first) in pixels; light [12]: the label."""
        light = light or lights.NEUTRAL
        a, w, R = self.assets, size * supersample, rotation(yaw, pitch, roll)
        p = (scene.v - scene.centre) @ R.T
        iz = (1 / (view.distance - p[:, 2])).astype(f32)
        f = w / (scene.unit * view.span) * view.distance
        _, ids, bary = native.raster(np.stack([w * view.x + p[:, 0] * f * iz, w * view.y - p[:, 1] * f * iz, iz], 1), a.tri, w)
        pix = np.flatnonzero(ids.ravel() >= 0).astype(np.int32)
        E = np.clip(scene.transfer @ light.environment_sh(R), 0, None)
        frame = lights.frame(R.T @ light.kd)
        along = scene.along(frame, SHADOW)
        shadow, _, _ = native.raster(along, a.occluders, SHADOW, 0, want_ids=False)
        off = scene.n @ frame.T
        along[:, 0] += off[:, 0] * .8
        along[:, 1] -= off[:, 1] * .8
        attr = np.ascontiguousarray(np.concatenate([a.uv, scene.n, E, scene.occlusion[:, None], along, p, a.material[:, None]], 1), f32)
        n = len(pix)
        o, g, log_lum = np.empty((n, 16), f32), np.empty((n, 8), f32), np.zeros((w, w), f32)
        native.call("interpolate", pix, n, ids, bary, a.tri, attr, 16, o)
        native.call("surface", pix, n, o, R, scene.texture, scene.texture.shape[0], LINEAR, self.mask, self.mask.shape[0], UNIT,
                    shadow, SHADOW, 2.2 * scene.radius / SHADOW, 2.2, g, log_lum)
        high = log_lum - cv2.GaussianBlur(log_lum, (0, 0), 2.2 * w / 512 * PATCH.span / view.span)
        E4, packed = np.zeros((w, w, 4), f32), _pack(light, view.distance, exposure)
        native.call("irradiance", pix, n, o, g, high, w, packed, E4)
        b1, b2, b3 = _blurs(E4, f / view.distance / 1000.)
        img = np.zeros((w, w, 4), f32)
        native.call("shade", pix, n, o, g, high, E4, b1, b2, b3, w, packed, img)
        out = self._finish(img, (ids >= 0).astype(f32), size)
        lm = self.project(scene, scene.lm, R, view, size)
        eyes = self.project(scene, scene.eyes + np.array([0, 0, .010], f32), R, view, size)
        out.update(lm468=lm, lm5=np.array([eyes[1], eyes[0], lm[4], lm[61], lm[291]]), light=light.label())
        return out

    @staticmethod
    def _finish(img, cov, size):
        """Down to size; mask and coverage apart from straight colour."""
        img[:, :, :3] = np.clip(img[:, :, :3], 0, 1)
        if img.shape[0] != size:
            img = cv2.resize(img, (size, size), interpolation=cv2.INTER_AREA)
            cov = cv2.resize(cov, (size, size), interpolation=cv2.INTER_AREA)
        to8 = lambda x: np.ascontiguousarray((np.clip(x, 0, 1) * 255 + .5).astype(np.uint8))
        return dict(rgb=to8(_spread(np.ascontiguousarray(img[:, :, :3]), cov)), alpha=to8(_fade(_close(np.ascontiguousarray(img[:, :, 3])))),
                    cover=to8(cov))
