"""The distinct questions that trees ask about encoded rows, and what boxes may answer.

A question is about one column of the table. Of most columns it is whether the code lies below a
cut; of columns with levels, whether it is in a set of `cells`, which lie between cuts as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafair.certify.reading.matrix_columns import NEVER, Codes, Inputs
from rafair.certify.reading.tree_form import LEAF, Flags, Places, Trees
from rafair.errors import ModelError
from rafair.models.classifier import Rows
from rafair.tabular.encoding import MISSING

BEHIND = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Cells:
    """The questions about a column of which only the cell counts that a code lies in.

    Args:
        column: The column of the table.
        cuts: Where each cell begins; a missing value lies in cell 0, before the first.
        questions: Which questions these are.
        member: Whether a cell goes to the left; shape `(cells, questions)`.
        flip: The next cell that goes the other way; `BEHIND` where there is none.
    """

    column: int
    cuts: Codes
    questions: Places
    member: Flags
    flip: Places

    @classmethod
    def of(cls, column: int, cuts: Codes, questions: Places, member: Flags) -> Cells:
        """Those of which it is known which cells go to the left."""
        flip = np.full(member.shape, BEHIND)
        for cell in range(len(member) - 2, -1, -1):
            same = member[cell] == member[cell + 1]
            flip[cell] = np.where(same, flip[cell + 1], cell + 1)
        return cls(column, cuts, questions, member, flip)

    def of_codes(self, codes: Codes) -> Places:
        """The cell that each code lies in."""
        return np.searchsorted(self.cuts, codes, side="right")

    def where(self, kept: Flags, places: Places) -> Cells:
        """Those of some questions, which are counted anew."""
        here = kept[self.questions]
        own = places[self.questions[here]]
        return Cells(self.column, self.cuts, own, self.member[:, here], self.flip[:, here])


@dataclass(frozen=True)
class Questions:
    """`q` questions, each of one column; what passes goes to the left.

    Args:
        column: The column of the table that each is about; shape `(q,)`.
        cut: Codes below it go to the left; not of those in `cells`.
        missing_left: Whether a missing value does; not of those in `cells`.
        cells: The questions about columns with cells.
    """

    column: Places
    cut: Codes
    missing_left: Flags
    cells: tuple[Cells, ...]

    def __len__(self) -> int:
        return len(self.column)

    def answers(self, lower: Rows, upper: Rows) -> tuple[Flags, Flags]:
        """Which questions some row of a box passes, and which some row does not.

        Args:
            lower: The least codes of boxes; shape `(b, d)`.
            upper: The largest; likewise. Where only one end is missing, all between may be there.

        Returns:
            Flags of shape `(q, b)` each.
        """
        low, high = lower.T[self.column], upper.T[self.column]
        left, right = low < self.cut[:, None], high >= self.cut[:, None]
        gaps = low < 0
        if gaps.any():
            there = (high >= 0) & (self.cut > 0)[:, None]
            left = np.where(gaps, self.missing_left[:, None] | there, left)
            right |= gaps & ~self.missing_left[:, None]
        for cells in self.cells:
            first, last = (cells.of_codes(ends[:, cells.column]) for ends in (lower, upper))
            member, both = cells.member[first], cells.flip[first] <= last[:, None]
            left[cells.questions] = (member | both).T
            right[cells.questions] = (~member | both).T
        return left, right

    def where_to_cut(self, questions: Places, lower: Rows) -> Codes:
        """The code at which the answer of a box's question changes first; shape `(b,)`."""
        found = self.cut[questions]
        for cells in self.cells:
            place = np.full(len(self), -1)
            place[cells.questions] = np.arange(len(cells.questions))
            here = np.flatnonzero(place[questions] >= 0)
            first = cells.of_codes(lower[here, cells.column])
            flips = cells.flip[first, place[questions[here]]]
            found[here] = cells.cuts[flips - 1]
        return found

    def rows_at_cuts(self, base: Rows, n: int) -> Rows:
        """Rows whose codes are cuts, or lie right below; always the same ones; shape `(n, d)`."""
        generator = np.random.default_rng(2)
        rows = np.repeat(base, n, axis=0)
        cuts = {one.column: one.cuts for one in self.cells}
        for column in np.unique(self.column).tolist():
            own = cuts.get(column, self.cut[self.column == column])
            drawn = generator.choice(own[own <= 1], n) if (own <= 1).any() else rows[:, column]
            below = np.where(drawn > 0, np.nextafter(drawn, np.float32(-1)), drawn)
            rows[:, column] = np.where(generator.random(n) < 0.5, drawn, below)
        return rows

    def where(self, kept: Flags) -> Questions:
        """Those that a mask chooses."""
        places = np.cumsum(kept) - 1
        cells = tuple(one.where(kept, places) for one in self.cells if kept[one.questions].any())
        return Questions(self.column[kept], self.cut[kept], self.missing_left[kept], cells)


def questions_of(trees: Trees, inputs: Inputs, base: Rows) -> tuple[Questions, Places]:
    """The distinct questions of an ensemble, and which of them each node asks.

    Args:
        trees: The ensemble.
        inputs: How its matrix follows from encoded rows.
        base: A row.

    Returns:
        The questions, and of each node its question; -1 of leaves.

    Raises:
        ModelError: If a column is taken in a way that cannot be certified.
    """
    inner = np.flatnonzero(trees.feature != LEAF)
    columns = np.array([source.column for source in inputs.sources], np.int64)
    of_node = columns[trees.feature[inner]]
    kinds = {column: inputs.in_cells(column) for column in np.unique(of_node).tolist()}
    by_cells = np.array([kinds[column] for column in of_node.tolist()], np.bool_)
    which = np.full(len(trees.feature), -1)
    ordered, cuts, gone = _ordered(trees, inputs, inner[~by_cells], base)
    keys = [columns[trees.feature[ordered]].astype(np.float64), cuts.astype(np.float64), gone]
    table, found = np.unique(np.stack(keys, axis=1), axis=0, return_inverse=True)
    which[ordered] = found.reshape(-1)
    column, cut = table[:, 0].astype(np.int64), table[:, 1].astype(np.float32)
    cells, gaps = [], table[:, 2].astype(np.bool_)
    for one in sorted(one for one, some in kinds.items() if some):
        nodes = inner[of_node == one]
        made, own = _in_cells(trees, inputs, one, nodes, base, len(column))
        which[nodes] = own
        cells.append(made)
        column = np.append(column, np.full(len(made.questions), one))
    more = len(column) - len(cut)
    cut, gaps = np.append(cut, np.full(more, NEVER)), np.append(gaps, np.zeros(more, np.bool_))
    return Questions(column, cut, gaps, tuple(cells)), which


def _ordered(
    trees: Trees, inputs: Inputs, nodes: Places, base: Rows
) -> tuple[Places, Codes, Flags]:
    """Nodes of columns without cells, each one's cut, and whether missing values pass."""
    if any(node in trees.categories for node in nodes.tolist()):
        raise ModelError(
            f"model '{inputs.where}': splits numbers into categories, which cannot be certified"
        )
    keys = np.stack([trees.feature[nodes].astype(np.float64), trees.threshold[nodes]], axis=1)
    table, found = np.unique(keys, axis=0, return_inverse=True)
    feature, threshold = table[:, 0].astype(np.int64), table[:, 1]

    def passes(matrix: NDArray[np.floating], asked: Places) -> Flags:
        return trees.comparison.passes(matrix[asked, feature[asked]], threshold[asked])

    cuts = inputs.cuts(feature.tolist(), passes, base)
    columns = np.array([inputs.sources[one].column for one in feature.tolist()], np.int64)
    gone = np.zeros(len(nodes), np.bool_)
    for column in np.unique(columns).tolist():
        here = np.flatnonzero(columns[found.reshape(-1)] == column)
        if inputs.schema.features[column].missing:
            values = inputs.at_codes(column, np.full(1, MISSING), base)[0]
            gone[here] = trees.goes_left(nodes[here], values[trees.feature[nodes[here]]])
    return nodes, cuts[found.reshape(-1)], gone


def _in_cells(
    trees: Trees, inputs: Inputs, column: int, nodes: Places, base: Rows, first: int
) -> tuple[Cells, Places]:
    """The questions about one column with cells, counted from a place on, and each node's."""
    cuts = inputs.cells(column)
    feature = inputs.schema.features[column]
    codes = np.append(MISSING if feature.missing else cuts[0], cuts).astype(np.float32)
    matrix = inputs.at_codes(column, codes, base)
    member = np.stack(
        [
            trees.goes_left(np.full(len(codes), node), matrix[:, trees.feature[node]])
            for node in nodes.tolist()
        ],
        axis=1,
    )
    distinct, own = np.unique(member, axis=1, return_inverse=True)
    questions = first + np.arange(distinct.shape[1])
    return Cells.of(column, cuts, questions, distinct), first + own.reshape(-1)
