"""The search of one instance's boxes for a row of another class: cut, bound, ask."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

import numpy as np

from rafair.certify.cutting import cut_in_two, inputs_to_cut, middle_rows, nearest_rows
from rafair.certify.prover_interface import Proof
from rafair.certify.reading.tree_form import Flags, Numbers
from rafair.certify.region import Region
from rafair.certify.trees.ensemble import Ensemble
from rafair.certify.trees.ensemble_part import WORD, Part
from rafair.models.classifier import Rows

REFUSALS = 16
"""After so many rows that are no witnesses, only rows of boxes that need no cut are tried."""


class Replies(NamedTuple):
    """What became of rows that were asked about.

    Args:
        refutes: Whether each was confirmed as a witness; shape `(m,)`.
        as_wanted: Whether the model decides for it as wanted; likewise.
        rows: The rows, of which those that refute may have been moved; shape `(m, d)`.
    """

    refutes: Flags
    as_wanted: Flags
    rows: Rows


Asking = Generator[Rows, Replies, Proof]
"""Gives rows to ask about, takes what became of them, and returns what is known in the end."""


class Search:
    """The search of one instance for a row at which another class beats the one that is wanted.

    Args:
        ensemble: The model.
        wanted: The class that is wanted.
        budget: The most boxes.
        boxes: How many were bounded before.
    """

    def __init__(self, ensemble: Ensemble, wanted: int, budget: int, boxes: int = 0) -> None:
        self._ensemble, self._wanted, self._budget = ensemble, wanted, budget
        self.boxes = boxes
        """How many boxes were bounded."""
        self.witness: Rows | None = None
        """The row that refuted, if one did."""
        self._refusals = 0
        self._unsettled = False

    def against(self, other: int, boxes: Region) -> Asking:
        """Searches boxes whose bounds do not prove the class against another one.

        Args:
            other: The other class.
            boxes: Boxes of the instance.
        """
        hull = boxes.lower.min(axis=0, keepdims=True), boxes.upper.max(axis=0, keepdims=True)
        pair = self._ensemble.pair(self._wanted, other)
        part = Part(self._ensemble, pair, *hull)
        pool = boxes
        while len(pool):
            if self.boxes >= self._budget:
                return Proof.OPEN
            top = pool.where(np.arange(max(len(pool) - WORD // 2, 0), len(pool)))
            pool = pool.where(np.arange(len(pool) - len(top)))
            cut, whole = self._cut(part, top)
            bounds = self._bounds(part, cut)
            left = bounds <= pair.slack
            cut, bounds = cut.where(left), bounds[left]
            cut = cut.where(np.argsort(-bounds, kind="stable"))
            rows = self._candidates(part, cut, -pair.slack)
            asked = np.concatenate([nearest_rows(whole), rows])
            if len(asked):
                replies = yield asked
                if replies.refutes.any():
                    self.witness = replies.rows[replies.refutes.argmax()]
                    return Proof.REFUTED
                self._unsettled |= not replies.as_wanted[: len(whole)].all()
                self._refusals += len(rows)
            pool = Region.joined([pool, cut])
        return Proof.OPEN if self._unsettled else Proof.PROVEN

    def _cut(self, part: Part, boxes: Region) -> tuple[Region, Region]:
        """The halves of boxes, and those boxes in which all rows get one answer."""
        asked = part.open_questions(boxes.lower, boxes.upper)
        some = boxes.where(asked >= 0)
        columns = part.questions.column[asked[asked >= 0]]
        codes = part.questions.where_to_cut(asked[asked >= 0], some.lower)
        derivations = boxes.followers.derivations
        derived = np.isin(columns, derivations.columns if derivations else ())
        if derived.any():
            columns[derived], codes[derived] = inputs_to_cut(some.where(derived), columns[derived])
        cut = columns >= 0
        self._unsettled |= not cut.all()  # of derived columns that rounding leaves open
        halves = cut_in_two(some.where(cut), columns[cut], codes[cut])
        return Region.joined(halves), boxes.where(asked < 0)

    def _bounds(self, part: Part, boxes: Region) -> Numbers:
        self.boxes += len(boxes)
        return part.bounds(boxes.lower, boxes.upper)

    def _candidates(self, part: Part, boxes: Region, least: float) -> Rows:
        """The row of some box whose margin is least, if that refutes."""
        if not len(boxes) or self._refusals >= REFUSALS:
            return boxes.lower[:0]
        rows = middle_rows(boxes)
        margins = part.bounds(rows, rows)
        best = int(margins.argmin())
        return rows[best : best + 1] if margins[best] < least else rows[:0]
