"""An ONNX model: its graph as a torch module where that is known, else ONNX Runtime's answers.

A graph that gives labels beside its scores is judged by these. Where they follow from the scores,
the torch module decides as they do; where they do not, it only steers.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from rafair.errors import InputError, ModelError
from rafair.models.adapters.guided_classifier import LabelledModule
from rafair.models.adapters.input_columns import columns_taken
from rafair.models.adapters.onnx_external import fill_external, tensors_of
from rafair.models.adapters.onnx_graph import NotConvertibleError, convert
from rafair.models.adapters.onnx_outputs import Ports, link_of, ports_of, with_outputs
from rafair.models.adapters.output_classes import with_named
from rafair.models.adapters.score_model import Answer, BlackBox, asked, filled, probe_rows
from rafair.models.adapters.user_torch_module import OpenedModule
from rafair.models.classifier import Classifier, Labels, Rows
from rafair.models.decision import OWN, DecisionRule
from rafair.models.logits_from_answers import check_stated
from rafair.models.model_file import ModelFile, check_hash, kind_of, reason_of
from rafair.models.model_folder import check_saved_beside
from rafair.models.model_options import ModelOptions
from rafair.models.raw_inputs import raw_matrix
from rafair.tabular.labels import class_numbers, encode_labels
from rafair.tabular.schema import Schema

PROBES = 64
TOLERANCE = 1e-4
"""How far the torch module may be from ONNX Runtime, as a share of the largest score."""


@dataclass(frozen=True)
class _Graph:
    """What ONNX Runtime is given.

    Args:
        name: What to call the model.
        sha256: The hash of the file and of what it keeps elsewhere.
        model: The graph; its outputs are scores that steer, then labels or, for a threshold, the
            probabilities that it is compared with.
        ports: Where rows go in and scores come out.
        no_gradients: Why there are none.
    """

    name: str
    sha256: str
    model: bytes
    ports: Ports
    no_gradients: str


class OnnxModel(BlackBox):
    """A graph that ONNX Runtime answers for.

    Args:
        content: The graph.
        schema: The features.
        options: What it takes; "encoded" rows by default.
    """

    def __init__(self, content: _Graph, schema: Schema, options: ModelOptions) -> None:
        super().__init__(content.name, schema, content.sha256, (OnnxModel, content, options))
        self.probabilities = options.outputs == "probabilities"
        self.no_gradients = content.no_gradients
        self._ports = content.ports
        self._session = session_of(content.model, content.name)
        self._raw = options.inputs == "raw"
        if content.ports.label is not None and self.threshold is None:
            self.terms.decision = DecisionRule(OWN)

    def answer(self, rows: Rows) -> Answer:
        """What the graph gives for the rows."""
        found = self.outputs(rows)
        if len(found) == 1:
            return Answer(found[0])
        if self.threshold is None:
            return Answer(found[0], self._classes_of(found[1]))
        return Answer(found[0], self.threshold.decide(self.chances_of(found[1])))

    def outputs(self, rows: Rows) -> list[NDArray[Any]]:
        """The outputs of the graph, one after the other."""
        whole = filled(rows)
        given = raw_matrix(whole, self._schema) if self._raw else whole
        kind = np.float64 if self._ports.double else np.float32
        with asked(self.name):
            found = self._session.run(None, {self._ports.input: given.astype(kind)})
        return [np.asarray(values)[: len(rows)] for values in found]

    def _classes_of(self, labels: NDArray[Any]) -> Labels:
        """Labels as the table's classes: by the names that the graph has, else by their place."""
        values = labels.ravel().tolist()
        named = self._ports.classes is not None or class_numbers(self._schema) is not None
        if not named and self.order is not None:
            codes = np.asarray(values, np.int64)
            if ((codes < 0) | (codes >= len(self.order))).any():
                raise self._unknown(labels, None)
            return np.argsort(self.order)[codes].astype(np.int64)
        try:
            return encode_labels(values, self._schema)
        except (InputError, TypeError, ValueError) as error:
            raise self._unknown(labels, error) from error

    def _unknown(self, labels: NDArray[Any], cause: Exception | None) -> ModelError:
        known = np.unique(labels.ravel().astype(str))[:20]
        return ModelError(
            f"model '{self.name}': expected labels of the classes "
            f"{', '.join(self._schema.classes)}, got {', '.join(known)}"
        )


def open_onnx(source: str | Path, schema: Schema, options: ModelOptions) -> Classifier:
    """Opens an ONNX file.

    Raises:
        ModelError: If it is none, is cut short, does not fit the schema, or gives no scores.
        InputError: If ONNX Runtime is not installed.
    """
    file = whole_onnx(ModelFile.read(Path(source)))
    check_saved_beside(Path(source))
    check_hash(file.sha256, options.expected, str(source))
    return _made(file, schema, options)


@dataclass(frozen=True)
class Scored:
    """A graph cut to the scores that steer.

    Args:
        model: The graph.
        ports: Where rows go in.
        scores: The name of the scores.
        stated: How it was opened, and what the scores are.
        width: How many scores a row gets.
    """

    model: onnx.ModelProto
    ports: Ports
    scores: str
    stated: ModelOptions
    width: int


def scored(file: ModelFile, schema: Schema, options: ModelOptions) -> Scored:
    """The graph of a file that was opened, cut to the scores that steer."""
    model = _parsed(file)
    ports = ports_of(model, file.path)
    options = with_named(ports.classes, schema, options, file.path.name)
    graph = _Graph(file.name, file.sha256, b"", ports, "")
    scores, stated = _logits(model, graph, schema, options)
    model = with_outputs(model, scores)
    whole = OnnxModel(replace(graph, model=model.SerializeToString()), schema, stated)
    rows = probe_rows(schema)
    return Scored(
        model, ports, scores, stated, whole.outputs(rows)[0].reshape(len(rows), -1).shape[1]
    )


def _made(file: ModelFile, schema: Schema, options: ModelOptions) -> Classifier:
    model = _parsed(file)
    ports = ports_of(model, file.path)
    columns_taken(schema, None, ports.columns, file.path.name)
    options = with_named(ports.classes, schema, options, file.path.name)
    graph = _Graph(file.name, file.sha256, b"", ports, "")
    scores, stated = _logits(model, graph, schema, options)
    wanted = [scores, *_beside(ports, scores, options)]
    graph = replace(graph, model=with_outputs(model, *wanted).SerializeToString())
    whole = OnnxModel(graph, schema, stated)
    check_stated(whole.outputs(probe_rows(schema))[0], stated.outputs, whole.name)
    recipe = (_made, file, options)
    try:
        module = convert(with_outputs(model, scores))
        opened = OpenedModule(
            module, schema, stated, name=graph.name, sha256=graph.sha256, recipe=recipe
        )
        _check_same(opened, whole, schema)
    except (NotConvertibleError, ModelError) as error:
        return OnnxModel(replace(graph, no_gradients=str(error)), schema, stated)
    if ports.label is not None and whole.threshold is None:
        return LabelledModule(opened, whole, recipe)
    opened.answers = whole
    return opened


def _beside(ports: Ports, scores: str, options: ModelOptions) -> list[str]:
    """What is asked for beside the scores, so that the graph's own decision is judged."""
    if options.threshold is not None:
        return [ports.output] if scores != ports.output else []
    return [ports.label] if ports.label is not None else []


def _logits(
    model: onnx.ModelProto, graph: _Graph, schema: Schema, options: ModelOptions
) -> tuple[str, ModelOptions]:
    """The output that steers, the logits where the graph has them, and what that output is."""
    output = graph.ports.output
    if options.outputs == "logits":
        return output, options
    link, before = link_of(model, output)
    if link == "sigmoid":
        # of several classes each has a probability of its own: no logits of one softmax
        whole = with_outputs(model, output)
        answers = OnnxModel(replace(graph, model=whole.SerializeToString()), schema, options)
        rows = probe_rows(schema)
        width = answers.outputs(rows)[0].reshape(len(rows), -1).shape[1]
        link = link if width == 1 else None
        if width > 1:
            return output, replace(options, outputs="probabilities")
    if link is not None:
        return before, replace(options, outputs="logits")
    if graph.ports.label is not None:
        return output, replace(options, outputs=options.outputs or "probabilities")
    return output, options


def _check_same(opened: OpenedModule, whole: OnnxModel, schema: Schema) -> None:
    """Refuses a torch module that does not score as the graph does."""
    rows = probe_rows(schema, PROBES)
    ours = opened.logits(rows)
    theirs = whole.logits(rows)
    if whole.terms.decision.rule == OWN:  # its labels may be another thing
        theirs = whole.by_scores(rows)
    far = np.abs(ours - theirs).max() if ours.shape == theirs.shape else np.inf
    if not far <= TOLERANCE * max(1.0, float(np.abs(theirs).max())):
        raise NotConvertibleError(f"as a torch module, its logits differ by {far:.3g}")


def whole_onnx(file: ModelFile) -> ModelFile:
    """The file with the tensors that it keeps in other files, if it does.

    Raises:
        ModelError: If it is no ONNX model, or one of the files is not there.
    """
    model = _parsed(file)
    kept_elsewhere = [fill_external(tensor, file.path) for tensor in tensors_of(model)]
    if not any(kept_elsewhere):
        return file
    return ModelFile(file.path, model.SerializeToString(deterministic=True))


def _parsed(file: ModelFile) -> onnx.ModelProto:
    try:
        model = onnx.load_model_from_string(file.content)
    except Exception as error:  # protobuf's own errors, of several classes
        raise _not_onnx(file) from error
    if not model.graph.node or not model.opset_import:
        raise _not_onnx(file)
    return model


def _not_onnx(file: ModelFile) -> ModelError:
    kind = kind_of(file.content)
    found = "one that is cut short or altered" if kind == "bytes of another kind" else kind
    return ModelError(f"'{file.path}': expected an ONNX model, found {found}")


def session_of(content: bytes, name: str) -> Any:
    """A graph in ONNX Runtime, on one thread.

    Raises:
        ModelError: If it cannot be run.
        InputError: If ONNX Runtime is not installed.
    """
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
