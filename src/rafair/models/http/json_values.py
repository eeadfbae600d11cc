"""Encoded rows as plain values under the table's own names, for servers that know no encoding."""

from __future__ import annotations

from typing import Any

from rafair.errors import ModelError
from rafair.models.classifier import Rows
from rafair.tabular.encoding import MISSING, decode_values, plain_value
from rafair.tabular.schema import Kind, Schema
from rafair.tabular.value_types import Held, held_by


def raw_columns(rows: Rows, schema: Schema) -> dict[str, list[Any]]:
    """The values of each feature in its own unit; integers as integers, missing ones as None.

    A number that a perturbation moved between two integers stays there: rounding it would hide
    what was asked.

    Args:
        rows: Encoded rows of shape `(n, len(schema))`.
        schema: The features.

    Raises:
        ModelError: If an opaque feature holds times, which JSON has no values for.

    Example:
        >>> import numpy as np
        >>> from rafair.tabular.schema import Feature
        >>> age = Feature(name="age", kind="integer", minimum=20, maximum=40, missing=True)
        >>> schema = Schema(features=(age,), label="y", classes=("no", "yes"))
        >>> raw_columns(np.float32([[0.5], [0.53], [-1]]), schema)
        {'age': [30, 30.6, None]}
    """
    columns: dict[str, list[Any]] = {}
    for place, feature in enumerate(schema.features):
        codes = rows[:, place]
        if feature.is_opaque and held_by(type((feature.levels or ("",))[0])) is Held.TIMES:
            raise ModelError(
                f"feature '{feature.name}': expected numbers, texts or truth values for a model "
                "behind HTTP, found times; make them texts in the table"
            )
        values = [plain_value(value) for value in decode_values(codes, feature)]
        if feature.kind is Kind.INTEGER:
            values = [int(value) if float(value).is_integer() else value for value in values]
        if feature.missing:
            gone = codes == MISSING
            values = [None if no else value for no, value in zip(gone, values, strict=True)]
        columns[feature.name] = values
    return columns
