#!/usr/bin/env python3
"""Makes internal/testcrowd: short clips of synthetic people in trying situations, with exact ground truth for the tests of coverage.

    python crowd/make_crowd.py --assets DIR --out ../internal/testcrowd     (needs ffmpeg with libx264)
    python crowd/make_crowd.py --assets DIR --out DIR --repeat 10           (a larger set: each scene with ten casts)

truth.json: per clip the size, the frames, the shots as [first, end), and per frame the faces: person, box [x, y, w, h] of the
landmarks with the forehead, and visible: the share of the face's pixels that nothing hides (the edge, a person, a bar, a dissolve).
"""
import argparse
import json
import pathlib
import subprocess
import sys

import cv2
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "sample")]

import stage  # noqa: E402
from make_sample import FACE, NECK, SPAN, box  # noqa: E402
from renderer import Renderer, View  # noqa: E402

import importlib.util  # noqa: E402

_spec = importlib.util.spec_from_file_location("crowd_script", HERE / "script.py")
script = importlib.util.module_from_spec(_spec)
sys.modules["crowd_script"] = script
_spec.loader.exec_module(script)

CLOTHES = ((38, 70, 105), (92, 48, 44), (60, 66, 58), (150, 140, 120), (44, 52, 80), (108, 62, 88), (46, 84, 78))
SEED = 5000  # none of the people is a donor or in the sample
PEOPLE = 30


def paint(renderer, identities, scene, f, cast):
    """The picture of frame f of a scene, linear bytes as floats, and its faces."""
    h, w = script.HEIGHT, script.WIDTH
    picture = stage.backdrop(scene.look, w, h)
    owner = np.full((h, w), -1, np.int16)
    faces, sizes = [], []
    for n, p in enumerate(scene.walks):
        s, (x, y), (yaw, pitch, roll) = p.face(f), p.at(f), p.turn(f)
        size = int(round(SPAN * s / FACE / 4)) * 4
        left, top = int(round(x - size / 2)), int(round(y - size / 2))
        view = View(size * FACE / s, (x - left) / size, (y - top) / size)
        who = (p.who + cast) % PEOPLE
        units = {"eyeClose": float((f + 9 * p.who) % 47 < 4), "smileOpen": max(0, .4 * np.sin(f / 10 + p.who))}
        q = renderer.render(renderer.scene(identities(who), units), yaw, pitch, roll, stage.LIGHTS[scene.look], size, view=view)
        neck = (x + s * (.4 * np.sin(np.radians(roll)) - .2 * np.sin(np.radians(yaw))), y + NECK * s)
        y0, y1, x0, x1 = max(0, int(y - .8 * s)), h, max(0, int(x - 1.5 * s)), min(w, int(x + 1.5 * s))
        if x1 - x0 > 8 and y1 - y0 > 8:
            cloth, back, front = stage.torso((y1 - y0, x1 - x0), s, (neck[0] - x0, neck[1] - y0), CLOTHES[who % len(CLOTHES)], who)
            area = picture[y0:y1, x0:x1]
            area[:] = area * (1 - back) + cloth * back
            owner[y0:y1, x0:x1][back[:, :, 0] > .5] = -1
        u0, v0, u1, v1 = max(left, 0), max(top, 0), min(left + size, w), min(top + size, h)
        if u1 > u0 and v1 > v0:
            cut = np.s_[v0 - top: v1 - top, u0 - left: u1 - left]
            cover = q["cover"][cut][:, :, None] / 255.
            picture[v0:v1, u0:u1] = picture[v0:v1, u0:u1] * (1 - cover) + q["rgb"][cut] * cover
            owner[v0:v1, u0:u1][cover[:, :, 0] > .5] = -1
            owner[v0:v1, u0:u1][q["alpha"][cut] > 127] = n
        if x1 - x0 > 8 and y1 - y0 > 8:
            area[:] = area * (1 - front) + cloth * front
        sizes.append(max(1, int((q["alpha"] > 127).sum())))
        faces.append({"person": who, "box": box(q["lm468"] + [left, top])})
    if scene.bar:
        b = int(scene.bar(f))
        picture[:, max(b, 0): max(b + 70, 0)] = 52
        owner[:, max(b, 0): max(b + 70, 0)] = -1
    for n, face in enumerate(faces):
        face["visible"] = round(float((owner == n).sum()) / sizes[n], 2)
    if scene.roll:
        m = cv2.getRotationMatrix2D((w / 2, h / 2), scene.roll(f), 1.)
        picture = cv2.warpAffine(picture, m, (w, h), borderMode=cv2.BORDER_REFLECT)
        for face in faces:
            x, y, bw, bh = face["box"]
            c = m @ [x + bw / 2, y + bh / 2, 1]
            k, s = abs(m[0, 0]), abs(m[0, 1])  # the box of the turned ellipse
            bw, bh = np.hypot(bw * k, bh * s), np.hypot(bw * s, bh * k)
            face["box"] = [c[0] - bw / 2, c[1] - bh / 2, bw, bh]
            ix = max(0, min(c[0] + bw / 2, w) - max(c[0] - bw / 2, 0)) * max(0, min(c[1] + bh / 2, h) - max(c[1] - bh / 2, 0))
            face["visible"] = round(min(face["visible"], ix / (bw * bh)), 2)
    for face in faces:
        face["box"] = [round(float(v), 1) for v in face["box"]]
    return picture * scene.gain, faces


def frames(renderer, identities, clip, cast):
    """Yields (picture, faces, number of the scene) of a clip."""
    scenes = script.CLIPS[clip]
    for i, scene in enumerate(scenes):
        n = scene.frames - (scenes[i + 1].dissolve if i + 1 < len(scenes) else 0)
        for f in range(n):
            picture, faces = paint(renderer, identities, scene, f, cast)
            if f < scene.dissolve:
                before = scenes[i - 1]
                a = (f + 1) / (scene.dissolve + 1)
                old, gone = paint(renderer, identities, before, before.frames - scene.dissolve + f, cast)
                picture = picture * a + old * (1 - a)
                faces = [dict(x, visible=round(x["visible"] * k, 2)) for k, fs in ((1 - a, gone), (a, faces)) for x in fs]
            yield picture, [x for x in faces if x["visible"] > 0], i


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--assets")
    p.add_argument("--out", type=pathlib.Path, required=True)
    p.add_argument("--crf", type=int, default=24)
    p.add_argument("--only", nargs="*")
    p.add_argument("--repeat", type=int, default=1)
    o = p.parse_args()
    cv2.setNumThreads(1)
    renderer, known = Renderer(o.assets, texture_size=512), {}

    def identities(who):
        if who not in known:
            known[who] = renderer.person(renderer.sample(SEED + who))
        return known[who]

    o.out.mkdir(parents=True, exist_ok=True)
    clips = []
    for cast in range(o.repeat):
        for name in o.only or script.CLIPS:
            target = o.out / (name + ("" if o.repeat == 1 else f"-{cast}") + ".mp4")
            encoder = subprocess.Popen(["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{script.WIDTH}x{script.HEIGHT}", "-r", str(script.FPS),
                                        "-i", "-", "-c:v", "libx264", "-preset", "slow", "-crf", str(o.crf), "-vf", "scale=out_color_matrix=bt709:out_range=tv", "-pix_fmt", "yuv420p",
                                        "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv", "-fflags", "+bitexact", "-flags:v", "+bitexact",
                                        str(target)], stdin=subprocess.PIPE)
            truth, shots = [], []
            for f, (picture, faces, scene) in enumerate(frames(renderer, identities, name, 7 * cast)):
                grain = np.random.default_rng([31, f]).normal(0, 1.1, picture.shape)
                encoder.stdin.write((np.clip(picture + grain, 0, 255) + .5).astype(np.uint8).tobytes())
                truth.append(faces)
                if scene == len(shots):
                    shots.append([f, f])
                shots[scene][1] = f + 1
            encoder.stdin.close()
            if encoder.wait():
                raise SystemExit("ffmpeg failed")
            clips.append({"name": target.name, "width": script.WIDTH, "height": script.HEIGHT, "frames": len(truth), "shots": shots, "faces": truth})
    rows = ",\n".join(json.dumps(c, separators=(",", ":")) for c in clips)
    (o.out / "truth.json").write_text('{"format": 1, "clips": [\n' + rows + "\n]}\n")


if __name__ == "__main__":
    main()
