#!/usr/bin/env python3
"""Makes the tiny ONNX fixtures beside this file. Needs the `onnx` package (1.16 or later); run it here: python3 make.py

toy      face[n,64] = 3*identity[n,64] + sum(expression[n,7]); carries metadata
quarter  mean over 4x4 blocks; the output's free h/4, w/4 share no symbol with the input (as CenterFace's heads)
slow     adds 1 to x[1,4] a hundred million times in a Loop: far longer than a test waits, unless it is stopped
ints     int64 in, int64 out: describable, not runnable through float32 sessions
compress keeps the positive elements: the output's length depends on the values, not on the shapes
"""
import pathlib

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

HERE = pathlib.Path(__file__).parent


def vi(name, dims, kind=T.FLOAT):
    return h.make_tensor_value_info(name, kind, dims)


def save(name, nodes, inputs, outputs, init=(), meta=None):
    graph = h.make_graph(nodes, name, inputs, outputs, list(init))
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8, producer_name="ksamenet")
    if meta:
        h.set_model_props(model, meta)
    onnx.checker.check_model(model, full_check=True)
    (HERE / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))


def const(name, value, dtype):
    return nh.from_array(np.array(value, dtype), name)


save("toy",
     [h.make_node("Mul", ["identity", "three"], ["tripled"]),
      h.make_node("ReduceSum", ["expression", "axis"], ["total"], keepdims=1),
      h.make_node("Add", ["tripled", "total"], ["face"])],
     [vi("identity", ["n", 64]), vi("expression", ["n", 7])], [vi("face", ["n", 64])],
     [const("three", 3, "f4"), const("axis", [1], "i8")],
     {"ksamenet.name": "toy", "ksamenet.note": "3*identity + sum(expression)"})

save("quarter",
     [h.make_node("AveragePool", ["picture"], ["heat"], kernel_shape=[4, 4], strides=[4, 4])],
     [vi("picture", [1, 1, "height", "width"])], [vi("heat", [1, 1, "h4", "w4"])])

body = h.make_graph(
    [h.make_node("Add", ["x_in", "one"], ["x_out"]), h.make_node("Identity", ["go_in"], ["go_out"])], "body",
    [vi("i", [], T.INT64), vi("go_in", [], T.BOOL), vi("x_in", [1, 4])],
    [vi("go_out", [], T.BOOL), vi("x_out", [1, 4])])
save("slow", [h.make_node("Loop", ["trips", "go", "x"], ["y"], body=body)], [vi("x", [1, 4])], [vi("y", [1, 4])],
     [const("trips", 100_000_000, "i8"), const("go", True, "?"), const("one", [[1, 1, 1, 1]], "f4")])

save("ints", [h.make_node("Add", ["a", "a"], ["b"])], [vi("a", [1, 2], T.INT64)], [vi("b", [1, 2], T.INT64)])

save("compress",
     [h.make_node("Greater", ["x", "level"], ["keep"]), h.make_node("Compress", ["x", "keep"], ["kept"])],
     [vi("x", [4])], [vi("kept", ["k"])], [const("level", -1, "f4")])
