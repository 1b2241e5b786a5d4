#!/usr/bin/env python3
"""Writes lights.json: the labels that the training renderer gives to every light of core/appearance's grid."""
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "training"))
from renderer import light  # noqa: E402

KEY, FILL = {-1: .5, 0: .95, 1: 1.25}, {-1: .95, 0: .8, 1: .6}
rows = []
for a in range(-2, 3):
    for e in range(-1, 2):
        for s in range(-1, 2):
            label = light.make(key_azimuth=25. * a, key_elevation=32. + 18 * e, key=KEY[s], fill=FILL[s]).label()
            rows.append({"azimuth": a, "elevation": e, "strength": s, "label": [round(float(v), 6) + 0. for v in label]})
(HERE / "lights.json").write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")
