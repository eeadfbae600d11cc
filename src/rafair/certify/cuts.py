"""Cutting boxes in two: between listed values, or in the middle."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rafair.certify.region import Region
from rafair.models.classifier import Rows

Scores = NDArray[np.floating]
Flags = NDArray[np.bool_]


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


def cut(region: Region, column: NDArray[np.int64], found: Halves) -> tuple[Region, Region]:
    """Both halves of boxes, each cut in one of its features.

    Args:
        region: The boxes.
        column: The feature to cut of each; shape `(m,)`.
        found: Where.
    """
    each = np.arange(len(region))
    low, high = region.where(each), region.where(each)
    low.upper[each, column] = found.end[each, column]
    high.lower[each, column] = found.begin[each, column]
    for half in (low, high):
        half.followers.follow(half.owner, half.lower, half.upper)
    return low, high
