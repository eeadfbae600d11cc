"""Which features an attack moved in the rows that it broke, how often and how far."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rafair.metrics.rates import Rate, share
from rafair.results.adversarial_rows import StoredRows
from rafair.results.attack_runs import members_of
from rafair.results.case_details import show
from rafair.results.parquet_columns import Numbers, columns_of, distinct, numbers
from rafair.results.run_files import ADVERSARIAL
from rafair.sanitize import shortened
from rafair.tabular.schema import Feature, Schema
from rafair.verdicts import Verdict

LEAST_MOVE = 2.0**-20
"""Encoded values are float32: less than this is no move."""


@dataclass(frozen=True)
class Moved:
    """How one feature was moved in the rows that an attack broke.

    Args:
        feature: Its name.
        rate: In which share of these rows its value, as shown to people, is another.
        size: How far, where it is: numbers at the median, levels without a size of their own;
            for people to read, empty where it never is another.
        change: The median change of its code in these rows, a share of its range.
        codes: In which share of the rows the code that the model saw was moved, be it within a
            level or by less than is shown.
    """

    feature: str
    rate: Rate | None
    size: str = ""
    change: float = 0.0
    codes: Rate | None = None

    @property
    def unseen(self) -> int:
        """In how many rows the code was moved and no other value is shown."""
        return self.codes.count - self.rate.count if self.codes and self.rate else 0


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

    A feature counts as moved if its value, as shown to people, is another: a code that moved within
    a level changed nothing that a person would see. Sensitive features are left out unless the
    code of one was moved.

    Raises:
        RunFolderError: If the run's rows cannot be read.
    """
    rows, clean = broken_rows(stored, attack)
    found = [_moved(folder, rows, clean, feature) for feature in schema.features]
    shown = [
        moved
        for moved, feature in zip(found, schema.features, strict=True)
        if (moved.codes and moved.codes.count) or not feature.sensitive
    ]
    return sorted(shown, key=_how_often, reverse=True)


def _how_often(moved: Moved) -> tuple[float, float, float]:
    rate, codes = (one.value if one else 0.0 for one in (moved.rate, moved.codes))
    return rate, codes, moved.change


def _moved(folder: Path, rows: Numbers, clean: Numbers, feature: Feature) -> Moved:
    encoded = f"encoded.{feature.name}"
    column = columns_of(folder / ADVERSARIAL, [encoded])[encoded]
    column = numbers(column).astype(np.float64)
    change = np.abs(column[rows] - column[clean])
    seen = _seen(folder, feature, rows, clean)
    # where an outlier stretches the range, what is seen may be less than a code's rounding
    codes = share((change > LEAST_MOVE) | seen)
    if not seen.any():
        return Moved(feature.name, share(seen), codes=codes)
    median = float(np.median(change[seen]))
    return Moved(feature.name, share(seen), _size(feature, median), median, codes)


def _seen(folder: Path, feature: Feature, rows: Numbers, clean: Numbers) -> NDArray[np.bool_]:
    """Where another value is shown; shape `(rows,)`."""
    name = f"raw.{feature.name}"
    values, codes = distinct(columns_of(folder / ADVERSARIAL, [name])[name])
    shown = [show(feature, value) for value in values]
    text = np.unique(shown, return_inverse=True)[1] if shown else codes
    seen: NDArray[np.bool_] = text[codes[rows]] != text[codes[clean]]
    return seen


def _size(feature: Feature, change: float) -> str:
    """A typical change, as a person would write it."""
    if not feature.kind.is_number:
        return "to another level"
    span = (feature.maximum or 0) - (feature.minimum or 0)
    return f"by {shortened(show(feature, change * span))}"
