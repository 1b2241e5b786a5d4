"""MediaPipe's face mesh with attention: three custom operators in ordinary ONNX ones, seven outputs in two.

The network finds 468 points, then looks again, each region in its own frame (roll and extent of the region's points), at
lips, eyes and irises. The custom operators make these frames (Landmarks2TransformMatrix), cut the feature map along them
(TransformTensorBilinear) and bring the refined points back (TransformLandmarks). Their meaning: MediaPipe 0.10.21,
mediapipe/util/tflite/operations; Grishchenko et al., "Attention Mesh", arXiv:2006.10962.

Result: input_1 [1, 192, 192, 3] NHWC RGB 0..1; landmarks [1, 478, 3] in pixels of the 192-pixel crop, z on the same
scale; presence [1, 1] 0..1.
"""

import numpy as np
from onnx import TensorProto, helper

from . import graph, tfl

POINTS = 468
IRIS = 5
# Region outputs, each with the number of points that it refines.
LIPS, LEFT_EYE, RIGHT_EYE = ("output_lips", 80), ("output_left_eye", 71), ("output_right_eye", 71)
LEFT_IRIS, RIGHT_IRIS = ("output_left_iris", IRIS), ("output_right_iris", IRIS)
# The first 16 points of an eye region are its contour.
CONTOUR = 16


def convert(source):
    """Returns the ONNX bytes made of face_landmark_with_attention.tflite."""
    mesh = _FaceMesh(source)
    mesh.translate()
    mesh.merge()
    return graph.finish(mesh.onnx, "face_mesh_478", opset=16, ir_version=8)


class _FaceMesh(tfl.Translator):
    def __init__(self, source):
        super().__init__(source)
        # A tensor of the 4x4 matrices becomes names of two values: A transposed [1, 2, 2], b [1, 1, 2]; point' = point·Aᵀ + b.
        self._affine = {}
        self._subsets = []  # the points of lips, left eye, right eye, in this order
        self.translators |= {
            "MUL": self._mul,
            "Landmarks2TransformMatrix": self._frame,
            "TransformTensorBilinear": self._cut,
            "TransformLandmarks": self._back,
        }

    def _mul(self, op):
        factor = self.constant(op.inputs[1])
        out = op.outputs[0]
        if op.inputs[0] not in self._affine:
            self.values[out] = self.node("Mul", [self.values[op.inputs[0]], self.const(factor)], self.name(out))
            return
        factor = factor.reshape(4, 4)
        if (factor[:2, :2] != 1).any():
            raise ValueError("MUL that changes more of a matrix than its translation")
        at, b = self._affine[op.inputs[0]]
        self._affine[out] = (at, self.node("Mul", [b, self.const([[[factor[0, 3], factor[1, 3]]]])]))

    def _frame(self, op):
        """The frame of a region: turned by the roll of two points, as large as scale times the extent of its points."""
        o = op.custom_options()
        if o["target_rotation_radians"] != 0:
            raise ValueError("Landmarks2TransformMatrix with a target rotation")
        self._subsets.append(o["subset_idxs"])
        size = np.array([o["output_width"], o["output_height"]], np.float32)
        scale = np.array([o["scale_x"], o["scale_y"]], np.float32)
        points = self.values[op.inputs[0]]
        left, right = (self._points(points, [o[side]]) for side in ("left_rotation_idx", "right_rotation_idx"))
        d = self.node("Sub", [right, left])  # [1, 1, 2]
        length = self.node("Sqrt", [self.node("ReduceSum", [self.node("Mul", [d, d]), self.const([2], np.int64)], keepdims=1)])
        unit = self.node("Div", [d, length])  # cos, sin of the roll
        cos, sin = self._slice(unit, 0, 1), self._slice(unit, 1, 2)
        turn = self.node("Concat", [  # rows (cos, sin), (-sin, cos): point·turnᵀ turns by -roll, point·turn by +roll
            self.node("Concat", [cos, sin], axis=2),
            self.node("Concat", [self.node("Neg", [sin]), cos], axis=2),
        ], axis=1)  # fmt: skip
        turned_back = self.node("Transpose", [turn], perm=[0, 2, 1])
        upright = self.node("MatMul", [self._points(points, o["subset_idxs"]), turned_back])
        high = self.node("ReduceMax", [upright], axes=[1], keepdims=1)
        low = self.node("ReduceMin", [upright], axes=[1], keepdims=1)
        middle = self.node("Mul", [self.node("Add", [high, low]), self.const(0.5)])
        centre = self.node("MatMul", [middle, turn])
        step = self.node("Mul", [self.node("Sub", [high, low]), self.const((scale / size).reshape(1, 1, 2))])
        a = self.node("Mul", [turned_back, step])  # the columns scaled
        at = self.node("Transpose", [a], perm=[0, 2, 1])
        corner = self.node("MatMul", [self.const((-size / 2).reshape(1, 1, 2)), at])
        self._affine[op.outputs[0]] = (at, self.node("Add", [centre, corner]))

    def _cut(self, op):
        """Samples a feature map along a frame; zero outside the map."""
        at, b = self._affine[op.inputs[1]]
        _, rows, columns, _ = self.shape(op.inputs[0])
        _, height, width, _ = self.shape(op.outputs[0])
        y, x = np.mgrid[0:height, 0:width]
        centres = np.stack([x + 0.5, y + 0.5], -1).reshape(1, height * width, 2)
        at_pixel = self.node("Add", [self.node("MatMul", [self.const(centres), at]), b])
        at_pixel = self.node("Sub", [at_pixel, self.const(0.5)])
        last = np.array([columns - 1, rows - 1], np.float32).reshape(1, 1, 2)
        inside = self.node("Mul", [
            self.node("Cast", [self.node("GreaterOrEqual", [at_pixel, self.const(0.0)])], to=TensorProto.FLOAT),
            self.node("Cast", [self.node("LessOrEqual", [at_pixel, self.const(last)])], to=TensorProto.FLOAT),
        ])  # fmt: skip
        inside = self.node("ReduceMin", [inside], axes=[2], keepdims=0)
        inside = self.node("Reshape", [inside, self.const([1, 1, height, width], np.int64)])
        grid = self.node("Sub", [self.node("Mul", [at_pixel, self.const(2 / last)]), self.const(1.0)])
        grid = self.node("Reshape", [grid, self.const([1, height, width, 2], np.int64)])
        sampled = self.node("GridSample", [self.values[op.inputs[0]], grid], mode="bilinear", padding_mode="border", align_corners=1)
        out = op.outputs[0]
        self.values[out] = self.node("Mul", [sampled, inside], self.name(out))

    def _back(self, op):
        at, b = self._affine[op.inputs[1]]
        out = op.outputs[0]
        moved = self.node("MatMul", [self.values[op.inputs[0]], at])
        self.values[out] = self.node("Add", [moved, b], self.name(out))

    def merge(self):
        """Makes the outputs: refined x and y over those of the mesh, irises after it, presence as a probability."""
        mesh = self._rows("output_mesh_identity", POINTS, 3)
        regions = [LIPS, LEFT_EYE, RIGHT_EYE, LEFT_IRIS, RIGHT_IRIS]
        xy = self.node("Concat", [self._slice(mesh, 0, 2), *(self._rows(name, n, 2) for name, n in regions)], axis=1)
        _, left_eye, right_eye = self._subsets
        chosen = np.arange(POINTS + 2 * IRIS)
        at = POINTS
        for points, (_, n) in zip([*self._subsets, np.arange(POINTS, POINTS + IRIS), np.arange(POINTS + IRIS, chosen.size)], regions, strict=True):
            chosen[points] = np.arange(at, at + n)
            at += n
        xy = self.node("Gather", [xy, self.const(chosen, np.int64)], axis=1)
        # An iris lies as deep as its eye's contour: MediaPipe's z_refinement "assign_average".
        z = self._slice(mesh, 2, 3)
        left, right = (self._mean(z, eye[:CONTOUR]) for eye in (left_eye, right_eye))
        z = self.node("Concat", [z] + [left] * IRIS + [right] * IRIS, axis=1)
        self.node("Concat", [xy, z], "landmarks", axis=2)
        flag = self.node("Reshape", [self.output("conv_faceflag"), self.const([1, 1], np.int64)])
        self.node("Sigmoid", [flag], "presence")
        self.onnx.graph.output.extend([
            helper.make_tensor_value_info("landmarks", TensorProto.FLOAT, [1, POINTS + 2 * IRIS, 3]),
            helper.make_tensor_value_info("presence", TensorProto.FLOAT, [1, 1]),
        ])  # fmt: skip

    def _points(self, points, indices):
        """x and y of chosen points: [1, n, 2]."""
        return self._slice(self.node("Gather", [points, self.const(indices, np.int64)], axis=1), 0, 2)

    def _slice(self, value, begin, end):
        """Columns begin..end-1 of the last axis of [1, n, c]."""
        return self.node("Slice", [value, *(self.const([v], np.int64) for v in (begin, end, 2))])

    def _rows(self, output, n, c):
        return self.node("Reshape", [self.output(output), self.const([1, n, c], np.int64)])

    def _mean(self, z, points):
        return self.node("ReduceMean", [self.node("Gather", [z, self.const(points, np.int64)], axis=1)], axes=[1], keepdims=1)
