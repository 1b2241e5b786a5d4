"""Skin textures: a person's face is composed in the log domain (multiplying reflectances), so that a mixture of people, the mean
of their log textures, stays as sharp as its parts."""
import cv2
import numpy as np

from . import prng
from .assets import LINEAR, linear_to_srgb
from .persons import MAKEHUMAN_SKINS, VALID_SKINS

f32 = np.float32
EPS = .004  # added before the logarithm; black stays finite
_BROWS = ((70, 63, 105, 66, 107, 55, 65, 52, 53, 46), (300, 293, 334, 296, 336, 285, 295, 282, 283, 276))
_LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
_LIDS = (((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133), -1),
         ((263, 466, 388, 387, 386, 385, 384, 398, 362), (263, 249, 390, 373, 374, 380, 381, 382, 362), 1))
_IRISES = np.array([[.42, .27, .14], [.33, .42, .52], [.37, .40, .24], [.30, .20, .12], [.44, .47, .49]])  # brown, blue, green, dark, grey


def to_bytes(linear):
    return np.ascontiguousarray((linear_to_srgb(np.clip(linear, 0, 1)) * 255 + .5).astype(np.uint8))


def log_texture(tex):
    """Log reflectance, float32, of sRGB bytes."""
    return np.log(LINEAR[tex] + f32(EPS))


_LOG_MIN, _LOG_STEPS = np.log(EPS), 4096
_LOG_SCALE = f32((_LOG_STEPS - 1) / (np.log(1 + EPS) - _LOG_MIN))
_LOG_BYTES = to_bytes(np.exp(_LOG_MIN + np.arange(_LOG_STEPS) / _LOG_SCALE) - EPS)


def from_log(log):
    """sRGB bytes of log reflectance, by table: a step of the table is a sixth of a byte step at white."""
    index = (log - f32(_LOG_MIN)) * _LOG_SCALE + f32(.5)
    return np.take(_LOG_BYTES, np.clip(index, 0, _LOG_STEPS - 1).astype(np.int16))


class Skins:
    """Composes textures of size x size. Keeps the sources it has read; not safe for concurrent use."""

    def __init__(self, assets, size=1024):
        self.assets, self.size = assets, size
        n = self.n = assets.crop_size
        self._crops, self._split, self._atlases, self._age = {}, {}, {}, {}
        brow = np.zeros((n, n), np.uint8)
        for points in _BROWS:
            cv2.fillConvexPoly(brow, cv2.convexHull(np.round(assets.crop_px(list(points))).astype(np.int32)), 255)
        self._brow_hole = cv2.dilate(brow, np.ones((25, 25), np.uint8))
        self._brow = cv2.GaussianBlur(cv2.dilate(brow, np.ones((21, 21), np.uint8)), (0, 0), 6).astype(f32)[:, :, None] / 255
        self._lips = self._polygon(assets.crop_px(list(_LIPS)), 4)
        oval = assets.crop_px(assets.oval)
        c = oval.mean(0)
        self._face = self._polygon(c + (oval - c) * .985, 16)
        self._brow_line = c[1] - .36 * (c[1] - oval[:, 1].min())
        self._middle = np.maximum(self._polygon(c + (oval - c) * .78, 10), np.clip(2 * self._brow, 0, 1))
        self._beyond = self._polygon(c + (oval - c) * 1.12 + [0, -.04 * self.n], 6)  # more than render.face_mask shows
        self._eyes = [assets.uv[i].mean(0) for i in assets.eyes]

    def _polygon(self, points, soft):
        m = np.zeros((self.n, self.n), np.uint8)
        cv2.fillPoly(m, [np.round(points).astype(np.int32)], 255)
        return cv2.GaussianBlur(m, (0, 0), soft).astype(f32)[:, :, None] / 255

    def _atlas(self, avatar):
        if avatar not in self._atlases:
            im = self.assets.atlas(avatar)
            if im.shape[0] != self.size:
                im = cv2.resize(im, (self.size, self.size), interpolation=cv2.INTER_AREA)
            self._atlases[avatar] = im
        return self._atlases[avatar]

    def _crop(self, skin):
        if skin not in self._crops:
            if skin in VALID_SKINS:
                x0, y0, x1, y1 = self.assets.crop_box
                im = self.assets.atlas(skin)
                gx, gy = np.meshgrid(np.linspace(x0, x1, self.n), np.linspace(y0, y1, self.n))
                im = cv2.remap(im, (gx * im.shape[1] - .5).astype(f32), (gy * im.shape[0] - .5).astype(f32), cv2.INTER_CUBIC)
            else:
                im = self.assets.skin_crop(skin)
            self._crops[skin] = im
        return self._crops[skin]

    def _without_brows(self, skin):
        """Linear skin with the eyebrows painted over, and the eyebrows as a ratio to it."""
        if skin not in self._split:
            im = self._crop(skin)
            small = cv2.resize(im, (256, 256), interpolation=cv2.INTER_AREA)
            hole = (cv2.resize(self._brow_hole, (256, 256)) > 0).astype(np.uint8) * 255
            filled = cv2.resize(cv2.inpaint(small, hole, 5, cv2.INPAINT_TELEA), (self.n, self.n), interpolation=cv2.INTER_CUBIC)
            a, m = LINEAR[im] + f32(EPS), self._brow
            ratio = np.clip(a / (LINEAR[filled] + f32(EPS)), .04, 1.15) ** m
            self._split[skin] = ((a - EPS) * (1 - m) + m * np.minimum(a / ratio, 1), ratio)
        return self._split[skin]

    def _ageing(self, gender):
        """Log-domain detail that turns a young skin into an old one, from an old and a young skin of one artist."""
        if gender not in self._age:
            old, young = ("oEf", "yEf") if gender == "F" else ("oEm", "yLm2")
            a = np.log(LINEAR[self._crop(old)] + .01) - np.log(LINEAR[self._crop(young)] + .01)
            low = cv2.GaussianBlur(a, (0, 0), 28)
            a = (a - low) + .25 * (low - low.reshape(-1, 3).mean(0))
            self._age[gender] = np.clip(a, -1.1, .6).astype(f32) * self._face
        return self._age[gender]

    def _lashes(self, strength, seed):
        """Lash lines of the upper lids with short strokes; faint ones of the lower lids. Drawn at twice the size."""
        n, m, u = self.n, np.zeros((2 * self.n, 2 * self.n), np.uint8), prng.uniform(seed + 1000003, 80)
        for side, (upper, lower, sign) in enumerate(_LIDS):
            p = self.assets.crop_px(list(upper)) * 2
            t, i = np.linspace(0, len(p) - 1, 60), np.arange(len(p))
            q = cv2.GaussianBlur(np.c_[np.interp(t, i, p[:, 0]), np.interp(t, i, p[:, 1])].astype(f32), (1, 7), 0, borderType=cv2.BORDER_REPLICATE)
            fixed = [tuple(int(z * 16) for z in x) for x in q]
            for a in range(59):
                cv2.line(m, fixed[a], fixed[a + 1], int(170 + 60 * strength), int(4 + 3 * strength * (1 - a / 60)), cv2.LINE_AA, 4)
            if strength > .4:
                for j, a in enumerate(np.linspace(0, 54, 34).astype(int)):
                    length = (10 + 10 * (1 - a / 60)) * strength * (.7 + .5 * u[side * 40 + j])
                    tip = (int((q[a][0] + sign * length * (.75 - a / 60 * 1.1)) * 16), int((q[a][1] - length * .8) * 16))
                    cv2.line(m, fixed[a], tip, int(120 + 90 * strength), 1, cv2.LINE_AA, 4)
            p = self.assets.crop_px(list(lower)) * 2
            cv2.polylines(m, [np.round(p * 16).astype(np.int32)], False, int(60 + 50 * strength), 3, cv2.LINE_AA, 4)
        return cv2.resize(cv2.GaussianBlur(m, (0, 0), 1.2), (n, n), interpolation=cv2.INTER_AREA).astype(f32)[:, :, None] / 255

    def _freckles(self, amount, seed):
        n, count = self.n, int(900 * amount)
        x = (n * (.5 + .19 * prng.normal(seed + 2000003, count))).astype(int)
        y = (n * (.5 + .10 * prng.normal(seed + 3000017, count))).astype(int)
        ok = (x >= 0) & (x < n) & (y >= 0) & (y < n)
        f = np.zeros((n, n), f32)
        f[y[ok], x[ok]] = .3 + .7 * prng.uniform(seed + 4000037, count)[ok]
        f = np.clip(cv2.GaussianBlur(f, (0, 0), 1.6) * 9, 0, .6)[:, :, None]
        return f * np.array([.18, .35, .45], f32) * self._face

    def _face_log(self, p):
        """The person's face crop, log reflectance."""
        base, painted_age = 0, 0
        for skin, w in p.skins:
            base = base + f32(w) * np.log(self._without_brows(skin)[0] + f32(.003))
            painted_age += w * (MAKEHUMAN_SKINS[skin][2] if skin in MAKEHUMAN_SKINS else 0)
        base = base + f32(max(0, p.age - painted_age) * .95) * self._ageing(p.gender)
        t, (light, red) = p.tone, p.lip
        base = base + np.array([t[0] + t[1] + .3 * t[2], t[0] - .3 * t[1], t[0] - t[2]], f32)
        base = base + self._lips * np.array([light * .4 + red * .3, light - red, light - red * .8], f32)
        base = base + np.log(self._without_brows(p.brow)[1]) * f32(p.brow_gain * (.55 if p.age > .7 else 1.))
        if p.freckles > .1:
            base = base - self._freckles(p.freckles, p.detail)
        woman = p.gender == "F"
        base = base + self._lashes(.85 if woman else .25, p.detail) * np.array([-1.5, -1.7, -1.8], f32) * f32(.8 if woman else .5)
        yy, xx = np.mgrid[: self.n, : self.n]
        for x, y, s in p.moles:
            spot = .9 * np.exp(-((xx - x * self.n) ** 2 + (yy - y * self.n) ** 2) / (2 * s * s))
            base = base - spot[:, :, None].astype(f32) * np.array([.6, .9, 1], f32)
        return base

    def texture(self, p):
        """The person's texture atlas, size x size sRGB bytes. The face is pasted into the atlas of a like avatar, whose skin
        around it is matched in tone."""
        face = np.clip(np.exp(self._face_log(p)) - .003, 0, 1).astype(f32)
        host = next((s for s, _ in p.skins if s in VALID_SKINS), p.brow)
        atlas, n = LINEAR[self._atlas(host)].copy(), self.size
        core = self._face[:, :, 0] > .95
        ratio = np.clip(face[core].mean(0) / LINEAR[self._crop(host)][core].mean(0), .3, 2.5).astype(f32)
        atlas[int(.092 * n): int(.56 * n), : int(.66 * n)] *= ratio
        x0, y0, x1, y1 = (int(v * n) for v in self.assets.crop_box)
        mask = cv2.resize(self._face, (x1 - x0, y1 - y0))[:, :, None]
        crop = cv2.resize(face, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
        atlas[y0:y1, x0:x1] = atlas[y0:y1, x0:x1] * (1 - mask) + crop * mask
        tex = to_bytes(self._without_hair(atlas))
        for c in self._eyes:
            self._paint_iris(tex, c, *p.iris)
        return tex

    def _without_hair(self, atlas):
        """The atlas with bare skin at forehead and temples. A surrogate ends in the hair of the person whom it covers: a hairline of its own, half of
        it outside the mask, is a dark patch there. What lies outside the face crop, and what is darker than the forehead near the crop's rim, takes
        the colour of the nearest skin."""
        n = self.size
        x0, y0, x1, y1 = self.assets.crop_box
        box = np.array([x0, y0]) - .15 * np.array([x1 - x0, y1 - y0]), np.array([x1, y1]) + .15 * np.array([x1 - x0, 0])
        (left, top), (right, bottom) = (np.clip(b * n, 0, n).astype(int) for b in box)
        part = atlas[top:bottom, left:right]
        scale = self.n / (n * np.array([x1 - x0, y1 - y0]))
        to_crop = np.c_[np.diag(scale), scale * ([left, top] - n * np.array([x0, y0]))]
        warp = lambda im: cv2.warpAffine(im, to_crop, part.shape[1::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        face, middle, beyond = warp(self._face[:, :, 0]), warp(self._middle[:, :, 0]), warp(self._beyond[:, :, 0])
        y = to_crop[1, 1] * np.arange(len(part)) + to_crop[1, 2]
        above = np.clip((self._brow_line + 60 - y) / 80, 0, 1)[:, None]
        forehead = (middle > .98) & (y < self._brow_line)[:, None]
        lum = part @ np.array([.3, .6, .1], f32)
        dark = 1 - np.clip((lum / np.median(lum[forehead]) - .60) / .2, 0, 1)
        dark = cv2.GaussianBlur(cv2.dilate((dark * (1 - middle)).astype(f32), np.ones((9, 9))), (0, 0), 2)
        bare = face * (1 - np.clip(1.5 * dark, 0, 1))
        source = (bare * ((middle < .5) | forehead))[:, :, None].astype(f32)
        fill, got = 0, 0
        for sigma in (6, 18, 54):
            w = cv2.GaussianBlur(source, (0, 0), sigma)[:, :, None]
            share = (1 - got) * np.clip(w * 8, 0, 1)
            fill, got = fill + cv2.GaussianBlur(part * source, (0, 0), sigma) / np.maximum(w, 1e-4) * share, got + share
        fill = fill + (1 - got) * np.median(part[forehead], 0)
        gone = (beyond * above * (1 - bare))[:, :, None]
        atlas[top:bottom, left:right] = part * (1 - gone) + fill * gone
        return atlas

    def _paint_iris(self, tex, centre, hue, saturation, value):
        n = self.size
        x, y, r = int(centre[0] * n), int(centre[1] * n), int(.018 * n)
        part = tex[y - r: y + r, x - r: x + r].astype(f32) / 255
        yy, xx = np.mgrid[-r:r, -r:r]
        m = np.clip((r * .98 - np.hypot(xx, yy)) / (3 * n / 2048), 0, 1)[:, :, None]
        lum = (part @ np.array([.3, .6, .1], f32))[:, :, None]
        c = _IRISES[int(hue * 4.999)]
        colour = lum * value * (1.15 * c / c.mean() * saturation + (1 - saturation))
        tex[y - r: y + r, x - r: x + r] = (np.clip(part * (1 - m) + colour * m, 0, 1) * 255).astype(np.uint8)
