"""The part of an ensemble that a box reaches, and its bounds over boxes inside, 64 at once.

Each box is a bit of a word: whether it reaches a leaf is the conjunction of the answers on the
leaf's path. The least leaf that each tree reaches bounds the margin from below.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rafair.certify.reading.tree_form import Flags, Numbers, Places
from rafair.certify.trees.ensemble import Ensemble, Pair
from rafair.models.classifier import Rows

WORD = 64
"""How many boxes are bounded at once."""

MOST_BITS = 1 << 24
"""How many bits are looked at one by one together, a byte each."""

Words = NDArray[np.uint64]
Paths = NDArray[np.int32]


class Part:
    """The leaves and questions of an ensemble that some box inside a hull may reach.

    Args:
        ensemble: The ensemble.
        pair: The margin that is bounded.
        lower: The hull's least codes; shape `(1, d)`.
        upper: Its largest.
    """

    def __init__(self, ensemble: Ensemble, pair: Pair, lower: Rows, upper: Rows) -> None:
        left, right = ensemble.questions.answers(lower, upper)
        given = np.ones(2 * len(left) + 1, np.bool_)
        passed, failed = left.ravel(), right.ravel()  # of one box
        given[0:-1:2], given[1:-1:2] = passed, failed
        asked: Flags = passed & failed
        self.questions = ensemble.questions.where(asked)
        self._always = 2 * len(self.questions)
        names = np.full(len(given), self._always, np.int32)
        names[np.flatnonzero(np.repeat(asked, 2))] = np.arange(self._always)
        self._take_leaves(ensemble, pair, given, names)
        self._take_nodes(ensemble, pair, given, names, asked)

    def _take_leaves(self, ensemble: Ensemble, pair: Pair, given: Flags, names: Paths) -> None:
        reached: Flags = np.asarray(given[ensemble.leaf_paths].all(axis=1))
        leaves = pair.order[reached[pair.order]]
        trees = ensemble.tree_of[leaves]
        starts = np.flatnonzero(np.append(True, trees[1:] != trees[:-1]))
        counts = np.diff(np.append(starts, len(leaves)))
        alone = np.repeat(counts == 1, counts)
        values = pair.values[leaves]
        self._base = pair.base + float(values[alone].sum())
        leaves, values, counts = leaves[~alone], values[~alone], counts[counts > 1]
        width = int(counts.max(initial=1))
        tree = np.repeat(np.arange(len(counts)), counts)
        rank = np.arange(len(leaves)) - np.repeat(np.cumsum(counts) - counts, counts)
        self._place = tree * width + rank
        self._values = np.zeros((len(counts), width))
        self._values.ravel()[self._place] = values
        self._leaf_paths = _short(names[ensemble.leaf_paths[leaves]], self._always)

    def _take_nodes(
        self, ensemble: Ensemble, pair: Pair, given: Flags, names: Paths, asked: Flags
    ) -> None:
        reached = given[ensemble.node_paths].all(axis=1) & asked[ensemble.question_of]
        reached &= pair.weights > 0
        question = (np.cumsum(asked) - 1)[ensemble.question_of]
        nodes = np.flatnonzero(reached)
        nodes = nodes[np.argsort(question[nodes], kind="stable")]
        own = question[nodes]
        self._starts = np.flatnonzero(np.append(True, own[1:] != own[:-1])[: len(own)])
        self._asked = own[self._starts]
        self._weights = pair.weights[nodes].astype(np.float32)
        both = np.stack([2 * own, 2 * own + 1])
        self._node_paths = np.concatenate(
            [both, _short(names[ensemble.node_paths[nodes]], self._always)]
        )

    def bounds(self, lower: Rows, upper: Rows) -> Numbers:
        """The least margin that boxes may have, at most; exact where no question is open.

        Args:
            lower: The boxes' least codes; shape `(b, d)`, of `WORD` boxes at most.
            upper: Their largest.
        """
        if not self._values.size:
            return np.full(len(lower), self._base)
        words = self._words(self._answers(lower, upper), self._leaf_paths)
        table = np.zeros(self._values.shape, np.uint64)
        table.ravel()[self._place] = words
        least = np.full(len(lower), self._base)
        some = max(MOST_BITS // (WORD * self._values.shape[1]), 1)
        for at in range(0, len(table), some):
            seen = np.bitwise_or.accumulate(table[at : at + some], axis=1)
            rank = _bits(~seen, len(lower)).sum(axis=1, dtype=np.int64)
            least += np.take_along_axis(self._values[at : at + some], rank, axis=1).sum(axis=0)
        return least

    def open_questions(self, lower: Rows, upper: Rows) -> Places:
        """The question in each box on which most depends; -1 where none is open."""
        if not len(self._asked):
            return np.full(len(lower), -1)
        words = self._words(self._answers(lower, upper), self._node_paths)
        totals = self._weighed(words, len(lower))
        best = totals.argmax(axis=0)
        some = totals[best, np.arange(len(best))] > 0
        return np.where(some, self._asked[best], -1)

    def _weighed(self, words: Words, n: int) -> NDArray[np.float32]:
        """What the nodes that boxes leave open weigh, by question; shape `(asked, n)`."""
        bits = words.view(np.uint8).reshape(-1, 8)[:, : (n + 7) // 8]
        some = 8 if WORD * len(words) <= MOST_BITS else 1
        totals = []
        for at in range(0, bits.shape[1], some):
            apart = np.unpackbits(bits[:, at : at + some], axis=1, bitorder="little")
            totals.append(np.add.reduceat(apart * self._weights[:, None], self._starts, axis=0))
        return np.concatenate(totals, axis=1)[:, :n]

    def _answers(self, lower: Rows, upper: Rows) -> Words:
        """For each answer the boxes that may give it; the last word has all bits."""
        left, right = self.questions.answers(lower, upper)
        flags = np.zeros((self._always + 1, WORD), np.bool_)
        flags[0:-1:2, : len(lower)] = left
        flags[1:-1:2, : len(lower)] = right
        flags[-1] = True
        packed = np.packbits(flags, axis=1, bitorder="little").ravel()
        words: Words = packed.view(np.uint64)
        return words

    def _words(self, answers: Words, paths: Places) -> Words:
        """The boxes that may give all answers of each path."""
        if not len(paths):
            return np.full(paths.shape[1], ~np.uint64(0))
        found: Words = answers[paths[0]]
        for step in paths[1:]:
            found &= answers[step]
        return found


def _short(paths: Paths, always: int) -> Places:
    """Paths without the answers that are always given, as steps by leaves."""
    ordered = np.sort(paths, axis=1)
    longest = int((ordered < always).sum(axis=1).max(initial=0))
    return ordered[:, :longest].T.astype(np.int64)


def _bits(words: Words, n: int) -> NDArray[np.uint8]:
    """The first bits of words, along a further axis."""
    apart = np.unpackbits(words.view(np.uint8).reshape(*words.shape, 8), axis=-1, bitorder="little")
    return apart[..., :n]
