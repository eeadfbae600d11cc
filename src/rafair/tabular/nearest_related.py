"""The nearest rows in which linear relations hold: a mixed-integer program for each row.

Solved by HiGHS through `scipy.optimize.milp`: of all values of the features' grids within reach,
those whose encoded distances to the wanted row add up to the least.

Source: Q. Huangfu, J. A. J. Hall, "Parallelizing the dual revised simplex method", Mathematical
Programming Computation 10 (2018).
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

from rafair.tabular.encoding import Rows
from rafair.tabular.grids import ROUNDING, Grids, Values
from rafair.tabular.relations import Relation
from rafair.tabular.schema import Schema

Mask = NDArray[np.bool_]

LIBC = ctypes.CDLL(None) if os.name == "posix" else None

SLACK = 2e-7
"""By what share of its terms a relation may be missed: less than `Relation.holds` forgives, and
enough for sums that only rounding keeps from a bound."""

OPTIONS = {
    "mip_rel_gap": 0.0,  # the least distance, to 1e-6 of a range
    "node_limit": 10_000,  # branches for one row; the best row found by then is taken
    # undoing it can leave a row a little outside, and HiGHS then writes to stdout, past Python
    "presolve": False,
}
"""What the solver is told; no limit is one of time, which would decide figures."""


@dataclass(frozen=True)
class Linked:
    """The relations of a schema, by column.

    Args:
        relations: The relations.
        names: The features' names in column order.
        weights: Of each relation, the features' weights; shape `(r, d)`.
        grids: The values that features may take.
    """

    relations: tuple[Relation, ...]
    names: tuple[str, ...]
    weights: Values
    grids: Grids

    @classmethod
    def of(cls, relations: Sequence[Relation], schema: Schema, grids: Grids) -> Linked:
        """The relations of a schema, as `relations.parse_all` reads them."""
        weights = np.zeros((len(relations), len(schema)))
        for number, relation in enumerate(relations):
            for name, weight in relation.weights.items():
                weights[number, schema.column(name)] = weight
        return cls(tuple(relations), schema.names, weights, grids)

    @cached_property
    def joined(self) -> Mask:
        """Which relations hang together, by features that they share; shape `(r, r)`."""
        shares = (self.weights != 0).astype(np.int64)
        joined: Mask = shares @ shares.T > 0
        for _ in self.relations:
            joined = joined.astype(np.int64) @ joined > 0
        return joined

    def holds(self, rows: Rows) -> Mask:
        """Which relations hold in which rows; those of missing values do; shape `(n, r)`."""
        values = dict(zip(self.names, self.grids.raw(rows).T, strict=True))
        held = np.ones((len(rows), len(self.relations)), bool)
        for number, relation in enumerate(self.relations):
            held[:, number] = relation.holds(values)
        return held

    def nearest(
        self, row: Rows, centre: Rows, lower: Values, upper: Values, enforced: Mask
    ) -> Rows | None:
        """The nearest row to a wanted one in which relations hold; None where none was found.

        Only features that stand in an enforced relation are placed; others are those of `row`.

        Args:
            row: The wanted row, of any values; shape `(d,)`.
            centre: The row that its box is around; shape `(d,)`.
            lower: The least allowed encoded values; where `upper` is no larger, the centre stays.
            upper: The largest ones.
            enforced: Which relations must hold; shape `(r,)`.
        """
        grids, raw = self.grids, self.grids.raw(centre[None])[0]
        first, last = grids.places(lower, upper)
        weights = self.weights[enforced]
        # a relation with a missing value holds
        weights = weights[~np.isnan(np.where(weights != 0, raw, 0)).any(axis=1)]
        enforced = enforced & ~np.isnan(np.where(self.weights != 0, raw, 0)).any(axis=1)
        columns = np.flatnonzero((weights != 0).any(axis=0))
        free = columns[(upper > lower)[columns] & (first <= last)[columns]]
        whole = grids.step[free] > 0
        # a variable counts the steps above the first place, or is a value where there is no grid
        unit = np.where(whole, grids.step[free], 1)
        base = np.where(whole, grids.anchor[free] + first[free] * unit, 0)
        minimum, span = grids.minimum[free], grids.span[free]
        least = np.where(whole, 0, minimum + lower[free] * span)
        most = np.where(whole, last[free] - first[free], minimum + upper[free] * span)
        terms = weights * np.where(np.isnan(raw), 0, raw)
        size = 1 + np.abs(terms).sum(axis=1)
        others = np.delete(terms, free, axis=1).sum(axis=1) + weights[:, free] @ base
        chosen = [relation for relation, on in zip(self.relations, enforced, strict=True) if on]
        solution = _Program(
            slope=unit / span,
            offset=(base - minimum) / span - np.clip(row[free], lower[free], upper[free]),
            least=least,
            most=most,
            whole=whole,
            sums=weights[:, free] * unit / size[:, None],
            low=(np.array([relation.lower for relation in chosen]) - others) / size - SLACK,
            high=(np.array([relation.upper for relation in chosen]) - others) / size + SLACK,
        ).solved()
        if solution is None:
            return None
        values = raw.copy()
        values[free] = base + unit * np.where(whole, np.rint(solution), solution)
        moved = grids.encode(values[None])[0]
        home = np.abs(moved - centre.astype(np.float64)) <= ROUNDING
        found = row.copy()
        found[columns] = np.where(home, centre, moved)[columns]
        found[np.setdiff1d(columns, free)] = centre[np.setdiff1d(columns, free)]
        return found


@dataclass(frozen=True)
class _Program:
    """What is minimised: Σ |slope · z + offset|, with z and sums of z between their ends."""

    slope: Values
    offset: Values
    least: Values
    most: Values
    whole: Mask
    sums: Values
    low: Values
    high: Values

    def solved(self) -> Values | None:
        """The best z; None where there is none, or nothing to choose."""
        m, slope = len(self.slope), self.slope
        if not m:
            return None

        # the least of each sum's terms becomes 1: the solver's tolerances are absolute
        unit = 1 / np.where(self.sums != 0, np.abs(self.sums), np.inf).min(axis=1, initial=1)
        sums, low, high = self.sums * unit[:, None], self.low * unit, self.high * unit
        eye, slopes = np.eye(m), np.diag(slope)
        # t >= ±(slope · z + offset), and all t as small as can be
        matrix = np.block([[slopes, -eye], [-slopes, -eye], [sums, np.zeros((len(sums), m))]])
        with _silent():
            result = milp(
                np.concatenate([np.zeros(m), np.ones(m)]),
                integrality=np.concatenate([self.whole, np.zeros(m)]).astype(int),
                bounds=Bounds(
                    np.concatenate([self.least, np.zeros(m)]),
                    np.concatenate([self.most, np.full(m, np.inf)]),
                ),
                constraints=LinearConstraint(
                    matrix,
                    np.concatenate([np.full(2 * m, -np.inf), low]),
                    np.concatenate([-self.offset, self.offset, high]),
                ),
                options=OPTIONS,
            )
        return None if result.x is None else np.asarray(result.x[:m], np.float64)


@contextmanager
def _silent() -> Iterator[None]:
    """Lets what the solver prints, past Python and whatever it was told, go nowhere."""
    try:
        kept = os.dup(1)
    except OSError:  # a closed stdout has nothing to be kept clean
        yield
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    try:
        yield
    finally:
        if LIBC is not None:
            LIBC.fflush(None)  # else the text waits in C's buffer, and comes out later
        os.dup2(kept, 1)
        os.close(kept)
        os.close(null)
