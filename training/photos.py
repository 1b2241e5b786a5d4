#!/usr/bin/env python3
"""Photographs of consenting people as training pictures, in the files that dataset.py writes.

    python photos.py MANIFEST.csv --out DIR --mesh face_mesh_478.onnx --detector yunet_2023mar.onnx

MANIFEST.csv has the columns file, identity, consent, and any of gender (F, M), age (0: about 20 years, to 1: about 70), tone (0 light, 1 tan,
2 dark) and of the 16 expression units (0..1, by their names in conditions.py); paths are relative to the manifest. Without consent = yes in
every line nothing is read. Units that the manifest does not give, gaze, pose and place are measured on the picture. The light is taken for neutral.

An identity is a donor: the first to appear takes the first place of the mix, at most 64; fewer donors make fewer surrogates. Every tenth picture of an identity is held out (val-*.npz).
donors.json in DIR says who they are (make_head.py --donors). A person's photographs become part of the network's weights: a mixture shows
nobody, but what the donors agreed to is for the one who trains to prove.
"""
import argparse
import csv
import dataclasses
import json
import pathlib
import sys

import cv2
import numpy as np
import onnxruntime

import conditions as cond
from appearance.features import Head, geometry, turn
from appearance.mesh import Mesh
from dataset import save
from renderer import UNIT_NAMES, light

HERE = pathlib.Path(__file__).resolve().parent
MODELS = HERE.parent / "models"
FOREHEAD = .08  # how much farther up than the mesh the mask reaches, as in renderer/render.py
SHARD = 240
HELD_OUT = 10
FARTHEST = (75., 30.)  # yaw, pitch


class ManifestError(ValueError):
    """A manifest that cannot be used; says which line, and what is wanted."""


@dataclasses.dataclass
class Photo:
    path: pathlib.Path
    donor: int
    units: dict


def read(path):
    """Photos and donors (name, gender, age, tone) of a manifest."""
    photos, donors = [], {}
    with open(path, newline="", encoding="utf-8-sig") as f:
        rows = csv.DictReader(f)
        missing = {"file", "identity", "consent"} - set(rows.fieldnames or ())
        if missing:
            raise ManifestError(f"{path}: no column {', '.join(sorted(missing))}; wanted: file,identity,consent[,gender,age,tone,expression units]")
        unknown = set(rows.fieldnames) - {"file", "identity", "consent", "gender", "age", "tone", *UNIT_NAMES}
        if unknown:
            raise ManifestError(f"{path}: unknown column {', '.join(sorted(unknown))}; expression units are {', '.join(UNIT_NAMES)}")
        for row in rows:
            where = f"{path}:{rows.line_num}"
            if (row["consent"] or "").strip().lower() != "yes":
                raise ManifestError(f"{where}: {row['identity']}: consent is {row['consent']!r}, not yes: nobody becomes a donor unasked; remove the line")
            name = (row["identity"] or "").strip()
            file = path.parent / (row["file"] or "")
            if not name or not file.is_file():
                raise ManifestError(f"{where}: " + ("no identity" if not name else f"no file {file}"))
            number = lambda k, top: _number(row, k, top, where)
            if name not in donors:
                donors[name] = {"name": name, "gender": _gender(row, where), "age": number("age", 1), "tone": int(number("tone", 2) or 0)}
                donors[name]["age"] = .5 if donors[name]["age"] is None else donors[name]["age"]
            units = {k: number(k, 1) for k in UNIT_NAMES}
            photos.append(Photo(file, list(donors).index(name), {k: v for k, v in units.items() if v is not None}))
    if not photos or len(donors) > cond.PROXIES:
        raise ManifestError(f"{path}: {len(donors)} identities; wanted: 1 to {cond.PROXIES}")
    return photos, list(donors.values())


def _number(row, key, top, where):
    text = (row.get(key) or "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.
    if not 0 <= value <= top:
        raise ManifestError(f"{where}: {key} is {text!r}; wanted: 0 to {top}")
    return value


def _gender(row, where):
    text = (row.get("gender") or "").strip().upper()
    if text not in ("", "F", "M"):
        raise ManifestError(f"{where}: gender is {text!r}; wanted: F, M or nothing")
    return text


class Studio:
    """Measures photographs and brings them into the patch."""

    def __init__(self, mesh, detector, size):
        self.mesh, self.size, self.head = Mesh(str(mesh)), size, Head()
        self.detector = cv2.FaceDetectorYN.create(str(detector), "", (320, 320), .6, .3, 50)
        self.regressor = onnxruntime.InferenceSession(str(MODELS / "appearance" / "appearance.onnx"), providers=["CPUExecutionProvider"])

    def row(self, photo):
        """(conditions [96], rgba [S, S, 4], landmarks [468, 2]) of a photo, or None with the reason."""
        bgr = cv2.imread(str(photo.path), cv2.IMREAD_COLOR)
        if bgr is None:
            return None, "not a picture"
        k = min(1., 1600 / max(bgr.shape[:2]))
        bgr = cv2.resize(bgr, None, fx=k, fy=k, interpolation=cv2.INTER_AREA) if k < 1 else bgr
        self.detector.setInputSize(bgr.shape[1::-1])
        faces = self.detector.detect(bgr)[1]
        if faces is None or len(faces) != 1:
            return None, f"{0 if faces is None else len(faces)} faces, want one"
        rgb = np.ascontiguousarray(bgr[:, :, ::-1])
        points, presence = self.mesh.find(rgb, faces[0, 4:14].reshape(5, 2).astype(float))
        if presence < .5:
            return None, "no face mesh"
        fit = self.head.fit(points)
        g = geometry(points, fit)
        yaw, pitch = turn(g)
        if abs(yaw) > FARTHEST[0] or abs(pitch) > FARTHEST[1]:
            return None, f"turned by {yaw:.0f} and {pitch:.0f} degrees"
        (x, y, scale, roll), _ = self.head.place(points, yaw, pitch)
        expression, gaze = self.regressor.run(["expression", "gaze"], {"geometry": g[None].astype(np.float32)})
        units = expression[0].copy()
        for name, value in photo.units.items():
            units[UNIT_NAMES.index(name)] = value
        to_picture = scale / self.size * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
        m = np.c_[to_picture, [x, y] - to_picture @ [self.size / 2, self.size / 2]]
        shift = m.copy()
        shift[:, 2] += m[:, :2] @ [.5, .5] - .5  # OpenCV counts pixels from their centres
        if scale > 2 * self.size:
            rgb = cv2.GaussianBlur(rgb, (0, 0), scale / self.size / 2.5)
        patch = cv2.warpAffine(rgb, shift, (self.size, self.size), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)
        lm = (points[:468, :2] - m[:, 2]) @ np.linalg.inv(m[:, :2]).T
        x = cond.pack(cond.weights([photo.donor]), units, gaze[0], yaw, pitch, light.NEUTRAL.label())
        return (x, np.dstack([patch, self.mask(lm)]), lm.astype(np.float16)), ""

    def mask(self, lm):
        """The mesh's convex outline (a profile's nose lies outside the face oval) with the forehead, soft at the edge: bytes."""
        p, c = lm.copy(), lm.mean(0)
        p[:, 1] -= np.clip(c[1] - p[:, 1], 0, None) * FOREHEAD
        m = np.zeros((self.size, self.size), np.uint8)
        cv2.fillConvexPoly(m, cv2.convexHull(np.round(p * 16).astype(np.int32)), 255, cv2.LINE_AA, 4)
        return cv2.GaussianBlur(m, (0, 0), self.size * 3 / 256)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("manifest", type=pathlib.Path)
    p.add_argument("--out", type=pathlib.Path, required=True)
    p.add_argument("--mesh", type=pathlib.Path, required=True)
    p.add_argument("--detector", type=pathlib.Path, required=True)
    p.add_argument("--size", type=int, default=256)
    o = p.parse_args()
    try:
        photos, donors = read(o.manifest)
    except ManifestError as e:
        sys.exit(str(e))
    studio, rows, seen = Studio(o.mesh, o.detector, o.size), {"train": [], "val": []}, [0] * len(donors)
    for photo in photos:
        row, why = studio.row(photo)
        if row is None:
            print(f"{photo.path}: left out: {why}", file=sys.stderr)
            continue
        seen[photo.donor] += 1
        rows["val" if seen[photo.donor] % HELD_OUT == 0 else "train"].append(row)
    if 0 in seen:
        sys.exit(f"{o.manifest}: no usable picture of {donors[seen.index(0)]['name']}")
    o.out.mkdir(parents=True, exist_ok=True)
    for kind, part in rows.items():
        for i in range(0, len(part), SHARD):
            save(o.out / f"{kind}-{i // SHARD:04d}.npz", part[i: i + SHARD])
    (o.out / "donors.json").write_text(json.dumps(donors, indent=1) + "\n")
    print(f"{len(donors)} donors, {len(rows['train'])} pictures, {len(rows['val'])} held out")


if __name__ == "__main__":
    main()
