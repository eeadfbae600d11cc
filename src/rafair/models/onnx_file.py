"""A trained network as an ONNX file: one input of encoded rows, output 0 the logits.

The graph is written layer by layer rather than traced: tracing takes seconds and hundreds of
megabytes, and records paths of the machine it ran on.
"""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from rafair.engine.files import writing

OPSET = 17
IR_VERSION = 9


def export_onnx(network: nn.Sequential, path: Path) -> None:
    """Writes a network of linear and ReLU layers with a dynamic number of rows.

    Args:
        network: `Linear` and `ReLU` layers in turn.
        path: The file to write.

    Raises:
        TypeError: If the network has a layer of another kind.
    """
    nodes, weights = [], []
    name, width, features = "rows", None, None
    for i, layer in enumerate(network):
        output = "logits" if i == len(network) - 1 else f"layer_{i}"
        if isinstance(layer, nn.Linear):
            features = features or layer.in_features
            width = layer.out_features
            names = [name, f"weight_{i}", f"bias_{i}"]
            for key, tensor in zip(names[1:], (layer.weight, layer.bias), strict=True):
                weights.append(numpy_helper.from_array(tensor.detach().cpu().numpy(), key))
            nodes.append(helper.make_node("Gemm", names, [output], transB=1))
        elif isinstance(layer, nn.ReLU):
            nodes.append(helper.make_node("Relu", [name], [output]))
        else:
            raise TypeError(f"no ONNX operator is known here for {type(layer).__name__}")
        name = output
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", features])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", width])],
        weights,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="rafair"
    )
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    with writing(path) as temporary:
        temporary.write_bytes(model.SerializeToString(deterministic=True))
