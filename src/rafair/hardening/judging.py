"""The judge of hardened models: a panel of attacks that training did not use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.auditing.config import AuditConfig
from rafair.auditing.cost import Cost
from rafair.auditing.entry import audit
from rafair.engine.progress import SILENT, Progress
from rafair.engine.whole_progress import WholeProgress
from rafair.hardening.config import PANEL
from rafair.models.classifier import Classifier
from rafair.results.per_instance import PerInstance
from rafair.results.rate_names import RateName
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.table import Table
from rafair.verdicts import verdicts

Flags = NDArray[np.bool_]

REACH_OF_STEPS = 2.5
"""How far all steps reach together, in radii of the box."""


@dataclass(frozen=True)
class Judgement:
    """Of each instance, what it was, and whether every attack left it so.

    Args:
        clean: The verdict of its clean row; shape `(n,)`.
        accurate: Whether its clean row and every iterate of every attack are; shape `(n,)`.
        fair: Likewise whether all its counterparts got its prediction; shape `(n,)`.
        zero_gradient: The number of clean rows at which the gradient is exactly zero; None where
            no gradient was asked for.
    """

    clean: NDArray[np.int8]
    accurate: Flags
    fair: Flags
    zero_gradient: int | None

    @property
    def both(self) -> Flags:
        """Whether it was right and alike at every step; shape `(n,)`."""
        return self.accurate & self.fair

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "clean": self.clean.tolist(),
            "accurate": self.accurate.tolist(),
            "fair": self.fair.tolist(),
            "zero_gradient": self.zero_gradient,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Judgement:
        """From what `to_dict` gives."""
        return cls(
            np.array(values["clean"], np.int8),
            np.array(values["accurate"], bool),
            np.array(values["fair"], bool),
            values["zero_gradient"],
        )


@dataclass(frozen=True)
class Judge:
    """Attacks one after the other; an instance that has lost both properties is left alone.

    Counterparts are enumerated, never sampled.

    Args:
        table: The instances; all of them are judged.
        attacks: The panel.
        steps: The steps of each attack.
        seed: Of attacks that draw.
        perturbation: "paper" or "feasible".
        threads: How many threads compute.
        black_box: Whether the model is asked for predictions only.

    Example:
        >>> import rafair
        >>> data = rafair.load_dataset("affairs")
        >>> network = rafair.train(data.train, rafair.TrainConfig(epochs=1))
        >>> judge = Judge(data.test.take(np.arange(30)), attacks=("rafair",), steps=4)
        >>> found = judge(rafair.TorchClassifier(network), 0.05)
        >>> found.both.shape, bool((found.both <= found.fair).all())
        ((30,), True)
    """

    table: Table
    attacks: tuple[str, ...] = PANEL
    steps: int = 20
    seed: int = 0
    perturbation: str = "paper"
    threads: int | None = None
    black_box: bool = False

    def __call__(
        self, classifier: Classifier, epsilon: float, progress: Progress = SILENT
    ) -> Judgement:
        """Judges a model under perturbations of at most `epsilon`, and of nothing else.

        What a smaller box has shown is not taken over, so that rates at several epsilons check
        each other.

        Args:
            classifier: The model.
            epsilon: The largest change of a feature.
            progress: Where a bar is shown.
        """
        n = len(self.table)
        clean = np.zeros(n, np.int8)
        accurate, fair = np.ones(n, bool), np.ones(n, bool)
        zero = None
        with progress.task("judging", self.cost(n).total, "rows") as task:
            whole = WholeProgress(task)
            for number, attack in enumerate(self.attacks):
                standing = np.flatnonzero(accurate | fair)
                if not standing.size:
                    break
                with whole.part(self.cost(n, (attack,)).total):
                    found = self._attack(classifier, attack, epsilon, standing, whole)
                accurate[standing] &= found.accurate
                fair[standing] &= found.fair
                if number == 0:
                    clean[standing] = found.clean
                if zero is None and len(standing) == n:
                    zero = found.zero_gradient
        return Judgement(clean, accurate, fair, zero)

    def cost(self, n: int, attacks: tuple[str, ...] | None = None) -> Cost:
        """The most rows that judging `n` instances at one epsilon can need."""
        schema = self.table.schema
        attacks = self.attacks if attacks is None else attacks
        config = self._config(attacks, 1.0)
        probed = config.probed(schema) if self.black_box else 0
        each = Counterparts.of(schema).size
        return Cost.of(n, n * each, config, schema, probed=probed)

    def _config(self, attacks: tuple[str, ...], epsilon: float) -> AuditConfig:
        return AuditConfig(
            attacks=attacks,
            instances=None,
            steps=self.steps,
            step_size=min(1.0, REACH_OF_STEPS * epsilon / self.steps),
            epsilon=epsilon,
            labels=None,
            seed=self.seed,
            perturbation=self.perturbation,
        )

    def _attack(
        self,
        classifier: Classifier,
        attack: str,
        epsilon: float,
        standing: NDArray[np.int64],
        progress: Progress,
    ) -> Judgement:
        config = self._config((attack,), epsilon)
        result = audit(
            classifier,
            self.table.take(standing),
            attacks=config.attacks,
            steps=config.steps,
            step_size=config.step_size,
            epsilon=epsilon,
            labels=None,
            seed=self.seed,
            perturbation=self.perturbation,
            black_box=self.black_box,
            threads=self.threads,
            progress=progress,
        )
        asked = result.document["dataset"]["counterparts_per_instance"]
        assert asked == Counterparts.of(self.table.schema).size, "a judge enumerates counterparts"
        each = PerInstance.read(result.folder)
        numbers = self.table.row_numbers[standing]
        place = np.argsort(each.instances)[np.searchsorted(np.sort(each.instances), numbers)]

        def has(kind: str, metric: str) -> Flags:
            values = each.holds(RateName(kind, metric, attack if kind == "robust" else None))
            assert values is not None
            flags: Flags = values[place] == 1
            return flags

        zero = result.document["attacks"][attack]["zero_gradient"]
        return Judgement(
            verdicts(has("clean", "accuracy"), has("clean", "individual_fairness")),
            has("robust", "accuracy"),
            has("robust", "individual_fairness"),
            None if zero is None else int(zero["count"]),
        )
