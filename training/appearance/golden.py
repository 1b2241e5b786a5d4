"""Writes core/landmark/testdata/golden.json: meshes with the fit, geometry, placement, openings, units and gaze that Go must reproduce."""
import argparse
import json
import pathlib

import numpy as np
import onnxruntime

from .features import Head, geometry, opening, turn

MODEL = pathlib.Path(__file__).resolve().parents[2] / "models" / "appearance" / "appearance.onnx"
OUT = pathlib.Path(__file__).resolve().parents[2] / "core" / "landmark" / "testdata" / "golden.json"


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("shard", help="a shard of dataset.py")
    p.add_argument("--count", type=int, default=4)
    o = p.parse_args()
    head, cases = Head(), []
    session = onnxruntime.InferenceSession(str(MODEL), providers=["CPUExecutionProvider"])
    d = np.load(o.shard)
    turned = np.abs(d["pose"]).sum(1)
    for i in np.argsort(turned)[np.linspace(0, len(turned) - 1, o.count).astype(int)]:
        mesh = np.round(d["mesh"][i].astype(float), 3)
        fit = head.fit(mesh)
        placement, residual = head.place(mesh, *d["pose"][i][:2])
        g = geometry(mesh, fit)
        units, gaze = session.run(["expression", "gaze"], {"geometry": g[None].astype(np.float32)})
        cases.append({"mesh": mesh.ravel().tolist(), "yaw": float(d["pose"][i][0]), "pitch": float(d["pose"][i][1]),
                      "fit": np.round(fit[3], 6).tolist(), "scale": round(float(fit[1]), 6), "geometry": np.round(g, 6).tolist(),
                      "placement": np.round(placement, 6).tolist(), "residual": round(float(residual), 6), "turn": np.round(turn(g), 6).tolist(),
                      "opening": np.round(opening(g), 6).tolist(), "units": np.round(units[0].astype(float), 5).tolist(), "gaze": np.round(gaze[0].astype(float), 4).tolist()})
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text('{"cases": [\n' + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]}\n")


if __name__ == "__main__":
    main()
