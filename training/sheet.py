#!/usr/bin/env python3
"""Contact sheets for the eye: renders (odd rows) over the network's pictures (even rows), then a mixture over poses and expressions.

    python sheet.py ../models/generator/ksnet256.fp16.onnx --data DIR --out ../models/generator/sheet.jpg

Needs onnxruntime, no torch. With --assets the sweeps have rendered truth above them as well.
"""
import argparse
import pathlib

import cv2
import numpy as np

import conditions as cond
import evaluate
import shards
from renderer import UNIT_NAMES, light

GREY = 118.


def over(rgba, back=GREY):
    """[4, h, w] in 0..1 over grey, as bytes [h, w, 3]."""
    a = rgba[3][..., None]
    return np.clip(rgba[:3].transpose(1, 2, 0) * 255 * a + back * (1 - a) + .5, 0, 255).astype(np.uint8)


def over_bytes(y):
    return over(y.transpose(2, 0, 1).astype(np.float32) / 255)


def row(tiles, label):
    r = np.ascontiguousarray(np.concatenate(tiles, 1))
    cv2.putText(r, label, (4, 11), cv2.FONT_HERSHEY_SIMPLEX, .36, (255, 255, 0), 1, cv2.LINE_AA)
    return r


def sweeps(mix):
    """(label, rows of conditions): poses and expressions of one mixture in neutral light."""
    neutral, zero = light.NEUTRAL.label(), np.zeros(len(UNIT_NAMES))
    line = lambda units=zero, gaze=(0, 0), yaw=0., pitch=0.: cond.pack(mix, units, gaze, yaw, pitch, neutral)
    def unit(**kw):
        x = zero.copy()
        for k, v in kw.items():
            x[UNIT_NAMES.index(k)] = v
        return x
    yield "yaw -75..75", [line(yaw=y) for y in np.linspace(-75, 75, 10)]
    yield "pitch, gaze", [line(pitch=p) for p in (-30, -15, 15, 30)] + [line(gaze=g) for g in ((-25, 0), (-12, 0), (12, 0), (25, 0), (0, -15), (0, 15))]
    yield "expressions", [line(unit(**e)) for e in (dict(MouthOpen=.5), dict(MouthOpen=1), dict(smileOpen=.8), dict(smileClose=1), dict(eyeClose=1),
                                                    dict(browUp=1, eyeOpen=1), dict(browDown=1, squint=.6), dict(pucker=1), dict(stretch=.8, MouthOpen=.2),
                                                    dict(disgust=.8, mouthSad=.5))]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", type=pathlib.Path)
    p.add_argument("--data", type=pathlib.Path, required=True, help="directory with val-0000.npz")
    p.add_argument("--out", type=pathlib.Path, required=True)
    p.add_argument("--seed", type=int, default=5)
    o = p.parse_args()
    run, rng, rows = evaluate.Network(o.model), np.random.default_rng(o.seed), []
    val = shards.load(o.data / "val-0000.npz", run.size)
    mixed = val["x"][:, : cond.PROXIES].max(1) < .99
    for label, pick in (("held-out conditions", ~mixed), ("held-out mixtures", mixed)):
        if pick.sum() < 20:  # photographs: no mixtures, and few held out
            continue
        for part in np.array_split(rng.choice(np.flatnonzero(pick), 20, replace=False), 2):
            rows.append(row([over_bytes(val["y"][i]) for i in part], label + ": render"))
            rows.append(row([over(t) for t in run(val["x"][part])], "network"))
    for seed in (1, 2):
        mix = cond.weights(np.random.default_rng([o.seed, seed]).choice(cond.PROXIES, 4, replace=False))
        rows += [row([over(t) for t in run(np.array(c))], f"mixture of 4: {label}") for label, c in sweeps(mix)]
    mixes = [cond.weights(rng.choice(cond.PROXIES, 4, replace=False)) for _ in range(20)]
    front = [cond.pack(m, np.zeros(len(UNIT_NAMES)), (0, 0), 0, 0, light.NEUTRAL.label()) for m in mixes]
    rows += [row([over(t) for t in run(np.array(front[i: i + 10]))], "mixtures of 4") for i in (0, 10)]
    cv2.imwrite(str(o.out), np.concatenate(rows, 0)[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
