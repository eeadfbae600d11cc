"""The search for rows that refute what is not proven."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rafair.certify.bisection import bisect
from rafair.certify.membership import Membership
from rafair.certify.model_queries import Asked
from rafair.certify.property_status import Property, Standing
from rafair.certify.prover_interface import Indices
from rafair.models.classifier import Labels, Rows

Flags = NDArray[np.bool_]

BOTH, FAIRNESS, ACCURACY = range(len(Property))
SETTLED = (Standing.CERTIFIED, Standing.REFUTED)


class Refuting:
    """How the properties of `n` instances stand, at one budget after the other.

    Args:
        asked: The model's answers.
        rows: The instances, encoded; shape `(n, d)`.
        labels: Their true classes; shape `(n,)`.
        constructed: Whether no counterpart can get another class, by the model itself.
    """

    def __init__(
        self, asked: Asked, rows: Rows, labels: Labels, *, constructed: bool = False
    ) -> None:
        n, width = rows.shape
        self._asked, self._constructed = asked, constructed
        self.rows, self.labels = rows, labels
        self.predictions: Labels = asked.classes(rows)
        self.right: Flags = self.predictions == labels
        self.standing = np.zeros((n, len(Property)), np.int8)
        self.witness = np.full((n, len(Property), width), np.nan, np.float32)
        self._other = np.full((n, width), np.nan, np.float32)
        self.flipped = np.zeros(n, bool)
        """Of which a row of another class than the row's own is known, whatever it refutes."""
        self._tied = np.zeros(n, bool)
        self.clean_unknown = np.full(n, not constructed)
        self._continuous = False
        wrong = np.flatnonzero(~self.right)
        for column in (BOTH, ACCURACY):
            self._refute(wrong, column, rows[wrong])

    @property
    def others(self) -> Rows:
        """The counterparts that refute individual fairness, in its place; `(n, 3, d)`."""
        found = np.full_like(self.witness, np.nan)
        found[:, FAIRNESS] = self._other
        return found

    def begin(self, *, continuous: bool) -> None:
        """Begins a larger budget: what is refuted stays so, all else is open again.

        Args:
            continuous: Whether a row of another class means that counterparts disagree on the way.
        """
        self._continuous = continuous
        self.standing[self.standing != Standing.REFUTED] = Standing.OPEN
        if self._constructed:
            self.standing[:, FAIRNESS] = Standing.CERTIFIED
        self._raise(self._tied, FAIRNESS, Standing.NEAR_TIE)

    @property
    def clean_open(self) -> Flags:
        """Whose counterparts, as they came, were not looked at and are not proven to agree."""
        return self.clean_unknown & ~np.isin(self.standing[:, FAIRNESS], SETTLED)

    @property
    def may_be_constant(self) -> Flags:
        """Which joint regions may get one class and are not proven to; shape `(n,)`."""
        return np.equal(self.standing[:, FAIRNESS], Standing.OPEN) & ~self.flipped

    @property
    def may_stay_right(self) -> Flags:
        """Which regions of own sensitive values may stay right and are not proven to."""
        found: Flags = np.equal(self.standing[:, ACCURACY], Standing.OPEN)
        return found

    @property
    def unsettled(self) -> Flags:
        """Of which something is neither certified nor refuted; shape `(n,)`."""
        found: Flags = np.any(~np.isin(self.standing, SETTLED), axis=1)
        return found

    def constant(self, where: Flags) -> None:
        """Takes in that all of the joint regions get the class of the row."""
        self.standing[where, FAIRNESS] = Standing.CERTIFIED
        for column in (BOTH, ACCURACY):
            self.standing[where & self.right, column] = Standing.CERTIFIED

    def stays_right(self, where: Flags) -> None:
        """Takes in that all of the regions of own sensitive values get the right class."""
        self.standing[where, ACCURACY] = Standing.CERTIFIED

    def near_tie(self, where: Flags, *, own: bool = False) -> None:
        """Takes in that what is left of regions lies near to a tie."""
        for column in (ACCURACY,) if own else (BOTH, FAIRNESS):
            self._raise(where, column, Standing.NEAR_TIE)

    def mirror(self) -> None:
        """Where no counterpart can get another class, accurate fairness is accuracy."""
        if self._constructed:
            self.standing[:, BOTH] = self.standing[:, ACCURACY]
            self.witness[:, BOTH] = self.witness[:, ACCURACY]

    def take(self, members: Membership, where: Indices, rows: Rows) -> None:
        """Takes in rows that instances may become, and what they refute.

        Args:
            members: The rows that instances may become.
            where: The instances, each once; shape `(m,)`.
            rows: A row of each; shape `(m, d)`.
        """
        wanted = ~(self.standing[where] == Standing.REFUTED).all(axis=1)
        where, rows = where[wanted], rows[wanted]
        if not where.size:
            return
        plain = members.with_own_values(rows, self.rows[where])
        classes, own = self._asked.classes(rows), self._asked.classes(plain)
        self._break(where, rows, classes)
        self._break(where, plain, own, accuracy=True)
        if self._constructed:
            return
        apart = np.flatnonzero(classes != own)
        self._disagree(where[apart], plain[apart], own[apart], rows[apart])
        left = (classes == own) & (self.standing[where, FAIRNESS] != Standing.REFUTED)
        left &= self.clean_unknown[where] | (rows != self.rows[where]).any(axis=1)
        self._look_around(members, where[left], plain[left], own[left])

    def _look_around(
        self, members: Membership, where: Indices, rows: Rows, classes: Labels
    ) -> None:
        """Looks at all counterparts of rows, and on the way to them where all of them flip."""
        others = self._asked.unlike(rows, classes)
        some = ~np.isnan(others[:, 0])
        self._disagree(where[some], rows[some], classes[some], others[some])
        as_they_came = (rows == self.rows[where]).all(axis=1)
        self.clean_unknown[where[as_they_came]] = False
        if not (self._continuous and self._asked.enumerates):
            return
        together = np.flatnonzero(~some & (classes != self.predictions[where]))
        if not together.size:
            return
        clean = where[together]
        clean = clean[self.clean_unknown[clean]]
        if clean.size:  # the way begins at a row all of whose counterparts get one class
            self._look_around(members, clean, self.rows[clean], self.predictions[clean])
        still = self.standing[where[together], FAIRNESS] != Standing.REFUTED
        self._lead_there(members, where[together][still], rows[together][still])

    def _lead_there(self, members: Membership, where: Indices, flips: Rows) -> None:
        """Seeks rows whose counterparts disagree on the way to rows that flip with theirs."""
        if not where.size:
            return
        centres, classes = self.rows[where], self.predictions[where]
        rows, others = bisect(self._asked, members, centres, flips, classes)
        some = ~np.isnan(others[:, 0])
        if some.any():
            found = self._asked.classes(rows[some])
            self._disagree(where[some], rows[some], found, others[some])
        self._tied[where[~some]] = True
        self._raise(self._tied, FAIRNESS, Standing.NEAR_TIE)

    def _break(
        self, where: Indices, rows: Rows, classes: Labels, *, accuracy: bool = False
    ) -> None:
        """Takes in rows that get other classes than their instance; their own values or not."""
        flips = classes != self.predictions[where]
        self.flipped[where[flips]] = True
        wrong = classes != self.labels[where]
        for column in (BOTH, ACCURACY) if accuracy else (BOTH,):
            self._refute(where[wrong], column, rows[wrong])

    def _disagree(self, where: Indices, rows: Rows, classes: Labels, others: Rows) -> None:
        """Takes in rows and counterparts of theirs that get another class."""
        new = self.standing[where, FAIRNESS] != Standing.REFUTED
        where, rows, classes, others = where[new], rows[new], classes[new], others[new]
        if not where.size:
            return
        self.flipped[where] = True
        self._refute(where, FAIRNESS, rows)
        self._other[where] = others
        # one of the two is wrong
        wrong = classes != self.labels[where]
        self._refute(where, BOTH, np.where(wrong[:, None], rows, others))
        self._refute(where[wrong], ACCURACY, rows[wrong])

    def _refute(self, where: Indices, column: int, rows: Rows) -> None:
        """Refutes a property, unless it is refuted; what was proven is never refuted."""
        new = self.standing[where, column] != Standing.REFUTED
        where, rows = where[new], rows[new]
        assert not (self.standing[where, column] == Standing.CERTIFIED).any()
        self.standing[where, column] = Standing.REFUTED
        self.witness[where, column] = rows

    def _raise(self, where: Flags, column: int, standing: Standing) -> None:
        """Lets what is open stand otherwise."""
        self.standing[where & (self.standing[:, column] == Standing.OPEN), column] = standing
