"""Writes core/landmark/testdata/golden.json: meshes with the fit, geometry and placement that Go must reproduce."""
import argparse
import json
import pathlib

import numpy as np

from .features import Head, geometry

OUT = pathlib.Path(__file__).resolve().parents[2] / "core" / "landmark" / "testdata" / "golden.json"


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("shard", help="a shard of dataset.py")
    p.add_argument("--count", type=int, default=4)
    o = p.parse_args()
    head, cases = Head(), []
    d = np.load(o.shard)
    turn = np.abs(d["pose"]).sum(1)
    for i in np.argsort(turn)[np.linspace(0, len(turn) - 1, o.count).astype(int)]:
        mesh = np.round(d["mesh"][i].astype(float), 3)
        fit = head.fit(mesh)
        placement, residual = head.place(mesh, *d["pose"][i][:2])
        cases.append({"mesh": mesh.ravel().tolist(), "yaw": float(d["pose"][i][0]), "pitch": float(d["pose"][i][1]),
                      "fit": np.round(fit[3], 6).tolist(), "scale": round(float(fit[1]), 6), "geometry": np.round(geometry(mesh, fit), 6).tolist(),
                      "placement": np.round(placement, 6).tolist(), "residual": round(float(residual), 6)})
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text('{"cases": [\n' + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]}\n")


if __name__ == "__main__":
    main()
