"""Linear models in closed form: a margin is a sum of one function of each column of the table.

The least of a sum over a box is the sum of the least of its terms. A scaled number never decreases
when its code grows, so its term is least at an end of the box; a level's term is looked up.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rafair.certify.cutting import confirmed, cut_in_two, derived_to_cut, following, started
from rafair.certify.prover_interface import Confirm, Decided, Indices, Proof
from rafair.certify.reading.linear_weights import Linear
from rafair.certify.reading.matrix_columns import Codes, Inputs
from rafair.certify.region import Region
from rafair.engine.thread_pool import Workers
from rafair.models.classifier import Labels, Rows
from rafair.tabular.encoding import MISSING

Numbers = NDArray[np.float64]

TOGETHER = 4096
"""How many boxes are looked at together."""


class LinearProver:
    """Proves the classes of regions for a linear model.

    Args:
        formula: Its weights, with the classes in the table's order.
        inputs: How its matrix follows from encoded rows.
        base: A row.
    """

    continuous = True

    def __init__(self, formula: Linear, inputs: Inputs, base: Rows) -> None:
        self._formula, self._inputs, self.kind = formula, inputs, formula.kind
        used = np.flatnonzero((formula.sizes != 0).any(axis=0)).tolist()
        columns = sorted({inputs.sources[one].column for one in used})
        in_cells = [column for column in columns if inputs.in_cells(column)]
        self._cells = {column: _Looked.of(inputs, column, base) for column in in_cells}
        ordered = [i for i, one in enumerate(inputs.sources) if one.column not in self._cells]
        self._ordered = np.array(ordered, np.int64)
        self._columns = frozenset(columns)

    @property
    def reads(self) -> frozenset[int]:
        """The columns that have a weight."""
        return self._columns

    def decide(
        self,
        region: Region,
        wanted: Labels,
        chosen: Indices,
        budget: int,
        confirm: Confirm,
        workers: Workers,
    ) -> Decided:
        """Computes the least margin of each box; see `Prover`."""
        n = len(wanted)
        boxes = started(region, chosen)
        found = Decided(
            np.full(n, Proof.OPEN, np.int8),
            np.zeros((n, region.lower.shape[1]), np.float32),
            np.bincount(boxes.owner, minlength=n).astype(np.int64),
        )
        found.proof[chosen] = Proof.PROVEN
        for other in range(len(self._formula.base)):
            against = boxes.where(wanted[boxes.owner] != other)
            for at in range(0, len(against), TOGETHER):
                part = against.where(np.arange(at, min(at + TOGETHER, len(against))))
                self._against(other, part, wanted, budget, confirm, found)
        return found

    def _against(
        self,
        other: int,
        boxes: Region,
        wanted: Labels,
        budget: int,
        confirm: Confirm,
        found: Decided,
    ) -> None:
        """Looks for rows of boxes at which another class beats the one that is wanted.

        Nothing but a derived column, of which a box holds more than can be, makes it cut boxes.
        """
        while len(boxes):
            least, near, rows = self._least(other, boxes, wanted)
            left = ~(least > near) & (found.proof[boxes.owner] != Proof.REFUTED)
            if not left.any():
                return
            boxes, least, near = boxes.where(left), least[left], near[left]
            refutes, rows = confirmed(boxes, boxes.owner, following(boxes, rows[left]), confirm)
            owners, first = np.unique(boxes.owner[refutes], return_index=True)
            found.proof[owners], found.witness[owners] = Proof.REFUTED, rows[refutes][first]
            again = found.proof[boxes.owner] != Proof.REFUTED
            columns, codes = derived_to_cut(boxes)
            cut = again & (columns >= 0) & (found.boxes[boxes.owner] < budget)
            ended = again & ~cut
            for one, tied in zip(boxes.owner[ended], (least >= -near)[ended], strict=True):
                if found.proof[one] != Proof.OPEN:
                    found.proof[one] = Proof.NEAR_TIE if tied else Proof.OPEN
            boxes = Region.joined(cut_in_two(boxes.where(cut), columns[cut], codes[cut]))
            np.add.at(found.boxes, boxes.owner, 1)

    def _least(self, other: int, boxes: Region, wanted: Labels) -> tuple[Numbers, Numbers, Rows]:
        """The least margin over each box, how far it may be off, and the row that has it."""
        own = wanted[boxes.owner]
        weights = self._formula.weights[own] - self._formula.weights[other]
        least, largest, rows = self._ordered_terms(boxes, weights)
        least += self._formula.base[own] - self._formula.base[other]
        for looked in self._cells.values():
            terms, sizes = looked.least(boxes, own, other, self._formula, rows)
            least += terms
            largest[:, looked.features] = sizes
        slack = self._formula.slack(largest)
        return least, slack[np.arange(len(own)), own] + slack[:, other], rows

    def _ordered_terms(self, boxes: Region, weights: Numbers) -> tuple[Numbers, Numbers, Rows]:
        """The least sums over columns that grow with their codes, sizes, and the rows there."""
        low = self._inputs.matrix(boxes.lower).astype(np.float64)
        high = self._inputs.matrix(boxes.upper).astype(np.float64)
        terms, some = np.where(weights > 0, weights * low, weights * high), self._ordered
        rise = np.zeros(boxes.lower.shape)
        for feature in some.tolist():
            column = self._inputs.sources[feature].column
            rise[:, column] += weights[:, feature] * (high - low)[:, feature]
        rows = np.where(rise < 0, boxes.upper, boxes.lower)
        return terms[:, some].sum(axis=1), np.maximum(np.abs(low), np.abs(high)), rows


class _Looked:
    """A column of which only the cell counts that a code lies in.

    Args:
        column: The column of the table.
        features: The columns of the matrix that follow from it.
        cuts: Where each cell begins; a missing value lies in cell 0, before the first.
        values: What the matrix holds in each cell; shape `(cells, features)`.
    """

    def __init__(self, column: int, features: Indices, cuts: Codes, values: Numbers) -> None:
        self.column, self.features, self._cuts, self._values = column, features, cuts, values

    @classmethod
    def of(cls, inputs: Inputs, column: int, base: Rows) -> _Looked:
        """That of a column, as the model's own code computes it."""
        cuts, features = inputs.cells(column), inputs.of_column(column)
        gaps = inputs.schema.features[column].missing
        codes = np.append(MISSING if gaps else cuts[0], cuts).astype(np.float32)
        matrix = inputs.at_codes(column, codes, base).astype(np.float64)
        return cls(column, features, cuts, matrix[:, features])

    def least(
        self, boxes: Region, own: Labels, other: int, formula: Linear, rows: Rows
    ) -> tuple[Numbers, Numbers]:
        """The least term over each box, and the sizes of what is in it; writes where that is.

        Args:
            boxes: The boxes.
            own: The class that each is to have.
            other: The class that it is compared with.
            formula: The weights.
            rows: Rows in which the code with the least term is written.
        """
        scores = self._values @ formula.weights[:, self.features].T
        low, high = boxes.lower[:, self.column], boxes.upper[:, self.column]
        listed = boxes.listed[:, self.column]
        keys = np.stack([low, high, listed, own], axis=1).astype(np.float64)
        table, which = np.unique(keys, axis=0, return_inverse=True)
        codes, terms = np.empty(len(table), np.float32), np.empty(len(table))
        for place, (least, most, on_list, wanted) in enumerate(table.tolist()):
            some = self._reached(boxes, least, most, on_list=bool(on_list))
            cells = np.searchsorted(self._cuts, some, side="right")
            margins = scores[cells, int(wanted)] - scores[cells, other]
            codes[place], terms[place] = some[margins.argmin()], margins.min()
        rows[:, self.column] = codes[which.reshape(-1)]
        return terms[which.reshape(-1)], np.abs(self._values).max(axis=0)

    def _reached(self, boxes: Region, least: float, most: float, *, on_list: bool) -> Codes:
        """A code of every cell that a range of codes reaches."""
        values = boxes.values[self.column]
        if on_list and values is not None:
            return values[(values >= np.float32(least)) & (values <= np.float32(most))]
        inside = self._cuts[(self._cuts > least) & (self._cuts <= most)]
        return np.append(np.float32(least), inside).astype(np.float32)
