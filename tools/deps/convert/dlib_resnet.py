"""dlib's face recognition ResNet v1: the serialised network (.dat) becomes ONNX.

A .dat holds the layers from the input outwards: each one's name, the numbers of its declaration and, where it has weights,
one tensor. How they are connected stands in the C++ type alone, which dlib publishes (examples/dnn_face_recognition_ex.cpp)
and which _Net spells out once more. Formats: dlib 19.24, dlib/serialize.h, dlib/cuda/tensor.h, dlib/dnn/layers.h.

Result: images [N, 3, 150, 150] NCHW RGB 0..255; descriptor [N, 128], not normalised.
"""

import re

import numpy as np
from onnx import ModelProto, TensorProto, helper

from . import graph

SIDE, SIZE = 150, 128
# Of the input layer: means of R, G and B; dlib divides by 256, not 255.
MEAN, DIVISOR = (122.782, 117.001, 104.298), 256
# Residual blocks: channels and number, from the input outwards. All levels but the first begin with a block that halves
# the picture.
LEVELS = ((32, 3), (64, 4), (128, 3), (256, 3), (256, 1))


def convert(source):
    """Returns the ONNX bytes made of dlib_face_recognition_resnet_model_v1.dat."""
    net = _Net(_layers(source))
    net.translate()
    return graph.finish(net.onnx, "dlib_face_resnet_v1", opset=13, ir_version=7)


def _integers(data, at, n):
    """Reads n of dlib's integers: a byte that holds sign and number of bytes, then the bytes, lowest first."""
    values = []
    for _ in range(n):
        count, negative = data[at] & 0x0F, data[at] & 0x80
        value = int.from_bytes(data[at + 1 : at + 1 + count], "little")
        values.append(-value if negative else value)
        at += 1 + count
    return values, at


def _tensor(data, at):
    (version, *shape), at = _integers(data, at, 5)
    if version != 2:
        raise ValueError(f"tensor of version {version}, want 2")
    n = int(np.prod(shape))
    return np.frombuffer(data, "<f4", n, at), at + 4 * n


def _layers(data):
    """Returns the layers that have weights, from the input outwards: name, weights, numbers of the declaration."""
    found = []
    # A string is its length, an integer of one byte here, and its characters.
    for match in re.finditer(rb"\x01(?:\x05(con)_4|\x07(affine)_|\x04(fc)_2)", data):
        name, at = match[match.lastindex].decode(), match.end()
        numbers = []
        if name == "fc":
            numbers, at = _integers(data, at, 2)  # outputs, inputs
        weights, at = _tensor(data, at)
        if name == "con":
            numbers, at = _integers(data, at, 7)  # filters, rows, columns, 2 strides, 2 paddings
        found.append((name, weights, numbers))
    return found


class _Net:
    """Builds the ONNX graph; a value is (name, channels, side)."""

    def __init__(self, layers):
        self._layers = iter(layers)
        self._serial = 0
        self.onnx = ModelProto()
        self.onnx.graph.input.append(helper.make_tensor_value_info("images", TensorProto.FLOAT, ["faces", 3, SIDE, SIDE]))
        self.onnx.graph.output.append(helper.make_tensor_value_info("descriptor", TensorProto.FLOAT, ["faces", SIZE]))

    def translate(self):
        """Adds every node, input to output."""
        mean = self._const(np.array(MEAN, np.float32).reshape(1, 3, 1, 1))
        x = self._node("Mul", [self._node("Sub", ["images", mean]), self._const(np.float32(1 / DIVISOR))])
        x, channels, side = self._relu(self._convolve((x, 3, SIDE)))
        x = self._node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2]), channels, (side - 3) // 2 + 1
        for level, (channels, blocks) in enumerate(LEVELS):
            for block in range(blocks):
                x = self._residual(x, channels, halve=level > 0 and block == 0)
        name, channels, _ = x
        name = self._node("Flatten", [self._node("GlobalAveragePool", [name])])
        weights, numbers = self._next("fc")
        if numbers != [SIZE, channels]:
            raise ValueError(f"a full layer of {numbers}, want {[SIZE, channels]}")
        self._node("MatMul", [name, self._const(weights.reshape(channels, SIZE))], "descriptor")
        if next(self._layers, None):
            raise ValueError("more layers than the network has")

    def _residual(self, x, channels, halve):
        """relu(two convolutions of x + x); where sizes differ, dlib fills the smaller one up with zeros."""
        inner = self._convolve(self._relu(self._convolve(x)))
        if inner[1] != channels:
            raise ValueError(f"a block of {inner[1]} channels, want {channels}")
        if halve:
            name, c, side = x
            x = self._node("AveragePool", [name], kernel_shape=[2, 2], strides=[2, 2]), c, side // 2
        c, side = max(inner[1], x[1]), max(inner[2], x[2])
        return self._relu((self._node("Add", [self._fill(v, c, side) for v in (inner, x)]), c, side))

    def _convolve(self, x):
        """A convolution and the affine layer behind it, in one."""
        name, channels, side = x
        weights, (filters, rows, columns, *strides_pads) = self._next("con")
        stride, pad = strides_pads[0], strides_pads[2]
        if rows != columns or strides_pads != [stride, stride, pad, pad]:
            raise ValueError(f"a convolution that is not square: {rows}, {columns}, {strides_pads}")
        n = filters * channels * rows * columns
        kernel, bias = weights[:n].reshape(filters, channels, rows, columns), weights[n:]
        affine, _ = self._next("affine")
        gamma, beta = affine[:filters], affine[filters:]
        inputs = [name, self._const(kernel * gamma.reshape(-1, 1, 1, 1)), self._const(bias * gamma + beta)]
        name = self._node("Conv", inputs, kernel_shape=[rows, columns], strides=[stride] * 2, pads=[pad] * 4)
        return name, filters, (side + 2 * pad - rows) // stride + 1

    def _fill(self, x, channels, side):
        name, c, s = x
        if (c, s) == (channels, side):
            return name
        pads = np.array([0, 0, 0, 0, 0, channels - c, side - s, side - s], np.int64)
        return self._node("Pad", [name, self._const(pads), self._const(np.float32(0))])

    def _relu(self, x):
        name, channels, side = x
        return self._node("Relu", [name]), channels, side

    def _next(self, want):
        name, weights, numbers = next(self._layers, (None, None, None))
        if name != want:
            raise ValueError(f"layer {name}, want {want}")
        return weights, numbers

    def _const(self, array):
        self._serial += 1
        return graph.add_constant(self.onnx, f"const_{self._serial}", array)

    def _node(self, op_type, inputs, output=None, **attributes):
        if output is None:
            self._serial += 1
            output = f"{op_type}_{self._serial}"
        self.onnx.graph.node.append(helper.make_node(op_type, inputs, [output], **attributes))
        return output
