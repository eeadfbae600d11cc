"""The Open Inference Protocol, version 2, as KServe, Triton, MLServer and others speak it.

A model's metadata say what tensors it takes: one of shape `[n, d]`, or one for each column.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard
from urllib.parse import urlsplit, urlunsplit

import numpy as np
from numpy.typing import NDArray

from rafair.errors import InputError, ModelError, UnknownNameError
from rafair.models.classifier import Rows
from rafair.models.http.json_values import raw_columns
from rafair.models.http.response_scores import Malformed, Said
from rafair.models.raw_inputs import level_numbers
from rafair.tabular.schema import Feature, Schema

MODEL = re.compile(r"^(.*/v2/models/[^/]+(?:/versions/[^/]+)?)(?:/infer)?/?$")

FLOATS = ("FP16", "FP32", "FP64", "BF16")
WHOLE = ("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64")
DATATYPES = (*FLOATS, *WHOLE, "BOOL", "BYTES")

LONGEST, LARGEST = 1000, 1 << 40
"""Characters of a tensor's name, and its size in a direction: of more, no model is asked."""


@dataclass(frozen=True)
class Tensor:
    """One input or output, as a model's metadata describe it.

    Args:
        name: Its name.
        datatype: Such as "FP32".
        shape: Its shape, -1 for the number of rows.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]

    @classmethod
    def read(cls, described: Any) -> Tensor:
        """Reads it from metadata.

        Raises:
            Malformed: If it is no description of a tensor.
        """
        keys = ("name", "datatype", "shape")
        name, datatype, shape = map((described if isinstance(described, dict) else {}).get, keys)
        named = all(isinstance(text, str) and len(text) <= LONGEST for text in (name, datatype))
        if not named or not _are_whole(shape, -1):
            raise Malformed("metadata that describe no tensors")
        return cls(str(name), str(datatype), tuple(shape))

    @property
    def is_column(self) -> bool:
        """Whether it holds one value per row."""
        return len(self.shape) < 2 or (len(self.shape) == 2 and self.shape[1] == 1)


@dataclass(frozen=True)
class Metadata:
    """What a server says of a model.

    Args:
        inputs: The tensors it takes.
        outputs: The tensors it gives.
        about: What identifies it: name, platform, versions.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    about: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, answer: Any) -> Metadata:
        """Reads them from the answer to `GET v2/models/NAME`.

        Raises:
            Malformed: If they are none.
        """
        if not isinstance(answer, dict):
            raise Malformed("metadata that are no JSON object")
        lists = [answer.get("inputs"), answer.get("outputs")]
        if not all(isinstance(tensors, list) for tensors in lists):
            raise Malformed("metadata without inputs and outputs")
        inputs, outputs = (tuple(map(Tensor.read, tensors or ())) for tensors in lists)
        about = ((key, str(answer.get(key))) for key in ("name", "platform", "versions"))
        return cls(inputs, outputs, tuple(about))


def model_address(address: str) -> str:
    """The address of a model's metadata, from that or the one where rows are posted.

    Raises:
        InputError: If it is neither.

    Example:
        >>> model_address("http://localhost:8000/v2/models/credit/infer")
        'http://localhost:8000/v2/models/credit'
    """
    parts = urlsplit(address)
    found = MODEL.match(parts.path)
    if not found:
        raise InputError(
            f"model: expected an address such as http://HOST/v2/models/NAME, got '{address}'"
        )
    return urlunsplit(parts._replace(path=found[1]))


def speaks_inference(address: str) -> bool:
    """Whether an address looks like one of this protocol."""
    return MODEL.match(urlsplit(address).path) is not None


class OpenInference:
    """Rows as tensors.

    Args:
        model: The address of the model's metadata.
        metadata: What they say.
        name: What to call the model.
        schema: The features.
        encoded: Whether the model takes encoded rows, in one tensor.
        outputs: "probabilities" or "logits"; None tells by the output's name.
        pandas: Whether columns go by MLServer's content type "pd".

    Raises:
        ModelError: If the model takes or gives tensors that do not fit the table.

    Example:
        >>> from rafair.tabular.schema import Feature
        >>> age = Feature(name="age", kind="integer", minimum=20, maximum=40)
        >>> schema = Schema(features=(age,), label="y", classes=("no", "yes"))
        >>> said = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 1]}],
        ...         "outputs": [{"name": "logits", "datatype": "FP32", "shape": [-1, 2]}]}
        >>> model = OpenInference("http://a/v2/models/m", Metadata.read(said), "m", schema)
        >>> model.request(np.float32([[0.5]]))["inputs"]
        [{'name': 'x', 'datatype': 'FP32', 'shape': [1, 1], 'data': [30.0]}]
    """

    def __init__(
        self,
        model: str,
        metadata: Metadata,
        name: str,
        schema: Schema,
        *,
        encoded: bool = False,
        outputs: str | None = None,
        pandas: bool = False,
    ) -> None:
        self.name, self._schema, self._metadata = name, schema, metadata
        self._model, self._encoded = model, encoded
        parts = urlsplit(model)
        self.address = urlunsplit(parts._replace(path=parts.path + "/infer"))
        self._check_inputs()
        self._output, self._label = self._choose_output(outputs), self._choose_label()
        self._wanted = [self._output, *([self._label] if self._label else [])]
        told = "logits" if "logit" in self._output.name.lower() else "probabilities"
        self._probabilities = (outputs or told) == "probabilities"
        self._pandas = pandas

    def request(self, rows: Rows) -> Any:
        """`{"inputs": [...], "outputs": [...]}`.

        Raises:
            ModelError: If a value cannot be written in its tensor's datatype.
        """
        wanted = [{"name": output.name} for output in self._wanted]
        if self._matrix is None:
            columns = raw_columns(rows, self._schema)
            tensors = [
                _tensor(tensor, self._data(tensor, columns[tensor.name]), len(rows))
                for tensor in self._metadata.inputs
            ]
            if self._pandas:
                for tensor in tensors:
                    if tensor["datatype"] == "BYTES":
                        tensor["parameters"] = {"content_type": "str"}
                about = {"parameters": {"content_type": "pd"}}
                return about | {"inputs": tensors, "outputs": wanted}
            return {"inputs": tensors, "outputs": wanted}
        matrix = rows.tolist() if self._encoded else self._numbers(rows)
        flat = [value for row in matrix for value in row]
        return {
            "inputs": [_tensor(self._matrix, flat, len(rows), rows.shape[1])],
            "outputs": wanted,
        }

    def read(self, answer: Any) -> Said:
        """The scores, and beside them the model's own labels where it gives some.

        Raises:
            Malformed: If a tensor that was asked for is not in the answer, or not whole.
        """
        outputs = answer.get("outputs") if isinstance(answer, dict) else None
        if not isinstance(outputs, list) or not all(isinstance(each, dict) for each in outputs):
            raise Malformed("an answer without a list of outputs")
        found = {name: each for each in outputs if isinstance(name := each.get("name"), str)}
        scores = _values(found, self._output, np.float64)
        labels = None
        if self._label is not None:
            labels = _values(found, self._label, object).ravel().tolist()
        return Said(scores, self._probabilities, labels)

    def identity(self) -> dict[str, object]:
        """The address, what the metadata say, and what is sent and read."""
        tensors = [*self._metadata.inputs, *self._wanted]
        return {
            "protocol": "v2",
            "address": self.address,
            "about": dict(self._metadata.about),
            "tensors": [[tensor.name, tensor.datatype, *tensor.shape] for tensor in tensors],
            "columns": list(self._schema.names),
            "encoded": self._encoded,
            "probabilities": self._probabilities,
        }

    def _check_inputs(self) -> None:
        inputs, names = self._metadata.inputs, self._schema.names
        for tensor in inputs:
            if tensor.datatype not in DATATYPES:
                raise self._unfit(f"tensors of {', '.join(DATATYPES)}", f"'{tensor.datatype}'")
        by_name = len(inputs) > 1 or (inputs[0].is_column and inputs[0].name in names)
        if by_name and not self._encoded:
            self._matrix = None
            for tensor in inputs:
                if tensor.name not in names:
                    raise UnknownNameError("column of the table", tensor.name, names)
                if not tensor.is_column:
                    raise self._unfit("one value per row in each column", f"shape {tensor.shape}")
            return
        self._matrix = inputs[0]
        width = self._matrix.shape[1] if len(self._matrix.shape) == 2 else 0
        if len(inputs) > 1 or self._matrix.datatype not in FLOATS or not width:
            raise self._unfit(
                f"one input of floating-point numbers and shape [n, {len(names)}], or one per "
                "column",
                f"{len(inputs)}, of which '{inputs[0].name}' is {inputs[0].datatype} "
                f"{list(inputs[0].shape)}",
            )
        if width not in (-1, len(names)):
            raise self._unfit(f"rows of {len(names)} features as in the table", f"one of {width}")

    def _choose_output(self, outputs: str | None) -> Tensor:
        """The output that holds scores: the one that is named so, else the only one."""
        scores = [tensor for tensor in self._metadata.outputs if tensor.datatype in FLOATS]
        if not scores:
            raise self._unfit(
                "scores, such as probabilities, as an output",
                "predicted classes alone: "
                + ", ".join(f"'{tensor.name}'" for tensor in self._metadata.outputs),
            )
        words = {"logits": ("logit",), "probabilities": ("prob",)}.get(outputs or "", ())
        for word in words or ("prob", "logit"):
            for tensor in scores:
                if word in tensor.name.lower():
                    return tensor
        if len(scores) > 1:
            found = ", ".join(f"'{tensor.name}'" for tensor in scores)
            raise self._unfit("an output called probabilities or logits", found)
        return scores[0]

    def _choose_label(self) -> Tensor | None:
        """The output that holds the model's own decisions: the only one of texts or whole numbers.

        Of several, the one that is named so.
        """
        found = [
            tensor
            for tensor in self._metadata.outputs
            if tensor.datatype in (*WHOLE, "BYTES", "BOOL") and tensor.is_column
        ]
        named = [t for t in found if any(word in t.name.lower() for word in ("label", "class"))]
        chosen = named or found
        return chosen[0] if len(chosen) == 1 else None

    @property
    def labelled(self) -> bool:
        """Whether the model says what it decides."""
        return self._label is not None

    def _numbers(self, rows: Rows) -> list[list[Any]]:
        """Numbers in the data's own units, and levels as numbers."""
        columns = raw_columns(rows, self._schema)
        numbers = [
            self._plain(feature, [_number(feature, value) for value in columns[feature.name]])
            for feature in self._schema.features
        ]
        return [list(row) for row in zip(*numbers, strict=True)]

    def _data(self, tensor: Tensor, values: Sequence[Any]) -> list[Any]:
        """Values of one column as its datatype wants them."""
        feature = self._schema[tensor.name]
        values = self._plain(feature, values)
        if tensor.datatype == "BYTES":
            return [str(value) for value in values]
        numbers = [_number(feature, value) for value in values]
        if tensor.datatype in FLOATS:
            return numbers
        for number in numbers:
            if not number.is_integer():
                raise ModelError(
                    f"model '{self.name}': column '{feature.name}': expected whole numbers for "
                    f"{tensor.datatype}, got {number:g}; `perturbation='feasible'` keeps them whole"
                )
        return [bool(n) if tensor.datatype == "BOOL" else int(n) for n in numbers]

    def _plain(self, feature: Feature, values: Sequence[Any]) -> list[Any]:
        if any(value is None for value in values):
            raise ModelError(
                f"model '{self.name}': column '{feature.name}': a missing value has no place in "
                "a tensor; plain JSON takes it as null"
            )
        return list(values)

    def _unfit(self, expected: str, found: str) -> ModelError:
        return ModelError(f"model '{self.name}': expected {expected}, found {found}")


def _values(found: dict[str, Any], tensor: Tensor, kind: Any) -> NDArray[Any]:
    """The values of an output, in its shape."""
    if tensor.name not in found:
        raise Malformed(f"an answer without the output '{tensor.name}'")
    data, shape = (found[tensor.name].get(key) for key in ("data", "shape"))
    wrong = f"an output '{tensor.name}' that is not of its shape"
    if not isinstance(data, list) or not _are_whole(shape, 0):
        raise Malformed(wrong)
    try:
        return np.asarray(data, kind).reshape(shape)
    except (TypeError, ValueError, OverflowError) as error:
        raise Malformed(wrong) from error


def _are_whole(shape: Any, least: int) -> TypeGuard[list[int]]:
    """Whether a shape is a list of whole numbers, none of them beyond all reason."""
    if not isinstance(shape, list):
        return False
    return all(type(size) is int and least <= size <= LARGEST for size in shape)


def _tensor(tensor: Tensor, data: list[Any], *shape: int) -> dict[str, object]:
    whole = [*shape, 1] if len(tensor.shape) == 2 and len(shape) == 1 else list(shape)
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": whole, "data": data}


def _number(feature: Feature, value: Any) -> float:
    """A value as a number; levels as `level_numbers` has them."""
    if not isinstance(value, str):
        return float(value)
    return float(level_numbers(feature)[(feature.levels or ()).index(value)])
