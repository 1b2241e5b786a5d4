"""Loads the third-party head assets (training/README.md names their sources and licences)."""
import os
import pathlib

import cv2
import numpy as np

f32 = np.float32
PARTS = ("eyeL", "eyeR", "glL", "glR", "tD", "tU")  # meshes beside the head: eyeballs, tear glands, lower and upper teeth
SKIN, EYE, GLAND, TEETH, CAVITY = range(5)          # materials, as in raster.cpp
_PART_MATERIAL = (EYE, EYE, GLAND, GLAND, TEETH, TEETH)


def srgb_to_linear(a):
    return np.where(a <= .04045, a / 12.92, ((a + .055) / 1.055) ** 2.4)


def linear_to_srgb(a):
    a = np.clip(a, 0, None)
    return np.where(a <= .0031308, a * 12.92, 1.055 * a ** (1 / 2.4) - .055)


LINEAR = srgb_to_linear(np.arange(256) / 255.).astype(f32)  # sRGB byte -> linear
UNIT = (np.arange(256) / 255.).astype(f32)                  # byte -> 0..1


def find(path=None):
    """The assets directory: path, or $KSAMENET_PROXY_ASSETS. Raises FileNotFoundError with the way out."""
    d = path or os.environ.get("KSAMENET_PROXY_ASSETS")
    if not d or not (pathlib.Path(d) / "head_raw.npz").exists():
        raise FileNotFoundError(f"proxy assets not found in {d!r}: give --assets DIR or set KSAMENET_PROXY_ASSETS (training/README.md)")
    return pathlib.Path(d)


def _weld(pos, scale=2e4):
    """Index of the first vertex at the same place: UV seams split vertices, normals must not see them."""
    _, first, inv = np.unique(np.round(pos * scale).astype(np.int64), axis=0, return_index=True, return_inverse=True)
    return first[inv.ravel()]


class Assets:
    """Geometry, expression targets and texture files of the parametric head.

    shapes [42, V, 3] metres, origin between the eyes, y up, z forward; targets [65, V, 3] by target_names; modes [60, V, 3]
    and age [2, V, 3] (female, male) shape offsets; uv [V, 2]; tri [T, 3]; material [V]; span: vertex range of each part;
    lm_tri [468, 3], lm_bary [468, 3]: the MediaPipe-468 points on the mesh; lm_uv: their UV; oval: the face oval's point indices in order.
    """

    def __init__(self, path=None):
        self.path = find(path)
        z = np.load(self.path / "head_raw.npz", allow_pickle=True)
        self.ids = [str(i) for i in z["ids"]]
        self.target_names = [str(n)[:-2] for n in z["names"]]
        self._join(z)
        self._targets(z)
        m = np.load(self.path / "shape_modes.npz")
        self.modes, self.age = m["ict"].astype(f32), m["age"].astype(f32)
        p = np.load(self.path / "mp468.npz")
        self.lm_tri, self.lm_bary, self.lm_uv = z["tri"][p["tri"]], p["bary"].astype(f32), p["uv"]
        nxt = {int(a): int(b) for a, b in p["oval"]}
        self.oval = [10]
        while nxt[self.oval[-1]] != 10:
            self.oval.append(nxt[self.oval[-1]])
        w = np.load(self.path / "mhwarp.npz")
        self.crop_box, self.crop_size = w["box"], int(w["N"])

    def _join(self, z):
        n = z["S"].shape[1]
        uv, tri, shapes, material, start = [z["uv"]], [z["tri"]], [z["S"]], [np.full(n, SKIN)], n
        self.span = {"head": (0, n)}
        for part, mat in zip(PARTS, _PART_MATERIAL):
            k = len(z[part + "_uv"])
            self.span[part] = (start, start + k)
            uv.append(z[part + "_uv"])
            tri.append(z[part + "_tri"] + start)
            shapes.append(z[part])
            material.append(np.full(k, mat))
            start += k
        self.uv = np.ascontiguousarray(np.concatenate(uv), f32)
        self.tri = np.ascontiguousarray(np.concatenate(tri), np.int32)
        self.material = np.concatenate(material).astype(np.int32)
        shapes = np.concatenate(shapes, 1)
        eyes = [shapes[:, slice(*self.span[p])].mean(1) for p in PARTS[:2]]
        self.shapes = (shapes - ((eyes[0] + eyes[1]) / 2)[:, None]).astype(f32)
        mean = self.shapes.mean(0)
        self.weld = _weld(np.concatenate([mean, self.material[:, None]], 1))
        self.weld_tri = np.ascontiguousarray(self.weld[self.tri], np.int32)
        # what casts shade: head and eyes; teeth lie inside and would only cost time
        self.occluders = np.ascontiguousarray(self.tri[(self.tri < self.span["eyeR"][1]).all(1)])
        self._mark_cavity(mean)
        self.eyes = [np.arange(*self.span[p]) for p in PARTS[:2]]

    def _mark_cavity(self, mean):
        """The mouth's inside belongs to the head mesh: its UV islands lie off the face, its vertices behind the lips."""
        n = self.span["head"][1]
        u, m = self.uv[:n], mean[:n]
        face = (u[:, 0] > .13) & (u[:, 0] < .525) & (u[:, 1] > .10) & (u[:, 1] < .475)
        inside = (np.abs(m[:, 0]) < .040) & (m[:, 1] > -.115) & (m[:, 1] < -.04) & (m[:, 2] > -.075) & (m[:, 2] < .03)
        self.material[:n][~face & inside] = CAVITY

    def _targets(self, z):
        """Expression targets over all vertices; the lower teeth and tongue follow the jaw by their own targets."""
        self.targets = np.zeros((len(self.target_names), self.shapes.shape[1], 3), f32)
        self.targets[:, : z["T"].shape[1]] = z["T"]
        a, b = self.span["tD"]
        for i, name in enumerate(z["TDn"]):
            name = str(name).split(".")[-1][:-2].removeprefix("t_")
            name = {"MPB": "MPB_Down"}.get(name, name)
            if name in self.target_names:
                self.targets[self.target_names.index(name), a:b] = z["TD"][i]

    def atlas(self, avatar):
        """The avatar's 2048 x 2048 RGB texture (sRGB bytes)."""
        im = cv2.imread(str(self.path / "tex" / f"{avatar}__color.webp"))
        return np.ascontiguousarray(im[:, :, ::-1])

    def skin_crop(self, name):
        """A MakeHuman skin, already warped to the face crop of the atlas (crop_size square, RGB bytes)."""
        return np.ascontiguousarray(cv2.imread(str(self.path / "mh" / f"{name}.jpg"))[:, :, ::-1])

    def crop_px(self, points):
        """Crop pixel positions of landmark indices."""
        x0, y0, x1, y1 = self.crop_box
        return (self.lm_uv[points] - [x0, y0]) / [x1 - x0, y1 - y0] * self.crop_size
