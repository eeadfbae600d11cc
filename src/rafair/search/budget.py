"""What a search may spend and where it must stay: the same for all in one comparison."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafair.tabular.perturbation import PerturbationSet


@dataclass(frozen=True)
class Budget:
    """A number of steps of a length inside a box.

    Args:
        steps: The number of iterates T.
        step_size: The length of a step, per feature; shape `(d,)`.
        box: The perturbation set Δ.
        seed: Decides all random draws.
    """

    steps: int
    step_size: NDArray[np.float32]
    box: PerturbationSet
    seed: int = 0
