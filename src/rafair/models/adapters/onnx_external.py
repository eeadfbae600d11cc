"""Tensors that an ONNX graph keeps in other files: read from beside it, or refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx

from rafair.errors import ModelError
from rafair.models.model_file import reason_of


def tensors_of(message: Any) -> Iterator[onnx.TensorProto]:
    """Every tensor of a model: of its graph, of graphs in that, of functions, sparse or not."""
    waiting = [message]
    while waiting:
        this = waiting.pop()
        if isinstance(this, onnx.TensorProto):
            yield this
            continue
        for field, value in this.ListFields():
            if field.message_type is not None:
                # a repeated field has many, another is one itself
                waiting.extend([value] if hasattr(value, "ListFields") else value)


def fill_external(tensor: onnx.TensorProto, model: Path) -> bool:
    """Fills a tensor that is kept in another file; whether it was.

    Args:
        tensor: The tensor.
        model: The model's file, in whose folder the other must lie.

    Raises:
        ModelError: If there is no such file, it lies elsewhere, is a link, or is cut short.
    """
    if not (tensor.external_data or tensor.data_location == onnx.TensorProto.EXTERNAL):
        return False
    places = [entry.value for entry in tensor.external_data if entry.key == "location"]
    try:
        (place,) = places
        beside = model.parent / place
        if Path(place).name != place or beside.is_symlink() or not beside.is_file():
            raise ValueError(f"found no such file '{place}' there")
        onnx.external_data_helper.load_external_data_for_tensor(tensor, str(model.parent))
    except Exception as error:  # protobuf's, the library's, or those above
        raise ModelError(
            f"'{model}': expected its weights in files beside it: {reason_of(error)}"
        ) from error
    tensor.data_location = onnx.TensorProto.DEFAULT
    tensor.ClearField("external_data")
    return True
