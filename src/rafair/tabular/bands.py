"""Bands of numbers: where they are cut, by a person or by a feature's range."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import pairwise
from math import ceil, floor, isfinite
from typing import TYPE_CHECKING, Any

from rafair.errors import InputError

if TYPE_CHECKING:
    from rafair.tabular.schema import Feature

MOST_VALUES = 10
"""Numbers with so many values or fewer need no bands: each value stands by itself."""

MOST_EDGES = 8
"""Of bands that nobody set."""

ROUND = (1, 2, 5)


def check_edges(where: str, edges: Any, feature: Feature | None = None) -> tuple[float, ...]:
    """Returns the edges of bands as numbers.

    Args:
        where: What to call them in a message.
        edges: The edges.
        feature: The feature in whose range they must lie, where it is known.

    Raises:
        InputError: If there are none, or they are not finite, not ascending, or out of range.

    Example:
        >>> check_edges("bands of 'age'", [25, 45, 65])
        (25.0, 45.0, 65.0)
    """
    if not isinstance(edges, Iterable) or isinstance(edges, str | bytes):
        raise InputError(f"{where}: expected a list of numbers, got {edges!r}")
    numbers = tuple(_number(where, edge) for edge in edges)
    if not numbers:
        raise InputError(f"{where}: expected one edge or more, got none")
    for before, after in pairwise(numbers):
        if not before < after:
            raise InputError(
                f"{where}: expected ascending numbers, got {after:.10g} after {before:.10g}"
            )
    if feature is not None:
        low, high = range_of(feature)
        wrong = next((number for number in numbers if not low <= number <= high), None)
        if wrong is not None:
            raise InputError(
                f"{where}: expected edges from {low:.10g} to {high:.10g}, the feature's range, got "
                f"{wrong:.10g}"
            )
    return numbers


def edges_of(feature: Feature) -> tuple[float, ...] | None:
    """The edges of a number's bands, by its description alone; None where values need no bands.

    They are those that the schema states, or round numbers inside the feature's range.

    Args:
        feature: A feature that is a number.

    Example:
        >>> from rafair.tabular.schema import Feature
        >>> age = Feature(name="age", kind="integer", minimum=17, maximum=90)
        >>> edges_of(age)
        (20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0)
        >>> print(edges_of(Feature(name="children", kind="integer", minimum=0, maximum=5)))
        None
    """
    if feature.bands is not None:
        return feature.bands
    if _n_values(feature) <= MOST_VALUES:
        return None
    low, high = map(_exact, range_of(feature))
    for step in _round_steps(high - low, whole=feature.grid == 1):
        first, last = floor(low / step) + 1, ceil(high / step) - 1
        if last - first < MOST_EDGES:
            edges = {float(step * number) for number in range(first, last + 1)}
            # less than was reckoned where floats cannot tell such numbers apart
            return tuple(sorted(e for e in edges if low < _exact(e) < high)) or None
    raise AssertionError("steps grow until few fit")


def range_of(feature: Feature) -> tuple[float, float]:
    """The least and the largest value of a number."""
    assert feature.minimum is not None
    assert feature.maximum is not None  # held by the schema; for the type checker
    return feature.minimum, feature.maximum


def _n_values(feature: Feature) -> float:
    """How many values a number may take; infinitely many where it is continuous."""
    low, high = range_of(feature)
    if feature.domain is not None:
        return len(set(feature.domain))
    if low == high:
        return 1
    return float("inf") if feature.grid is None else (high - low) / feature.grid + 1


def _round_steps(span: Decimal, *, whole: bool) -> Iterator[Decimal]:
    """1, 2 and 5 times powers of ten, ascending, from a tenth of a range's size on."""
    power = span.adjusted() - 1
    while True:
        if power >= 0 or not whole:
            yield from (Decimal(number).scaleb(power) for number in ROUND)
        power += 1


def _exact(number: float) -> Decimal:
    """A number as it is written, not as it is stored."""
    return Decimal(repr(float(number)))


def _number(where: str, edge: Any) -> float:
    try:
        number = float(edge)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if isinstance(edge, bool | str) or not isfinite(number):
        raise InputError(f"{where}: expected finite numbers, got {edge!r}")
    return number
