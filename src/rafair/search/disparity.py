"""How differently the counterparts of a row are treated, and which two show it.

Fairness tests such as ADF and DICE steer by two counterparts. Which two depends on the
probabilities of all of them, which are summed up chunk by chunk and never held together.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from rafair.arguments import check_real
from rafair.search.counterpart_choice import first_maximum
from rafair.search.observation import NONE, Numbers, Observation
from rafair.search.seeded_draws import row_keys
from rafair.tabular.encoding import Rows
from rafair.tabular.keys import mixed

Margins = NDArray[np.float64]
"""m of the true class, so that its probability is σ(-m)."""

NARROWEST = 1e-4
"""The least width of a bin; the counts of each row take memory by the number of bins."""

INDEX_BITS = np.uint64(32)


class DisparityTally(ABC):
    """What is kept while the counterparts of `n` rows come in, in order."""

    @abstractmethod
    def add(self, owner: Numbers, index: Numbers, margins: Margins) -> None:
        """Adds some counterparts: whose they are, which they are, and their margins; `(m,)`.

        They come in the order of rows, and of each row's counterparts.
        """

    @abstractmethod
    def write(self, seen: Observation) -> None:
        """Fills `leaders`, `extremes`, `reach`, `bins` and `entropy` in."""


class Disparity(ABC):
    """A way to sum up how far counterparts lie apart."""

    @abstractmethod
    def tally(self, rows: Rows, own: Numbers) -> DisparityTally:
        """An empty tally for rows of shape `(n, d)` whose own indices are `own`."""


@dataclass(frozen=True)
class Farthest(Disparity):
    """The row itself, and the counterpart whose probability differs most from its own.

    The probability is that of the true class; of two classes, either gives the same choice.
    """

    def tally(self, rows: Rows, own: Numbers) -> DisparityTally:
        """An empty tally."""
        return _FarthestTally(own)


@dataclass(frozen=True)
class Bins(Disparity):
    """Two counterparts drawn from the fullest bin of probability, and one from each end.

    Args:
        width: The width of a bin of the true class's probability.
        seed: Decides the draws.

    Raises:
        InputError: If `width` is not from 0.0001 to 1.
    """

    width: float = 0.025
    seed: int = 0

    def __post_init__(self) -> None:
        check_real("width", self.width, NARROWEST, 1, low_included=True)

    def tally(self, rows: Rows, own: Numbers) -> DisparityTally:
        """An empty tally."""
        return _BinsTally(row_keys(rows, self.seed), self.width)


class _FarthestTally(DisparityTally):
    def __init__(self, own: Numbers) -> None:
        self._own_index = own
        self._own = np.full(len(own), np.nan)
        self._least = np.full(len(own), np.inf)
        self._most = np.full(len(own), -np.inf)
        self._at_least = np.full(len(own), NONE)
        self._at_most = np.full(len(own), NONE)

    def add(self, owner: Numbers, index: Numbers, margins: Margins) -> None:
        """Keeps the first counterpart at either end, the row itself apart."""
        itself = index == self._own_index[owner]
        self._own[owner[itself]] = margins[itself]
        starts = np.flatnonzero(np.diff(owner, prepend=NONE))
        at = owner[starts]
        for ends, places, sign in (
            (self._least, self._at_least, -1),
            (self._most, self._at_most, 1),
        ):
            values = np.where(itself, -np.inf, sign * margins)
            first = first_maximum(values, starts)
            better = values[first] > sign * ends[at]  # not >=: ties go to the first
            ends[at[better]] = margins[first[better]]
            places[at[better]] = index[first[better]]

    def write(self, seen: Observation) -> None:
        """The end that is farther from the row."""
        # both differ from the row's own margin by an amount that probabilities may round away
        below = np.stack([_gap(self._own, self._least), self._own - self._least])
        above = np.stack([_gap(self._own, self._most), self._most - self._own])
        first = self._at_most < self._at_least
        further = np.where(above[1] == below[1], first, above[1] > below[1])
        higher = np.where(above[0] == below[0], further, above[0] > below[0])
        farthest = np.where(higher, self._at_most, self._at_least)
        seen.leaders = np.column_stack([self._own_index, farthest])
        seen.extremes = seen.leaders.copy()
        seen.reach = (~seen.fair).astype(np.int64)


class _BinsTally(DisparityTally):
    """Counts per bin, and of each bin the two members that come first and last in a random order.

    The order is that of a hash of row and counterpart: a draw that does not depend on how
    counterparts are cut into chunks.
    """

    def __init__(self, keys: NDArray[np.uint64], width: float) -> None:
        self._keys, self._width = keys, width
        shape = (len(keys), math.ceil(round(1 / width, 9)))
        self._counts = np.zeros(shape, np.int64)
        self._first = np.full(shape, np.iinfo(np.uint64).max, np.uint64)
        self._last = np.zeros(shape, np.uint64)

    def add(self, owner: Numbers, index: Numbers, margins: Margins) -> None:
        """Counts, and compares places in the random order."""
        # the tiny amount puts .075 / .025 = 2.9999999999999996 into bin 3
        bins = np.floor(expit(-margins) / self._width + 1e-9).astype(np.int64)
        where = owner, np.minimum(bins, self._counts.shape[1] - 1)
        hashes = mixed(self._keys[owner] ^ index.astype(np.uint64))
        places = (hashes >> INDEX_BITS << INDEX_BITS) | index.astype(np.uint64)
        np.add.at(self._counts, where, 1)
        np.minimum.at(self._first, where, places)
        np.maximum.at(self._last, where, places)

    def write(self, seen: Observation) -> None:
        """Pairs, the number of bins between the ends, and the entropy."""
        each = np.arange(len(self._counts))
        filled = self._counts > 0
        fullest = self._counts.argmax(axis=1)
        lowest = filled.argmax(axis=1)
        highest = filled.shape[1] - 1 - filled[:, ::-1].argmax(axis=1)
        first, last = _index(self._first), _index(self._last)
        seen.leaders = np.column_stack([first[each, fullest], last[each, fullest]])
        seen.extremes = np.column_stack([first[each, lowest], first[each, highest]])
        seen.reach = highest - lowest
        seen.bins = filled.sum(axis=1)
        seen.entropy = _entropy_bits(self._counts)


def _gap(own: Margins, other: Margins) -> Margins:
    gap: Margins = np.abs(expit(-own) - expit(-other))
    return gap


def _entropy_bits(counts: Numbers) -> NDArray[np.float64]:
    """The Shannon entropy of each row of counts, in bits."""
    shares = counts / counts.sum(axis=1, keepdims=True)
    logarithms = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    entropy: NDArray[np.float64] = np.abs((shares * logarithms).sum(axis=1))
    return entropy


def _index(places: NDArray[np.uint64]) -> Numbers:
    return (places & np.uint64(0xFFFFFFFF)).astype(np.int64)
