#!/usr/bin/env python3
"""Puts an exported model into models/generator (256 pixels) or models/generator-small (128): the ONNX file, its manifest.json, and golden.json (inputs with pooled outputs, by which
every inference backend is tested). Needs onnxruntime, no torch.

    python release.py RUN/ksnet256.fp16.onnx --steps "trained 5,000 steps, ..."
"""
import argparse
import hashlib
import json
import pathlib
import shutil

import numpy as np

import conditions as cond
from evaluate import Network
from renderer import UNIT_NAMES, light

HERE = pathlib.Path(__file__).resolve().parent
CELLS = 8  # golden outputs are means of 8 x 8 squares of the patch
NAMES = {256: "generator", 128: "generator-small"}
RANGES = {"mix": [0, 1], "expression": [0, 1], "gaze": [-2, 2], "pose": [-1.25, 1.25], "light": [-4, 4]}


def manifest(path, size, steps):
    data = path.read_bytes()
    batch = lambda n: {"Min": [1, n], "Opt": [1, n], "Max": [16, n]}
    tensors = [{"id": k, "type": "float32", "dims": [-1, n], "dir": "input", "ranges": RANGES[k], "shapes": batch(n)} for k, n in cond.INPUTS]
    tensors.append({"id": "rgba", "type": "float32", "dims": [-1, 4, size, size], "dir": "output", "ranges": [0, 1], "layout": "NCHW", "color": "RGB"})
    return {"format": 1, "name": NAMES[size], "role": "generator", "file": path.name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(),
            "licence": "Apache-2.0", "source": {"steps": steps},
            "notes": "Our own weights, trained by training/ on rendered synthetic people only, a recogniser judging constancy. Inputs, signs and the neutral light: head.json. "
                     "Output: straight sRGB and alpha. Weights are stored as float16 and computed in float32.", "tensors": tensors}


def cases():
    """A few requests: one donor, mixtures, the corners of pose and expression."""
    neutral, zero = light.NEUTRAL.label().tolist(), [0.] * len(UNIT_NAMES)
    unit = lambda **kw: [float(kw.get(n, 0)) for n in UNIT_NAMES]
    yield dict(name="one donor, neutral", donors=[0], expression=zero, gaze=[0, 0], yaw=0, pitch=0, light=neutral)
    yield dict(name="four donors, neutral", donors=[3, 17, 42, 63], expression=zero, gaze=[0, 0], yaw=0, pitch=0, light=neutral)
    yield dict(name="four donors, talking, turned", donors=[3, 17, 42, 63], expression=unit(MouthOpen=.6, smileOpen=.4), gaze=[10, -4], yaw=40, pitch=-10,
               light=neutral)
    yield dict(name="two donors, blink, down", donors=[8, 31], expression=unit(eyeClose=1, browDown=.5), gaze=[0, 8], yaw=-60, pitch=30, light=neutral)


def golden(network):
    rows = []
    for c in cases():
        row = cond.pack(cond.weights(c["donors"]), c["expression"], c["gaze"], c["yaw"], c["pitch"], np.array(c["light"]))
        out = network(row[None])[0]
        side = out.shape[-1] // CELLS
        pooled = out.reshape(4, CELLS, side, CELLS, side).mean((2, 4))
        rows.append({**c, "rgba": [round(float(v), 4) for v in pooled.ravel()]})
    doc = ("gaze, yaw, pitch in degrees (network inputs: gaze / 15, yaw / 60, pitch / 30); mix is 1/n at each of the n donors; rgba: means of 8 x 8 squares, "
           "[4, 8, 8] row-major. tolerance: largest difference of a mean between backends that compute in float32; allow ten times as much for "
           "float16, thirty times for int8.")
    return {"format": 1, "doc": doc, "tolerance": .001, "cases": rows}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", type=pathlib.Path)
    p.add_argument("--steps", required=True, help="how the weights were made, for the manifest")
    p.add_argument("--out", type=pathlib.Path, help="directory (default: the size's own under models/)")
    o = p.parse_args()
    network = Network(o.model)
    out = o.out or HERE.parent / "models" / NAMES[network.size]
    out.mkdir(exist_ok=True)
    target = out / o.model.name
    shutil.copyfile(o.model, target)
    (out / "manifest.json").write_text(json.dumps(manifest(target, network.size, o.steps), indent=2) + "\n")
    g = golden(network)
    rows = ",\n".join(json.dumps(c) for c in g.pop("cases"))
    (out / "golden.json").write_text(json.dumps(g)[:-1] + ', "cases": [\n' + rows + "\n]}\n")


if __name__ == "__main__":
    main()
