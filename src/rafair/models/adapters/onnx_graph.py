"""ONNX graphs as torch modules, so that gradients can be followed.

Only what classifiers of tables are made of is known; other graphs answer through ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from rafair.models.adapters.onnx_operators import OPERATORS

NOTHING_TO_DO = ("Identity", "Dropout")


class NotConvertibleError(Exception):
    """A graph has something that is not known here; the message says what."""


class OnnxGraph(nn.Module):
    """The nodes of a graph one after the other.

    Args:
        model: A model with one input and, first, the output that is wanted.

    Raises:
        NotConvertibleError: If an operator is not known.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        super().__init__()
        graph = model.graph
        self._given: dict[str, str] = {}
        for name, values in _constants(model).items():
            key = f"constant_{len(self._given)}"
            self.register_buffer(key, torch.from_numpy(values))
            self._given[name] = key
        (self._input,) = (entry.name for entry in graph.input if entry.name not in self._given)
        self._output = graph.output[0].name
        self._steps: list[
            tuple[Callable[..., Any], Sequence[str], Sequence[str], dict[str, object]]
        ] = []
        for node in graph.node:
            if node.op_type == "Constant":
                continue
            function = OPERATORS.get(node.op_type) if node.domain in ("", "ai.onnx") else None
            if function is None:
                raise NotConvertibleError(f"operator {node.op_type} is not known")
            self._steps.append((function, list(node.input), list(node.output), attributes_of(node)))

    def forward(self, rows: Tensor) -> Tensor:
        """The output for rows of shape `(n, d)`."""
        values: dict[str, Tensor] = {
            name: self.get_buffer(key) for name, key in self._given.items()
        }
        values[self._input] = rows
        for function, inputs, outputs, attributes in self._steps:
            found = function(*(values[name] if name else None for name in inputs), **attributes)
            values[outputs[0]] = found
        answer: Tensor = values[self._output]
        return answer


def convert(model: onnx.ModelProto) -> nn.Module:
    """The graph as a torch module; a chain of linear and ReLU layers as just that.

    Raises:
        NotConvertibleError: If something in it is not known.
    """
    return _dense(model) or OnnxGraph(model)


def attributes_of(node: onnx.NodeProto) -> dict[str, Any]:
    """A node's attributes as Python's values."""
    return {found.name: onnx.helper.get_attribute_value(found) for found in node.attribute}


def _constants(model: onnx.ModelProto) -> dict[str, np.ndarray[Any, Any]]:
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            attributes = attributes_of(node)
            (kind,) = attributes
            value = attributes[kind]
            array = numpy_helper.to_array(value) if kind == "value" else np.asarray(value)
            found[node.output[0]] = array.astype(np.float32) if kind == "value_float" else array
    # torch needs memory of its own, and knows no texts
    for name, values in found.items():
        if values.dtype.kind not in "fiub":
            raise NotConvertibleError(f"a constant of the kind {values.dtype} is not known")
        found[name] = values.copy()
    return found


def _dense(model: onnx.ModelProto) -> nn.Sequential | None:
    """The layers of a graph Linear, ReLU, Linear, …; None where it is of another shape."""
    constants, layers = _constants(model), list[nn.Module]()
    given = {entry.name for entry in model.graph.input} - constants.keys()
    nodes = [node for node in model.graph.node if node.op_type != "Constant"]
    if len(given) != 1:
        return None
    (current,) = given
    for node in nodes:
        if node.input[0] != current:
            return None
        others = [constants.get(name) for name in node.input[1:] if name]
        if node.op_type not in NOTHING_TO_DO and not _append(node, others, layers):
            return None
        current = node.output[0]
    if current != model.graph.output[0].name or not layers:
        return None
    widths = [layer for layer in layers if isinstance(layer, nn.Linear)]
    fits = all(a.out_features == b.in_features for a, b in pairwise(widths))
    return nn.Sequential(*layers) if fits else None


def _append(node: onnx.NodeProto, others: list[Any], layers: list[nn.Module]) -> bool:
    """Adds a node's layer; False where it is none of a dense network."""
    attributes = attributes_of(node)
    if any(values is None for values in others):
        return False
    if node.op_type == "Relu":
        layers.append(nn.ReLU())
        return True
    if node.op_type == "Gemm" and not attributes.get("transA"):
        weight = others[0] if attributes.get("transB") else others[0].T
        bias = others[1] if len(others) > 1 else np.zeros(1, weight.dtype)
        scale, shift = attributes.get("alpha", 1.0), attributes.get("beta", 1.0)
        return _append_linear(weight * scale, bias * shift, layers)
    if node.op_type == "MatMul" and others[0].ndim == 2:
        return _append_linear(others[0].T, np.zeros(1, others[0].dtype), layers)
    # what a MatMul leaves without a bias
    if node.op_type == "Add" and layers and isinstance(layers[-1], nn.Linear):
        layer = layers.pop()
        assert isinstance(layer, nn.Linear)  # for the type checker
        return _append_linear(layer.weight.numpy(), layer.bias.numpy() + others[0], layers)
    return False


def _append_linear(weight: Any, bias: Any, layers: list[nn.Module]) -> bool:
    if weight.ndim != 2 or bias.size not in (1, weight.shape[0]):
        return False
    layer = nn.Linear(weight.shape[1], weight.shape[0]).requires_grad_(False)
    layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight)))
    whole = np.broadcast_to(np.asarray(bias).reshape(-1), weight.shape[0])
    layer.bias.copy_(torch.from_numpy(whole.copy()))
    layers.append(layer)
    return True
