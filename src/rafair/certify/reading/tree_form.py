"""Trees as their libraries store them, in one form: which way a value goes, and what leaves add."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from rafair.certify.reading.matrix_columns import Matrix

Flags = NDArray[np.bool_]
Numbers = NDArray[np.float64]
Places = NDArray[np.int64]

Categories = Mapping[int, tuple[frozenset[int], bool]]
"""By node, the codes of categories, and whether they go to the left, as all others go to the right,
or the other way round."""

LEAF = -1


@dataclass(frozen=True)
class Comparison:
    """How a library compares a value with a threshold: what passes goes to the left.

    Args:
        precision: What a value is rounded to first.
        strict: Whether a value that equals the threshold goes to the right.
    """

    precision: DTypeLike
    strict: bool

    def passes(self, values: Matrix, thresholds: Numbers) -> Flags:
        """Which values go to the left; what is missing does not."""
        rounded = values.astype(self.precision)
        with np.errstate(invalid="ignore"):
            lower: Flags = rounded < thresholds if self.strict else rounded <= thresholds
        return lower


@dataclass(frozen=True)
class Trees:
    """An ensemble whose scores are sums of one leaf of each tree; `n` nodes in all.

    Args:
        roots: The first node of each tree; shape `(trees,)`.
        feature: The column of the matrix that a node asks about; `LEAF` where it is a leaf.
        threshold: What a value is compared with.
        left: Where it goes if it passes.
        right: Where else.
        missing_left: Whether what is missing goes to the left.
        values: What a leaf adds to the score of each class; shape `(n, classes)`.
        base: The scores before any tree.
        comparison: How values are compared.
        slack: How far the library's sums may be off, for any class.
        categories: The nodes that ask for categories.
        chances: Whether scores are probabilities.
    """

    roots: Places
    feature: Places
    threshold: Numbers
    left: Places
    right: Places
    missing_left: Flags
    values: Numbers
    base: Numbers
    comparison: Comparison
    slack: float
    categories: Categories = field(default_factory=dict)
    chances: bool = False

    def goes_left(self, nodes: Places, values: Matrix) -> Flags:
        """Whether each value goes to the left at its node; shape `(m,)`."""
        missing = np.isnan(values)
        passes = self.comparison.passes(values, self.threshold[nodes])
        for node in self.categories.keys() & set(nodes.tolist() if self.categories else ()):
            codes, inside = self.categories[node]
            here = np.flatnonzero((nodes == node) & ~missing)
            passes[here] = np.isin(values[here].astype(np.int64), list(codes)) == inside
        return np.where(missing, self.missing_left[nodes], passes)

    def reached(self, matrix: Matrix) -> Places:
        """The leaf that each row reaches in each tree; shape `(m, trees)`."""
        nodes = np.repeat(self.roots[None], len(matrix), axis=0)
        while (inner := self.feature[nodes] != LEAF).any():
            row, tree = np.nonzero(inner)
            here = nodes[row, tree]
            left = self.goes_left(here, matrix[row, self.feature[here]])
            nodes[row, tree] = np.where(left, self.left[here], self.right[here])
        return nodes

    def scores(self, matrix: Matrix) -> Numbers:
        """The scores of rows of the matrix; shape `(m, classes)`."""
        found: Numbers = self.base + self.values[self.reached(matrix)].sum(axis=1)
        return found

    def in_order(self, order: Sequence[int]) -> Trees:
        """The same, with the classes in another order."""
        return replace(self, values=self.values[:, list(order)], base=self.base[list(order)])


class Nodes(NamedTuple):
    """The nodes of one tree, which counts its own from 0.

    Args:
        feature: As of `Trees`, and so are the next four.
        threshold: What a value is compared with.
        left: Where it goes if it passes.
        right: Where else.
        missing_left: Whether what is missing goes to the left.
        value: What a leaf adds: to the score of the tree's class, or to that of each; `(n,)` or
            `(n, classes)`.
    """

    feature: Places
    threshold: Numbers
    left: Places
    right: Places
    missing_left: Flags
    value: Numbers


def grown(
    parts: Sequence[Nodes],
    classes: Places | None,
    comparison: Comparison,
    *,
    base: Numbers | None = None,
    categories: Sequence[Categories] = (),
) -> Trees:
    """An ensemble of trees; a single score is that of the second of two classes.

    Args:
        parts: The trees, one at least.
        classes: The class whose score each adds to; None where leaves have a number for each.
        comparison: How values are compared.
        base: The scores before any tree; zeros if None.
        categories: Of each tree, the nodes that ask for categories; of none if empty.
    """
    sizes = [len(part.feature) for part in parts]
    roots = np.cumsum([0, *sizes])[:-1]
    shift = np.repeat(roots, sizes)
    values = np.concatenate([part.value for part in parts])
    if classes is not None:
        of_node, own = np.repeat(classes, sizes), values
        values = np.zeros((len(own), int(classes.max()) + 1))
        values[np.arange(len(own)), of_node] = own
    first = np.zeros(values.shape[1]) if base is None else base
    alone = values.shape[1] == 1
    return Trees(
        roots=roots.astype(np.int64),
        feature=np.concatenate([part.feature for part in parts]),
        threshold=np.concatenate([part.threshold for part in parts]),
        left=np.concatenate([part.left for part in parts]) + shift,
        right=np.concatenate([part.right for part in parts]) + shift,
        missing_left=np.concatenate([part.missing_left for part in parts]),
        values=second_of_two(values) if alone else values,
        base=np.append(0.0, first) if alone else first,
        comparison=comparison,
        slack=0.0,
        categories={
            int(root) + node: found
            for root, own in zip(roots, categories, strict=False)
            for node, found in own.items()
        },
    )


def second_of_two(values: Numbers) -> Numbers:
    """Scores of both classes, of those of the second alone; shape `(n, 2)`."""
    return np.column_stack([np.zeros(len(values)), values.ravel()])
