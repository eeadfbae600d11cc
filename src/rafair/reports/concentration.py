"""Where violations concentrate: rates by value or band of the features that are not sensitive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.metrics import adjusted_mutual_info_score

from rafair.auditing.cases import show
from rafair.auditing.columns import ADVERSARIAL
from rafair.auditing.stored_rows import Numbers, StoredRows, columns_of
from rafair.metrics.rates import share
from rafair.reports.contents import NONE, Bar, Picture
from rafair.tabular.schema import Feature, Schema

FEWEST = 30
"""Bands of fewer instances tell too little to be compared."""

BANDS = 4
MOST_SHOWN = 6
NOTE = (
    "Bands are quarters of the audited instances; values and bands of fewer than "
    f"{FEWEST} are left out. Features are ranked by adjusted mutual information, which is 0 where "
    "a feature tells no more than chance. These are many comparisons of the same instances: some "
    "look large by chance alone."
)


@dataclass(frozen=True)
class _Telling:
    score: float
    feature: Feature
    bars: Sequence[Bar]


def concentrations(
    folder: Path, schema: Schema, stored: StoredRows, holds: NDArray[np.float64], title: str
) -> list[Picture]:
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
    found = [one for one in found if one.score > 0]
    found.sort(key=lambda one: -one.score)
    return [
        Picture(
            one.feature.name,
            [(title, one.bars)],
            f"Adjusted mutual information {one.score:.3f}.",
        )
        for one in found[:MOST_SHOWN]
    ]


def _telling(folder: Path, feature: Feature, clean: Numbers, kept: NDArray[np.bool_]) -> _Telling:
    raw = f"raw.{feature.name}"
    column = columns_of(folder / ADVERSARIAL, [raw])[raw].take(pa.array(clean))
    labels, codes = _bands(feature, column.to_pandas())
    sizes = np.bincount(codes[codes != NONE], minlength=len(labels))
    counted = (codes != NONE) & (sizes[codes] >= FEWEST)
    bars = [
        Bar(label, _plain(kept[codes == number]))
        for number, label in enumerate(labels)
        if sizes[number] >= FEWEST
    ]
    if len(bars) < 2 or len(np.unique(kept[counted])) < 2:
        return _Telling(0.0, feature, bars)
    score = float(adjusted_mutual_info_score(kept[counted], codes[counted]))
    return _Telling(score, feature, bars)


def _bands(feature: Feature, values: Any) -> tuple[list[str], NDArray[np.int64]]:
    """The names of a feature's values or bands, and which each instance is in."""
    if not feature.kind.is_number:
        there = set(values.dropna().unique())
        levels = [str(level) for level in feature.levels or () if str(level) in there]
        place = {level: number for number, level in enumerate(levels)}
        return levels, values.map(place).astype(float).fillna(NONE).to_numpy(np.int64)
    numbers = values.to_numpy(np.float64)
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
    low, high = show(feature, numbers.min()), show(feature, numbers.max())
    if low == high:
        return low
    return f"{low.removesuffix(feature.unit).rstrip()} to {high}"


def _plain(holds: NDArray[np.bool_]) -> dict[str, Any] | None:
    rate = share(holds)
    return rate.to_dict() if rate else None
