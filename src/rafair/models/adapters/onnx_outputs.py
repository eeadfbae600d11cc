"""Which input and output of an ONNX model are the rows and the scores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto

from rafair.errors import ModelError

NUMBERS = (TensorProto.FLOAT, TensorProto.DOUBLE)
LABELS = (TensorProto.INT64, TensorProto.INT32, TensorProto.STRING)
ML = "ai.onnx.ml"
LINKS = {"Softmax": "softmax", "LogSoftmax": "softmax", "Sigmoid": "sigmoid"}
PASSING = ("Identity",)


@dataclass(frozen=True)
class Ports:
    """Where rows go in and scores come out.

    Args:
        input: The input's name.
        double: Whether it takes double precision.
        columns: How many columns it takes; None where it does not say.
        output: The name of the output with the scores.
        label: The name of the output with the model's own decision beside them, as scikit-learn's
            exports have it; the scores are probabilities then. None without one.
        classes: The classes in the order of the scores, as the graph names them; None where it
            names none.
    """

    input: str
    double: bool
    columns: int | None
    output: str
    label: str | None
    classes: tuple[Any, ...] | None


def ports_of(model: onnx.ModelProto, path: Path) -> Ports:
    """Finds them.

    Raises:
        ModelError: If the model takes several inputs or texts, or gives no scores.
    """
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [entry for entry in graph.input if entry.name not in constants]
    kinds = [entry.type.tensor_type.elem_type for entry in inputs]
    if len(inputs) != 1 or kinds[0] not in NUMBERS:
        raise ModelError(
            f"'{path}': expected one input, a matrix of float32 or float64 rows, found "
            f"{', '.join(entry.name for entry in inputs[:5]) or 'none'}"
            f"{', …' if len(inputs) > 5 else ''}"
        )
    sizes = inputs[0].type.tensor_type.shape.dim
    if inputs[0].type.tensor_type.HasField("shape") and len(sizes) != 2:
        raise ModelError(
            f"'{path}': expected an input of 2 dimensions, rows and columns, found {len(sizes)}"
        )
    columns = sizes[1].dim_value if len(sizes) == 2 and sizes[1].HasField("dim_value") else None
    if any(entry.type.HasField("sequence_type") for entry in graph.output):
        raise ModelError(
            f"'{path}': expected scores as a matrix, found a sequence of maps (ZipMap); "
            "options={'zipmap': False} of skl2onnx exports the matrix"
        )
    scores = [entry for entry in graph.output if entry.type.tensor_type.elem_type in NUMBERS]
    if not scores:
        raise ModelError(f"'{path}': expected an output of scores, found labels only")
    return Ports(
        input=inputs[0].name,
        double=kinds[0] == TensorProto.DOUBLE,
        columns=columns,
        output=scores[0].name,
        label=_label(model, scores),
        classes=_classes(model),
    )


def _label(model: onnx.ModelProto, scores: list[onnx.ValueInfoProto]) -> str | None:
    """The only output of whole numbers or texts with one value a row, beside one of scores."""
    found = [
        entry.name
        for entry in model.graph.output
        if entry.type.tensor_type.elem_type in LABELS and _is_column(entry)
    ]
    return found[0] if len(found) == 1 and len(scores) == 1 else None


def _is_column(entry: onnx.ValueInfoProto) -> bool:
    sizes = entry.type.tensor_type.shape.dim
    if not entry.type.tensor_type.HasField("shape"):
        return True
    return len(sizes) == 1 or (len(sizes) == 2 and sizes[1].dim_value == 1)


def _classes(model: onnx.ModelProto) -> tuple[Any, ...] | None:
    """What the last operator that names classes calls them."""
    for node in reversed(model.graph.node):
        for found in node.attribute:
            if found.name.startswith("classlabels_") and node.domain == ML:
                values = onnx.helper.get_attribute_value(found)
                named = [v.decode() if isinstance(v, bytes) else v for v in values]
                if named:
                    return tuple(named)
    return None


def link_of(model: onnx.ModelProto, output: str) -> tuple[str | None, str]:
    """What makes probabilities of logits at the end, "softmax" or "sigmoid", and the logits' name.

    Args:
        model: The model.
        output: The name of the output.

    Returns:
        None, and the output's own name, where nothing does.
    """
    makers = {name: node for node in model.graph.node for name in node.output}
    node = makers.get(output)
    while node is not None and node.op_type in PASSING:
        node = makers.get(node.input[0])
    if node is None or node.op_type not in LINKS:
        return None, output
    if any(found.name == "axis" and found.i not in (1, -1) for found in node.attribute):
        return None, output
    return LINKS[node.op_type], node.input[0]


def with_outputs(model: onnx.ModelProto, *outputs: str) -> onnx.ModelProto:
    """The same model with these outputs, only the nodes they need, and any number of rows."""
    found = onnx.ModelProto()
    found.CopyFrom(model)
    graph = found.graph
    needed, kept = set(outputs), list[onnx.NodeProto]()
    for node in reversed(graph.node):
        if needed & set(node.output):
            kept.append(node)
            needed |= set(node.input)
    del graph.node[:], graph.output[:], graph.value_info[:]
    graph.node.extend(reversed(kept))
    # without a type: ONNX Runtime infers it
    graph.output.extend(onnx.ValueInfoProto(name=output) for output in outputs)
    for entry in graph.input:
        sizes = entry.type.tensor_type.shape.dim
        if len(sizes) == 2:
            sizes[0].dim_param = "rows"
    return found
