"""What groups are called, so that a person understands it and no two are called alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from rafair.results.case_details import show_number
from rafair.tabular.bands import range_of
from rafair.tabular.schema import Feature, Kind

MISSING = "missing"
OTHER = "other values"
"""Of numbers that stand by themselves: what is not in the feature's domain."""


def unlike(names: Iterable[str]) -> tuple[str, ...]:
    """The same names, in which one that is taken gets " (2)", " (3)" and so on until it is free.

    Example:
        >>> unlike(["1", "1", "1 (2)"])
        ('1', '1 (2)', '1 (2) (2)')
    """
    taken: dict[str, None] = {}
    for name in names:
        free, number = name, 2
        while free in taken:
            free, number = f"{name} ({number})", number + 1
        taken[free] = None
    return tuple(taken)


def band_names(feature: Feature, edges: Sequence[float]) -> list[str]:
    """The names of a number's bands, ascending, without its unit.

    There is no band below an edge that is the feature's minimum.

    Args:
        feature: The number.
        edges: Ascending; a band holds its lower edge.

    Example:
        >>> age = Feature(name="age", kind="integer", minimum=18, maximum=95)
        >>> band_names(age, [25, 45, 65])
        ['below 25', '25 to 44', '45 to 64', '65 and over']
        >>> size = Feature(name="size", kind="numeric", minimum=0, maximum=10)
        >>> band_names(size, [0, 2.5, 5])
        ['0 up to 2.5', '2.5 up to 5', '5 and over']
    """
    shown = [value_name(feature, edge) for edge in edges]
    whole = feature.kind is Kind.INTEGER and all(float(edge).is_integer() for edge in edges)
    names = [] if edges[0] <= range_of(feature)[0] else [f"below {shown[0]}"]
    for low, high in pairwise(edges):
        if whole and high - low == 1:
            names.append(value_name(feature, low))
        elif whole:
            names.append(f"{value_name(feature, low)} to {value_name(feature, high - 1)}")
        else:
            names.append(f"{value_name(feature, low)} up to {value_name(feature, high)}")
    return [*names, f"{shown[-1]} and over"]


def value_name(feature: Feature, value: float) -> str:
    """A number as a person would write it, without its unit, but to its last digit."""
    text = show_number(feature, value)
    return text if float(text.replace(",", "")) == value else f"{value:,.12g}"
