#!/usr/bin/env python3
"""Exports a checkpoint's averaged weights to ONNX: ksnetS.onnx (float32; S = 256 or 128) and, with --half, ksnetS.fp16.onnx, whose weights are stored
as float16 and cast to float32 when the model is loaded (half the file, the same arithmetic)."""
import argparse
import pathlib

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper

from conditions import INPUTS
from model import Generator

OPSET = 17


def to_onnx(model, path):
    """Writes the model with a free batch dimension."""
    args = tuple(torch.zeros(2, size) for _, size in INPUTS)
    names = [name for name, _ in INPUTS]
    torch.onnx.export(model.eval(), args, str(path), dynamo=False, opset_version=OPSET, input_names=names, output_names=["rgba"],
                      dynamic_axes={n: {0: "n"} for n in [*names, "rgba"]})
    m = onnx.load(str(path))
    m.producer_name, m.doc_string = "ksamenet", f"ksamenet generator, {model.size} x {model.size}; models/generator/CARD.md"
    for t in m.graph.output:
        for d, v in zip(t.type.tensor_type.shape.dim[1:], (4, model.size, model.size)):
            d.ClearField("dim_param")
            d.dim_value = v
    onnx.checker.check_model(m)
    onnx.save(m, str(path))


def halve(source, target, smallest=256):
    """Stores weights as float16 behind a Cast to float32. Small tensors stay as they are."""
    m = onnx.load(str(source))
    casts, kept = [], []
    for t in m.graph.initializer:
        a = numpy_helper.to_array(t)
        if a.dtype != np.float32 or a.size < smallest:
            kept.append(t)
            continue
        kept.append(numpy_helper.from_array(a.astype(np.float16), t.name + "_f16"))
        casts.append(helper.make_node("Cast", [t.name + "_f16"], [t.name], name=t.name + "_cast", to=onnx.TensorProto.FLOAT))
    del m.graph.initializer[:]
    m.graph.initializer.extend(kept)
    nodes = list(m.graph.node)
    del m.graph.node[:]
    m.graph.node.extend(casts + nodes)
    onnx.checker.check_model(m)
    onnx.save(m, str(target))


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("checkpoint", type=pathlib.Path)
    p.add_argument("out", type=pathlib.Path, help="directory")
    p.add_argument("--half", action="store_true")
    o = p.parse_args()
    state = torch.load(o.checkpoint, map_location="cpu", weights_only=True)
    model = Generator(state["size"])
    model.load_state_dict(state["ema"])
    o.out.mkdir(parents=True, exist_ok=True)
    full = o.out / f"ksnet{model.size}.onnx"
    to_onnx(model, full)
    if o.half:
        halve(full, full.with_suffix(".fp16.onnx"))
    print(f"step {state['step']}, {state['seconds']:.0f} s of training")


if __name__ == "__main__":
    main()
