"""Backdrops, lights and clothes of the sample clip."""
import cv2
import numpy as np

from renderer import light

LIGHTS = (light.make(-28, 30, 1.0, .78, 5400, 6600), light.make(22, 36, .9, .85, 6200, 6400), light.make(12, 28, 1.1, .7, 5200, 6900))
_WALLS = (((172, 160, 142), (118, 110, 104)), ((128, 144, 152), (86, 98, 112)), ((150, 138, 150), (92, 88, 106)))


def backdrop(look, width, height):
    """A wall with a soft gradient, stains of light and a few furniture-like blocks, out of focus. Linear-looking bytes, no face-like shapes."""
    rng = np.random.default_rng([17, look])
    top, bottom = (np.array(c, np.float32) for c in _WALLS[look])
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    im = np.broadcast_to(top * (1 - y) + bottom * y, (height, width, 3)).copy()
    for _ in range(5):  # blocks: shelves, door, table
        w, h = rng.integers(90, 260), rng.integers(200, 460)
        x, y0 = int(rng.integers(-40, width - 60)), int(height - h * rng.uniform(.5, 1.1))
        shade = rng.uniform(.72, 1.18) * (1 + rng.normal(0, .04, 3))
        block = im[max(y0, 0): y0 + h, max(x, 0): x + w]
        block *= shade.astype(np.float32)
    im = cv2.GaussianBlur(im, (0, 0), 9)
    glow = cv2.resize(rng.normal(0, 1, (5, 8)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    im *= (1 + .07 * glow)[:, :, None]
    grain = cv2.GaussianBlur(rng.normal(0, 1, (height, width)).astype(np.float32), (0, 0), 1.2)
    return np.clip(im + 4 * grain[:, :, None], 0, 255)


def _fill(shape, polygon, soft):
    m = np.zeros(shape, np.uint8)
    cv2.fillPoly(m, [np.round(np.asarray(polygon) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(m, (0, 0), soft).astype(np.float32)[:, :, None] / 255


def _curve(points, n=24):
    """A smooth open curve through points (Catmull-Rom)."""
    p = np.asarray([points[0], *points, points[-1]], float)
    out = []
    for a, b, c, d in zip(p, p[1:], p[2:], p[3:]):
        t = np.linspace(0, 1, n, endpoint=False)[:, None]
        out.append(.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t ** 2 + (3 * b - a - 3 * c + d) * t ** 3))
    return np.concatenate([*out, p[-1:]])


def torso(shape, face, neck, colour, seed):
    """Two layers of clothes around a neck that starts at pixel `neck`, for a face of height `face`: (colour image, back mask, front mask).
    The back lies behind the head, the front, with the neckline, before the neck."""
    h, w = shape
    x, y = neck
    s = face
    slope = _curve([(x - .30 * s, y - .06 * s), (x - .52 * s, y + .09 * s), (x - .92 * s, y + .24 * s), (x - 1.10 * s, y + .50 * s),
                    (x - 1.17 * s, y + 1.0 * s), (x - 1.20 * s, y + 2.2 * s), (x - 1.22 * s, y + 5 * s)])
    right = slope[::-1] * [-1, 1] + [2 * x, 0]
    back = np.concatenate([slope[::-1], [[x - .28 * s, y - .10 * s], [x + .28 * s, y - .10 * s]], right[::-1]])
    neckline = _curve([(x - .30 * s, y - .06 * s), (x - .20 * s, y + .08 * s), (x, y + .13 * s), (x + .20 * s, y + .08 * s), (x + .30 * s, y - .06 * s)])
    front = np.concatenate([slope[::-1], neckline, right[::-1]])
    rng = np.random.default_rng([23, seed])
    u = (np.arange(w)[None, :] - x) / (1.2 * s)
    v = np.clip((np.arange(h)[:, None] - y) / (2 * s), 0, 1)
    shade = (1.08 - .35 * u ** 2) * (1 - .35 * v)
    folds = cv2.GaussianBlur(cv2.resize(rng.normal(0, 1, (6, 22)).astype(np.float32), (w, h), interpolation=cv2.INTER_CUBIC), (0, 0), max(1., .03 * s))
    shade = shade * (1 + .06 * folds)
    image = np.array(colour, np.float32) * np.clip(shade, .2, 1.3)[:, :, None]
    soft = max(.6, s / 220)
    back_mask, front_mask = _fill(shape, back, soft), _fill(shape, front, soft)
    hem = _fill(shape, np.concatenate([neckline, neckline[::-1] + [0, .035 * s]]), soft)
    return image * (1 - .28 * hem), back_mask, front_mask


def counter(picture, top, look):
    """A counter across the picture from row `top` down, in front of those who stand behind it."""
    h, w = picture.shape[0] - top, picture.shape[1]
    rng = np.random.default_rng([31, look])
    grain = cv2.GaussianBlur(cv2.resize(rng.normal(0, 1, (h // 4 + 1, 12)).astype(np.float32), (w, h), interpolation=cv2.INTER_CUBIC), (0, 0), 2)
    shade = (1.05 - .45 * np.linspace(0, 1, h, dtype=np.float32)[:, None]) * (1 + .05 * grain)
    shade[:7] *= 1.25
    shade[7:16] *= .72
    picture[top:] = np.array(((104, 88, 74), (92, 98, 102), (98, 84, 88))[look], np.float32) * cv2.GaussianBlur(shade, (0, 0), 1.2)[:, :, None]
