"""The judge of hardened models: a panel of attacks that training did not use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafair.auditing.entry import audit
from rafair.auditing.per_instance import PerInstance
from rafair.auditing.rate_names import RateName
from rafair.engine.progress import SILENT, Progress
from rafair.models.classifier import Classifier
from rafair.tabular.table import Table

Flags = NDArray[np.bool_]

PANEL = ("rafair", "apgd", "acg", "eidig")
"""The strongest of each kind: after both properties, after accuracy (two), after fairness."""

REACH_OF_STEPS = 2.5
"""How far all steps reach together, in radii of the box."""


@dataclass(frozen=True)
class Judgement:
    """Of each instance, whether every attack left it right, and judged as its counterparts.

    Args:
        accurate: Whether its clean row and every iterate of every attack are; shape `(n,)`.
        fair: Likewise whether all its counterparts got its prediction; shape `(n,)`.
        zero_gradient: The share of clean rows at which the gradient is exactly zero; None where no
            gradient was asked for.
    """

    accurate: Flags
    fair: Flags
    zero_gradient: float | None

    @property
    def both(self) -> Flags:
        """Whether it held throughout: right and alike at every step; shape `(n,)`."""
        return self.accurate & self.fair


@dataclass(frozen=True)
class Judge:
    """Attacks one after the other; an instance that has lost both properties is left alone.

    Args:
        table: The instances; all of them are judged.
        attacks: The panel.
        steps: The steps of each attack.
        seed: Of attacks that draw.
        threads: How many threads compute.
        progress: Where bars are shown.

    Example:
        >>> import rafair
        >>> data = rafair.load_dataset("affairs")
        >>> network = rafair.train(data.train, rafair.TrainConfig(epochs=1))
        >>> judge = Judge(data.test.take(np.arange(30)), attacks=("rafair",), steps=4)
        >>> from rafair.models.torch_module import TorchClassifier
        >>> found = judge(TorchClassifier(network), 0.05)
        >>> found.both.shape, bool((found.both <= found.fair).all())
        ((30,), True)
    """

    table: Table
    attacks: Sequence[str] = PANEL
    steps: int = 20
    seed: int = 0
    threads: int | None = None
    progress: Progress = SILENT

    def __call__(
        self, classifier: Classifier, epsilon: float, before: Judgement | None = None
    ) -> Judgement:
        """Judges a model under perturbations of at most `epsilon`.

        Args:
            classifier: The model.
            epsilon: The largest change of a feature.
            before: What a smaller box has shown already; what broke there breaks here.
        """
        n = len(self.table)
        accurate = before.accurate.copy() if before else np.ones(n, bool)
        fair = before.fair.copy() if before else np.ones(n, bool)
        zero = None
        for attack in self.attacks:
            standing = np.flatnonzero(accurate | fair)
            if not standing.size:
                break
            found = self._attack(classifier, attack, epsilon, standing)
            accurate[standing] &= found.accurate
            fair[standing] &= found.fair
            zero = found.zero_gradient if zero is None else zero
        return Judgement(accurate, fair, zero)

    def _attack(
        self, classifier: Classifier, attack: str, epsilon: float, standing: NDArray[np.int64]
    ) -> Judgement:
        result = audit(
            classifier,
            self.table.take(standing),
            attacks=(attack,),
            steps=self.steps,
            step_size=REACH_OF_STEPS * epsilon / self.steps,
            epsilon=epsilon,
            labels=None,
            seed=self.seed,
            threads=self.threads,
            progress=self.progress,
        )
        each = PerInstance.read(result.folder)
        numbers = self.table.row_numbers[standing]
        place = np.argsort(each.instances)[np.searchsorted(np.sort(each.instances), numbers)]

        def held(metric: str) -> Flags:
            values = each.holds(RateName("robust", metric, attack))
            assert values is not None
            flags: Flags = values[place] == 1
            return flags

        zero = result.document["attacks"][attack]["zero_gradient"]
        share = None if zero is None else float(zero["value"])
        return Judgement(held("accuracy"), held("individual_fairness"), share)
