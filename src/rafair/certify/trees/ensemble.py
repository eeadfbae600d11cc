"""Trees as conjunctions: what answers lead to each leaf, and to each node that asks more."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rafair.certify.reading.matrix_columns import Inputs
from rafair.certify.reading.tree_form import LEAF, Numbers, Places, Trees
from rafair.certify.trees.tree_questions import questions_of
from rafair.models.classifier import Rows

LIFT = 1e-30
"""What a node weighs at least, below which all leaves are worth the same."""


@dataclass(frozen=True)
class Pair:
    """An ensemble's margin of one class over another.

    Args:
        values: By how much each leaf favours the class; rounded to multiples of a power of two of
            which all sums are exact, so that no order of adding up changes a bound; `(leaves,)`.
        order: The leaves, tree by tree, from the least value of each to the largest.
        weights: By how much the leaves below each inner node differ; shape `(nodes,)`.
        base: The margin before any tree.
        slack: How far the model's own margins may be off these.
    """

    values: Numbers
    order: Places
    weights: Numbers
    base: float
    slack: float


class Ensemble:
    """An ensemble over encoded rows.

    An answer `2 q` is that question `q` is passed, `2 q + 1` that it is not; `2 * questions` is
    always given, and fills paths that are shorter than the longest.

    Args:
        trees: Its trees.
        inputs: How their matrix follows from encoded rows.
        base: A row.

    Raises:
        ModelError: If a column is taken in a way that cannot be certified.
    """

    def __init__(self, trees: Trees, inputs: Inputs, base: Rows) -> None:
        self._trees = trees
        self.questions, which = questions_of(trees, inputs, base)
        self._levels, above = _levels(trees, which, 2 * len(self.questions))
        self.nodes = np.flatnonzero(trees.feature != LEAF)
        self.leaves = np.flatnonzero(trees.feature == LEAF)
        self.question_of = which[self.nodes]
        self.node_paths, self.leaf_paths = above[self.nodes], above[self.leaves]
        self.tree_of = np.searchsorted(trees.roots, self.leaves, side="right") - 1
        self.tree_of_node = np.searchsorted(trees.roots, self.nodes, side="right") - 1
        self._pairs: dict[tuple[int, int], Pair] = {}

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return len(self._trees.base)

    @property
    def n_trees(self) -> int:
        """How many trees there are."""
        return len(self._trees.roots)

    @cached_property
    def columns(self) -> frozenset[int]:
        """The columns of the table that questions are about."""
        return frozenset(self.questions.column.tolist())

    def pair(self, wanted: int, other: int) -> Pair:
        """The margin of one class over another."""
        if (wanted, other) not in self._pairs:
            self._pairs[wanted, other] = self._made(wanted, other)
        return self._pairs[wanted, other]

    def _made(self, wanted: int, other: int) -> Pair:
        trees = self._trees
        all_values = trees.values[:, wanted] - trees.values[:, other]
        base = float(trees.base[wanted] - trees.base[other])
        values = all_values[self.leaves]
        most = np.zeros(self.n_trees)
        np.maximum.at(most, self.tree_of, np.abs(values))
        unit = 2.0 ** (np.ceil(np.log2(most.sum() + abs(base) + 1e-300)) - 50)
        values, base = np.rint(values / unit) * unit, float(np.rint(base / unit) * unit)
        slack = (2 if self.n_classes > 2 or trees.chances else 1) * trees.slack
        slack += (self.n_trees + 1) * unit
        low, high = all_values.copy(), all_values.copy()
        for nodes in reversed(self._levels):
            left, right = trees.left[nodes], trees.right[nodes]
            low[nodes] = np.minimum(low[left], low[right])
            high[nodes] = np.maximum(high[left], high[right])
        weights = (high - low)[self.nodes]
        if self.n_classes > 2 or trees.chances:  # such a node may change how it is rounded
            weights = np.maximum(weights, LIFT)
        return Pair(values, np.lexsort((values, self.tree_of)), weights, base, slack)


def _levels(trees: Trees, which: Places, always: int) -> tuple[list[Places], NDArray[np.int32]]:
    """The inner nodes from the roots down, level by level, and the answers that lead to each."""
    levels, columns, here = [], list[NDArray[np.int32]](), trees.roots
    parent, answer = np.full(len(trees.feature), -1), np.full(len(trees.feature), always)
    depth = np.zeros(len(trees.feature), np.int64)
    while len(here):
        inner = here[trees.feature[here] != LEAF]
        levels.append(inner)
        left, right = trees.left[inner], trees.right[inner]
        answer[left], answer[right] = 2 * which[inner], 2 * which[inner] + 1
        parent[left], parent[right] = inner, inner
        here = np.concatenate([left, right])
        depth[here] = len(levels)
    at = np.arange(len(trees.feature))
    for _ in range(len(levels) - 1):
        columns.append(np.where(at >= 0, answer[at], always).astype(np.int32))
        at = np.where(at >= 0, parent[at], -1)
    paths = np.stack(columns, axis=1) if columns else np.empty((len(at), 0), np.int32)
    return levels, paths
