"""Which features an attack moved in the rows that it broke, how often and how far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rafair.auditing.cases import show
from rafair.auditing.columns import ADVERSARIAL
from rafair.auditing.stored_rows import Numbers, StoredRows, columns_of
from rafair.auditing.twins import members_of
from rafair.metrics.rates import Rate, share
from rafair.tabular.schema import Feature, Schema
from rafair.verdicts import Verdict

LEAST_MOVE = 2.0**-20
"""Encoded values are float32: less than this is no move."""


@dataclass(frozen=True)
class Moved:
    """How one feature was moved in the rows that an attack broke.

    Args:
        feature: Its name.
        rate: In which share of these rows it was moved.
        size: How far, where it was: numbers at the median, levels in how many rows to another one;
            for people to read, empty where it never was.
        change: The median change of its code, a share of its range.
    """

    feature: str
    rate: Rate | None
    size: str = ""
    change: float = 0.0


def broken_rows(stored: StoredRows, attack: str) -> tuple[Numbers, Numbers]:
    """The first violating row of each instance that was true fair and did not stay so.

    Of a union, that of the attack that needed fewest steps, of equals the first.

    Args:
        stored: Whose each row is.
        attack: An attack, or a union of them.

    Returns:
        Numbers of rows and, for each, of its row as it was; shape `(instances,)` each.
    """
    members = members_of(attack)
    rows = np.concatenate([stored.of(member) for member in members])
    clean = stored.of(members[0])
    clean = clean[stored.step[clean] == 0]
    clean = clean[np.argsort(stored.instance[clean])]
    as_it_was = clean[np.searchsorted(stored.instance[clean], stored.instance[rows])]
    broke = (stored.step[rows] > 0) & (stored.verdict[rows] != Verdict.TRUE_FAIR)
    broke &= stored.verdict[as_it_was] == Verdict.TRUE_FAIR
    rows, as_it_was = rows[broke], as_it_was[broke]
    order = np.lexsort((stored.step[rows], stored.instance[rows]))
    first = order[np.unique(stored.instance[rows][order], return_index=True)[1]]
    return rows[first], as_it_was[first]


def moved_features(folder: Path, stored: StoredRows, schema: Schema, attack: str) -> list[Moved]:
    """How each feature was moved in the rows that an attack broke, the most often moved first.

    A feature counts as moved if the value that the model saw is another. Sensitive features are
    left out unless one was moved.

    Raises:
        RunFolderError: If the run's rows cannot be read.
    """
    rows, clean = broken_rows(stored, attack)
    found = [_moved(folder, rows, clean, feature) for feature in schema.features]
    shown = [
        moved
        for moved, feature in zip(found, schema.features, strict=True)
        if moved.size or not feature.sensitive
    ]
    return sorted(shown, key=lambda moved: (moved.rate.value if moved.rate else 0, moved.change))[
        ::-1
    ]


def _moved(folder: Path, rows: Numbers, clean: Numbers, feature: Feature) -> Moved:
    encoded = f"encoded.{feature.name}"
    column = columns_of(folder / ADVERSARIAL, [encoded])[encoded].to_numpy().astype(np.float64)
    change = np.abs(column[rows] - column[clean])
    there = change > LEAST_MOVE
    if not there.any():
        return Moved(feature.name, share(there))
    median = float(np.median(change[there]))
    size = _size(folder, feature, median, (rows[there], clean[there]))
    return Moved(feature.name, share(there), size, median)


def _size(folder: Path, feature: Feature, change: float, pairs: tuple[Numbers, Numbers]) -> str:
    """A typical change, as a person would write it."""
    if feature.kind.is_number:
        span = (feature.maximum or 0) - (feature.minimum or 0)
        return f"by {show(feature, change * span)}"
    after, before = (_texts(folder, feature, rows) for rows in pairs)
    other = np.mean([a != b for a, b in zip(after, before, strict=True)])
    if not other:
        return "never to another level"
    return "to another level" + (f" in {100 * other:.0f} %" if other < 1 else "")


def _texts(folder: Path, feature: Feature, rows: Numbers) -> Sequence[str | None]:
    name = f"raw.{feature.name}"
    texts: list[str | None] = columns_of(folder / ADVERSARIAL, [name], rows)[name].to_pylist()
    return texts
