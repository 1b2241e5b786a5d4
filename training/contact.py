#!/usr/bin/env python3
"""Contact sheets of an exported network for docs/: donors over expressions, donors over poses, mixtures of 2 to 10 donors.

    python contact.py ../models/generator/ksnet256.fp16.onnx --out ../docs/sheets

Synthetic faces only. Needs onnxruntime, no torch and no assets.
"""
import argparse
import json
import pathlib

import cv2
import numpy as np

import conditions as cond
import evaluate
from sheet import over, row

HERE = pathlib.Path(__file__).resolve().parent
HEAD = json.loads((HERE.parent / "models" / "generator" / "head.json").read_text())
DONORS = (0, 5, 9, 14, 20, 26, 33, 40, 47, 58)
EXPRESSIONS = ({}, dict(smileClose=1), dict(smileOpen=1), dict(MouthOpen=.7), dict(pucker=1), dict(eyeClose=1), dict(squint=1), dict(browUp=1, eyeOpen=.6),
               dict(browDown=1), dict(browSad=1, mouthSad=1), dict(disgust=1), dict(stretch=.8, MouthOpen=.3))
POSES = ((-75, 0), (-50, 0), (-25, 0), (0, 0), (25, 0), (50, 0), (75, 0), (0, -28), (0, 28), (-40, 20), (40, -20))


def condition(donors, units=None, yaw=0., pitch=0.):
    x = [float((units or {}).get(n, 0)) for n in HEAD["units"]]
    return cond.pack(cond.weights(donors), x, (0, 0), yaw, pitch, np.array(HEAD["neutral_light"]))


def sheets():
    """(name, rows of (label, conditions)) of each sheet."""
    yield "expressions", [(HEAD["donors"][d]["name"], [condition([d], e) for e in EXPRESSIONS]) for d in DONORS]
    yield "poses", [(HEAD["donors"][d]["name"], [condition([d], None, *p) for p in POSES]) for d in DONORS]
    rng = np.random.default_rng(7)
    draw = lambda k: sorted(rng.choice(cond.PROXIES, k, replace=False).tolist())
    yield "mixtures", [(f"k_p = {k}", [condition(draw(k)) for _ in range(10)]) for k in range(2, 11)]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", type=pathlib.Path)
    p.add_argument("--out", type=pathlib.Path, default=HERE.parent / "docs" / "sheets")
    p.add_argument("--tile", type=int, default=128, help="pixels of a face on the sheet")
    o = p.parse_args()
    network = evaluate.Network(o.model)
    o.out.mkdir(parents=True, exist_ok=True)
    for name, lines in sheets():
        rows = []
        for label, conditions in lines:
            faces = [over(network(c[None])[0]) for c in conditions]
            rows.append(row([cv2.resize(f, (o.tile, o.tile), interpolation=cv2.INTER_AREA) for f in faces], label))
        cv2.imwrite(str(o.out / f"{name}.jpg"), np.concatenate(rows, 0)[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
