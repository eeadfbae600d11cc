"""Which input and output of an ONNX model are the rows and the scores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import TensorProto

from rafair.errors import ModelError

NUMBERS = (TensorProto.FLOAT, TensorProto.DOUBLE)
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
        labelled: Whether it gives labels beside them, as scikit-learn's exports do; the scores are
            probabilities then.
    """

    input: str
    double: bool
    columns: int | None
    output: str
    labelled: bool


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
        labelled=len(graph.output) == 2 and len(scores) == 1,
    )


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


def with_output(model: onnx.ModelProto, output: str) -> onnx.ModelProto:
    """The same model with one output, only the nodes that it needs, and any number of rows."""
    found = onnx.ModelProto()
    found.CopyFrom(model)
    graph = found.graph
    needed, kept = {output}, list[onnx.NodeProto]()
    for node in reversed(graph.node):
        if needed & set(node.output):
            kept.append(node)
            needed |= set(node.input)
    del graph.node[:], graph.output[:], graph.value_info[:]
    graph.node.extend(reversed(kept))
    # without a type: ONNX Runtime infers it
    graph.output.append(onnx.ValueInfoProto(name=output))
    for entry in graph.input:
        sizes = entry.type.tensor_type.shape.dim
        if len(sizes) == 2:
            sizes[0].dim_param = "rows"
    return found
