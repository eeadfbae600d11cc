"""Where violations concentrate: rates by value or band of the features that are not sensitive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rafair.metrics.mutual_information import adjusted_mutual_information
from rafair.metrics.rate_format import as_fraction
from rafair.metrics.rates import share
from rafair.reports.report_contents import NONE, Bar, Chart
from rafair.results.adversarial_rows import StoredRows
from rafair.results.case_details import show_number
from rafair.results.parquet_columns import Numbers, columns_of, distinct
from rafair.results.parquet_columns import numbers as values_of
from rafair.results.run_files import ADVERSARIAL
from rafair.sanitize import shortened
from rafair.tabular.schema import Feature, Schema

FEWEST = 30
"""Bands of fewer instances tell too little to be compared."""

BANDS = 4
MOST_SHOWN = 6
NOTE = (
    "Bands are quarters of the audited instances; values and bands of fewer than "
    f"{FEWEST} are left out, and counted below. Features are ranked by adjusted mutual "
    "information, which is 0 where a feature tells no more than chance. These are many "
    "comparisons of the same instances: some look large by chance alone."
)


@dataclass(frozen=True)
class Concentrations:
    """Where violations concentrate, and what is not said of it.

    Args:
        pictures: The features whose values tell most, the first most.
        features: Their names.
        missing: Which features could not be compared, or why none is shown; empty where all were
            compared and some are shown.
    """

    pictures: Sequence[Chart]
    features: Sequence[str]
    missing: str


@dataclass(frozen=True)
class _Telling:
    """A feature's bands; no score where no two of them are large enough to be compared."""

    score: float | None
    feature: Feature
    bars: Sequence[Bar]
    left_out: str


def concentrations(
    folder: Path, schema: Schema, stored: StoredRows, holds: NDArray[np.float64], title: str
) -> Concentrations:
    """The features whose values tell most about where violations were found, the first most.

    Args:
        folder: The run folder.
        schema: The features.
        stored: Whose each row of `adversarial.parquet` is.
        holds: 1 where an instance kept the property, else 0; in the order of the first attack's
            clean rows; shape `(n,)`.
        title: The rate that this is.
    """
    clean = stored.of(stored.attacks[0])
    clean = clean[stored.step[clean] == 0]
    kept = holds.astype(bool)
    found = [
        _telling(folder, feature, clean, kept)
        for feature in schema.features
        if not feature.sensitive
    ]
    ranked = sorted((one for one in found if one.score), key=lambda one: -(one.score or 0.0))
    shown = [one for one in ranked if one.score and one.score > 0][:MOST_SHOWN]
    return Concentrations(
        [_picture(one, title) for one in shown],
        [one.feature.name for one in shown],
        _missing(found, kept, bool(shown)),
    )


def _picture(one: _Telling, title: str) -> Chart:
    unit = f" ({shortened(one.feature.unit)})" if one.feature.unit else ""
    score = f"Adjusted mutual information {as_fraction(one.score or 0.0)}."
    note = f"{one.left_out} {score}".strip()
    return Chart(f"{shortened(one.feature.name)}{unit}", [(title, one.bars)], note)


def _missing(found: Sequence[_Telling], kept: NDArray[np.bool_], any_shown: bool) -> str:
    """What was not compared, and why nothing is shown: never an all-clear that is none."""
    if not found:
        return "Not measured: all features are sensitive."
    apart = [shortened(one.feature.name) for one in found if one.score is None]
    if len(apart) == len(found):
        return (
            "Not measured: no feature has two values or bands of at least "
            f"{FEWEST} instances to be compared."
        )
    if len(np.unique(kept)) < 2:
        which = "all" if kept.any() else "none"
        return f"Nothing to compare: of {len(kept):,} instances {which} stayed right and equal."
    said = []
    if not any_shown:
        said.append("No feature that could be compared tells more than chance.")
    if apart:
        named = ", ".join(apart[:MOST_SHOWN])
        more = f" and {len(apart) - MOST_SHOWN:,} more" if len(apart) > MOST_SHOWN else ""
        said.append(
            f"Not measured by {named}{more}: no two values or bands of at least {FEWEST} instances."
        )
    return " ".join(said)


def _telling(folder: Path, feature: Feature, clean: Numbers, kept: NDArray[np.bool_]) -> _Telling:
    raw = f"raw.{feature.name}"
    labels, codes = _bands(feature, columns_of(folder / ADVERSARIAL, [raw])[raw], clean)
    sizes = np.bincount(codes[codes != NONE], minlength=len(labels))
    counted = (codes != NONE) & (sizes[codes] >= FEWEST)
    bars = [
        Bar(label, share(kept[codes == number]))
        for number, label in enumerate(labels)
        if sizes[number] >= FEWEST
    ]
    left_out = _left_out(feature, sizes, int(np.count_nonzero(codes == NONE)))
    if len(bars) < 2:
        return _Telling(None, feature, bars, left_out)
    if len(np.unique(kept[counted])) < 2:
        return _Telling(0.0, feature, bars, left_out)
    score = adjusted_mutual_information(kept[counted].astype(np.int64), codes[counted])
    return _Telling(score, feature, bars, left_out)


def _left_out(feature: Feature, sizes: NDArray[np.int64], without: int) -> str:
    """How many levels or bands are too small to be shown, and how many instances have no value."""
    small = sizes[sizes < FEWEST]
    kind = "band" if feature.kind.is_number else "level"
    parts = []
    if len(small):
        kinds = kind if len(small) == 1 else f"{kind}s"
        parts.append(
            f"{len(small):,} {kinds} of fewer than {FEWEST} instances (in all {small.sum():,})"
        )
    if without:
        parts.append(f"{without:,} {'instance' if without == 1 else 'instances'} without a value")
    return f"Not shown: {' and '.join(parts)}." if parts else ""


def _bands(
    feature: Feature, column: pa.ChunkedArray, rows: Numbers
) -> tuple[list[str], NDArray[np.int64]]:
    """The names of a feature's values or bands, and which each instance is in."""
    if not feature.kind.is_number:
        values, codes = distinct(column)
        there = {values[code] for code in np.unique(codes[rows])}
        levels = [str(level) for level in feature.levels or () if str(level) in there]
        if feature.is_opaque:  # of which a record has no list
            levels = sorted(there - {None})
        place = {level: number for number, level in enumerate(levels)}
        return levels, np.array([place.get(value, NONE) for value in values], np.int64)[codes[rows]]
    numbers = values_of(column)[rows].astype(np.float64)
    known = ~np.isnan(numbers)
    if not known.any():
        return [], np.full(len(numbers), NONE)
    # a band ends at a value that occurs, so that equal values are never parted
    edges = np.unique(
        np.quantile(numbers[known], np.arange(1, BANDS) / BANDS, method="inverted_cdf")
    )
    codes = _renumbered(np.searchsorted(edges, numbers, side="left"), known)
    labels = [_band(feature, numbers[codes == code]) for code in range(codes.max() + 1)]
    return labels, codes


def _renumbered(codes: NDArray[np.int64], known: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The same without numbers of empty bands; `NONE` where a value is missing."""
    renumbered = np.full(len(codes), NONE, np.int64)
    renumbered[known] = np.unique(codes[known], return_inverse=True)[1]
    return renumbered


def _band(feature: Feature, numbers: NDArray[np.float64]) -> str:
    """A band's name without the feature's unit, which stands above it."""
    low, high = show_number(feature, numbers.min()), show_number(feature, numbers.max())
    return low if low == high else f"{low} to {high}"
