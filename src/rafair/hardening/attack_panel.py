"""The judge of hardened models: a panel of attacks that training did not use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafair.auditing.audit_setup import AuditConfig
from rafair.auditing.black_box import Asking
from rafair.auditing.evaluation import BLOCK_ROWS, Company, Evaluation, Flags, Inquiry, evaluate
from rafair.auditing.row_estimate import Cost
from rafair.engine.progress import SILENT, Progress
from rafair.engine.shards import cut
from rafair.engine.thread_pool import Workers
from rafair.hardening.config import PANEL
from rafair.models.classifier import Classifier
from rafair.models.decision_agreement import faithful
from rafair.results.attack_runs import members_of
from rafair.search.step_length import following_step
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.table import Table


@dataclass(frozen=True)
class JudgementRecord:
    """A judgement as it is stored."""

    clean: list[int]
    accurate: list[bool]
    fair: list[bool]
    zero_gradient: int | None


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

    @property
    def record(self) -> JudgementRecord:
        """As plain values."""
        return JudgementRecord(
            self.clean.tolist(), self.accurate.tolist(), self.fair.tolist(), self.zero_gradient
        )

    @classmethod
    def of(cls, parts: Sequence[Evaluation]) -> Judgement:
        """What was found of all instances, one part after the other."""
        zeros = [part.zero_gradient for part in parts]
        return cls(
            np.concatenate([part.clean_verdicts for part in parts]),
            np.concatenate([part.accurate for part in parts]),
            np.concatenate([part.fair for part in parts]),
            None if None in zeros else sum(zero for zero in zeros if zero is not None),
        )

    @classmethod
    def of_record(cls, record: JudgementRecord) -> Judgement:
        """From what `record` gives."""
        return cls(
            np.array(record.clean, np.int8),
            np.array(record.accurate, bool),
            np.array(record.fair, bool),
            record.zero_gradient,
        )


@dataclass(frozen=True)
class AttackPanel:
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
        >>> judge = AttackPanel(data.test.take(np.arange(30)), attacks=("rafair",), steps=4)
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
        rows, labels, schema = self.table.rows, self.table.labels, self.table.schema
        config = self._config(epsilon).resolved(schema, "cpu")
        attacks = dict.fromkeys(member for name in self.attacks for member in members_of(name))
        asked = Asking(config)(faithful(classifier, rows, schema))
        with (
            progress.task("judging", self.cost(len(rows)), "rows") as task,
            Workers(self.threads) as workers,
        ):
            inquiry = Inquiry(asked, schema, config, workers, task.advance)
            parts = [slice(part.start, part.stop) for part in cut(len(rows), BLOCK_ROWS)]
            return Judgement.of(
                [
                    evaluate(
                        inquiry, Company(rows[part], labels[part]), tuple(attacks), sparing=True
                    )
                    for part in parts
                ]
            )

    def cost(self, n: int) -> int:
        """The most rows that judging `n` instances at one epsilon can need."""
        schema = self.table.schema
        config = self._config(1.0)
        probed = config.probed(schema) if self.black_box else None
        each = Counterparts.of(schema).size
        return Cost.of(n, n * each, config, schema, probed=probed).total

    def over(self, epsilons: tuple[float, ...]) -> AuditConfig:
        """The options of the judge at several epsilons together."""
        return AuditConfig(
            attacks=self.attacks,
            instances=None,
            steps=self.steps,
            epsilons=epsilons,
            labels=None,
            seed=self.seed,
            black_box=self.black_box,
            perturbation=self.perturbation,
        )

    def _config(self, epsilon: float) -> AuditConfig:
        return AuditConfig(
            attacks=self.attacks,
            instances=None,
            steps=self.steps,
            step_size=following_step(epsilon, self.steps),
            epsilon=epsilon,
            labels=None,
            seed=self.seed,
            black_box=self.black_box,
            perturbation=self.perturbation,
        )
