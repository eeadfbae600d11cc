"""The two phases of fairness tests: towards the decision boundary, then around what was found.

ADF, EIDIG and DICE share this shape. The *global* phase moves the features in which two
counterparts' slopes agree, so that both near the decision boundary until one of them crosses it.
The *local* phase starts from a row that treats counterparts differently and changes one feature at
a time, preferring those that matter least, to find more such rows nearby.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafair.models.losses import Loss
from rafair.search.loop import Problem
from rafair.search.observation import NONE, Numbers, Observation
from rafair.search.seeded_draws import row_generators
from rafair.search.trajectory import Trajectory
from rafair.tabular.encoding import Rows

Mask = NDArray[np.bool_]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Plan:
    """In what the tests differ.

    Args:
        loss: Whose gradient is followed, measured against the predicted class.
        momentum: The share of the last global gradient that is added to the next.
        global_steps: How long the global phase lasts at least; None ends it at the first row that
            treats counterparts differently.
        give_up: After how many steps a global phase that found nothing ends; None never.
        local_steps: How long the local phase lasts; None takes what is left of all steps.
        refresh: After how many successful local steps the features' weights are computed anew.
        back_to_seed: Whether a failed local step goes back to where the local phase began; else it
            is accepted with the probability of basin-hopping.
        fine_steps: Whether global steps move one feature at a time once a step has carried a row
            and all its counterparts across the boundary together: a thin band between, in which
            counterparts differ, would be jumped over again and again. The published searches do.
        draws: Tells the random numbers of different tests apart.
    """

    loss: Loss
    momentum: float = 0.0
    global_steps: int | None = None
    give_up: int | None = None
    local_steps: int | None = None
    refresh: int = 1
    back_to_seed: bool = False
    fine_steps: bool = True
    draws: int = 0


@dataclass
class _Found:
    """The rows that local steps go out from.

    Args:
        rows: Shape `(n, d)`.
        pairs: The two counterparts there that are treated most differently; `(n, 2)`.
        reach: How differently; `(n,)`.
        unlike: Whether the predictions of counterparts differ there; `(n,)`.
    """

    rows: Rows
    pairs: Numbers
    reach: Numbers
    unlike: Mask

    @classmethod
    def at(cls, rows: Rows, seen: Observation) -> _Found:
        return cls(rows.copy(), seen.extremes.copy(), seen.reach.copy(), ~seen.fair)

    def put(self, where: Numbers, rows: Rows, seen: Observation) -> None:
        self.rows[where], self.pairs[where] = rows[where], seen.extremes[where]
        self.reach[where], self.unlike[where] = seen.reach[where], ~seen.fair[where]

    def copy(self, where: Numbers, other: _Found) -> None:
        for name, values in vars(self).items():
            values[where] = getattr(other, name)[where]


class TwoPhases:
    """The moves of a two-phase fairness test, for all instances at once.

    Args:
        problem: The rows and the budget.
        plan: What kind of test.
    """

    def __init__(self, problem: Problem, plan: Plan) -> None:
        self.problem, self.plan = problem, plan
        n, d = problem.start.shape
        generators = row_generators(problem.start, problem.budget.seed, plan.draws)
        shape = problem.budget.steps + 1, 3
        # one row of numbers for each step: feature, direction, acceptance
        self._chance = np.array([g.random(shape) for g in generators]).reshape(n, *shape)
        self._local = np.zeros(n, bool)
        self._stuck = np.zeros(n, bool)
        self._taken = np.zeros(n, np.int64)
        self._successes = np.zeros(n, np.int64)
        self._weights = np.zeros((n, d))
        self._crossed = np.zeros(n, bool)
        self._prediction = np.full(n, NONE)
        self._slopes, self._scales = np.zeros((n, 2, d)), np.full((n, 2), -np.inf)

    def __call__(self, rows: Rows, seen: Observation, step: int) -> Rows:
        """The next rows."""
        plan = self.plan
        if step == 1:
            self._best = _Found.at(rows, seen)
            self._seed, self._base = _Found.at(rows, seen), _Found.at(rows, seen)
        else:
            self._assess(rows, seen, step)
        self._enter(rows, seen, step)
        moved = rows.copy()
        given_up = plan.give_up is not None and step > plan.give_up
        self._notice(seen)
        outer = np.flatnonzero(~self._local & ~self._stuck & (not given_up))
        moved[outer] = self._global_step(outer, rows, seen, step)
        inner = np.flatnonzero(self._local & ~self._stuck & ~self._done())
        moved[inner] = self._local_step(inner, step)
        self._taken[inner] += 1
        return moved

    def _done(self) -> Mask:
        """Which rows have taken all local steps that they may take."""
        if self.plan.local_steps is None:
            return np.zeros(len(self._taken), bool)
        done: Mask = self._taken >= self.plan.local_steps
        return done

    def _enter(self, rows: Rows, seen: Observation, step: int) -> None:
        """Lets rows pass from the global to the local phase."""
        plan = self.plan
        if plan.global_steps is None:
            entering = np.flatnonzero(~self._local & ~seen.fair)
            self._best.put(entering, rows, seen)
        else:
            score, best = seen.reach + ~seen.fair * 1e9, self._best
            better = ~self._local & (score > best.reach + best.unlike * 1e9)
            best.put(np.flatnonzero(better), rows, seen)
            late = step > plan.global_steps
            entering = np.flatnonzero(~self._local & (best.reach > 0) & late)
        self._seed.copy(entering, self._best)
        self._base.copy(entering, self._best)
        self._local[entering] = True
        self._weigh(entering)

    def _notice(self, seen: Observation) -> None:
        """Marks rows that a step carried across the boundary with all their counterparts."""
        flipped = (self._prediction != NONE) & (seen.prediction != self._prediction)
        self._crossed |= flipped & seen.fair
        self._prediction = seen.prediction.copy()

    def _assess(self, rows: Rows, seen: Observation, step: int) -> None:
        """Accepts or refuses what the last local step led to."""
        going = ~self._stuck & ~self._done()
        where = np.flatnonzero(self._local & (self._taken > 0) & going)
        if self.plan.back_to_seed:
            success = ~seen.fair[where]
        else:
            gain = seen.reach[where] - self._base.reach[where]
            # basin-hopping at temperature 1
            success = self._chance[where, step, 2] < np.exp(np.minimum(gain, 0))
        taken, refused = where[success], where[~success]
        self._base.put(taken, rows, seen)
        self._successes[taken] += 1
        anew = taken[self._successes[taken] % self.plan.refresh == 0]
        if self.plan.back_to_seed:
            self._base.copy(refused, self._seed)
            self._successes[refused] = 0
            anew = np.concatenate([anew, refused])
        self._weigh(anew)

    def _global_step(self, where: Numbers, rows: Rows, seen: Observation, step: int) -> Rows:
        """Both counterparts' losses up, each against its own prediction."""
        budget = self.problem.budget
        gradients, scales = self._gradients(where, rows[where], seen.leaders[where])
        before = self._scales[where] + np.log(self.plan.momentum or 1e-300)
        joined = np.maximum(before, scales)
        self._slopes[where] = (
            np.exp(before - joined)[:, :, None] * self._slopes[where] * bool(self.plan.momentum)
            + np.exp(scales - joined)[:, :, None] * gradients
        )
        self._scales[where] = joined
        signs = np.sign(self._slopes[where])
        agreed = np.where(signs[:, 0] == signs[:, 1], signs[:, 0], 0) * budget.usable
        one = self._single(where, np.abs(agreed), step) != 0
        careful = (self._crossed[where] & self.plan.fine_steps)[:, None]
        agreed = np.where(careful & ~one, 0, agreed)
        centre = self.problem.start[where]
        moved = budget.box.project(rows[where] + budget.step_size * agreed, centre)
        nowhere = (moved == rows[where]).all(axis=1)
        anywhere = self._single(where, np.tile(budget.usable, (len(where), 1)), step)
        moved[nowhere] = rows[where[nowhere]] + anywhere[nowhere]
        moved[self._stuck[where]] = rows[where[self._stuck[where]]]
        return moved.astype(np.float32)

    def _local_step(self, where: Numbers, step: int) -> Rows:
        """One feature up or down, most likely one that matters little to both counterparts."""
        moved = self._base.rows[where] + self._single(where, self._weights[where], step)
        return moved.astype(np.float32)

    def _single(self, where: Numbers, weights: NDArray[np.float64 | np.bool_], step: int) -> Values:
        """A step of one feature, drawn by `weights` of shape `(m, d)`."""
        ladder = np.cumsum(weights, axis=1, dtype=np.float64)
        total = ladder[:, -1:]
        drawn = self._chance[where, step - 1]
        feature = (ladder <= drawn[:, :1] * total).sum(axis=1)
        feature = np.minimum(feature, weights.shape[1] - 1)
        change = np.zeros(weights.shape)
        each = np.arange(len(where))
        change[each, feature] = np.where(drawn[:, 1] < 0.5, -1, 1)
        # nothing to draw from leaves the row where it is
        return change * self.problem.budget.single_step * (total > 0)

    def _weigh(self, where: Numbers) -> None:
        """Features' weights 1 / (|g| + |g'|) at the rows that local steps go out from."""
        if not where.size:
            return
        gradients, scales = self._gradients(where, self._base.rows[where], self._base.pairs[where])
        relative = np.exp(scales - scales.max(axis=1, keepdims=True))
        sums = (relative[:, :, None] * np.abs(gradients)).sum(axis=1)
        usable = self.problem.budget.usable
        flat = (sums == 0) & usable
        inverse = np.divide(1.0, sums, out=np.zeros_like(sums), where=(sums > 0) & usable)
        # features without any slope outweigh all others
        weights = np.where(flat.any(axis=1, keepdims=True), flat, inverse)
        self._weights[where] = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-300)

    def _gradients(self, where: Numbers, rows: Rows, pairs: Numbers) -> tuple[Values, Values]:
        """Gradients `(m, 2, d)` at two counterparts of each row, and their logarithmic scales.

        An instance that cannot pay for them stays where it is from now on.
        """
        m, d = rows.shape
        gradients, scales = np.zeros((m, 2, d)), np.zeros((m, 2))
        paid = self.problem.allowance.spend(where, 2)
        self._stuck[where[~paid]] = True
        if not paid.any():
            return gradients, scales
        sweep, loss = self.problem.sweep, self.plan.loss
        both = np.repeat(self.problem.nearest(rows[paid], where[paid]), 2, axis=0)
        sweep.counterparts.substitute(both, pairs[paid].ravel())
        logits, found = sweep.with_loss(loss).differentiate(both)
        gradients[paid] = found.reshape(-1, 2, d)
        scales[paid] = loss.log_scale(logits, logits.argmax(axis=1)).reshape(-1, 2)
        return gradients, scales


def kept(trajectory: Trajectory, steps: int) -> Trajectory:
    """The iterates that are stored of a longer search: exactly `steps` of each instance.

    The way to the first row that treats counterparts differently is kept, then the further such
    rows, then the others, all in the order in which they were met. Of a way that is too long, the
    beginning is kept, and the row that it led to.
    """
    if trajectory.steps <= steps:
        return trajectory
    unlike = np.stack([~seen.fair for seen in trajectory.observations[1:]], axis=1)
    found = np.logical_or.accumulate(unlike, axis=1)
    later = np.column_stack([~trajectory.observations[0].fair, found[:, :-1]])
    if len(later):
        later = np.logical_or.accumulate(later, axis=1)
    rank = np.where(later & ~unlike, 1, np.where(unlike & ~later, -1, 0))
    chosen = 1 + np.sort(np.argsort(rank, axis=1, kind="stable")[:, :steps], axis=1)
    start = np.zeros(len(chosen), np.int64)
    return trajectory.at([start, *chosen.T])
