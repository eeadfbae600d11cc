"""What a search may spend and where it must stay: the same for all in one comparison."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafair.search.observation import Numbers
from rafair.search.step_length import REACH
from rafair.tabular.perturbation import PerturbationSet


@dataclass(frozen=True)
class Budget:
    """A number of steps of a length inside a box.

    Args:
        steps: The number of iterates T.
        step_size: The length of a step, per feature; shape `(d,)`.
        box: The perturbation set Δ.
        seed: Decides all random draws.
        gradient_rows: The most gradient rows that an attack may ask for, for each instance; None
            sets no limit.
        queries: The most rows that a cascade may ask a model without gradients about, for each
            instance; None sets no limit.
    """

    steps: int
    step_size: NDArray[np.float32]
    box: PerturbationSet
    seed: int = 0
    gradient_rows: int | None = None
    queries: int | None = None

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Which features a step can move; shape `(d,)`."""
        return self.box.movable & (self.step_size > 0)

    @property
    def crossing_step(self) -> NDArray[np.float32]:
        """The length of a step of which `steps` cross the box, or `step_size` if that is longer.

        Of a fixed length, steps from a random point would not reach the far side of a large box, so
        that more room would help the model; shape `(d,)`.
        """
        crossing = np.maximum(self.step_size, REACH / self.steps * self.box.epsilon)
        return np.where(self.step_size > 0, crossing, 0).astype(np.float32)

    @property
    def single_step(self) -> NDArray[np.float32]:
        """The length of a step, or a probe, that changes one feature alone; shape `(d,)`.

        One that does not reach the next value of the feature's grid would change nothing.
        """
        return np.maximum(self.step_size, self.box.stride)


class Allowance:
    """What each of `n` instances may still spend.

    Args:
        n: How many.
        gradient_rows: The most gradient rows for each; None sets no limit.

    Example:
        >>> allowance = Allowance(2, gradient_rows=3)
        >>> both = np.array([0, 1])
        >>> [allowance.spend(both, np.array([2, 4])).tolist() for _ in range(2)]
        [[True, False], [False, False]]
    """

    def __init__(self, n: int, gradient_rows: int | None) -> None:
        self._left = None if gradient_rows is None else np.full(n, gradient_rows)
        self._places = np.arange(n)

    def spend(self, where: Numbers, gradient_rows: Numbers | int) -> NDArray[np.bool_]:
        """Takes so much from each instance at `where` that has it; says which those are."""
        if self._left is None:
            return np.ones(len(where), bool)
        at = self._places[where]
        enough: NDArray[np.bool_] = self._left[at] >= gradient_rows
        self._left[at] -= np.where(enough, gradient_rows, 0)
        return enough

    def of(self, where: Numbers) -> Allowance:
        """That of some of the instances, which is spent from the same."""
        part = copy(self)
        part._places = self._places[where]
        return part
