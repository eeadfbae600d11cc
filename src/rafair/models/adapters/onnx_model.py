"""An ONNX model: its graph as a torch module where that is known, else ONNX Runtime's answers."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from rafair.errors import InputError, ModelError
from rafair.models.adapters.asking import BlackBox, asked, probe_rows
from rafair.models.adapters.columns import columns_taken
from rafair.models.adapters.onnx_graph import NotConvertibleError, convert
from rafair.models.adapters.onnx_outputs import Ports, link_of, ports_of, with_output
from rafair.models.adapters.opened_module import OpenedModule
from rafair.models.classifier import Classifier, Rows
from rafair.models.model_file import kind_of, read_model_file, reason_of
from rafair.models.model_options import ModelOptions
from rafair.models.raw_rows import RawUnits
from rafair.models.scores import check_stated
from rafair.tabular.schema import Schema

PROBES = 64
TOLERANCE = 1e-4
"""How far the torch module may be from ONNX Runtime, as a share of the largest score."""


@dataclass(frozen=True)
class _File:
    path: Path
    content: bytes


class OnnxModel(BlackBox):
    """A graph that ONNX Runtime answers for.

    Args:
        content: The graph, with the one output that is wanted, its ports, and its hash.
        schema: The features.
        options: What it takes; "encoded" rows by default.
    """

    def __init__(self, content: _Graph, schema: Schema, options: ModelOptions) -> None:
        super().__init__(content.name, schema, content.sha256, (OnnxModel, content, options))
        self.probabilities = options.outputs == "probabilities"
        self.no_gradients = content.no_gradients
        self._ports = content.ports
        self._session = _session(content.model, content.name)
        self._raw = RawUnits(schema) if options.inputs == "raw" else None

    def scores(self, rows: Rows) -> NDArray[Any]:
        """What the graph gives for the rows."""
        given = rows
        if self._raw is not None:
            with torch.no_grad():
                given = self._raw(torch.tensor(rows)).numpy()
        kind = np.float64 if self._ports.double else np.float32
        with asked(self.name):
            (found,) = self._session.run(None, {self._ports.input: given.astype(kind)})
        return np.asarray(found)


@dataclass(frozen=True)
class _Graph:
    name: str
    sha256: str
    model: bytes
    ports: Ports
    no_gradients: str


def open_onnx(path: Path, schema: Schema, options: ModelOptions) -> Classifier:
    """Opens an ONNX file.

    Raises:
        ModelError: If it is none, is cut short, does not fit the schema, or gives no scores.
        InputError: If ONNX Runtime is not installed.
    """
    return _made(_whole(path, read_model_file(path)), schema, options)


def _made(file: _File, schema: Schema, options: ModelOptions) -> Classifier:
    model = _parsed(file)
    ports = ports_of(model, file.path)
    columns_taken(schema, None, ports.columns, file.path.name)
    digest = hashlib.sha256(file.content).hexdigest()
    graph = _Graph(file.path.name, digest, b"", ports, "")
    model, stated = _logits(model, graph, schema, options)
    graph = replace(graph, model=model.SerializeToString())
    whole = OnnxModel(graph, schema, stated)
    check_stated(whole.scores(probe_rows(schema)), stated.outputs, whole.name)
    try:
        module = convert(model)
        opened = OpenedModule(
            module, schema, stated, name=graph.name, sha256=digest, recipe=(_made, file, options)
        )
        _check_same(opened, whole, schema)
    except (NotConvertibleError, ModelError) as error:
        return OnnxModel(replace(graph, no_gradients=str(error)), schema, stated)
    return opened


def _logits(
    model: onnx.ModelProto, graph: _Graph, schema: Schema, options: ModelOptions
) -> tuple[onnx.ModelProto, ModelOptions]:
    """The model with one output, the logits where the graph has them, and what that output is."""
    whole = with_output(model, graph.ports.output)
    if options.outputs == "logits":
        return whole, options
    link, before = link_of(model, graph.ports.output)
    if link == "sigmoid":
        # of several classes each has a probability of its own: no logits of one softmax
        answers = OnnxModel(replace(graph, model=whole.SerializeToString()), schema, options)
        width = answers.scores(probe_rows(schema)).reshape(len(probe_rows(schema)), -1).shape[1]
        link = link if width == 1 else None
        if width > 1:
            return whole, replace(options, outputs="probabilities")
    if link is not None:
        return with_output(model, before), replace(options, outputs="logits")
    if graph.ports.labelled:
        return whole, replace(options, outputs=options.outputs or "probabilities")
    return whole, options


def _check_same(opened: OpenedModule, whole: OnnxModel, schema: Schema) -> None:
    """Refuses a torch module that does not answer as the graph does."""
    rows = probe_rows(schema, PROBES)
    ours, theirs = opened.logits(rows), whole.logits(rows)
    far = np.abs(ours - theirs).max() if ours.shape == theirs.shape else np.inf
    if not far <= TOLERANCE * max(1.0, float(np.abs(theirs).max())):
        raise NotConvertibleError(f"as a torch module, its logits differ by {far:.3g}")


def _whole(path: Path, content: bytes) -> _File:
    """The file with the weights that it keeps in other files, if it does."""
    file = _File(path, content)
    model = _parsed(file)
    tensors = model.graph.initializer
    if not any(onnx.external_data_helper.uses_external_data(tensor) for tensor in tensors):
        return file
    try:
        onnx.external_data_helper.load_external_data_for_model(model, str(path.parent))
    except Exception as error:  # no such file, cut short, or outside the folder
        raise ModelError(
            f"'{path}': expected its weights in files beside it: {reason_of(error)}"
        ) from error
    return _File(path, model.SerializeToString(deterministic=True))


def _parsed(file: _File) -> onnx.ModelProto:
    try:
        model = onnx.load_model_from_string(file.content)
    except Exception as error:  # protobuf's own errors, of several classes
        raise _not_onnx(file) from error
    if not model.graph.node or not model.opset_import:
        raise _not_onnx(file)
    return model


def _not_onnx(file: _File) -> ModelError:
    kind = kind_of(file.content)
    found = "one that is cut short or altered" if kind == "bytes of another kind" else kind
    return ModelError(f"'{file.path}': expected an ONNX model, found {found}")


def _session(content: bytes, name: str) -> Any:
    if importlib.util.find_spec("onnxruntime") is None:
        raise InputError(
            f"model '{name}': ONNX Runtime is not installed; pip install 'rafair[onnxruntime]' "
            "installs it"
        )
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what is wrong comes as an exception as well
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the library has a class for each of its codes
        raise ModelError(f"model '{name}': cannot be run: {reason_of(error)}") from error
