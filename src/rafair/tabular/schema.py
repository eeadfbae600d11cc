"""The features of a table: kind, range, levels, and which of them are sensitive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from math import isfinite
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from rafair.arguments import check_name
from rafair.errors import InputError
from rafair.tabular.bands import check_edges


def check_span(where: str, low: float, high: float) -> None:
    """Refuses a range that is longer than the largest number.

    Raises:
        InputError: If it is.
    """
    if not isfinite(high - low):
        raise InputError(
            f"{where}: expected a range no longer than the largest number, found {low:g} to "
            f"{high:g}"
        )


class Kind(StrEnum):
    """What the values of a feature are."""

    NUMERIC = "numeric"
    INTEGER = "integer"
    ORDINAL = "ordinal"
    CATEGORICAL = "categorical"
    BOOLEAN = "boolean"
    OPAQUE = "opaque"

    @property
    def is_number(self) -> bool:
        """Whether values are numbers with a range, rather than a list of levels."""
        return self in (Kind.NUMERIC, Kind.INTEGER)


class Direction(StrEnum):
    """Which way a perturbation may move a value."""

    BOTH = "both"
    INCREASE_ONLY = "increase_only"
    DECREASE_ONLY = "decrease_only"


def _single(value: Any) -> Any:
    if value is None or isinstance(value, list | tuple | dict | set | bytes):
        raise ValueError("expected a text, a number or a truth value")
    return value


def _is_finite(value: Any) -> bool:
    try:
        return isfinite(value)
    except (TypeError, OverflowError):  # no number, or one that no double holds
        return False


Value = Annotated[Any, AfterValidator(_single)]
"""A value of a feature: a text, a number or a truth value."""


class Feature(BaseModel):
    """One column of a table.

    Args:
        name: The column's name.
        kind: What its values are.
        minimum: The least value of a number; encoded as 0.
        maximum: The largest value of a number; encoded as 1.
        levels: The values of an ordinal, categorical or boolean feature, in code order. An opaque
            feature is given to the model as it is and never moves; its levels are the values of
            the table at hand, which `opaque.with_values` fills in and nothing writes down.
        sensitive: Whether a change of this feature must not change the decision.
        mutable: Whether a perturbation may move it (sensitive features are never moved by default).
        domain: The values a sensitive feature may take, in the data's own units.
        unit: What a number counts, for people to read.
        step: The least difference between two values of a number, in its own unit; integers have
            1, None leaves a number continuous.
        direction: Which way a feasible perturbation may move it.
        largest_change: How far a feasible perturbation may move it, in its own unit; of an ordinal
            feature, by how many levels.
        scale: What epsilon and the length of steps are a share of, in its own unit; of an ordinal
            feature, in levels. None: the feature's range. See `scales.with_scales` for what one's
            own data get.
        group: The name of the one-hot group that a truth value belongs to: exactly one of a
            group's features is true.
        missing: Whether a value may be missing; such a value is encoded as `encoding.MISSING`, and
            no perturbation moves it.
        bands: Ascending edges of the bands that rates of a sensitive number are given by; a band
            holds its lower edge. See `bands.edges_of` for what is done without.
        derive: The formula by which a number follows from others, such as "loan / price"; see
            `formulas.Formula`. It never moves by itself, but follows feasible perturbations.

    Example:
        >>> Feature(name="age", kind="integer", minimum=18, maximum=95, sensitive=True).kind
        <Kind.INTEGER: 'integer'>
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Kind
    minimum: float | None = None
    maximum: float | None = None
    levels: tuple[Value, ...] | None = None
    sensitive: bool = False
    mutable: bool = True
    domain: tuple[Value, ...] | None = None
    unit: str = ""
    step: float | None = None
    direction: Direction = Direction.BOTH
    largest_change: float | None = None
    scale: float | None = None
    group: str | None = None
    missing: bool = False
    bands: tuple[float, ...] | None = None
    derive: str | None = None

    @property
    def grid(self) -> float | None:
        """The least difference between two values of a number; None where there is none."""
        return 1.0 if self.step is None and self.kind is Kind.INTEGER else self.step

    @property
    def is_nominal(self) -> bool:
        """Whether its levels have no order, so that their codes have no distance."""
        return self.kind in (Kind.CATEGORICAL, Kind.BOOLEAN, Kind.OPAQUE)

    @property
    def is_opaque(self) -> bool:
        """Whether it is given to the model as it is, and never moves."""
        return self.kind is Kind.OPAQUE

    @model_validator(mode="before")
    @classmethod
    def _at_rest(cls, fields: Any) -> Any:
        """What is opaque never moves, and what is derived not by itself, said or not."""
        if not isinstance(fields, dict):
            return fields
        still = fields.get("kind") == Kind.OPAQUE or fields.get("derive") is not None
        return {**fields, "mutable": False} if still else fields

    @model_serializer(mode="wrap")
    def _written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Its fields; the values of an opaque feature are the table's, and no part of a schema."""
        fields: dict[str, Any] = write(self)
        if self.is_opaque:
            fields["levels"] = None
        if self.derive is None:  # a schema without formulas is written as it always was
            fields.pop("derive", None)
        return fields

    @model_validator(mode="after")
    def _complete(self) -> Feature:
        if self.kind.is_number:
            if self.minimum is None or self.maximum is None or not self.minimum <= self.maximum:
                raise ValueError(f"feature '{self.name}': expected minimum <= maximum")
            if not (isfinite(self.minimum) and isfinite(self.maximum)):
                raise ValueError(f"feature '{self.name}': expected a finite minimum and maximum")
        elif self.is_opaque:
            if self.sensitive:
                raise ValueError(
                    f"feature '{self.name}': expected a sensitive feature of another kind than "
                    "opaque, whose values are never another person's"
                )
        elif not self.levels or len(set(self.levels)) != len(self.levels):
            # numbers that are equal by value are one level: 1 and 1.0
            raise ValueError(f"feature '{self.name}': expected a list of distinct levels")
        if self.kind.is_number and not all(map(_is_finite, self.domain or ())):
            raise ValueError(f"feature '{self.name}': domain: expected finite numbers")
        for what in ("step", "largest_change", "scale"):
            number = getattr(self, what)
            if number is not None and not 0 < number < float("inf"):
                raise ValueError(f"feature '{self.name}': expected a {what} above 0")
        if self.derive is not None and not self.kind.is_number:
            raise ValueError(f"feature '{self.name}': derive: expected a number")
        if self.bands is not None:
            if not self.kind.is_number:
                raise ValueError(f"feature '{self.name}': bands: expected a number")
            check_edges(f"feature '{self.name}': bands", self.bands, self)
        if self.group is not None and self.kind is not Kind.BOOLEAN:
            raise ValueError(f"feature '{self.name}': expected a boolean in group '{self.group}'")
        return self


class Schema(BaseModel):
    """The features of a table in the model's column order, its label, and the label's classes.

    Args:
        features: One `Feature` per column.
        label: The name of the label column.
        classes: The names of the classes; a label is an index into them.
        relations: Linear relations between numbers that every feasible row satisfies, such as
            "end_year >= start_year"; see `relations.parse`.
        own: Whether these are the features of a table of one's own, whose epsilon is a share of
            scales; the data sets of the papers have ranges.

    Example:
        >>> age = Feature(name="age", kind="integer", minimum=18, maximum=95, sensitive=True)
        >>> schema = Schema(features=(age,), label="default", classes=("no", "yes"))
        >>> schema.names, schema.sensitive
        (('age',), ('age',))
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    features: tuple[Feature, ...]
    label: str
    classes: tuple[str, ...]
    relations: tuple[str, ...] = ()
    own: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Schema:
        if len(set(self.names)) != len(self.names):
            raise ValueError("expected distinct feature names")
        if len(self.classes) < 2:
            raise ValueError(f"label '{self.label}': expected at least two classes")
        return self

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, name: str) -> Feature:
        return self.features[self.column(name)]

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names in column order."""
        return tuple(feature.name for feature in self.features)

    @property
    def sensitive(self) -> tuple[str, ...]:
        """The names of the sensitive features, in column order."""
        return tuple(feature.name for feature in self.features if feature.sensitive)

    def column(self, name: str) -> int:
        """The position of a feature.

        Raises:
            UnknownNameError: If no feature has this name.
        """
        return self.names.index(check_name("feature", name, self.names))

    def columns(self, names: Sequence[str]) -> Iterator[int]:
        """The positions of several features, in the order given."""
        return (self.column(name) for name in names)
