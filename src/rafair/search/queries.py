"""What an algorithm asks the model about its rows before each step; it pays for nothing else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafair.models.classifier import Labels
from rafair.search.counterpart_evaluator import CounterpartEvaluator
from rafair.search.disparity import Disparity
from rafair.search.observation import NONE, Numbers, Observation
from rafair.tabular.encoding import Rows


class Query(ABC):
    """What is asked about rows of shape `(n, d)` before each step."""

    @abstractmethod
    def at(self, sweep: CounterpartEvaluator, rows: Rows, labels: Labels) -> Observation:
        """Looks at rows from which a step will follow."""

    def after(
        self,
        sweep: CounterpartEvaluator,
        rows: Rows,
        labels: Labels,
        before: Observation,
        where: Numbers,
        step: int,
    ) -> Observation:
        """Looks at rows after a step; by default as at any others.

        Args:
            sweep: How rows are looked at.
            rows: Those that moved; shape `(m, d)`.
            labels: Their classes; shape `(m,)`.
            before: What was seen of all rows before the step.
            where: Which of them moved; shape `(m,)`.
            step: The step's number, from 1.
        """
        return self.at(sweep, rows, labels)

    def at_start(
        self, sweep: CounterpartEvaluator, rows: Rows, labels: Labels, seen: Observation | None
    ) -> Observation:
        """Looks at the first rows, of which others may have seen something.

        An algorithm leaves the same behind, whether others looked at its rows before or not.
        """
        looked = self.at(sweep, rows, labels)
        if seen is not None:
            known = np.flatnonzero(seen.judged)
            looked.put_verdicts(known, seen.take(known))
        return looked

    def _at_unknown(
        self,
        sweep: CounterpartEvaluator,
        rows: Rows,
        labels: Labels,
        seen: Observation | None,
        known: NDArray[np.bool_] | None,
    ) -> Observation:
        """What is seen already where enough is `known`, and a look at the other rows."""
        if seen is None or known is None:
            return self.at(sweep, rows, labels)
        start, unknown = seen.copy(), np.flatnonzero(~known)
        if unknown.size:
            start.put(unknown, self.at(sweep, rows[unknown], labels[unknown]))
        return start

    def at_last(
        self, sweep: CounterpartEvaluator, rows: Rows, labels: Labels, before: Observation
    ) -> Observation:
        """Looks at rows from which no step follows: predictions are enough.

        The counterpart that was chosen at the rows `before` is followed to here.
        """
        return sweep.judge(rows, labels, before.counterpart)

    def merged(self, before: Observation, where: Numbers, news: Observation) -> Observation:
        """What is known of all rows, once some of them, at `where`, were looked at again."""
        merged = before.copy()
        merged.put(where, news)
        return merged

    def start_gradient_rows(self, counterparts: Numbers) -> Numbers:
        """What the look at the start costs; shape `(n,)`."""
        return self.gradient_rows(counterparts)

    @abstractmethod
    def gradient_rows(self, counterparts: Numbers) -> Numbers:
        """What a look at a row with so many counterparts costs; shape `(n,)`."""


@dataclass(frozen=True)
class VerdictQuery(Query):
    """The predictions of all counterparts; no gradient is needed."""

    def at(self, sweep: CounterpartEvaluator, rows: Rows, labels: Labels) -> Observation:
        """Predicts all counterparts."""
        return sweep.judge(rows, labels)

    def at_start(
        self, sweep: CounterpartEvaluator, rows: Rows, labels: Labels, seen: Observation | None
    ) -> Observation:
        """Takes over verdicts that are known, and judges the other rows."""
        start = Observation.of_verdicts(rows, seen)
        unknown = np.flatnonzero(~start.judged)
        if unknown.size:
            start.put(unknown, self.at(sweep, rows[unknown], labels[unknown]))
        return start

    def gradient_rows(self, counterparts: Numbers) -> Numbers:
        """Nothing."""
        return np.zeros_like(counterparts)


@dataclass(frozen=True)
class Follow(Query):
    """The gradient at the row itself, and nothing else.

    Such an algorithm does not look at counterparts, so its rows are judged once it is done, all
    together.

    Args:
        losses: Whether the losses are needed on the way.
        clean: Whether the gradient at the start is needed.
    """

    losses: bool = True
    clean: bool = True

    def at(self, sweep: CounterpartEvaluator, rows: Rows, labels: Labels) -> Observation:
        """Differentiates the rows."""
        return sweep.follow(rows, labels, losses=self.losses)

    def at_start(
        self, sweep: CounterpartEvaluator, rows: Rows, labels: Labels, seen: Observation | None
    ) -> Observation:
        """Differentiates the rows, unless the algorithm begins elsewhere."""
        if self.clean:
            return super().at_start(sweep, rows, labels, seen)
        return Observation.of_verdicts(rows, seen)

    def at_last(
        self, sweep: CounterpartEvaluator, rows: Rows, labels: Labels, before: Observation
    ) -> Observation:
        """Leaves the rows to be judged."""
        return Observation.empty(*rows.shape)

    def merged(self, before: Observation, where: Numbers, news: Observation) -> Observation:
        """Gradients and losses; verdicts of rows at rest are those of the step before."""
        merged = Observation.of_gradients(before.gradient.copy())
        merged.gradient[where] = news.gradient
        merged.differentiated = before.differentiated.copy()
        merged.differentiated[where] = True
        merged.loss[:] = before.loss
        merged.loss[where] = news.loss
        return merged

    def start_gradient_rows(self, counterparts: Numbers) -> Numbers:
        """The row itself, or nothing."""
        return np.full_like(counterparts, int(self.clean))

    def gradient_rows(self, counterparts: Numbers) -> Numbers:
        """The row itself."""
        return np.ones_like(counterparts)


@dataclass(frozen=True)
class Compare(Query):
    """The gradients at all counterparts, for the one where it is largest."""

    def at(self, sweep: CounterpartEvaluator, rows: Rows, labels: Labels) -> Observation:
        """Differentiates all counterparts."""
        return sweep.observe(rows, labels)

    def at_start(
        self, sweep: CounterpartEvaluator, rows: Rows, labels: Labels, seen: Observation | None
    ) -> Observation:
        """Takes over what is known, and compares the counterparts of the other rows."""
        known = None if seen is None else seen.differentiated & seen.compared
        return self._at_unknown(sweep, rows, labels, seen, known)

    def gradient_rows(self, counterparts: Numbers) -> Numbers:
        """All counterparts."""
        return counterparts


@dataclass(frozen=True)
class Extremes(Query):
    """The predictions of all counterparts, for those with the largest and the least loss.

    The gradients there are asked for by the algorithm itself, where it needs them.

    Args:
        every: After how many steps all counterparts are looked at again. In between only the row
            itself and the two that led then are: whether all others get the same prediction is not
            known there, so such a row is not judged, but unfair where these three differ.
        clean: Whether the rows at the start are looked at.
    """

    every: int = 1
    clean: bool = True

    def at(self, sweep: CounterpartEvaluator, rows: Rows, labels: Labels) -> Observation:
        """Predicts all counterparts."""
        return sweep.suspect(rows, labels)

    def at_start(
        self, sweep: CounterpartEvaluator, rows: Rows, labels: Labels, seen: Observation | None
    ) -> Observation:
        """Predicts all counterparts, unless the algorithm begins elsewhere."""
        if self.clean:
            return super().at_start(sweep, rows, labels, seen)
        return Observation.of_verdicts(rows, seen)

    def after(
        self,
        sweep: CounterpartEvaluator,
        rows: Rows,
        labels: Labels,
        before: Observation,
        where: Numbers,
        step: int,
    ) -> Observation:
        """Predicts all counterparts, or those that led before."""
        leaders = before.leaders[where]
        if step % self.every == 0 or (leaders == NONE).any():
            return self.at(sweep, rows, labels)
        return _glance(sweep, rows, labels, leaders)

    def gradient_rows(self, counterparts: Numbers) -> Numbers:
        """Nothing by itself."""
        return np.zeros_like(counterparts)


def _glance(
    sweep: CounterpartEvaluator, rows: Rows, labels: Labels, leaders: Numbers
) -> Observation:
    """What the rows themselves and two counterparts of each, `(n, 2)`, tell."""
    n = len(rows)
    index = np.concatenate([np.full(n, sweep.counterparts.size), *leaders.T])
    three = np.tile(rows, (3, 1))
    sweep.counterparts.substitute(three, index)
    logits = sweep.predict(three)
    losses = sweep.loss.value(logits, np.tile(labels, 3)).reshape(3, n)
    predictions = logits.argmax(axis=1).reshape(3, n)
    seen = Observation.empty(*rows.shape)
    seen.prediction, seen.loss = predictions[0], losses[0]
    seen.fair = (predictions == predictions[0]).all(axis=0)
    turned = losses[1] < losses[2]
    seen.leaders = np.where(turned[:, None], leaders[:, ::-1], leaders)
    return seen


@dataclass(frozen=True)
class Contrast(Query):
    """The predictions of all counterparts, and which two of them to steer by.

    The gradients there are asked for by the algorithm itself, where it needs them.

    Args:
        spread: How the counterparts' probabilities are summed up, and two of them chosen.
    """

    spread: Disparity

    def at(self, sweep: CounterpartEvaluator, rows: Rows, labels: Labels) -> Observation:
        """Predicts all counterparts, and sums up how far they lie apart."""
        return sweep.judge(rows, labels, spread=self.spread)

    def at_last(
        self, sweep: CounterpartEvaluator, rows: Rows, labels: Labels, before: Observation
    ) -> Observation:
        """The same as before any step: the spread of the last row is reported as well."""
        return self.at(sweep, rows, labels)

    def gradient_rows(self, counterparts: Numbers) -> Numbers:
        """Nothing by itself."""
        return np.zeros_like(counterparts)
