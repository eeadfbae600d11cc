"""What the columns of a stream are: features, the id of each row, and its label."""

from __future__ import annotations

from dataclasses import dataclass

from rafair.errors import InputError
from rafair.tabular.schema import Schema

ID, LABEL = "id", "label"


@dataclass(frozen=True)
class Columns:
    """Names of columns.

    Args:
        features: The schema's features, in its order.
        id: The column with the rows' ids.
        labels: Where a row's label stands: in the first of these columns that it has.

    Example:
        >>> from rafair.tabular.schema import Feature
        >>> age = Feature(name="age", kind="integer", minimum=18, maximum=95)
        >>> Columns.of(Schema(features=(age,), label="paid", classes=("no", "yes")))
        Columns(features=('age',), id='id', labels=('label', 'paid'))
    """

    features: tuple[str, ...]
    id: str
    labels: tuple[str, ...]

    @classmethod
    def of(cls, schema: Schema, *, id: str | None = None, label: str | None = None) -> Columns:
        """The columns of a schema's rows.

        Args:
            schema: The features, and the data set's own name of its label.
            id: The column with the ids; "id" if None.
            label: The column with the labels; if None, "label", or else the data set's own.

        Raises:
            InputError: If one of them is a feature, or both are the same.
        """
        for what, given, usual in (("id", id, ID), ("label", label, LABEL)):
            if (given or usual) in schema.names:
                hint = "" if given else f"; name another one, as '{usual}' is a feature"
                raise InputError(
                    f"{what}_column: expected one that is no feature, got '{given or usual}'{hint}"
                )
        id = id or ID
        labels = (label,) if label else tuple(dict.fromkeys((LABEL, schema.label)))
        if label == id or id == LABEL:
            raise InputError(f"label_column: expected another one than the ids', got '{id}'")
        labels = tuple(name for name in labels if name != id and name not in schema.names)
        return cls(schema.names, id, labels)
