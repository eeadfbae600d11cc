"""What a model does with encoded rows: as they came, under noise, and under a short RAFair.

A row gets the same answer alone, in any window, and with any number of threads: every search moves
each row by itself, what is random in it follows from the row, and products have one shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rafair.arguments import check_whole
from rafair.attacks.naming import attack_named
from rafair.attacks.registry import UNIONS
from rafair.auditing.black_box import Asking
from rafair.auditing.config import AuditConfig
from rafair.auditing.cost import Cost
from rafair.engine.run_settings import MOST_THREADS
from rafair.engine.shards import Advance, cut
from rafair.engine.workers import Workers
from rafair.errors import InputError
from rafair.models.classifier import Classifier, Labels
from rafair.monitoring.judged import Flags, Judged, joined
from rafair.monitoring.references.judge_options import JudgeOptions
from rafair.monitoring.watched import CLEAN, NOISE, RAFAIR
from rafair.results.options import Perturbation
from rafair.search.budget import Budget
from rafair.search.observation import Observation
from rafair.search.sweep import Sweep
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.encoding import Rows
from rafair.tabular.schema import Schema

BLOCK_ROWS = 4096
"""Rows judged at once: what searches remember of them bounds memory."""

DEFAULTS = JudgeOptions()


def _nothing(rows: int) -> None:
    """Ignores how many rows were done."""


@dataclass(frozen=True)
class Judge:
    """Judges rows without their labels.

    Counterparts are enumerated, or proven for where there are many; never sampled. Searches are the
    audit's own, aim at the model's own prediction, and count by all their iterates.

    Args:
        classifier: The model.
        schema: The features of the rows.
        options: How.
        threads: How many threads compute; None takes one per core.

    Raises:
        InputError: If that is no number of threads.

    Example:
        >>> import rafair
        >>> data = rafair.load_dataset("affairs")
        >>> network = rafair.train(data.train, rafair.TrainConfig(epochs=1))
        >>> judge = Judge(rafair.TorchClassifier(network), data.test.schema)
        >>> judged = judge(data.test.rows[:20])
        >>> len(judged), judged.conditions
        (20, ('clean', 'noise', 'rafair'))
    """

    classifier: Classifier
    schema: Schema
    options: JudgeOptions = DEFAULTS
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.threads is not None:
            check_whole("threads", self.threads, 1, MOST_THREADS)

    def __call__(self, rows: Rows, advance: Advance = _nothing) -> Judged:
        """Judges rows, in blocks.

        Args:
            rows: Encoded rows of shape `(n, d)`.
            advance: Told how much was done, of what `cost` gives.

        Raises:
            ModelError: If an answer of the model is not finite.
            ModelGoneError: If it no longer answers.
            InputError: If the probes may move nothing.
        """
        with Workers(self.threads) as workers:
            blocks = [
                self._block(rows[block.start : block.stop], workers, advance)
                for block in cut(len(rows), BLOCK_ROWS)
            ]
        return joined(blocks, self.options.conditions)

    def cost(self, n: int) -> int:
        """The most rows that the model is asked about to judge `n`; padding does not count."""
        probed = 0
        if self.options.probes and not self.asked.differentiable:
            probed = self.config.probed(self.schema)
        size = Counterparts.of(self.schema).size
        return n + Cost.of(n, n * size, self.config, self.schema, probed=probed).total

    @cached_property
    def config(self) -> AuditConfig:
        """The options as those of an audit of such rows."""
        return AuditConfig.of(self.options.config).resolved(self.schema, "cpu")

    @cached_property
    def asked(self) -> Classifier:
        """Who is asked: the model, about each row once where it gives no gradients."""
        return Asking(self.config)(self.classifier)

    def check(self) -> None:
        """Refuses probes that may move nothing.

        Raises:
            InputError: If so.
        """
        try:
            _ = self._budget if self.options.probes else None
        except InputError as error:
            if not str(error).startswith("epsilon"):
                raise
            raise InputError(f"probe {error}; give more, or leave out the probes") from error

    @cached_property
    def _budget(self) -> Budget:
        feasible = self.options.perturbation == Perturbation.FEASIBLE
        return self.config.budget(self.schema, feasible=feasible)

    def _block(self, rows: Rows, workers: Workers, advance: Advance) -> Judged:
        sweep = self.config.sweep(self.asked, self.schema, workers, advance)
        labels: Labels = sweep.predict(rows).argmax(axis=1).astype(np.int64)
        kept, fair = {CLEAN: np.ones(len(rows), bool)}, dict[str, Flags]()
        seen: Observation | None = None
        for probe in sorted(self.options.probes, key=(RAFAIR, NOISE).index):
            # RAFair looks closest at the rows as they came, so that it goes first
            names = UNIONS.get(probe, (probe,))
            seen, kept[probe], fair[probe] = self._under(names, sweep, rows, labels, seen)
        seen = seen or sweep.judge(rows, labels)
        fair[CLEAN] = seen.fair.copy()
        spent = sweep.queries.gradient_rows + sweep.queries.prediction_rows
        advance(max(self.cost(len(rows)) - spent, 0))
        order = self.options.conditions
        return Judged(labels, {c: kept[c] for c in order}, {c: fair[c] for c in order})

    def _under(
        self,
        names: Sequence[str],
        sweep: Sweep,
        rows: Rows,
        labels: Labels,
        seen: Observation | None,
    ) -> tuple[Observation, Flags, Flags]:
        """Runs attacks one after the other; a row that has lost both properties is left alone.

        Returns:
            What was seen of the rows as they came, and whether each was kept, and fair, throughout.
        """
        kept, fair = np.ones(len(rows), bool), np.ones(len(rows), bool)
        for name in names:
            standing = np.flatnonzero(kept | fair)
            if not standing.size:
                break
            known = None if seen is None else seen.take(standing)
            path = attack_named(name).run(
                sweep, rows[standing], labels[standing], self._budget, known
            )
            for each in path.observations:
                kept[standing] &= each.prediction == labels[standing]
                fair[standing] &= each.fair
            seen = seen or path.observations[0]  # of all rows: none is left alone before
        assert seen is not None  # there is no probe without an attack
        return seen, kept, fair
