"""What a model does with encoded rows: as they came, and under probes.

A row gets the same answer alone, in any window, and with any number of threads: every search moves
each row by itself, what is random in it follows from the row, and products have one shape.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rafair.arguments import check_whole
from rafair.auditing.audit_setup import AuditConfig
from rafair.auditing.black_box import Asking
from rafair.auditing.evaluation import BLOCK_ROWS, Company, Evaluation, Inquiry, evaluate
from rafair.auditing.row_estimate import Cost
from rafair.engine.option_groups import MOST_THREADS
from rafair.engine.shards import Advance, cut
from rafair.engine.thread_pool import Workers
from rafair.errors import InputError
from rafair.models.classifier import Classifier, Labels
from rafair.monitoring.judged_rows import JudgedRows, joined
from rafair.monitoring.probes import PROBES
from rafair.monitoring.references.stream_judge_options import StreamJudgeOptions
from rafair.monitoring.watched_rates import CLEAN
from rafair.results.attack_runs import members_of
from rafair.results.audit_options import Perturbation
from rafair.search.observation import Observation
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.encoding import Rows
from rafair.tabular.schema import Schema

DEFAULTS = StreamJudgeOptions()


def _nothing(rows: int) -> None:
    """Ignores how many rows were done."""


@dataclass(frozen=True)
class StreamJudge:
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
        >>> judge = StreamJudge(rafair.TorchClassifier(network), data.test.schema)
        >>> judged = judge(data.test.rows[:20])
        >>> len(judged), judged.conditions
        (20, ('clean', 'noise', 'strongest'))
    """

    classifier: Classifier
    schema: Schema
    options: StreamJudgeOptions = DEFAULTS
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.threads is not None:
            check_whole("threads", self.threads, 1, MOST_THREADS)

    def __call__(self, rows: Rows, advance: Advance = _nothing) -> JudgedRows:
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
        probed = None
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
        feasible = self.options.perturbation == Perturbation.FEASIBLE
        try:
            if self.options.probes:
                self.config.budget(self.schema, feasible=feasible)
        except InputError as error:
            if not str(error).startswith("epsilon"):
                raise
            raise InputError(f"{error}; give more, or leave out the probes") from error

    def _block(self, rows: Rows, workers: Workers, advance: Advance) -> JudgedRows:
        inquiry = Inquiry(self.asked, self.schema, self.config, workers, advance)
        with inquiry.counting() as (sweep, spent):
            labels: Labels = sweep.predict(rows).argmax(axis=1).astype(np.int64)
        found: dict[str, Evaluation] = {}
        seen: Observation | None = None
        for name, attacks in self._runs():
            each = evaluate(inquiry, Company(rows, labels, seen), attacks, sparing=True)
            found[name], seen = each, each.clean
        asked = spent.rows + sum(each.asked for each in found.values())
        advance(max(self.cost(len(rows)) - asked, 0))
        kept = {name: found[name].accurate for name in self.options.conditions}
        fair = {name: found[name].fair for name in self.options.conditions}
        return JudgedRows(labels, kept | {CLEAN: np.ones(len(rows), bool)}, fair)

    def _runs(self) -> Iterator[tuple[str, Sequence[str]]]:
        """Under what rows are looked at, with the attacks that search there; as they came, last."""
        for name, probe in PROBES.items():
            if name in self.options.probes:
                yield name, members_of(probe.attack)
        yield CLEAN, ()
