"""A trained network as an ONNX file: one input of encoded rows, output 0 the logits.

Of a consensus, every combination of sensitive values is in the graph as well, and the mean.

The graph is written layer by layer rather than traced: tracing takes seconds and hundreds of
megabytes, and records paths of the machine it ran on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper
from torch import nn

from rafair.engine.atomic_files import writing
from rafair.tabular.counterparts import Counterparts

OPSET = 17
IR_VERSION = 9


@dataclass(frozen=True)
class Averaged:
    """What an exported network's logits are averaged over.

    Args:
        kept: 1 for each feature that is not sensitive, else 0; shape `(d,)`.
        combinations: The sensitive values of each combination, 0 elsewhere; shape `(m, d)`.
    """

    kept: NDArray[np.float32]
    combinations: NDArray[np.float32]

    @classmethod
    def of(cls, counterparts: Counterparts, chosen: NDArray[np.int64], width: int) -> Averaged:
        """Some of the counterparts of rows of so many features."""
        combinations = np.zeros((len(chosen), width), np.float32)
        counterparts.substitute(combinations, chosen)
        kept = np.ones(width, np.float32)
        kept[list(counterparts.columns)] = 0
        return cls(kept, combinations)


def export_onnx(network: nn.Sequential, path: Path, averaged: Averaged | None = None) -> None:
    """Writes a network of linear and ReLU layers with a dynamic number of rows.

    Args:
        network: `Linear` and `ReLU` layers in turn.
        path: The file to write.
        averaged: Over which sensitive values the logits are averaged; None takes the row's own.

    Raises:
        TypeError: If the network has a layer of another kind.
    """
    graph = _Graph()
    if averaged is None:
        width = graph.layers(network, "rows", "logits")
    else:
        graph.spread("rows", "counterparts", averaged)
        width = graph.layers(network, "counterparts", "of_counterparts")
        graph.average("of_counterparts", "logits", len(averaged.combinations), width)
    features = next(layer.in_features for layer in network if isinstance(layer, nn.Linear))
    made = helper.make_graph(
        graph.nodes,
        "network",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", features])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", width])],
        graph.weights,
    )
    model = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="rafair"
    )
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    with writing(path) as temporary:
        temporary.write_bytes(model.SerializeToString(deterministic=True))


class _Graph:
    """Nodes and constants of a graph under way."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, name: str, value: NDArray[np.float32] | NDArray[np.int64]) -> str:
        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def layers(self, network: nn.Sequential, name: str, last: str) -> int:
        """The network's layers, from one name to another; returns the number of outputs."""
        width = 0
        for i, layer in enumerate(network):
            output = last if i == len(network) - 1 else f"layer_{i}"
            if isinstance(layer, nn.Linear):
                width = layer.out_features
                names = [name]
                for key, tensor in (("weight", layer.weight), ("bias", layer.bias)):
                    names.append(self.constant(f"{key}_{i}", tensor.detach().cpu().numpy()))
                name = self.node("Gemm", names, output, transB=1)
            elif isinstance(layer, nn.ReLU):
                name = self.node("Relu", [name], output)
            else:
                raise TypeError(f"no ONNX operator is known here for {type(layer).__name__}")
        return width

    def spread(self, rows: str, output: str, averaged: Averaged) -> None:
        """Rows `(n, d)` to all their counterparts, one after the other; `(n·m, d)`."""
        kept = self.constant("not_sensitive", averaged.kept)
        plain = self.node("Mul", [rows, kept], "plain")
        each = self.node(
            "Unsqueeze", [plain, self.constant("axis_1", np.array([1], np.int64))], "each"
        )
        combinations = self.constant("combinations", averaged.combinations)
        beside = self.node("Add", [each, combinations], "beside")
        width = len(averaged.kept)
        shape = self.constant("rows_of_features", np.array([-1, width], np.int64))
        self.node("Reshape", [beside, shape], output)

    def average(self, logits: str, output: str, combinations: int, width: int) -> None:
        """Logits of all counterparts, `(n·m, c)`, to their means; `(n, c)`."""
        shape = self.constant("by_row", np.array([-1, combinations, width], np.int64))
        by_row = self.node("Reshape", [logits, shape], "by_row_logits")
        self.node("ReduceMean", [by_row], output, axes=[1], keepdims=0)
