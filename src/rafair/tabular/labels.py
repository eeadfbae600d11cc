"""True classes from a label column: names of classes, or numbers that stand for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rafair.errors import InputError
from rafair.tabular.encoding import plain_value
from rafair.tabular.schema import Schema


def encode_labels(values: Any, schema: Schema, first_row: int = 0) -> NDArray[np.int64]:
    """The class of each row, as an index into the schema's classes; shape `(n,)`.

    Texts are names of classes. Numbers are names of classes where all names are numbers, else
    codes: 0 is the first class.

    Args:
        values: The label column.
        schema: Says which classes there are.
        first_row: The number of the first row, for messages.

    Raises:
        InputError: If a label is missing or unknown; says which, and in which row.

    Example:
        >>> schema = Schema(features=(), label="paid", classes=("no", "yes"))
        >>> encode_labels(["yes", "no"], schema).tolist(), encode_labels([1, 0], schema).tolist()
        ([1, 0], [1, 0])
    """
    codes = label_codes(values, schema)
    bad = np.flatnonzero(np.isnan(codes))
    if bad.size:
        raise InputError(
            f"label '{schema.label}', row {first_row + bad[0]}: expected "
            f"{expected_labels(values, schema)}, got "
            f"{plain_value(pd.Series(values).iloc[bad[0]])!r}"
        )
    return codes.astype(np.int64)


def label_codes(values: Any, schema: Schema) -> NDArray[np.float64]:
    """The class of each row, NaN for what is none; shape `(n,)`."""
    series = pd.Series(values)
    known: dict[Any, int] = {name: code for code, name in enumerate(schema.classes)}
    if pd.api.types.is_numeric_dtype(series):  # booleans are as well
        numbers = class_numbers(schema) or range(len(schema.classes))
        known = {number: code for code, number in enumerate(numbers)}
        series = series.astype(np.float64)
    return series.map(known).to_numpy(np.float64, na_value=np.nan)


def expected_labels(values: Any, schema: Schema) -> str:
    """What a label may be, in the words of an error message."""
    if pd.api.types.is_numeric_dtype(pd.Series(values)) and not class_numbers(schema):
        return f"a number from 0 to {len(schema.classes) - 1}, the code of a class"
    return f"one of {', '.join(schema.classes)}"


def class_numbers(schema: Schema) -> list[float] | None:
    """The classes' names as numbers, where all of them are; a truth value is 0 or 1.

    Example:
        >>> class_numbers(Schema(features=(), label="y", classes=("False", "True")))
        [0.0, 1.0]
    """
    truth = {"False": 0.0, "True": 1.0}
    try:
        return [truth[name] if name in truth else float(name) for name in schema.classes]
    except ValueError:
        return None
