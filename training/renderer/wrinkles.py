"""Expression wrinkles. The expression targets move vertices a few millimetres apart and cannot fold skin; the folds are drawn into the
texture instead, as grooves of the log reflectance along landmark lines. The shader bends normals by the high-passed luminance, so that a
groove also takes light on one side. A function of the expression alone: it tells nothing of who wears it."""
import cv2
import numpy as np

f32 = np.float32
_MIRROR = {108: 337, 109: 338, 69: 299, 67: 297, 104: 333, 103: 332, 151: 151, 10: 10, 9: 9, 8: 8, 107: 336, 55: 285, 66: 296, 105: 334, 63: 293, 168: 168,
           193: 417, 6: 6, 197: 197, 122: 351, 129: 358, 203: 423, 206: 426, 216: 436, 212: 432, 202: 422, 33: 263, 226: 446, 130: 359, 35: 265, 143: 372,
           111: 340, 31: 261, 124: 353, 156: 383, 25: 255, 110: 339, 24: 254, 23: 253, 22: 252, 98: 327, 188: 412, 61: 291, 57: 287, 43: 273}
# group: (half width in parts of the crop, depth, lines of one side as landmark weights); a line's point is a dict of landmarks or one landmark
_LINES = {
    "forehead": (.0062, .42, [[{151: .7, 9: .3}, {108: .7, 107: .3}, {69: .6, 66: .4}, {104: .55, 105: .45}],
                              [{151: .85, 10: .15}, {108: .85, 109: .15}, {69: .85, 67: .15}, {104: .8, 103: .2}],
                              [{151: .5, 10: .5}, {108: .5, 109: .5}, {69: .55, 67: .45}, {104: .6, 103: .4}]]),
    "glabella": (.0040, .60, [[{9: .45, 107: .55}, {8: .40, 55: .60}, {168: .55, 193: .45}]]),
    "bridge": (.0040, .45, [[168, {168: .4, 193: .6}, {193: .6, 122: .4}], [{6: 1.}, {6: .5, 122: .5}, 188]]),
    "nasolabial": (.0058, .55, [[{129: .8, 203: .2}, {203: .5, 206: .5}, {206: .6, 216: .4}, {216: .7, 212: .3}]]),
    "crow": (.0038, .45, [[{33: .4, 226: .6}, {226: .3, 35: .7}, {35: .3, 143: .7}], [{33: .3, 130: .3, 226: .4}, {226: .5, 124: .5}, {124: .5, 156: .5}],
                          [{226: .6, 31: .4}, {31: .5, 111: .5}]]),
    "pouch": (.0042, .30, [[{25: .5, 110: .5}, {24: .8, 110: .2}, {23: 1.}, {22: 1.}]]),
    "chin": (.0055, .35, [[{61: .4, 57: .6}, {57: .5, 43: .5}, {43: .6, 202: .4}]]),
}
# how much of each group an expression unit draws
_UNITS = {"browUp": {"forehead": 1.}, "browSad": {"forehead": .5, "glabella": .3}, "browDown": {"glabella": 1., "bridge": .4},
          "disgust": {"bridge": 1., "nasolabial": .9, "glabella": .4}, "smileClose": {"nasolabial": .8, "crow": .5, "pouch": .4},
          "smileOpen": {"nasolabial": 1., "crow": .7, "pouch": .6}, "squint": {"crow": 1., "pouch": .8}, "lipUp": {"nasolabial": .5},
          "mouthSad": {"chin": 1., "nasolabial": .2}, "eyeClose": {"crow": .15}}


class Wrinkles:
    """Draws on textures of one size."""

    def __init__(self, assets, size):
        x0, y0, x1, y1 = (int(v * size) for v in assets.crop_box)
        self.box, self.maps = (x0, y0, x1, y1), {}
        w, h = x1 - x0, y1 - y0

        def place(p, mirror):
            p = {p: 1.} if isinstance(p, int) else p
            uv = sum(assets.lm_uv[_MIRROR[i] if mirror else i] * k for i, k in p.items())
            return (uv * size - [x0, y0]) * 4

        for group, (half, depth, lines) in _LINES.items():
            m = np.zeros((4 * h, 4 * w), np.uint8)
            for line in lines:
                for mirror in (False, True):
                    p = np.array([place(q, mirror) for q in line])
                    t = np.linspace(0, len(p) - 1, 40)
                    q = np.c_[np.interp(t, range(len(p)), p[:, 0]), np.interp(t, range(len(p)), p[:, 1])].astype(f32)
                    q = cv2.GaussianBlur(q, (1, 15), 0, borderType=cv2.BORDER_REPLICATE)
                    across = isinstance(line[0], dict) and all(_MIRROR[k] == k for k in line[0]) and group == "forehead"
                    for i in range(39):  # a fold runs out at its ends, unless it goes on over the middle
                        level = np.cos(np.pi / 2 * i / 40) if across else np.sin(np.pi * (i + 1) / 41)
                        cv2.line(m, (q[i] * 16).astype(int).tolist(), (q[i + 1] * 16).astype(int).tolist(), int(255 * level ** .5), max(1, int(half * 4 * w)),
                                 cv2.LINE_AA, 4)
            groove = cv2.resize(cv2.GaussianBlur(m, (0, 0), half * 4 * w * .5), (w, h), interpolation=cv2.INTER_AREA).astype(f32) / 255
            # skin bulges beside a fold: a faint light rim
            self.maps[group] = depth * (groove - .45 * cv2.GaussianBlur(groove, (0, 0), half * w * 1.6))

    def draw(self, texture, units):
        """The texture (sRGB bytes) with the wrinkles of units (dict, 0..1); the same array when there are none."""
        total = 0.
        for unit, w in units.items():
            for group, k in _UNITS.get(unit, {}).items():
                if w:
                    total = total + self.maps[group] * f32(k * min(1., w) ** 1.3)
        if isinstance(total, float):
            return texture
        x0, y0, x1, y1 = self.box
        out = texture.copy()
        # the exponent 1/2.4 of sRGB is near enough for a groove; red fades least in skin
        fade = np.exp(-np.clip(total, -.25, .9)[:, :, None] * np.array([.55, .75, .8], f32) / 1.6)
        out[y0:y1, x0:x1] = np.clip(out[y0:y1, x0:x1] * fade + .5, 0, 255).astype(np.uint8)
        return out
