#!/usr/bin/env python3
"""Makes examples/sample: a clip of seven synthetic people who talk, turn and blink, in three shots, with sound and exact ground truth.

    python sample/make_sample.py --assets DIR --out ../examples/sample      (needs ffmpeg with libx264, and espeak-ng)

truth.json: shots as [first, end) frames; people; per frame the faces, back to front: person, box [x, y, w, h] of the face (mesh with the
forehead up to the hairline), yaw, pitch, roll in degrees (signs of the renderer), and points (eyes, nose, mouth corners; picture left first).
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import cv2
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import motion  # noqa: E402
import stage  # noqa: E402
import voice  # noqa: E402
from renderer import Renderer, View, persons  # noqa: E402
from script import CAST, CLOTHES, FPS, HEIGHT, NAMES, SHOTS, VOICES, WIDTH  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
FACE = .985       # height of the landmark oval in head units (measured on the donors' mean)
HAIRLINE = .10    # the box reaches this part of the landmark height above landmark 10
SPAN = 2.7        # width of the rendered square in head units
NECK = .69        # from the rotation centre down to the pit of the neck, in face heights


def sounds(shot, folder):
    """The shot's sound and each speaker's mouth units."""
    mix, mouths = np.zeros(shot.frames * voice.RATE // FPS), {}
    for i, (who, start, text) in enumerate(shot.lines):
        x, at = voice.speak(text, VOICES[who], folder / f"{i}.wav"), int(start * voice.RATE)
        x = x[: len(mix) - at] * .7 / max(np.abs(x).max(), 1e-6)
        track = np.zeros(len(mix))
        track[at: at + len(x)] = x
        mix += track
        mouths[who] = voice.mouth(track, FPS, shot.frames)
    return mix, mouths


def box(lm):
    """Face box [x, y, w, h] of 468 landmarks, with the forehead up to the hairline."""
    lo, hi = lm.min(0), lm.max(0)
    up = (lm[10] - lm[152]) * HAIRLINE
    lo, hi = np.minimum(lo, lm[10] + up), np.maximum(hi, lm[10] + up)
    return [*lo, *(hi - lo)]


class Actor:
    """A person of a shot, drawn frame by frame over a picture."""

    def __init__(self, renderer, identity, part, acted, look):
        self.renderer, self.identity, self.part, self.acted, self.look = renderer, identity, part, acted, look

    def draw(self, picture, f):
        """Paints frame f and returns its ground truth."""
        a, s = self.acted, self.part.face
        x, y = a["centre"][f]
        size = int(round(SPAN * s / FACE / 4)) * 4
        left, top = int(round(x - size / 2)), int(round(y - size * .5))
        view = View(size * FACE / s, (x - left) / size, (y - top) / size)
        scene = self.renderer.scene(self.identity, a["units"][f], a["gaze"][f])
        q = self.renderer.render(scene, a["yaw"][f], a["pitch"][f], a["roll"][f], stage.LIGHTS[self.look], size, view=view)
        neck = (x + s * (.4 * np.sin(np.radians(a["roll"][f])) - .2 * np.sin(np.radians(a["yaw"][f]))), y + NECK * s)
        y0, y1 = max(0, int(y - .8 * s)), HEIGHT
        x0, x1 = max(0, int(x - 1.5 * s)), min(WIDTH, int(x + 1.5 * s))
        cloth, back, front = stage.torso((y1 - y0, x1 - x0), s, (neck[0] - x0, neck[1] - y0), CLOTHES[self.part.who], self.part.who)
        area = picture[y0:y1, x0:x1]
        area[:] = area * (1 - back) + cloth * back
        u0, v0, u1, v1 = max(left, 0), max(top, 0), min(left + size, WIDTH), min(top + size, HEIGHT)
        cut = np.s_[v0 - top: v1 - top, u0 - left: u1 - left]
        cover = q["cover"][cut][:, :, None] / 255.
        picture[v0:v1, u0:u1] = picture[v0:v1, u0:u1] * (1 - cover) + q["rgb"][cut] * cover
        area[:] = area * (1 - front) + cloth * front
        lm, points = q["lm468"] + [left, top], q["lm5"] + [left, top]
        return {"person": self.part.who, "box": [round(float(v), 1) for v in box(lm)], "yaw": round(float(a["yaw"][f]), 1),
                "pitch": round(float(a["pitch"][f]), 1), "roll": round(float(a["roll"][f]), 1),
                "points": [[round(float(v), 1) for v in p] for p in points]}


def shoot(renderer, identities, shot, mouths, frames):
    """Yields (picture bytes, faces) of the given frames of a shot."""
    wall = stage.backdrop(shot.look, WIDTH, HEIGHT)
    cast = lambda parts: [Actor(renderer, identities[p.who], p, motion.perform(p, shot.frames, FPS, mouths.get(p.who)), shot.look) for p in parts]
    standing, seated = cast(shot.standing), cast(shot.parts)
    for f in frames:
        picture = wall.copy()
        faces = [a.draw(picture, f) for a in standing]
        stage.counter(picture, shot.counter, shot.look)
        faces += [a.draw(picture, f) for a in seated]
        grain = np.random.default_rng([29, shot.look, f]).normal(0, 1.3, picture.shape)
        yield (np.clip(picture + grain, 0, 255) + .5).astype(np.uint8), faces


def encode(video, sound, target, crf):
    """Muxes raw RGB frames and a WAV file."""
    return subprocess.Popen(["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(FPS), "-i", video,
                             "-i", str(sound), "-c:v", "libx264", "-preset", "slow", "-crf", str(crf), "-vf", "scale=out_color_matrix=bt709:out_range=tv",
                             "-pix_fmt", "yuv420p", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv",
                             "-g", "50", "-c:a", "aac", "-b:a", "64k", "-ac", "1", "-movflags", "+faststart", "-fflags", "+bitexact", "-flags:v",
                             "+bitexact", "-flags:a", "+bitexact", str(target)], stdin=subprocess.PIPE)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--assets")
    p.add_argument("--out", type=pathlib.Path, default=HERE.parent.parent / "examples" / "sample")
    p.add_argument("--crf", type=int, default=25)
    p.add_argument("--stills", type=pathlib.Path, help="write a few frames of each shot as PNG there, and no clip")
    o = p.parse_args()
    cv2.setNumThreads(1)
    renderer = Renderer(o.assets)
    people = persons.load(HERE / "cast.json")
    identities = [renderer.person(x) for x in people]
    o.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as d:
        folder = pathlib.Path(d)
        tracks = [sounds(shot, folder) for shot in SHOTS]
        if o.stills:
            o.stills.mkdir(parents=True, exist_ok=True)
            for n, (shot, (_, mouths)) in enumerate(zip(SHOTS, tracks)):
                frames = [0, shot.frames // 2, shot.frames - 1]
                for f, (im, _) in zip(frames, shoot(renderer, identities, shot, mouths, frames)):
                    cv2.imwrite(str(o.stills / f"{n}-{f:03d}.png"), im[:, :, ::-1])
            return
        voice.write(folder / "sound.wav", np.concatenate([t for t, _ in tracks]))
        part = o.out / ".sample.part.mp4"  # the final names appear when both files are whole
        encoder, truth, shots, start = encode("-", folder / "sound.wav", part, o.crf), [], [], 0
        for shot, (_, mouths) in zip(SHOTS, tracks):
            for im, faces in shoot(renderer, identities, shot, mouths, range(shot.frames)):
                encoder.stdin.write(im.tobytes())
                truth.append(faces)
            shots.append([start, start + shot.frames])
            start += shot.frames
        encoder.stdin.close()
        if encoder.wait():
            raise SystemExit("ffmpeg failed")
    head = {"format": 1, "width": WIDTH, "height": HEIGHT, "fps": FPS, "frames": start, "shots": shots,
            "people": [{"id": i, "name": n, **x.metadata()} for i, (n, x) in enumerate(zip(NAMES, people))]}
    rows = ",\n".join(json.dumps(f, separators=(",", ":")) for f in truth)
    part.rename(o.out / "sample.mp4")
    (o.out / "truth.json").write_text(json.dumps(head)[:-1] + ',\n"faces": [\n' + rows + "\n]}\n")


if __name__ == "__main__":
    main()
