"""The work on one shard of a certificate: verdicts on the properties of its instances."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rafair.auditing.audit_setup import AuditConfig
from rafair.auditing.certify_options import ATTACK, budgets
from rafair.auditing.possible_witnesses import Suspects
from rafair.certify.cascade import Cascade, Level
from rafair.certify.cascade import Suspects as Pairs
from rafair.certify.model_queries import Asked
from rafair.certify.property_status import Stand
from rafair.certify.prover_interface import Indices, Prover
from rafair.certify.prover_registry import by_construction, prover_of
from rafair.engine.checkpoints import Content
from rafair.engine.shards import Advance
from rafair.engine.thread_pool import Workers
from rafair.errors import InputError
from rafair.models.answer_cache import CachedClassifier
from rafair.models.classifier import Classifier, Labels, Rows
from rafair.models.dense_network import linear_layers
from rafair.models.torch_module import TorchClassifier
from rafair.results.attack_runs import attack_of
from rafair.results.audit_options import Perturbation
from rafair.results.certificate_file import certificate_table
from rafair.results.run_files import CERTIFICATES
from rafair.search.counterpart_evaluator import CounterpartEvaluator
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.perturbation import PerturbationSet
from rafair.tabular.schema import Schema

INSTANCES_PER_SHARD = 50
"""Between two checkpoints: a large network's may take minutes."""

MOST_ENUMERATED = 1 << 20
"""Of more counterparts not all are asked about, but where boxes of them are proven."""


@dataclass(frozen=True)
class CertifyPart:
    """What a shard is made of.

    Args:
        rows: Its encoded rows; shape `(n, d)`.
        labels: Their true classes; shape `(n,)`.
        numbers: What the files call each instance; shape `(n,)`.
        known: Rows that attacks have left behind.
    """

    rows: Rows
    labels: Labels
    numbers: NDArray[np.int64]
    known: Suspects


@dataclass(frozen=True)
class Certifier:
    """Does shards of one certificate; holds what all of them need, and can be sent elsewhere.

    Args:
        classifier: The model.
        schema: The features of the rows.
        config: The options, as `certifying` gives them.
        boxes: After how many boxes an instance is left open.
        sample: Rows on which what is read of the model is compared with it; shape `(n, d)`.
    """

    classifier: Classifier
    schema: Schema
    config: AuditConfig
    boxes: int
    sample: Rows

    @cached_property
    def prover(self) -> Prover:
        """Who proves."""
        return prover_of(self.classifier, self.schema, self.sample)

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if name != "prover"}

    def __call__(self, part: CertifyPart, workers: Workers, advance: Advance) -> dict[str, Content]:
        """Gives verdicts on a part's instances.

        Args:
            part: The instances.
            workers: The open pool of threads.
            advance: Told how many instances were done at an epsilon.

        Returns:
            By name the file to be stored.
        """
        found = self.stand(part, workers, advance)
        return {CERTIFICATES: certificate_table(part.numbers, found)}

    def stand(self, part: CertifyPart, workers: Workers, advance: Advance) -> Stand:
        """How the properties of a part's instances stand; arguments as of a call."""
        counterparts = Counterparts.of(self.schema)
        prover = self.prover
        search = _Search(self, workers)
        cascade = Cascade(
            prover,
            counterparts,
            search.asked,
            boxes=self.boxes,
            constructed=by_construction(self.classifier, prover, counterparts) is not None,
            done=advance,
            workers=workers,
        )
        return cascade.run(part.rows, part.labels, search.levels(part))


@dataclass(frozen=True)
class _Search:
    """What a cascade is handed from above: the model's answers, and attacks on it."""

    work: Certifier
    workers: Workers
    _once: list[Classifier] = field(default_factory=list)

    @property
    def classifier(self) -> Classifier:
        """The model; one without gradients is asked about each row once."""
        if not self._once:
            model = self.work.classifier
            self._once.append(model if model.differentiable else CachedClassifier(model))
        return self._once[0]

    def sweep(self, config: AuditConfig) -> CounterpartEvaluator:
        """How rows are looked at."""
        return config.sweep(self.classifier, self.work.schema, self.workers, lambda rows: None)

    @property
    def asked(self) -> Asked:
        """The model's own answers."""
        sweep = self.sweep(self.work.config)
        counterparts = sweep.counterparts
        whole = counterparts.size <= MOST_ENUMERATED or _proves_boxes(self.classifier)

        def classes(rows: Rows) -> Labels:
            if not len(rows):
                return np.empty(0, np.int64)
            found: Labels = sweep.predict(rows).argmax(axis=1)
            return found

        def disagreeing(rows: Rows) -> Rows:
            seen = sweep.judge(rows, np.zeros(len(rows), np.int64))
            found = np.full(rows.shape, np.nan, np.float32)
            some = np.flatnonzero(~seen.fair)
            others = rows[some].copy()
            counterparts.substitute(others, seen.disagreeing[some])
            found[some] = others
            return found

        return Asked(classes, disagreeing, enumerates=whole)

    def levels(self, part: CertifyPart) -> list[Level]:
        """The budgets, ascending."""
        predictions, before, found = self.asked.classes(part.rows), 0.0, []
        for epsilon in budgets(self.work.config):
            config = self.work.config.at(epsilon)
            known = part.known.within(before, epsilon)
            level = Level(
                epsilon, self._box(config), self._attack(config, part, predictions), known
            )
            found.append(level)
            before = epsilon
        return found

    def _box(self, config: AuditConfig) -> PerturbationSet:
        """What instances may become; only themselves where epsilon is too small for anything."""
        schema = self.work.schema
        try:
            if config.perturbation == Perturbation.FEASIBLE:
                return config.feasible_set(schema)
            return PerturbationSet.of(schema, config.reach)
        except InputError:
            return PerturbationSet(np.zeros(len(schema), np.float32))

    def _attack(
        self, config: AuditConfig, part: CertifyPart, predictions: Labels
    ) -> Callable[[Indices], Pairs]:
        """The strongest attack on instances, after rows that do not get what these get."""
        feasible = config.perturbation == Perturbation.FEASIBLE

        def attack(where: Indices) -> Pairs:
            try:
                budget = config.budget(self.work.schema, feasible=feasible) if len(where) else None
            except InputError:  # nothing can move
                budget = None
            if budget is None:
                return where[:0], part.rows[:0]
            wanted = predictions[where]
            path = attack_of(ATTACK).run(self.sweep(config), part.rows[where], wanted, budget)
            moments = list(zip(path.rows[1:], path.observations[1:], strict=True))
            broken = [(seen.prediction != wanted) | ~seen.fair for _, seen in moments]
            return (
                np.concatenate([where[some] for some in broken]),
                np.concatenate(
                    [rows[some] for (rows, _), some in zip(moments, broken, strict=True)]
                ),
            )

        return attack


def _proves_boxes(classifier: Classifier) -> bool:
    return isinstance(classifier, TorchClassifier) and bool(linear_layers(classifier.module))
