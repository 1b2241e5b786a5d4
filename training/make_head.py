#!/usr/bin/env python3
"""Writes models/generator/head.json: the mean neutral head of the 64 donors as 468 points in patch units, which of them stay put under
expression, the patch's camera, the neutral light, and what is known of each donor. Checks the documented formula against renders and writes
the residual into the file."""
import argparse
import json
import pathlib

import numpy as np

from renderer import PATCH, UNIT_NAMES, Renderer, light, persons
from renderer.head import landmarks, measure

HERE = pathlib.Path(__file__).parent
SIZE = 128
STABLE_PX = 1.6  # largest movement under any single unit at full strength, in pixels of the 128 patch

DOC = """Units: 1 = the side of the patch (128 px). x right, y down, origin at the patch's top left corner; z towards the viewer, 0 at the depth
of the rotation centre. points: the mean neutral face of the 64 donors in the MediaPipe-468 topology, at yaw = pitch = 0. A landmark at yaw a and
pitch b (degrees; a > 0: the face turns to the right edge of the picture, b > 0: it turns down) is found so: with (x, y, z) = point - centre:
x1 = x cos a + z sin a; z1 = -x sin a + z cos a; y2 = y cos b + z1 sin b; z2 = -y sin b + z1 cos b; s = distance / (distance - z2) (weak
perspective: s = 1); patch position = (centre.x + s x1, centre.y + s y2). Roll, scale and position belong to placement: roll c > 0 is
counter-clockwise as seen in the picture: (u, v) -> (u cos c + v sin c, -u sin c + v cos c) about the centre. stable: points that move less than
stable_px pixels of the 128 patch under every expression unit at full strength; fit the pose to these. Gaze: degrees relative to the head, signs as for the pose."""


def rotate(p, yaw, pitch):
    """The formula of DOC, rotation only: points relative to the centre."""
    a, b = np.radians([yaw, pitch])
    x1, z1 = p[:, 0] * np.cos(a) + p[:, 2] * np.sin(a), -p[:, 0] * np.sin(a) + p[:, 2] * np.cos(a)
    return np.stack([x1, p[:, 1] * np.cos(b) + z1 * np.sin(b), -p[:, 1] * np.sin(b) + z1 * np.cos(b)], 1)


def project(points, centre, distance, yaw, pitch):
    """Patch positions [n, 2]; distance None: weak perspective."""
    q = rotate(points - centre, yaw, pitch)
    s = 1. if distance is None else distance / (distance - q[:, 2:])
    return centre[:2] + q[:, :2] * s


def residuals(renderer, scene, points, centre, distance):
    """RMS distance in pixels between the formula and rendered landmarks, over a grid of poses: perspective, weak, weak after the best
    similarity placement."""
    out = {"perspective": [], "weak": [], "weak_placed": []}
    for yaw in range(-75, 76, 25):
        for pitch in range(-30, 31, 15):
            truth = renderer.render(scene, yaw, pitch, size=SIZE)["lm468"]
            for name, d in (("perspective", distance), ("weak", None)):
                p = project(points, centre, d, yaw, pitch) * SIZE
                out[name].append(np.sqrt(((p - truth) ** 2).sum(1).mean()))
            a, b = (p - p.mean(0)) @ [1, 1j], (truth - truth.mean(0)) @ [1, 1j]
            m = (np.conj(a) @ b) / (np.conj(a) @ a)
            out["weak_placed"].append(np.sqrt((np.abs(a * m - b) ** 2).mean()))
    return {k: {"rms": round(float(np.mean(v)), 3), "max": round(float(np.max(v)), 3)} for k, v in out.items()}


def write(path, doc):
    rows = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in doc.items())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{\n" + rows + "\n}\n")


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--assets")
    p.add_argument("--people", type=pathlib.Path, default=HERE / "proxies64.json")
    p.add_argument("--out", type=pathlib.Path, default=HERE.parent / "models" / "generator" / "head.json")
    p.add_argument("--donors", type=pathlib.Path, help="donors.json of photos.py: only who the donors are is written anew; needs no assets")
    o = p.parse_args()
    if o.donors:
        return write(o.out, {**json.loads(o.out.read_text()), "donors": json.loads(o.donors.read_text()),
                             "donors_doc": "in the order of the mix input; gender, age and tone as the manifest of the photographs has them"})
    renderer, people = Renderer(o.assets), persons.load(o.people)
    assets, identities = renderer.assets, [renderer.person(x) for x in people]
    relative, units = [], []
    for i in identities:
        lm = landmarks(assets, i.shape)
        unit, centre = measure(lm)
        relative.append((lm - centre) / unit)
        units.append(unit)
    centre = np.array([PATCH.x, PATCH.y, 0])
    points = centre + np.mean(relative, 0) * [1, -1, 1] / PATCH.span
    distance = PATCH.distance / (np.mean(units) * PATCH.span)
    mean = renderer.mix(identities)
    base = renderer.scene(mean)
    moves = np.stack([np.linalg.norm(renderer.scene(mean, {u: 1.}).lm - base.lm, axis=1) for u in UNIT_NAMES]) / base.unit / PATCH.span * SIZE
    stable = np.flatnonzero(moves.max(0) < STABLE_PX)
    doc = {
        "format": 1, "doc": " ".join(DOC.split()), "size": SIZE, "units": list(UNIT_NAMES), "centre": [round(float(x), 6) for x in centre],
        "distance": round(float(distance), 4), "points": [[round(float(x), 6) for x in q] for q in points],
        "stable": [int(i) for i in stable], "stable_px": STABLE_PX, "residual_px": residuals(renderer, base, points, centre, distance),
        "inputs": {"gaze": "degrees / 15: yaw, pitch", "pose": "yaw / 60, pitch / 30",
                   "light": "0: log(Y0 / Y0 neutral); 1..8: Yi / Y0; 9..11: log(L0 r, g, b / Y0), with Y the luminance of the spherical harmonics "
                            "(1, y, z, x, xy, yz, 3z^2-1, xz, x^2-y^2) of the light in camera space (x right, y up, z to the viewer)"},
        "neutral_light": [round(float(x), 6) for x in light.NEUTRAL.label()],
        "donors": [{"name": x.name, **x.metadata()} for x in people],
        "donors_doc": "in the order of the mix input; apparent gender F or M, age 0 (about 20 years) to 1 (about 70), tone 0 light, 1 tan, 2 dark; synthetic people",
    }
    write(o.out, doc)
    print(len(stable), "stable points", doc["residual_px"], "distance", doc["distance"])


if __name__ == "__main__":
    main()
