"""Which class of the table each output of a model is of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rafair.errors import InputError, ModelError
from rafair.models.model_options import ModelOptions
from rafair.tabular.labels import class_numbers, encode_labels
from rafair.tabular.schema import Schema


def order_of(classes: Sequence[str] | None, schema: Schema, name: str) -> list[int] | None:
    """Where among a model's outputs each class of the table stands; None where nothing is said.

    Args:
        classes: The classes in the order of the outputs.
        schema: Says which classes there are.
        name: What to call the model in messages.

    Raises:
        ModelError: If they are not the table's.

    Example:
        >>> order_of(("yes", "no"), Schema(features=(), label="y", classes=("no", "yes")), "m")
        [1, 0]
    """
    if classes is None:
        return None
    if sorted(classes) != sorted(schema.classes):
        raise ModelError(
            f"model '{name}': expected the classes {', '.join(schema.classes)} of the table, each "
            f"once, in the order of its outputs, got {', '.join(classes)}"
        )
    return [list(classes).index(known) for known in schema.classes]


def order_by_name(classes: Any, schema: Schema, name: str) -> list[int]:
    """Where among the classes that a model names each of the table's stands.

    Numbers are codes of the table's classes, unless these are numbers themselves.

    Args:
        classes: The model's own, in the order of its outputs.
        schema: Says which classes there are.
        name: What to call the model in messages.

    Raises:
        ModelError: If they are not the table's.

    Example:
        >>> order_by_name(["yes", "no"], Schema(features=(), label="y", classes=("no", "yes")), "m")
        [1, 0]
    """
    cause: Exception | None = None
    try:
        codes = encode_labels(np.asarray(classes).tolist(), schema)
    except (InputError, TypeError, ValueError) as error:
        codes, cause = np.empty(0, np.int64), error
    if sorted(codes.tolist()) != list(range(len(schema.classes))):
        raise ModelError(
            f"'{name}': expected the classes {', '.join(schema.classes)}, found "
            f"{', '.join(map(str, list(classes)[:20]))}"
        ) from cause
    return [int(place) for place in np.argsort(codes)]


def are_names(classes: Any, schema: Schema) -> bool:
    """Whether a model's classes are called as the table's; else they are codes of an order.

    Example:
        >>> schema = Schema(features=(), label="y", classes=("no", "yes"))
        >>> are_names(["no", "yes"], schema), are_names([0, 1], schema)
        (True, False)
    """
    texts = all(isinstance(known, str) for known in np.asarray(classes).tolist())
    return texts or class_numbers(schema) is not None


def with_named(classes: Any, schema: Schema, options: ModelOptions, name: str) -> ModelOptions:
    """The options with the order of classes that a model names, if it does.

    Args:
        classes: The model's own, in the order of its outputs; None where it has none.
        schema: Says which classes there are.
        options: What a user says.
        name: What to call the model in messages.

    Raises:
        ModelError: If the classes are not the table's, or a user says otherwise.
    """
    if classes is None:
        return options
    order = order_by_name(classes, schema, name)
    if not are_names(classes, schema):
        return options
    named = tuple(schema.classes[place] for place in np.argsort(order))
    if options.classes is not None and tuple(options.classes) != named:
        raise ModelError(
            f"model '{name}': names its classes itself, {', '.join(map(str, classes))}; got the "
            f"order {', '.join(options.classes)} (model_classes)"
        )
    return replace(options, classes=named)
