"""The consensus of an ONNX model as one ONNX graph around it, where that gives the same answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from rafair.errors import InputError, ModelError
from rafair.models.adapters.onnx_model import TOLERANCE, Scored, scored, session_of
from rafair.models.adapters.score_model import filled, probe_rows
from rafair.models.classifier import Classifier
from rafair.models.decision import ARG_MAX
from rafair.models.function_classifier import LEAST_PROBABILITY
from rafair.models.model_file import ModelFile, reason_of
from rafair.models.model_options import ModelOptions
from rafair.models.onnx_export import Averaged
from rafair.models.raw_inputs import raw_matrix
from rafair.tabular.schema import Schema

LEAST_OPSET = 9
"""From here on, all operators around the model are as they are written here."""

PROBED = 256
INSIDE = "model/"


class NoGraphError(Exception):
    """The consensus of this model is no ONNX graph; the message says why."""


def consensus_graph(
    file: ModelFile,
    averaged: Averaged,
    consensus: Classifier,
    schema: Schema,
    options: ModelOptions,
) -> bytes:
    """The graph: it takes what the model takes, and gives the mean logits, `(n, c)`.

    Args:
        file: The model's file.
        averaged: Over which sensitive values, in encoded rows.
        consensus: The same as it was judged; both are asked about a few rows.
        schema: The features.
        options: How the model was opened.

    Raises:
        NoGraphError: If it cannot be written as a graph, or does not answer as the consensus.
    """
    if consensus.terms.decision.rule != ARG_MAX:
        raise NoGraphError("the model decides by a threshold, which a graph of logits does not")
    inner = scored(file, schema, options)
    versions = [each.version for each in inner.model.opset_import if each.domain in ("", "ai.onnx")]
    if max(versions, default=0) < LEAST_OPSET:
        raise NoGraphError(f"expected opset {LEAST_OPSET} or later in the model")
    raw = options.inputs == "raw"
    given = raw_matrix(averaged.combinations, schema) if raw else averaged.combinations
    outputs = list(consensus.terms.outputs or schema.classes)
    order = [outputs.index(name) for name in schema.classes]
    made = _Around(inner).graph(given, averaged.kept.astype(bool), order)
    content: bytes = made.SerializeToString(deterministic=True)
    _check_same(content, inner, consensus, schema, raw=raw)
    return content


class _Around:
    """A model with each row spread before it, and the means of its logits behind it."""

    def __init__(self, inner: Scored) -> None:
        self.model = onnx.compose.add_prefix(inner.model, INSIDE)
        self.inner, self.nodes = inner, list[onnx.NodeProto]()

    def graph(
        self, combinations: NDArray[Any], kept: NDArray[np.bool_], order: list[int]
    ) -> onnx.ModelProto:
        """The whole; `order` says where among the scores of the model each class stands."""
        graph, ports, m = self.model.graph, self.inner.ports, len(combinations)
        kind: Any = np.float64 if ports.double else np.float32
        each = self._reshaped("rows", "each", -1, 1, len(kept))
        # chosen, not multiplied: what is missing is no number
        values = [
            self._constant("kept", kept[None, None]),
            each,
            self._constant("combinations", combinations[None].astype(kind)),
        ]
        beside = self._node("Where", values, "beside")
        self._reshaped(beside, INSIDE + ports.input, -1, len(kept))
        self.nodes += graph.node
        logits = self._logits(order)
        together = self._reshaped(logits, "together", -1, m * len(order))
        mean = np.tile(np.eye(len(order), dtype=np.float32), (m, 1)) / np.float32(m)
        self._node("MatMul", [together, self._constant("mean", mean)], "logits")
        del graph.node[:], graph.output[:], graph.value_info[:]
        graph.node.extend(self.nodes)
        (entry,) = (one for one in graph.input if one.name == INSIDE + ports.input)
        graph.input.remove(entry)
        double = TensorProto.DOUBLE if ports.double else TensorProto.FLOAT
        graph.input.append(helper.make_tensor_value_info("rows", double, ["n", len(kept)]))
        graph.output.append(
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", len(order)])
        )
        self.model.producer_name = "rafair"
        return self.model

    def _logits(self, order: list[int]) -> str:
        """The model's scores as logits in the table's order of classes."""
        chances, width = self.inner.stated.outputs == "probabilities", self.inner.width
        found = self._node("Cast", [INSIDE + self.inner.scores], "single", to=TensorProto.FLOAT)
        found = self._reshaped(found, "matrix", -1, width)
        if width == 1:  # of the second class alone
            weight = self._constant("weight", np.array([[-1 if chances else 0, 1]], np.float32))
            start = self._constant("start", np.array([1 if chances else 0, 0], np.float32))
            found = self._node("Add", [self._node("MatMul", [found, weight], "two"), start], "both")
        if order != sorted(order):
            places = self._constant("order", np.array(order, np.int64))
            found = self._node("Gather", [found, places], "ordered", axis=1)
        if chances:
            least = self._constant("least", np.array(LEAST_PROBABILITY, np.float32))
            found = self._node("Log", [self._node("Max", [found, least], "clipped")], "logs")
        return found

    def _node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        self.model.graph.initializer.append(numpy_helper.from_array(value, name))
        return name

    def _reshaped(self, given: str, output: str, *shape: int) -> str:
        sizes = self._constant(f"shape of {output}", np.array(shape, np.int64))
        return self._node("Reshape", [given, sizes], output)


def _check_same(
    content: bytes, inner: Scored, consensus: Classifier, schema: Schema, *, raw: bool
) -> None:
    """Refuses a graph that does not answer as the consensus."""
    rows = filled(probe_rows(schema, PROBED))
    given = raw_matrix(rows, schema) if raw else rows
    kind: Any = np.float64 if inner.ports.double else np.float32
    try:
        (ours,) = session_of(content, "model.onnx").run(["logits"], {"rows": given.astype(kind)})
    except (InputError, ModelError) as error:
        raise NoGraphError(str(error)) from error
    except Exception as error:  # the library has a class for each of its codes
        raise NoGraphError(f"cannot be run: {reason_of(error)}") from error
    theirs = consensus.logits(rows)
    far = np.abs(ours - theirs).max() if ours.shape == theirs.shape else np.inf
    if not far <= TOLERANCE * max(1.0, float(np.abs(theirs).max())):
        raise NoGraphError(f"as a graph, its logits differ by {far:.3g}")
