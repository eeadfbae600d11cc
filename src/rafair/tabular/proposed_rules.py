"""What a table shows of rules between its columns, as formulas, relations and comments."""

from __future__ import annotations

import keyword
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from rafair.tabular.formulas import CALLS
from rafair.tabular.likely_formulas import likely_formulas
from rafair.tabular.likely_orders import Implication, likely_implications, likely_orders
from rafair.tabular.plain_values import as_numbers
from rafair.tabular.schema import Feature

MOST_ORDERS = 10
"""Orders that are proposed; the others are told in comments."""

MOST_IMPLIED = 3
"""Implications that are told of one column."""

MOST_COLUMNS = 100
"""Of more numbers, no rules are sought: there are too many that could be."""

Notes = Mapping[str, list[str]]


FEWEST_IN_ORDER = 20
"""Different values of which two columns' orders are hardly the same by chance."""


class Rules(NamedTuple):
    """What is proposed: features, some of them derived, and relations."""

    features: tuple[Feature, ...]
    relations: tuple[str, ...]


def proposed_rules(frame: pd.DataFrame, features: Sequence[Feature], notes: Notes) -> Rules:
    """The features with the formulas that hold in all rows, and the orders that do.

    Args:
        frame: The rows, plain.
        features: A feature for each column.
        notes: Comments by feature, to which others are added.
    """
    numbers = [f for f in features if f.kind.is_number and "`" not in f.name]
    relations: list[str] = []
    if 2 <= len(numbers) <= MOST_COLUMNS:
        derived = _derived(frame, numbers, notes)
        features = [derived.get(feature.name, feature) for feature in features]
        relations = list(_orders(frame, [f for f in numbers if f.name not in derived], notes))
        _tell_same_order(frame, [f for f in numbers if f.name not in derived], notes)
    _tell_implications(frame, features, notes)
    return Rules(tuple(features), tuple(relations))


def _matrix(frame: pd.DataFrame, features: Sequence[Feature]) -> Any:
    values = np.column_stack([as_numbers(frame[feature.name]) for feature in features])
    return np.where(np.isfinite(values), values, np.nan)


def _derived(frame: pd.DataFrame, numbers: list[Feature], notes: Notes) -> dict[str, Feature]:
    found = likely_formulas(
        [feature.name for feature in numbers],
        _matrix(frame, numbers),
        [feature.grid for feature in numbers],
        [not feature.sensitive for feature in numbers],
        [feature.mutable and not feature.sensitive for feature in numbers],
        _quoted,
    )
    by_name = {feature.name: feature for feature in numbers}
    derived = {}
    for one in found:
        if one.broken:
            notes[one.target].append(
                f"{one.text} but for {one.broken:,} of {len(frame):,} rows: mistakes? a derived "
                "column must be right in all rows"
            )
            continue
        notes[one.target].append(f"{one.text}, up to rounding, in all {len(frame):,} rows")
        fields = {"derive": one.text, "mutable": False}
        derived[one.target] = by_name[one.target].model_copy(update=fields)
    return derived


def _orders(frame: pd.DataFrame, numbers: list[Feature], notes: Notes) -> Iterator[str]:
    if len(numbers) < 2:
        return
    proposed = 0
    for order in likely_orders([f.name for f in numbers], _matrix(frame, numbers)):
        text = f"{_quoted(order.low)} <= {_quoted(order.high)}"
        by_chance = f"by chance, {order.expected:,.0f} rows would be otherwise"
        if order.broken:
            said = f"{text} but for {order.broken:,} of {len(frame):,} rows: mistakes? {by_chance}"
        else:
            said = f"{text} in all rows; {by_chance}"
            if proposed < MOST_ORDERS:
                proposed += 1
                yield text
        notes[order.low].append(said)


def _tell_same_order(frame: pd.DataFrame, numbers: list[Feature], notes: Notes) -> None:
    """Names columns that are functions of each other, though no formula is known: logarithms."""
    alike: dict[bytes, list[str]] = defaultdict(list)
    for feature, values in zip(numbers, _matrix(frame, numbers).T, strict=True):
        present = ~np.isnan(values)
        seen, places = np.unique(values[present], return_inverse=True)
        if len(seen) < FEWEST_IN_ORDER:
            continue
        ranks = np.full(len(values), -1, np.int64)
        ranks[present] = places
        falling = np.where(present, len(seen) - 1 - ranks, -1)
        alike[min(ranks.tobytes(), falling.tobytes())].append(feature.name)
    for first, *others in alike.values():
        for other in others:
            notes[other].append(
                f"stands in the same order as '{first}' in all {len(frame):,} rows, or in the "
                "opposite one: one follows from the other; a move of either alone breaks that. If "
                'a formula gives it: derive = "..."; else keep it at rest: immutable = true'
            )


def _tell_implications(frame: pd.DataFrame, features: Sequence[Feature], notes: Notes) -> None:
    groups = {feature.name: feature.group for feature in features if feature.group}
    columns = {f.name: frame[f.name] for f in features if not f.is_opaque and f.derive is None}
    told: dict[tuple[str, str], list[Implication]] = defaultdict(list)
    for one in likely_implications(columns):
        group = groups.get(one.column)
        if group is None or groups.get(one.other) != group:
            told[one.column, one.other].append(one)
    sentences: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for (column, other), found in told.items():
        rows = sum(one.rows for one in found)
        if len(found) > 2:
            said = f"each of {len(found)} values stands with one value of '{other}' alone"
        else:
            said = "; ".join(
                f"where it is {one.value}, '{other}' is {one.implied} in all {one.rows:,} rows"
                for one in found
            )
        sentences[column].append(
            (rows, f"{said}: a move may break that, as no rule can say it yet")
        )
    for column, some in sentences.items():
        notes[column].extend(said for _, said in sorted(some, reverse=True)[:MOST_IMPLIED])


def _quoted(name: str) -> str:
    """A name as it stands in formulas and relations."""
    plain = name.isidentifier() and name.isascii() and not keyword.iskeyword(name)
    return name if plain and name not in CALLS else f"`{name}`"
