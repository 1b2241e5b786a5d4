"""Renders labelled faces and stores the mesh that the network sees in them (shards of .npz)."""
import argparse
import pathlib
import time

import cv2
import numpy as np
from renderer import Identity, Renderer, View, light

from .mesh import Mesh

UNITS = 16
SIDE = 224
VIEW = View(span=1.9, y=.49)
FREQUENT = np.array([2, 2, 3, 3, 1, 1.5, 1.5, 1.5, 1, 1, 1, 1.5, 1, .7, 1, 1])  # draws of smiles, jaw and lids outweigh the rest
SPEECH = [0, 1, 6, 9, 11, 12, 14, 15]  # what goes with an opening mouth
EXCLUSIVE = [(0, 1), (3, 4), (4, 5), (6, 7), (0, 9), (1, 9), (11, 12), (0, 11), (1, 11)]  # pairs no face shows together


def expression(r):
    """A random expression: neutral (12 %), speech (28 %), a single unit (20 %) or a mixture of up to four; blinks on top."""
    x = np.zeros(UNITS)
    kind = r.random()
    if kind < .12:
        return x
    if kind < .4:
        x[2] = r.uniform(0, .8)
        for u in r.choice(SPEECH, r.integers(1, 3), replace=False):
            x[u] = r.uniform(0, .6)
    else:
        for u in r.choice(UNITS, 1 if kind < .6 else r.integers(2, 5), replace=False, p=FREQUENT / FREQUENT.sum()):
            x[u] = min(1, abs(r.normal(0, .6)))
    if r.random() < .2:
        x[3] = r.uniform(.1, 1) if r.random() < .6 else 1
    for a, b in EXCLUSIVE:
        if x[a] and x[b]:
            x[a if x[a] < x[b] else b] = 0
    return x


def spoil(rgb, r):
    """What cameras and codecs do: another scale, blur, noise, JPEG."""
    n = rgb.shape[0]
    k = r.choice([1, 1, 1, .7, .5, .35])
    if k < 1:
        rgb = cv2.resize(rgb, None, fx=k, fy=k, interpolation=cv2.INTER_AREA)
        rgb = cv2.resize(rgb, (n, n), interpolation=cv2.INTER_LINEAR)
    if r.random() < .3:
        rgb = cv2.GaussianBlur(rgb, (0, 0), r.uniform(.4, 1.5))
    if r.random() < .5:
        rgb = np.clip(rgb + r.normal(0, r.uniform(1, 9), rgb.shape), 0, 255).astype(np.uint8)
    if r.random() < .5:
        ok, data = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, int(r.integers(40, 95))])
        rgb = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return rgb


def lamp(r):
    return light.NEUTRAL if r.random() < .3 else light.sample(r)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--assets")
    p.add_argument("--mesh", required=True, help="face_mesh_478.onnx")
    p.add_argument("--out", type=pathlib.Path, required=True)
    p.add_argument("--identities", type=int, default=400)
    p.add_argument("--scenes", type=int, default=6, help="expressions per identity; the first is neutral, looks ahead and is nearly frontal")
    p.add_argument("--first", type=int, default=20000, help="first seed; donors use smaller ones")
    p.add_argument("--textures", type=int, default=40, help="skins that the identities share in turn: they cost more than shapes")
    o = p.parse_args()
    o.out.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    renderer, mesh = Renderer(o.assets), Mesh(o.mesh)
    skins = {}
    rows, lost, start = [], 0, time.time()
    for i in range(o.identities):
        seed = o.first + i
        r = np.random.default_rng([17, seed])
        person = renderer.sample(seed)
        k = i % o.textures
        if k not in skins:
            skins[k] = renderer.person(person)
            identity = skins[k]
        else:
            person.skins = []
            identity = Identity(person.name, _shape(renderer, person), skins[k].texture)
        for e in range(o.scenes):
            units = expression(r) if e else np.zeros(UNITS)
            gaze = (float(np.clip(r.normal(0, 11), -28, 28)), float(np.clip(r.normal(0, 8), -20, 20))) if e and r.random() < .75 else (0., 0.)
            scene = renderer.scene(identity, units, gaze)
            for _ in range(2):
                yaw = float(np.clip(r.normal(0, 22 if e else 12) if r.random() < .7 or not e else r.uniform(-75, 75), -75, 75))
                pitch, roll = float(np.clip(r.normal(0, 10), -30, 30)), float(r.normal(0, 8))
                q = renderer.render(scene, yaw, pitch, roll, lamp(r), SIDE, view=VIEW, supersample=1 + (r.random() < .2),
                                    background=r.integers(0, 255, 3))
                points, presence = mesh.find(spoil(q["rgb"], r), q["lm5"] + r.normal(0, 3, (5, 2)))
                if presence < .5:
                    lost += 1
                    continue
                rows.append((seed, points, units, gaze, (yaw, pitch, roll)))
        if i % 20 == 19 or i == o.identities - 1:
            print(f"{i + 1} identities, {len(rows)} meshes, {lost} lost, {time.time() - start:.0f} s", flush=True)
            np.savez(o.out / f"shard{o.first}.npz", identity=np.array([x[0] for x in rows]), mesh=np.array([x[1] for x in rows], np.float32),
                     units=np.array([x[2] for x in rows], np.float32), gaze=np.array([x[3] for x in rows], np.float32),
                     pose=np.array([x[4] for x in rows], np.float32))


def _shape(renderer, person):
    """Renderer.person without its texture, which costs two seconds."""
    a, f = renderer.assets, np.float32
    v = np.tensordot(np.asarray(person.shape, f), a.shapes, 1) + np.tensordot(np.asarray(person.modes, f), a.modes, 1)
    return np.ascontiguousarray(v + f(person.age * .8) * a.age[1 if person.gender == "M" else 0], f)


if __name__ == "__main__":
    main()
