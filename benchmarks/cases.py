"""What is measured: sweeps, every attack, training, and whole audits.

A figure's name is `group/what/data set`. Sweeps are measured on every data set, all else on those
of `WHOLE` only, which keeps the suite short.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from torch import nn

import rafair
from benchmarks.alone import peak_memory
from benchmarks.figures import AUDIT, MEMORY, ROW, SHARE, STEP, Unit
from benchmarks.measuring import Case, Measure, Timing
from rafair.arguments import check_name
from rafair.attacks.attack_names import attack_named
from rafair.attacks.interface import Attack
from rafair.attacks.registry import ATTACKS
from rafair.auditing.audit_setup import AuditConfig
from rafair.datasets.dataset_files import Place, status
from rafair.datasets.loading import Dataset
from rafair.datasets.registry import DATASETS
from rafair.engine.shards import INSTANCES_PER_SHARD
from rafair.engine.thread_pool import Workers
from rafair.errors import DataFileError, UnknownNameError
from rafair.models.classifier import Logits
from rafair.models.losses import CrossEntropy
from rafair.models.paper_network import fcnn
from rafair.models.torch_module import TorchClassifier
from rafair.search.counterpart_evaluator import CounterpartEvaluator, suitable_chunk_rows
from rafair.tabular.counterparts import Counterparts

WHOLE = ("affairs", "adult")
"""Data sets on which all is measured; on others, sweeps alone."""

INSTANCES = 200
"""Rows of a sweep."""

STEPS, EPOCHS = 10, 5
"""Steps of an attack on one shard of instances; epochs of a training."""

AUDITED: tuple[str, ...] = ()
"""Options of a whole audit: it is that of a user who gives none."""

PROGRAM = "from rafair.cli.main import main; main()"


class Subject:
    """A data set, and what is computed on it.

    Args:
        dataset: The data set.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.name, self.dataset = dataset.name, dataset
        self.schema = dataset.test.schema
        self.counterparts = Counterparts.of(self.schema)
        self.chunk_rows = suitable_chunk_rows(self.counterparts.size * INSTANCES_PER_SHARD)
        self._random = fcnn(len(self.schema), len(self.schema.classes))

    def cases(self) -> Iterator[Case]:
        """All that is measured on it."""
        yield from self._sweeps()
        if self.name in WHOLE:
            yield from (self._attack(name, attack_named(name)) for name in ATTACKS)
            yield self._training()
            yield self._audit()

    def _sweeps(self) -> Iterator[Case]:
        rows, labels = self.dataset.test.rows[:INSTANCES], self.dataset.test.labels[:INSTANCES]
        classifier = TorchClassifier(self._random)
        total = int(self.counterparts.counts(rows).sum())
        # nothing but what the network computes, on as many chunks of the same shape
        chunk = np.resize(rows, (self.chunk_rows, rows.shape[1]))
        chunks = range(math.ceil(total / self.chunk_rows))

        def passes(ask: Callable[[int], object], workers: Workers) -> None:
            for _ in workers.map(ask, chunks):
                pass

        forward = 2 * total * _weights(self._random)
        gradients, verdicts = 2 * forward, forward
        yield self._share(
            "sweep/gradients",
            gradients,
            lambda workers: self._sweep(classifier, workers).observe(rows, labels),
        )
        yield self._share(
            "passes/gradients",
            gradients,
            partial(passes, lambda _: classifier.logits_and_gradients(chunk, _equally)),
        )
        yield self._share(
            "sweep/verdicts",
            verdicts,
            lambda workers: self._sweep(classifier, workers).judge(rows, labels),
        )
        yield self._share(
            "passes/verdicts", verdicts, partial(passes, lambda _: classifier.logits(chunk))
        )

    def _attack(self, name: str, attack: Attack) -> Case:
        some = slice(INSTANCES_PER_SHARD)
        rows, labels = self.dataset.test.rows[some], self.dataset.test.labels[some]
        budget = AuditConfig(steps=STEPS).budget(self.schema)

        def run(workers: Workers) -> object:
            return attack.run(self._sweep(self._trained, workers), rows, labels, budget)

        return self._cost(f"attack/{name}", STEP, 1e6 * len(rows) * STEPS, run)

    def _training(self) -> Case:
        units = 1e6 * len(self.dataset.train) * EPOCHS
        return self._cost("training", ROW, units, lambda workers: self._train())

    def _audit(self) -> Case:
        def run(workers: Workers) -> float:
            with tempfile.TemporaryDirectory() as folder:
                options = [*AUDITED, "--dataset", self.name, "--out", str(Path(folder) / "run")]
                threads = ["--threads", str(workers.threads)]
                return peak_memory(sys.executable, "-c", PROGRAM, "audit", *options, *threads)

        timed = self._cost("audit/time", AUDIT, 1e12, run)
        peak = Measure(f"audit/memory/{self.name}", MEMORY, lambda timing: float(timing.result))
        return Case(run, (*timed.measures, peak), cold=True)

    def _share(self, what: str, operations: float, call: Callable[[Workers], object]) -> Case:
        def value(timing: Timing) -> float:
            return operations / timing.seconds / timing.rate

        return Case(call, (Measure(f"{what}/{self.name}", SHARE, value),))

    def _cost(self, what: str, unit: Unit, units: float, call: Callable[[Workers], object]) -> Case:
        def value(timing: Timing) -> float:
            return timing.seconds * timing.rate / units

        return Case(call, (Measure(f"{what}/{self.name}", unit, value),))

    def _sweep(self, classifier: TorchClassifier, workers: Workers) -> CounterpartEvaluator:
        return CounterpartEvaluator(
            classifier, self.counterparts, CrossEntropy(), workers, chunk_rows=self.chunk_rows
        )

    @cached_property
    def _trained(self) -> TorchClassifier:
        """What attacks do depends on the network: one that has learnt something."""
        return TorchClassifier(self._train())

    def _train(self) -> nn.Sequential:
        return rafair.train(self.dataset.train, rafair.TrainConfig(epochs=EPOCHS))


def load(name: str) -> Subject:
    """A data set that is at hand; nothing is fetched.

    Raises:
        UnknownNameError: If there is no such data set.
        DataFileError: If a file is missing, damaged or has another hash than it should.
    """
    check_name("data set", name, DATASETS)
    if any(file.place is Place.MISSING for file in status(name)):
        raise DataFileError(
            "its files are neither in a folder that RAFAIR_DATA names nor in the cache, where "
            f"`rafair data fetch {name}` would put them"
        )
    return Subject(rafair.load_dataset(name))


def choose(cases: Iterable[Case], only: Iterable[str]) -> list[Case]:
    """The cases with a measure that one of some names stands for.

    Args:
        cases: All cases.
        only: Whole names or parts of them, such as "sweep", "pgd/adult" and "adult".

    Raises:
        UnknownNameError: If a name stands for nothing.
    """
    cases = list(cases)
    chosen: set[str] = set()
    names = [measure.name for case in cases for measure in case.measures]
    for part in only:
        found = [name for name in names if f"/{part}/" in f"/{name}/"]
        if not found:
            parts = dict.fromkeys(part for name in names for part in name.split("/"))
            raise UnknownNameError("benchmark", part, parts)
        chosen.update(found)
    return [
        Case(case.call, measures, case.cold)
        for case in cases
        if (measures := tuple(m for m in case.measures if m.name in chosen))
    ]


def _equally(logits: Logits, _: slice) -> Logits:
    """A cotangent that costs nothing."""
    return np.ones_like(logits)


def _weights(network: nn.Module) -> int:
    return sum(layer.weight.numel() for layer in network.modules() if isinstance(layer, nn.Linear))
