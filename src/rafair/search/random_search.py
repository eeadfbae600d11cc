"""Worst counterpart without gradients: random changes of a row, kept where they serve.

Source: M. Andriushchenko, F. Croce, N. Flammarion, M. Hein, "Square Attack: a query-efficient
black-box adversarial attack via random search", ECCV 2020. As there, a random share of the features
is drawn anew, .8 at first and then fewer and fewer, to the ends of the box.

Departures: a table has no squares, so any features are drawn together. A change that serves as well
as none is kept, since trees are flat nearly everywhere, and of decisions alone all is flat but the
boundary. Each fourth draw is from the inside of the box: a flat model may hide there what its
corners do not show. Levels of categories are drawn in every second try.

All counterparts are asked about once a step, as a verdict needs them anyway. Between two such looks
tries ask about two rows each: the row itself, and the counterpart that was nearest to a mistake.
Where no counterpart is nearer than the row itself, as of a model that tells its decision alone, one
that is drawn at random takes its place.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rafair.models.losses import margins
from rafair.search.broken_properties import Lost
from rafair.search.category_changes import random_levels
from rafair.search.counterpart_choice import near
from rafair.search.loop import Problem
from rafair.search.observation import Numbers, Observation
from rafair.search.seeded_draws import row_keys, uniform
from rafair.tabular.encoding import Rows

TRIES = 50
"""How many changes are tried in one step, between two looks at all counterparts; twice as many of
rows that are asked about alone."""

PAIR = 2
"""How many rows are asked about in one try."""

FIRST_SHARE = 0.8
"""The share of features that is drawn anew at first; that of Square Attack."""

AT_ONCE = 5
"""How many changes are tried from one row before the best of them is kept: a pipeline takes about
as long for one row as for five hundred."""

INSIDE = 4
"""Each so many-th try draws from the inside of the box, the others go to its ends."""

DRAWS, DRAWS_OF_LEVELS, DRAWS_OF_OTHERS, CORNERS = 20_000_000, 30_000_000, 40_000_000, 50_000_000
"""Tell these draws apart from each other, and from those of other attacks."""

Values = NDArray[np.float64]


def most_queries(counterparts: int, steps: int) -> int:
    """The most rows that a random search asks about for one instance.

    Args:
        counterparts: How many counterparts it has, itself included.
        steps: How many steps are taken.

    Example:
        >>> most_queries(740, 20)
        16840
    """
    return steps * (counterparts + PAIR * (TRIES + 1))


class RandomSearch:
    """Moves rows to the best of some random changes, by a few counterparts at each.

    While its row is right and alike with all counterparts, any mistake will do. Once the row was
    wrong, two counterparts are driven apart. Once they were apart, the row's own mistake is sought:
    its counterparts say nothing of that, so that it stays where it is until one is found.

    Args:
        problem: The rows and the budget.
        runs: How many times it begins: at the clean row, then at random corners of the box.
        own: Whether instances that were treated unlike a counterpart go on for a mistake of their
            own row.
    """

    def __init__(self, problem: Problem, runs: int, *, own: bool) -> None:
        self.problem = problem
        self.lost = Lost(len(problem.start), own=own)
        self.span = max(problem.budget.steps // runs, 1)
        self.rows = problem.start
        self.standing = np.zeros(len(problem.start), bool)

    def __call__(self, rows: Rows, seen: Observation, step: int) -> Rows:
        """The next rows."""
        lost = self.lost
        lost.see(seen, self.problem.labels)
        at = np.where(self.standing[:, None], self.rows, rows)
        run, place = divmod(step - 1, self.span)
        if run and not place:
            at = self.problem.random_corners(CORNERS + run, CORNERS - run)
        at, where = self.problem.nearest(at).copy(), np.flatnonzero(~lost.done)
        found = self._tried(at, where, seen, step, place)
        self.standing = lost.alone.copy()
        self.standing[where[found]] = False
        self.rows = at
        return np.where((lost.done | self.standing)[:, None], rows, at)

    def _tried(
        self, at: Rows, where: Numbers, seen: Observation, step: int, place: int
    ) -> NDArray[np.bool_]:
        """Changes rows at `where`, in place; says which of them met a mistake."""
        ask = _Question(self.problem, self.lost, seen)
        going = np.arange(len(where))
        # a try that asks about the row alone costs half
        tries = np.where(self.lost.alone[where], PAIR * TRIES, TRIES)
        first = PAIR * TRIES * step
        scores = ask.scores(at[where][None], where, range(first, first + 1))[0]
        for number in range(0, tries.max(initial=0), AT_ONCE):
            going = going[(scores[going] < np.inf) & (number < tries[going])]
            if not going.size:
                break
            here, draws = where[going], range(first + number, first + number + AT_ONCE)
            left = 1 - (place + number / tries[going, None]) / self.span
            shares = FIRST_SHARE * left**2
            wanted = np.stack([self._changed(at[here], here, draw, shares) for draw in draws])
            new = ask.scores(wanted, here, draws)
            best, each = new.argmax(axis=0), np.arange(len(here))
            kept = new[best, each] >= scores[going]
            at[here[kept]] = wanted[best, each][kept]
            scores[going[kept]] = new[best, each][kept]
        met: NDArray[np.bool_] = scores == np.inf
        return met

    def _changed(self, rows: Rows, where: Numbers, draw: int, share: Values) -> Rows:
        """Feasible rows with about this share of their features drawn anew, at least one."""
        problem = self.problem
        box, seed, start = problem.budget.box, problem.budget.seed, problem.start[where]
        lower, upper = (bound[where] for bound in problem.bounds)
        chances = uniform(row_keys(start, seed, DRAWS + 2 * draw), 0 * rows, 0 * rows + 1)
        chances[~(problem.budget.usable & (lower < upper))] = 2
        chosen = (chances < share) | (chances == chances.min(axis=1, keepdims=True))
        value = uniform(row_keys(start, seed, DRAWS + 2 * draw + 1), lower, upper)
        if draw % INSIDE:
            value = np.where(value - lower < upper - value, lower, upper)
            value = np.where(rows == value, lower + upper - value, value)  # the other end
        value = np.clip(value, lower, upper)
        changed = np.where(chosen & (chances < 2), value, rows).astype(np.float32)
        if box.categories and draw % 2:
            levels = random_levels(box, start.copy(), start, seed, DRAWS_OF_LEVELS + draw)
            changed = box.with_levels(rows.copy() if draw % 3 else changed, levels)
        return self.problem.nearest(changed, where, instead=rows)


class _Question:
    """How well rows serve, by two counterparts of each."""

    def __init__(self, problem: Problem, lost: Lost, seen: Observation) -> None:
        self.problem, self.lost = problem, lost
        own = np.full(len(seen.loss), problem.sweep.counterparts.size)
        worst, best = seen.leaders.T
        other = np.where(lost.alone, own, worst)
        self.pairs = np.stack([np.where(lost.apart, best, own), other], axis=1)
        self.flat = (seen.loss == seen.counterpart_loss) & ~lost.alone

    def scores(self, rows: Rows, where: Numbers, draws: range) -> Values:
        """Above that of others: nearer to a mistake; infinite where there is one; `(draws, m)`.

        Args:
            rows: Of each draw the rows of these instances; shape `(draws, m, d)`.
            where: The instances.
            draws: Numbers that tell draws apart.
        """
        problem, shape = self.problem, (len(draws), len(where))
        if not where.size:
            return np.empty(shape)
        rows = rows.reshape(-1, rows.shape[-1])
        followed = np.concatenate([self._followed(where, draw) for draw in draws])
        where = np.tile(where, len(draws))
        asked, k = np.repeat(rows, PAIR, axis=0), problem.sweep.k
        problem.sweep.counterparts.substitute(asked, followed.ravel())
        if k > 0:  # in the place of one that is too far to disagree, the row itself
            themselves = np.repeat(rows, PAIR, axis=0)
            asked = np.where(near(asked, themselves, k)[:, None], asked, themselves)
        labels = np.repeat(problem.labels[where], PAIR)
        logits = problem.sweep.predict(asked)
        decided = logits.argmax(axis=1).reshape(-1, PAIR)
        found = margins(logits, labels).reshape(-1, PAIR)
        apart = self.lost.apart[where]
        wrong = (decided != labels.reshape(-1, PAIR)).any(axis=1)
        broken = np.where(apart, decided[:, 0] != decided[:, 1], wrong)
        most = found.max(axis=1)
        score = np.where(apart, np.minimum(most, -found.min(axis=1)), most)
        return np.where(broken, np.inf, score).reshape(shape)

    def _followed(self, where: Numbers, draw: int) -> Numbers:
        """The pairs, with another counterpart where the worst is no worse than the row itself."""
        pairs, flat = self.pairs[where], self.flat[where]
        size, start = self.problem.sweep.counterparts.size, self.problem.start[where]
        keys = row_keys(start, self.problem.budget.seed, DRAWS_OF_OTHERS + draw)
        one = np.zeros((len(where), 1), np.float32)
        any_ = np.minimum(uniform(keys, one, one + size)[:, 0].astype(np.int64), size - 1)
        pairs[flat, 0] = size
        pairs[flat, 1] = any_[flat]
        return pairs
