#!/usr/bin/env python3
"""Makes internal/testpeople: a data set of synthetic people for `ksamenet attack`, each filmed in two sessions.

    python people/make_people.py --assets DIR --out ../internal/testpeople     (needs ffmpeg with libx264)

None of the people is a donor, in the sample clip or in the crowd clips. A recording is a second long: the head turns a little, the
eyes blink, and an expression grows to its peak in the last pictures, as in CK+. The two sessions of a person differ in light,
background, clothes, place, size, pose and expression. pairs.csv has the columns that docs/attack.md describes.
"""
import argparse
import csv
import pathlib
import subprocess
import sys

import cv2
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "sample")]

import stage  # noqa: E402
from make_sample import FACE, NECK, SPAN  # noqa: E402
from renderer import Renderer, View, light  # noqa: E402

PEOPLE, FRAMES, SIDE, FPS = 60, 24, 256, 25
SEED = 9000  # donors are drawn from seeds below 200, the crowd's people from 5000 on
# What the six expressions and rest are made of (docs/attack.md has the rule that reads them back).
EXPRESSIONS = {
    "neutral": {},
    "happiness": {"smileOpen": .9, "squint": .25},
    "surprise": {"browUp": .9, "MouthOpen": .6, "eyeOpen": .8},
    "sadness": {"mouthSad": .9, "browSad": .8},
    "anger": {"browDown": .95, "squint": .45, "lipUp": .15},
    "disgust": {"disgust": .95, "browDown": .25},
    "fear": {"stretch": .85, "browSad": .7, "eyeOpen": .7},
}


def smooth(x):
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


class Session:
    """How one recording is lit, framed and acted: a function of person and session alone."""

    def __init__(self, who, session):
        r = np.random.default_rng([41, who, session])
        self.rng, self.light, self.look = r, light.sample(r), (who + session) % len(stage.LIGHTS)
        self.gain, self.cast = r.uniform(.82, 1.12), 1 + r.normal(0, .02, 3)
        self.face = r.uniform(112, 132)
        self.at = np.array([SIDE / 2 + r.uniform(-14, 14), SIDE * .47 + r.uniform(-8, 8)])
        self.yaw, self.pitch, self.roll = r.uniform(-16, 16), r.uniform(-6, 6), r.uniform(-7, 7)
        self.swing, self.speed, self.phase = r.uniform(3, 7), r.uniform(5, 9), r.uniform(0, 6)
        self.cloth = r.uniform(30, 150, 3)
        self.blink = int(r.integers(3, 9))
        self.expression = list(EXPRESSIONS)[(2 * who + 3 * session) % len(EXPRESSIONS)]
        self.strength = r.uniform(.8, 1.)
        self.wall = stage.backdrop(self.look, 2 * SIDE, 2 * SIDE)[r.integers(0, SIDE):, r.integers(0, SIDE):][:SIDE, :SIDE]

    def units(self, f):
        u = {n: v * self.strength * float(smooth((f - 9) / 10)) for n, v in EXPRESSIONS[self.expression].items()}
        if abs(f - self.blink) < 2:
            u["eyeClose"] = 1. if f == self.blink else .6
            u.pop("eyeOpen", None)
        return u

    def turn(self, f):
        a = f / self.speed + self.phase
        return self.yaw + self.swing * np.sin(a), self.pitch + .4 * self.swing * np.sin(.8 * a), self.roll + .2 * self.swing * np.sin(.6 * a)


def picture(renderer, identity, s, f):
    """Frame f of a session, bytes."""
    (x, y), face = s.at, s.face
    yaw, pitch, roll = s.turn(f)
    size = int(round(SPAN * face / FACE / 4)) * 4
    left, top = int(round(x - size / 2)), int(round(y - size / 2))
    view = View(size * FACE / face, (x - left) / size, (y - top) / size)
    q = renderer.render(renderer.scene(identity, s.units(f)), yaw, pitch, roll, s.light, size, view=view)
    neck = (x + face * (.4 * np.sin(np.radians(roll)) - .2 * np.sin(np.radians(yaw))), y + NECK * face)
    cloth, back, front = stage.torso((SIDE, SIDE), face, neck, s.cloth, int(s.cloth[0]))
    out = s.wall * (1 - back) + cloth * back
    u0, v0, u1, v1 = max(left, 0), max(top, 0), min(left + size, SIDE), min(top + size, SIDE)
    cut = np.s_[v0 - top: v1 - top, u0 - left: u1 - left]
    cover = q["cover"][cut][:, :, None] / 255.
    out[v0:v1, u0:u1] = out[v0:v1, u0:u1] * (1 - cover) + q["rgb"][cut] * cover
    out = (out * (1 - front) + cloth * front) * s.gain * s.cast
    grain = np.random.default_rng([43, f]).normal(0, .8, out.shape)
    return (np.clip(out + grain, 0, 255) + .5).astype(np.uint8)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--assets")
    p.add_argument("--out", type=pathlib.Path, required=True)
    p.add_argument("--crf", type=int, default=20)
    p.add_argument("--people", type=int, default=PEOPLE)
    p.add_argument("--stills", type=pathlib.Path, help="write the last picture of each recording as PNG there, and no recordings")
    o = p.parse_args()
    cv2.setNumThreads(1)
    renderer = Renderer(o.assets, texture_size=512)
    rows = []
    for who in range(o.people):
        identity = renderer.person(renderer.sample(SEED + who))
        for session in (1, 2):
            s, name = Session(who, session), f"p{who:02d}"
            if o.stills:
                o.stills.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(o.stills / f"{name}-{session}.png"), picture(renderer, identity, s, FRAMES - 1)[:, :, ::-1])
                continue
            target = o.out / str(session) / f"{name}.mp4"
            target.parent.mkdir(parents=True, exist_ok=True)
            encoder = subprocess.Popen(["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{SIDE}x{SIDE}", "-r", str(FPS), "-i", "-",
                                        "-c:v", "libx264", "-preset", "veryslow", "-crf", str(o.crf), "-vf", "scale=out_color_matrix=bt709:out_range=tv",
                                        "-pix_fmt", "yuv420p", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv",
                                        "-fflags", "+bitexact", "-flags:v", "+bitexact", str(target)], stdin=subprocess.PIPE)
            for f in range(FRAMES):
                encoder.stdin.write(picture(renderer, identity, s, f).tobytes())
            encoder.stdin.close()
            if encoder.wait():
                raise SystemExit("ffmpeg failed")
            rows.append([f"{session}/{name}.mp4", name, session, s.expression])
    if rows:
        with open(o.out / "pairs.csv", "w", newline="") as f:
            w = csv.writer(f, lineterminator="\n")
            w.writerow(["original", "person", "session", "expression"])
            w.writerows(sorted(rows, key=lambda r: (r[2], r[1])))


if __name__ == "__main__":
    main()
