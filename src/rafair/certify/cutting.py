"""Cutting boxes in two, and rows inside of boxes."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rafair.certify.prover_interface import Confirm
from rafair.certify.region import Region
from rafair.models.classifier import Rows
from rafair.tabular.counterparts import Indices

Flags = NDArray[np.bool_]


def started(region: Region, chosen: Indices) -> Region:
    """The boxes of some instances, none of which holds a missing value beside others.

    Derived columns follow.

    Args:
        region: Boxes.
        chosen: Which instances.
    """
    found = region.where(np.isin(region.owner, chosen))
    found = replace(found, lower=found.lower.copy(), upper=found.upper.copy())
    _follow(found, found.lower, found.upper)
    for column in np.flatnonzero(((found.lower < 0) & (found.upper >= 0)).any(axis=0)).tolist():
        mixed = (found.lower[:, column] < 0) & (found.upper[:, column] >= 0)
        gone, there = found.where(mixed), found.where(mixed)
        gone.upper[:, column] = gone.lower[:, column]
        values = found.values[column]
        least = np.float32(0) if values is None else values[np.searchsorted(values, 0)]
        there.lower[:, column] = np.where(there.listed[:, column], least, 0)
        found = Region.joined([found.where(~mixed), gone, there])
    return found.where(np.argsort(found.owner, kind="stable"))


class Halves(NamedTuple):
    """Where boxes would be cut: the lower half ends, and the upper half begins; each `(m, d)`."""

    end: Rows
    begin: Rows


def halves(region: Region) -> Halves:
    """Where each feature of boxes would be cut; a feature that cannot be has equal halves.

    Args:
        region: The boxes.

    Example:
        >>> from rafair.certify.region import Surroundings
        >>> from rafair.tabular.counterparts import Counterparts
        >>> from rafair.tabular.perturbation import PerturbationSet
        >>> both = Counterparts([1], [np.float32([0, 0.25, 1])])
        >>> around = Surroundings(PerturbationSet(np.float32([0.25, 0])), both)
        >>> found = halves(around.joint(np.float32([[0.5, 0.25]])))
        >>> found.end.tolist(), found.begin.tolist()
        ([[0.5, 0.25]], [[0.5, 1.0]])
    """
    middle = (region.lower + region.upper) / 2
    end, begin = middle.astype(np.float32), middle.astype(np.float32)
    for column, values in enumerate(region.values):
        if values is None or not (some := region.listed[:, column]).any():
            continue
        lower, upper = region.lower[some, column], region.upper[some, column]
        last = np.searchsorted(values, middle[some, column], side="right") - 1
        # the last value is in the upper half
        last = np.minimum(last, np.searchsorted(values, upper) - 1)
        last = np.maximum(last, np.searchsorted(values, lower))
        end[some, column] = values[last]
        begin[some, column] = values[np.minimum(last + 1, len(values) - 1)]
    return Halves(end, begin)


def cuttable(region: Region, found: Halves) -> Flags:
    """Which features of boxes can be cut: those that vary, and follow from no other; `(m, d)`."""
    some = (found.end < region.upper) & (found.begin > region.lower)
    if (derived := region.followers.derivations) is not None:
        some[:, list(derived.columns)] = False
    return some


def cut_in_two(boxes: Region, columns: Indices, codes: Rows) -> tuple[Region, Region]:
    """The part of each box whose code in a column lies below one, and the other part.

    Args:
        boxes: The boxes.
        columns: The column in which each is cut; shape `(b,)`.
        codes: Above the box's least code there, and at most its largest; shape `(b,)`.
    """
    each = np.arange(len(boxes))
    last, first = np.nextafter(codes, np.float32(-1)), codes.copy()
    for column in np.unique(columns).tolist():
        values = boxes.values[column]
        if values is not None:
            here = np.flatnonzero((columns == column) & boxes.listed[:, column])
            places = np.searchsorted(values, codes[here])
            last[here], first[here] = values[places - 1], values[places]
    below = replace(boxes, upper=boxes.upper.copy())
    above = replace(boxes, lower=boxes.lower.copy())
    below.upper[each, columns], above.lower[each, columns] = last, first
    return _followed(below, boxes), _followed(above, boxes)


def _followed(boxes: Region, whole: Region) -> Region:
    """The boxes with derived columns that follow, inside the boxes that they were cut from."""
    derivations = boxes.followers.derivations
    if derivations is None:
        return boxes
    lower, upper = boxes.lower.copy(), boxes.upper.copy()
    _follow(boxes, lower, upper)
    derived = list(derivations.columns)
    lower[:, derived] = np.maximum(lower[:, derived], whole.lower[:, derived])
    upper[:, derived] = np.minimum(upper[:, derived], whole.upper[:, derived])
    # where nothing is left, no row can be
    lower[:, derived] = np.minimum(lower[:, derived], upper[:, derived])
    return replace(boxes, lower=lower, upper=upper)


def _follow(boxes: Region, lower: Rows, upper: Rows) -> None:
    """Writes what derived columns may be: what their formulas give, of boxes that leave no choice.

    Args:
        boxes: Whose boxes these are.
        lower: The least codes; changed in place.
        upper: The largest; likewise.
    """
    derivations = boxes.followers.derivations
    if derivations is None:
        return
    boxes.followers.follow(boxes.owner, lower, upper)
    rows = following(boxes, lower.copy())
    for column, takes in zip(derivations.columns, derivations.takes, strict=True):
        alone = (lower == upper)[:, takes].all(axis=1)
        lower[alone, column] = upper[alone, column] = rows[alone, column]


def inputs_to_cut(boxes: Region, columns: Indices) -> tuple[Indices, Rows]:
    """For boxes of which a derived column is to be cut, the widest column that it follows from.

    Args:
        boxes: The boxes.
        columns: Their derived columns; shape `(b,)`.

    Returns:
        The columns, -1 where none has two values left, and the codes at which to cut.
    """
    derivations = boxes.followers.derivations
    assert derivations is not None  # else no column is derived
    places = {column: place for place, column in enumerate(derivations.columns)}
    takes = derivations.takes[[places[column] for column in columns.tolist()]]
    width = np.where(takes, boxes.upper - boxes.lower, 0)
    widest, each = width.argmax(axis=1), np.arange(len(boxes))
    low, high = boxes.lower[each, widest], boxes.upper[each, widest]
    codes = np.maximum((low + high) / np.float32(2), np.nextafter(low, np.float32(2)))
    return np.where(width[each, widest] > 0, widest, -1), np.minimum(codes, high)


def derived_to_cut(boxes: Region) -> tuple[Indices, Rows]:
    """Where to cut boxes that hold more of their derived columns than can be; see `inputs_to_cut`.

    The column is -1 where none follows from more than one value.
    """
    columns, codes = np.full(len(boxes), -1), np.zeros(len(boxes), np.float32)
    derivations = boxes.followers.derivations
    for derived in derivations.columns if derivations else ():
        here = np.flatnonzero(columns < 0)
        some = boxes.where(here)
        columns[here], codes[here] = inputs_to_cut(some, np.full(len(here), derived))
    return columns, codes


def nearest_rows(boxes: Region) -> Rows:
    """The row of each box that is nearest to its instance, with derived columns that follow."""
    return _rows_at(boxes, boxes.followers.centres[boxes.owner])


def middle_rows(boxes: Region) -> Rows:
    """A row about the middle of each box, with derived columns that follow."""
    return _rows_at(boxes, (boxes.lower + boxes.upper) / np.float32(2))


def _rows_at(boxes: Region, wanted: Rows) -> Rows:
    rows = np.clip(wanted, boxes.lower, boxes.upper)
    for column, values in enumerate(boxes.values):
        if values is None:
            continue
        here = np.flatnonzero(boxes.listed[:, column])
        if len(here):
            places = np.searchsorted(values, rows[here, column])
            rows[here, column] = values[places]
    return following(boxes, rows)


def following(boxes: Region, rows: Rows) -> Rows:
    """Rows of boxes, changed in place, with derived columns that follow."""
    derivations = boxes.followers.derivations
    if derivations is not None:
        derivations.follow(rows, boxes.followers.centres[boxes.owner])
    return rows


def confirmed(
    region: Region, owner: Indices, rows: Rows, confirm: Confirm
) -> tuple[NDArray[np.bool_], Rows]:
    """Which rows are witnesses; where one is none, the possible row nearest to it may be one.

    Args:
        region: Boxes of the instances.
        owner: The instance that each row is of; shape `(m,)`.
        rows: The rows.
        confirm: Says which rows count.

    Returns:
        Which are, and the rows that were looked at last.
    """
    found = confirm(owner, rows)
    rest = np.flatnonzero(~found)
    if len(rest):
        placed = region.placed(owner[rest], rows[rest])
        moved = (placed != rows[rest]).any(axis=1)
        rest, placed = rest[moved], placed[moved]
    if len(rest):
        again = confirm(owner[rest], placed)
        rows = rows.copy()
        rows[rest[again]], found[rest] = placed[again], again
    return found, rows
