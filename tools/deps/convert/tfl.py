"""Reads a TensorFlow Lite network and writes its ordinary operators as ONNX nodes.

Pictures and feature maps change from TensorFlow's NHWC to ONNX's NCHW here: every 4-D value of the result is NCHW. The
semantics are those of the TensorFlow Lite reference kernels; what a network does not use is refused, not guessed.
"""

import numpy as np
import tflite
from flatbuffers import flexbuffers
from onnx import TensorProto, helper

from . import graph

_NAMES = {value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)}
_TYPES = {
    tflite.TensorType.FLOAT32: np.dtype("<f4"),
    tflite.TensorType.FLOAT16: np.dtype("<f2"),
    tflite.TensorType.INT32: np.dtype("<i4"),
}


class Operator:
    """One operator: kind (the custom name for a custom one), input and output tensor indices, options."""

    def __init__(self, model, op):
        code = model.OperatorCodes(op.OpcodeIndex())
        # Files written before schema 3a hold the kind in the deprecated byte.
        kind = _NAMES[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        self.kind = code.CustomCode().decode() if kind == "CUSTOM" else kind
        self.inputs = op.InputsAsNumpy().tolist()
        self.outputs = op.OutputsAsNumpy().tolist()
        self._op = op

    def options(self, cls):
        """Returns the operator's options as an instance of a class of the tflite package."""
        options = cls()
        table = self._op.BuiltinOptions()
        options.Init(table.Bytes, table.Pos)
        return options

    def custom_options(self):
        """Returns a custom operator's options as a dict."""
        return flexbuffers.Loads(self._op.CustomOptionsAsNumpy().tobytes())


class Translator:
    """Turns one TensorFlow Lite graph into an ONNX graph, operator by operator.

    A subclass adds methods for custom operators to `translators`, by kind.
    """

    def __init__(self, source):
        self._model = tflite.Model.GetRootAsModel(source, 0)
        self._graph = self._model.Subgraphs(0)
        self.onnx = helper.make_model(helper.make_graph([], "graph", [], []))
        self.values = {}  # tensor index to name of an ONNX value
        self._constants = {}  # tensor index to array, computed from constants
        self._serial = 0
        self.translators = {
            "ADD": self._add, "CONV_2D": self._conv, "DEPTHWISE_CONV_2D": self._depthwise, "DEQUANTIZE": self._dequantize,
            "MAX_POOL_2D": self._max_pool, "PAD": self._pad, "PRELU": self._prelu, "RESHAPE": self._reshape,
            "STRIDED_SLICE": self._strided_slice,
        }  # fmt: skip

    def translate(self):
        """Translates every operator. The only input stays NHWC, as TensorFlow has it."""
        (image,) = self._graph.InputsAsNumpy().tolist()
        name = self.name(image)
        self.onnx.graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, self.shape(image)))
        self.values[image] = self.node("Transpose", [name], perm=[0, 3, 1, 2])
        for i in range(self._graph.OperatorsLength()):
            op = Operator(self._model, self._graph.Operators(i))
            if op.kind not in self.translators:
                raise ValueError(f"operator {op.kind} is not known")
            self.translators[op.kind](op)

    def output(self, name):
        """Returns the ONNX name of a graph output."""
        outputs = {self.name(i): self.values[i] for i in self._graph.OutputsAsNumpy().tolist()}
        return outputs[name]

    def name(self, tensor):
        return self._graph.Tensors(tensor).Name().decode()

    def shape(self, tensor):
        return self._graph.Tensors(tensor).ShapeAsNumpy().tolist()

    def constant(self, tensor):
        """Returns a tensor's value if it is constant, else None."""
        if tensor in self._constants:
            return self._constants[tensor]
        info = self._graph.Tensors(tensor)
        data = self._model.Buffers(info.Buffer())
        if data.DataLength() == 0:
            return None
        return np.frombuffer(data.DataAsNumpy().tobytes(), _TYPES[info.Type()]).reshape(self.shape(tensor))

    def const(self, array, dtype=np.float32):
        """Adds a constant and returns its name."""
        self._serial += 1
        return graph.add_constant(self.onnx, f"const_{self._serial}", np.asarray(array, dtype))

    def node(self, op_type, inputs, output=None, **attributes):
        """Adds a node with one output and returns its name."""
        if output is None:
            self._serial += 1
            output = f"{op_type}_{self._serial}"
        self.onnx.graph.node.append(helper.make_node(op_type, inputs, [output], **attributes))
        return output

    def _put(self, op, op_type, inputs, **attributes):
        out = op.outputs[0]
        self.values[out] = self.node(op_type, inputs, self.name(out), **attributes)

    def _add(self, op):
        _no_activation(op.options(tflite.AddOptions))
        self._put(op, "Add", [self.values[i] for i in op.inputs])

    def _conv(self, op):
        options = op.options(tflite.Conv2DOptions)
        weights = self.constant(op.inputs[1]).transpose(0, 3, 1, 2)  # OHWI to OIHW
        self._convolve(op, options, weights, groups=1)

    def _depthwise(self, op):
        options = op.options(tflite.DepthwiseConv2DOptions)
        weights = self.constant(op.inputs[1]).transpose(3, 0, 1, 2)  # 1HWC to C1HW
        self._convolve(op, options, weights, groups=self.shape(op.inputs[0])[3])

    def _convolve(self, op, options, weights, groups):
        _no_activation(options)
        kernel = list(weights.shape[2:])
        dilations = [options.DilationHFactor(), options.DilationWFactor()]
        span = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
        inputs = [self.values[op.inputs[0]], self.const(weights)]
        if len(op.inputs) > 2:
            inputs.append(self.const(self.constant(op.inputs[2])))
        self._put(op, "Conv", inputs, group=groups, kernel_shape=kernel, dilations=dilations, **self._window(op, options, span))

    def _max_pool(self, op):
        options = op.options(tflite.Pool2DOptions)
        _no_activation(options)
        kernel = [options.FilterHeight(), options.FilterWidth()]
        self._put(op, "MaxPool", [self.values[op.inputs[0]]], kernel_shape=kernel, **self._window(op, options, kernel))

    def _window(self, op, options, span):
        """Returns strides and explicit pads; SAME puts the odd pixel of padding after, as TensorFlow does."""
        strides = [options.StrideH(), options.StrideW()]
        before, after = [0, 0], [0, 0]
        if options.Padding() == tflite.Padding.SAME:
            for axis, size in enumerate(self.shape(op.inputs[0])[1:3]):
                last = (-(-size // strides[axis]) - 1) * strides[axis]
                total = max(last + span[axis] - size, 0)
                before[axis], after[axis] = total // 2, total - total // 2
        return {"strides": strides, "pads": before + after}

    def _dequantize(self, op):
        value = self.constant(op.inputs[0])
        if value is None or value.dtype != np.float16:
            raise ValueError("DEQUANTIZE of anything but a float16 constant")
        self._constants[op.outputs[0]] = value.astype(np.float32)

    def _pad(self, op):
        n, h, w, c = self.constant(op.inputs[1]).tolist()
        pads = np.array([n, c, h, w]).T.reshape(-1)
        self._put(op, "Pad", [self.values[op.inputs[0]], self.const(pads, np.int64)])

    def _prelu(self, op):
        out = self.name(op.outputs[0])
        slope = self.constant(op.inputs[1])
        if slope.size != self.shape(op.inputs[0])[3]:
            raise ValueError("PRELU with more than one slope a channel")
        self.onnx.graph.node.extend(graph.prelu_nodes(self.onnx, self.values[op.inputs[0]], out, slope))
        self.values[op.outputs[0]] = out

    def _reshape(self, op):
        before, after = self.shape(op.inputs[0]), self.shape(op.outputs[0])
        for shape in (before, after):
            if len(shape) == 4 and shape[1:3] != [1, 1]:
                raise ValueError("RESHAPE of a feature map: NHWC and NCHW hold their values in different orders")
        if len(after) == 4:
            after = [after[0], after[3], 1, 1]
        self._put(op, "Reshape", [self.values[op.inputs[0]], self.const(after, np.int64)])

    def _strided_slice(self, op):
        options = op.options(tflite.StridedSliceOptions)
        begin, strides = self.constant(op.inputs[1]), self.constant(op.inputs[3])
        whole = self.shape(op.inputs[0]) == self.shape(op.outputs[0]) and (strides == 1).all()
        if not whole or ((begin != 0) & ((options.BeginMask() >> np.arange(begin.size)) & 1 == 0)).any():
            raise ValueError("STRIDED_SLICE that is not the whole tensor")
        self.values[op.outputs[0]] = self.values[op.inputs[0]]


def _no_activation(options):
    if options.FusedActivationFunction() != tflite.ActivationFunctionType.NONE:
        raise ValueError("fused activation")
