"""Changes of category: levels have no distance and no slope, so they are tried.

Every level that one category may change to is asked about where a row is, and the one that serves
the attack most is kept, if it beats no change; where more than one category may change, the next is
chosen on top of the first (greedily). How well a row serves is told by margins, which are above 0
where a prediction is wrong: that of the row itself, and that of the counterpart the attack follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rafair.models.classifier import Labels
from rafair.models.losses import margins
from rafair.search.goals import Goal
from rafair.search.observation import NONE, Numbers, Observation
from rafair.search.seeded_draws import row_keys, uniform
from rafair.tabular.encoding import Rows
from rafair.tabular.perturbation import PerturbationSet

if TYPE_CHECKING:
    from rafair.search.counterpart_evaluator import CounterpartEvaluator

STEPS_PER_CHOICE = 5
"""After how many steps the levels of categories are chosen anew, from the first step on."""

MOST_TRIED = 1 << 16
"""How many rows are made at once."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Aim:
    """What a change of category is to achieve.

    Args:
        own: +1 for a wrong prediction of the row itself, -1 for a right one.
        other: Likewise for the counterpart that is followed; 0 leaves it out.
        apart: Instead of both, whether the two counterparts that are treated most differently are
            to be predicted differently, whichever is right.
        either: Whether one of both is enough.

    Example:
        >>> Aim(own=-1, other=1).score(np.array([[-2.0, 3.0], [1.0, 3.0]])).tolist()
        [2.0, -1.0]
        >>> Aim(apart=True).score(np.array([[-2.0, 3.0], [1.0, 3.0]])).tolist()
        [2.0, -1.0]
    """

    own: int = 1
    other: int = 0
    apart: bool = False
    either: bool = False

    @classmethod
    def of(cls, goal: Goal) -> Aim:
        """What a goal is after: the row's own loss up or down, the counterpart's likewise or not.

        Example:
            >>> Aim.of(Goal.TRUE_BIASED)
            Aim(own=-1, other=1, apart=False, either=False)
        """
        return cls(goal.uphill, goal.uphill if goal.same_sign else -goal.uphill)

    @property
    def rows_per_level(self) -> int:
        """How many rows are asked about for each level that is tried."""
        return 2 if self.other or self.apart else 1

    def followed(self, seen: Observation, itself: int) -> Numbers:
        """The counterparts to be asked about, by index, for each row; shape `(n, 1 or 2)`."""
        own = np.full(len(seen.prediction), itself)
        if self.apart:
            pairs = seen.extremes
        elif self.other:
            pairs = np.column_stack([own, seen.counterpart])
        else:
            pairs = own[:, None]
        return np.where(pairs == NONE, itself, pairs)

    def score(self, found: Values) -> Values:
        """How well rows serve, by the margins there, of shape `(n, 1 or 2)`; above 0: fully."""
        if self.apart:
            score: Values = np.minimum(found.max(axis=1), -found.min(axis=1))
            return score
        # the lesser of both is what is still missing
        wanted: Values = found * np.array([self.own, self.other])[: found.shape[1]]
        return (np.max if self.either else np.min)(wanted, axis=1)  # type: ignore[no-any-return]  # numpy says Any


def choose_levels(
    sweep: CounterpartEvaluator,
    box: PerturbationSet,
    rows: Rows,
    centre: Rows,
    labels: Labels,
    seen: Observation,
    aim: Aim,
) -> Rows:
    """Feasible rows with the levels that serve an aim most, of those that may be changed to.

    Args:
        sweep: Whom to ask; counts prediction rows.
        box: What may be changed.
        rows: Feasible rows of shape `(n, d)`.
        centre: The rows that they are perturbations of.
        labels: The classes that margins are measured against; shape `(n,)`.
        seen: Which counterparts are followed.
        aim: What changes are for.
    """
    pairs = aim.followed(seen, sweep.counterparts.size)
    ask = _Question(sweep, labels, pairs, aim)
    each = np.arange(len(rows))
    best, best_scores = rows.copy(), ask.scores(rows, each)
    # levels are chosen from the clean ones on, so that an earlier choice binds nothing
    now = rows.copy()
    for category in box.categories:
        category.write(now, category.level(centre))
    changed = np.flatnonzero((now != rows).any(axis=1))
    _keep_better(best, best_scores, changed, now[changed], ask.scores(now[changed], changed))
    open_ = np.ones((len(box.categories), len(rows)), bool)
    for _ in range(box.max_category_changes):
        round_best, round_scores = now.copy(), np.full(len(rows), -np.inf)
        picked = np.full(len(rows), NONE)
        for number, category in enumerate(box.categories):
            allowed = category.allowed(centre) & open_[number][:, None]
            which, levels = np.nonzero(allowed)
            for begin in range(0, len(which), MOST_TRIED):
                some = slice(begin, begin + MOST_TRIED)
                tried = now[which[some]]
                category.write(tried, levels[some])
                better = _keep_better(
                    round_best, round_scores, which[some], tried, ask.scores(tried, which[some])
                )
                picked[better] = number
        _keep_better(best, best_scores, each, round_best, round_scores)
        now = round_best
        chosen = np.flatnonzero(picked != NONE)
        open_[picked[chosen], chosen] = False
    return best


def rows_per_choice(box: PerturbationSet, aim: Aim | None) -> int:
    """The most rows that are asked about for one instance whenever its levels are chosen."""
    levels = sum(len(category) - 1 for category in box.categories)
    if aim is None or not levels:
        return 0
    return aim.rows_per_level * (levels * box.max_category_changes + 2)


def choices(steps: int) -> int:
    """How many times levels are chosen in so many steps.

    Example:
        >>> choices(20), choices(1)
        (4, 1)
    """
    return -(-steps // STEPS_PER_CHOICE)


@dataclass(frozen=True)
class _Question:
    """How well rows serve: what is asked of the model for each."""

    sweep: CounterpartEvaluator
    labels: Labels
    pairs: Numbers
    aim: Aim

    def scores(self, rows: Rows, which: Numbers) -> Values:
        """The scores of rows that belong to the instances `which`; shape `(m,)`."""
        if not len(rows):
            return np.empty(0)
        pairs = self.pairs[which]
        asked = np.repeat(rows, pairs.shape[1], axis=0)
        self.sweep.counterparts.substitute(asked, pairs.ravel())
        labels = np.repeat(self.labels[which], pairs.shape[1])
        found = margins(self.sweep.predict(asked), labels)
        return self.aim.score(found.reshape(pairs.shape))


def _keep_better(
    best: Rows, best_scores: Values, which: Numbers, rows: Rows, scores: Values
) -> Numbers:
    """Replaces the best rows by better ones, in place; ties go to what is there, then the first.

    Returns:
        The instances that got a better row.
    """
    order = np.lexsort((np.arange(len(which)), -scores, which))
    first = order[np.diff(which[order], prepend=NONE) > 0]
    better = first[scores[first] > best_scores[which[first]]]
    best[which[better]], best_scores[which[better]] = rows[better], scores[better]
    return which[better]


def random_levels(box: PerturbationSet, rows: Rows, centre: Rows, seed: int, draw: int) -> Rows:
    """The same rows with levels drawn at random: as many changes as may be, "none" among them.

    Each change is drawn from all that are left and from no change, with equal chances.

    Args:
        box: What may be changed.
        rows: Rows of shape `(n, d)`, with the levels of their centre.
        centre: The rows that they are perturbations of.
        seed: The audit's seed.
        draw: Tells draws apart.
    """
    if not box.categories:
        return rows
    drawn, zero = rows.copy(), np.zeros((len(rows), box.max_category_changes), np.float32)
    chances = uniform(row_keys(centre, seed, draw), zero, zero + 1)
    allowed = [category.allowed(centre) for category in box.categories]
    for number in range(box.max_category_changes):
        options = np.concatenate([np.ones((len(rows), 1), bool), *allowed], axis=1)
        place = (chances[:, number] * options.sum(axis=1)).astype(np.int64)
        place = np.minimum(place, options.sum(axis=1) - 1)
        chosen = (options.cumsum(axis=1) > place[:, None]).argmax(axis=1) - 1
        for category, mask in zip(box.categories, allowed, strict=True):
            mine = (chosen >= 0) & (chosen < len(category))
            category.write(drawn, np.where(mine, chosen, NONE))
            mask[mine] = False
            chosen = np.where(mine, NONE, chosen - len(category))
    return drawn
