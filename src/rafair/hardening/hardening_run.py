"""One hardening from start to end: plan, folder, models, judges, document."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from rafair._version import __version__
from rafair.auditing.audit_setup import AuditConfig
from rafair.auditing.row_estimate import Cost, describe, duration, measure_rate
from rafair.auditing.time_estimate import WORTH, Clock
from rafair.engine.checkpoints import Checkpoints
from rafair.engine.combined_progress import WholeProgress
from rafair.engine.digest_json import read_sealed
from rafair.engine.job import Done, Job
from rafair.engine.run_folder import HARDENING, RunFolder
from rafair.engine.run_settings import RunSettings
from rafair.engine.shards import Shard
from rafair.engine.text_file import read_json
from rafair.engine.thread_pool import Workers
from rafair.errors import InputError
from rafair.hardening.attack_panel import AttackPanel, Judgement, JudgementRecord
from rafair.hardening.before_and_after import WORK, Pair, Pairs
from rafair.hardening.certified_gains import SIDES, ProofRecord, Proofs
from rafair.hardening.config import HardenConfig
from rafair.hardening.harden_json import (
    SCHEMA_VERSION,
    Document,
    Outcome,
    document_of,
    write_document,
)
from rafair.hardening.judge_checks import MaskingCheck
from rafair.hardening.network_rates import Measured
from rafair.models.classifier import Classifier
from rafair.models.prediction import predict
from rafair.results.derived_rates import plain
from rafair.results.hardening_record import HardeningRecord, hardening_of
from rafair.results.record_reader import Reader
from rafair.search.counterpart_evaluator import CHUNK_ROWS
from rafair.sources.wrapped_models import check_saved_model
from rafair.tabular.sampling import sample_instances

Illustrate = Callable[[HardeningRecord, Path], object]
"""Draws what was found into a folder."""

FOUND = "found.json"

Found = TypeVar("Found")
BrokenBy = dict[str, dict[str, int]]
"""How many instances each weaker attack broke, of how many."""


@dataclass(frozen=True)
class _Part(Generic[Found]):
    """What came of a part, and how long it took."""

    found: Found
    seconds: float


_read_judgement = Reader(_Part[JudgementRecord])
_read_broken = Reader(_Part[BrokenBy])
_read_proofs = Reader(_Part[ProofRecord])


def run_hardening(
    pairs: Pairs,
    config: HardenConfig,
    means: RunSettings,
    illustrate: Illustrate,
    *,
    resume: bool = False,
) -> Done:
    """Hardens and judges, or takes it up where the same command was interrupted.

    Args:
        pairs: Where the models come from.
        config: What is asked.
        means: How and where.
        illustrate: Draws the plots, before the folder takes its name.
        resume: Whether there must be something to carry on.

    Raises:
        InputError: If the options do not fit the data, or the folder is refused.
        IncompleteError: If results cannot be stored; what was done is kept.
    """
    rows = len(pairs.data.table)
    if config.instances is not None and config.instances > rows:
        raise InputError(
            f"instances: expected at most {rows:,}, the rows of '{pairs.data.name}' that can be "
            f"judged, got {config.instances:,}"
        )
    plan = {
        "schema_version": SCHEMA_VERSION,
        "rafair_version": __version__,
        "hardening": config.to_dict(),
        "models": pairs.plan,
    }
    job = Job(
        "hardening",
        f"{pairs.data.name}-hardened",
        plan,
        means,
        _finished,
        identified=pairs.identified,
        scratch=WORK,
    )
    return job.done_before() or job.do(
        lambda folder: _Run(pairs, config, job, folder).go(),
        lambda document, folder: illustrate(hardening_of(document), folder),
        resume=resume,
    )


def _finished(folder: Path, digest: str) -> Document | None:
    """The document of the hardening in a folder, if it is of the plan with this digest.

    Raises:
        ModelError: If it is, but a network in it is not as it was saved.
    """
    try:
        document: Document = read_sealed(folder / HARDENING)
        same = hardening_of(document).plan == digest
    except (OSError, ValueError):
        return None
    if not same:
        return None
    for place in sorted(folder.glob("*/")):
        if place.name != WORK:
            check_saved_model(place)
    return document


@dataclass(frozen=True)
class _Run:
    """One hardening under way."""

    pairs: Pairs
    config: HardenConfig
    job: Job
    folder: RunFolder
    clock: list[Clock] = field(default_factory=list)
    """What was told of the time, until the first part has shown how long one really takes."""

    @property
    def means(self) -> RunSettings:
        """How and where."""
        return self.job.settings

    def go(self) -> Document:
        """Does what is left to do; returns the document, which is written."""
        outcomes = list(self._outcomes())
        judge = self._judge(outcomes[0].pair)
        found = document_of(self.pairs, self.config, judge, outcomes, self.means.command)
        document = {**found, "plan": self.job.digest}
        write_document(document, self.folder.partial)
        return document

    def _outcomes(self) -> Iterator[Outcome]:
        seeds = self.pairs.seeds
        for number, seed in enumerate(seeds):
            if len(seeds) > 1:
                self.means.progress.note(f"network {number + 1} of {len(seeds)}, seed {seed}")
            pair = self.pairs.make(seed, self.folder.partial, self.means.progress)
            if number == 0:
                self._announce(pair)
            yield self._judged(number, seed, pair)

    @cached_property
    def _checkpoints(self) -> Checkpoints:
        """One for all that is judged of a pair."""
        shards = [Shard(i, i, i + 1) for i in range(len(self.pairs.seeds) * self._parts)]
        folder = self.folder.partial / WORK / "judged"
        checkpoints = Checkpoints(folder, shards, self.job.digest)
        dropped = checkpoints.drop_unusable()
        if dropped:
            self.means.progress.note(dropped)
        return checkpoints

    @property
    def _parts(self) -> int:
        """Both sides at every epsilon, the check for masked gradients, and both sides' proofs."""
        proofs = len(SIDES) if self.config.certify else 0
        return len(SIDES) * len(self.config.judged_epsilons) + 1 + proofs

    def _judge(self, pair: Pair) -> AttackPanel:
        """The same judge for both sides: one without gradients decides for the other."""
        differentiable = pair.before.differentiable and pair.after.differentiable
        table = self.pairs.data.table
        instances = self.config.instances or len(table)
        chosen = sample_instances(table.rows, instances, self.config.seed)
        suitable = "feasible" if self.pairs.data.origin.file else "paper"
        return AttackPanel(
            table.take(chosen),
            attacks=self.config.panel(differentiable=differentiable),
            steps=self.config.steps,
            seed=self.config.seed,
            perturbation=self.config.perturbation or suitable,
            threads=self.means.threads,
            black_box=not differentiable,
        )

    def _announce(self, pair: Pair) -> None:
        """Says what judging will cost, at the rate of a short probe of both models."""
        judge = self._judge(pair)
        n, epsilons = len(judge.table), self.config.judged_epsilons
        total = len(self.pairs.seeds) * self._cost(judge)
        config = AuditConfig(attacks=judge.attacks)
        config = config.resolved(judge.table.schema, self.means.device)
        with Workers(self.means.threads) as workers:
            slow = 0.0
            for model in (pair.before, pair.after):
                sweep = config.sweep(model, judge.table.schema, workers, lambda rows: None)
                slow += 0.5 / measure_rate(sweep, judge.table.rows, judge.table.labels)
            missing = len(self._checkpoints.missing())
            left = missing / len(self._checkpoints.shards)
            if (most := total * left * slow) >= WORTH:
                self.clock.append(Clock(most, missing))
            ahead = describe(Cost(int(total), {}, {}), 1 / slow, workers.threads, left=left)
        again = "; carrying on where it was left" if self.folder.resumed else ""
        self.means.progress.note(
            f"judging {n:,} of {len(self.pairs.data.table):,} rows of '{self.pairs.data.name}' by "
            f"{', '.join(judge.attacks)} at epsilon {', '.join(f'{e:g}' for e in epsilons)}, "
            f"before and after: {ahead}{again}"
        )

    def _cost(self, judge: AttackPanel) -> float:
        each = judge.cost(len(judge.table)) * len(SIDES) * len(self.config.judged_epsilons)
        return each + (0 if judge.black_box else MaskingCheck(judge).cost())

    def _judged(self, number: int, seed: int, pair: Pair) -> Outcome:
        """Judges both sides at every epsilon, and the judges themselves."""
        judge, seconds = self._judge(pair), 0.0
        measured: dict[str, dict[float, Judgement]] = {side: {} for side in SIDES}
        places = iter(range(number * self._parts, (number + 1) * self._parts))
        with self.means.progress.task(f"judging seed {seed}", self._cost(judge), "rows") as bar:
            whole = WholeProgress(bar)
            for side, model in zip(SIDES, (pair.before, pair.after), strict=True):
                for epsilon in self.config.judged_epsilons:
                    judging = _Judging(judge, model, epsilon)
                    with whole.part(judge.cost(len(judge.table))):
                        found, spent = self._part(next(places), judging, _read_judgement, whole)
                    measured[side][epsilon] = Judgement.of_record(found)
                    seconds += spent
            masking = None
            if not judge.black_box:
                panel = measured["after"][self.config.at]
                check = _Masking(MaskingCheck(judge), pair.after, self.config.at, panel)
                with whole.part(check.check.cost()):
                    masking, spent = self._part(next(places), check, _read_broken, whole)
                seconds += spent
        labels = self.pairs.data.table.labels
        before, after = (
            Measured(labels, self._predictions(model), measured[side])
            for side, model in zip(SIDES, (pair.before, pair.after), strict=True)
        )
        last = (number + 1) * self._parts
        proofs = self._proven(last, pair, judge, seed) if self.config.certify else None
        return Outcome(seed, pair, before, after, masking, seconds, proofs)

    def _proven(self, last: int, pair: Pair, judge: AttackPanel, seed: int) -> list[ProofRecord]:
        """What is proven of both sides; their parts are the last two before `last`."""
        proofs = Proofs(judge, self.config.judged_epsilons, self.config.boxes)
        found = []
        total = proofs.cost * len(SIDES)
        with self.means.progress.task(f"certifying seed {seed}", total, "verdicts") as bar:
            whole = WholeProgress(bar)
            for place, model in enumerate((pair.before, pair.after)):
                with whole.part(proofs.cost):
                    work = _Proving(proofs, model)
                    one, _ = self._part(last - len(SIDES) + place, work, _read_proofs, whole)
                found.append(one)
        return found

    def _part(
        self,
        number: int,
        work: Callable[[WholeProgress], Found],
        read: Reader[_Part[Found]],
        whole: WholeProgress,
    ) -> tuple[Found, float]:
        """A part's result and its seconds, done now or read from where it is stored."""
        shard = self._checkpoints.shards[number]
        path = self._checkpoints.folder / f"{number:05d}" / FOUND
        if not path.exists():
            begun = time.perf_counter()
            done = _Part(work(whole), time.perf_counter() - begun)
            self._checkpoints.store(shard, {FOUND: plain(done)})
            if self.clock and (left := self.clock.pop().correction()) is not None:
                self.means.progress.note(f"about {duration(left)} left to judge")
        stored = read(read_json(path), path)
        return stored.found, stored.seconds

    def _predictions(self, model: Classifier) -> np.ndarray[Any, np.dtype[np.int64]]:
        with Workers(self.means.threads) as workers:
            return predict(model, self.pairs.data.table.rows, workers, CHUNK_ROWS)


@dataclass(frozen=True)
class _Judging:
    judge: AttackPanel
    model: Classifier
    epsilon: float

    def __call__(self, progress: WholeProgress) -> JudgementRecord:
        return self.judge(self.model, self.epsilon, progress).record


@dataclass(frozen=True)
class _Proving:
    proofs: Proofs
    model: Classifier

    def __call__(self, progress: WholeProgress) -> ProofRecord:
        return self.proofs(self.model, progress)


@dataclass(frozen=True)
class _Masking:
    check: MaskingCheck
    model: Classifier
    epsilon: float
    panel: Judgement

    def __call__(self, progress: WholeProgress) -> BrokenBy:
        return self.check(self.model, self.epsilon, self.panel, progress)
