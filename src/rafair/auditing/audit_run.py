"""One audit from start to end: plan, folder, subject, shards, document."""

from __future__ import annotations

import datetime
import time
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from rafair._version import __version__
from rafair.attacks.registry import WITNESSES
from rafair.auditing.allowed_changes import largest_moves, most_asked
from rafair.auditing.attack_outcomes import Stored
from rafair.auditing.attack_shard import Examiner, Part
from rafair.auditing.audit_json import environment, merge_shards, warnings_of, write_document
from rafair.auditing.audit_setup import AuditConfig
from rafair.auditing.black_box import (
    Asking,
    Pace,
    check_attacks,
    check_least,
    check_queries,
    frugal,
    limit_in_words,
    with_share,
)
from rafair.auditing.certificate_run import Certification, check_certifiable
from rafair.auditing.certify_options import CertifyOptions
from rafair.auditing.default_options import check_against
from rafair.auditing.rate_sections import feasible_section, found_sections
from rafair.auditing.row_estimate import Cost, describe, duration, measure_rate
from rafair.auditing.run_identity import (
    config_section,
    finished_audit,
    hashes,
    identity_of,
    plan_of,
)
from rafair.auditing.time_estimate import WORTH, Clock, forecast, trial_of
from rafair.auditing.whole_file_verdicts import FileJudge, Judging, Whole
from rafair.engine.checkpoints import Checkpoints, count_stored
from rafair.engine.job import Document, Job, digest
from rafair.engine.run_folder import RunFolder
from rafair.engine.run_settings import RunSettings
from rafair.engine.shards import SerialExecutor, Shard, cut
from rafair.engine.thread_pool import Workers
from rafair.errors import ModelGoneError, QueryBudgetError
from rafair.models.classifier import Classifier
from rafair.models.fit_to_table import check_fits
from rafair.models.prediction import predict
from rafair.results.allowed_changes_text import moves_in_words
from rafair.results.attack_runs import runs_of
from rafair.results.audit_options import Perturbation
from rafair.results.audit_record import LargestMove, record_of
from rafair.results.audit_result import Audit
from rafair.results.derived_rates import plain
from rafair.results.run_files import SCHEMA_VERSION
from rafair.search.counterpart_evaluator import CHUNK_ROWS, CounterpartEvaluator
from rafair.sources.row_sources import DataSource, dataset_section
from rafair.sources.source import Source, count_answers
from rafair.sources.stream_scan import Sample
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.sampling import sample_instances
from rafair.tabular.streamed_table import TableFile

SHARDS = "shards"


def run_audit(
    source: Source,
    config: AuditConfig,
    means: RunSettings,
    stored: Stored | None = None,
    certify: CertifyOptions | None = None,
) -> Audit:
    """Does an audit, or takes it up where an interrupted one of the same plan was left.

    Args:
        source: The model and the data.
        config: What is asked.
        means: How and where.
        stored: Outcomes of an earlier run to repair, instead of attacking.
        certify: What is to be proven once the attacks are done, if anything.

    Raises:
        InputError: If the model or the options do not fit the table, or the folder is refused.
        IncompleteError: If results cannot be stored; what was done is kept.
    """
    check_against(source.data, config)
    config = config.resolved(source.data.schema, means.device)
    plan = plan_of(source, config, stored, certify)
    identity = identity_of(plan, config, stored)
    job = Job(
        "audit",
        source.data.name,
        plan,
        means,
        lambda folder, _: finished_audit(folder, identity),
        identified=source.model.identified,
        scratch=SHARDS,
    )
    done = job.done_before()
    if done is None:
        with Workers(means.threads) as workers:
            asking = Asking(config)
            check_attacks(asking(source.stand_in()), config)
            source.check()
            if certify:
                check_certifiable(source.stand_in(), source.data.schema, config)
            run = partial(_Run, source, config, job, workers, stored, asking, identity, certify)
            try:
                done = job.do(lambda folder: run(folder).go())
            except QueryBudgetError as error:
                if config.max_queries is None or (job.identified and not job.is_temporary):
                    raise
                raise error.unkept() from error
    return Audit(done.document, done.folder, done.temporary)


@dataclass(frozen=True)
class _Run:
    """One audit under way."""

    source: Source
    config: AuditConfig
    job: Job
    workers: Workers
    stored: Stored | None
    asking: Asking
    identity: str
    certify: CertifyOptions | None
    folder: RunFolder
    said: list[str] = field(default_factory=list)
    """What a first look at the model tells a reader."""
    clock: list[float] = field(default_factory=list)
    """How many seconds the shards will take, where that was tried."""
    moves: dict[str, LargestMove] = field(default_factory=dict)
    """How far each feature may move."""

    @property
    def means(self) -> RunSettings:
        """How and where."""
        return self.job.settings

    def _begin(self) -> None:
        """Gets the model ready; one that does not answer at all leaves nothing behind."""
        try:
            self.source.begin(self.folder.partial, resumed=self.folder.resumed)
        except ModelGoneError as error:
            if self.folder.resumed:
                raise
            self.folder.discard()
            raise error.at_the_start() from error

    @property
    def data(self) -> DataSource:
        """The rows."""
        return self.source.data

    def go(self) -> Document:
        """Does what is left to do; returns the document, which is written."""
        begun = time.perf_counter()
        self._begin()
        whole = self._judge_file(self.data.stream) if self.data.stream else None
        cost, config = self._announce()
        model = self.asking(self.source.ready(self.folder.partial, self.means.progress))
        check_fits(model, self.data.table.rows, len(self.data.schema.classes))
        checkpoints = self._examine(model, cost, config)
        document = self._document(model, checkpoints, whole)
        seconds = time.perf_counter() - begun
        return write_document({**document, "seconds": seconds}, self.folder.partial)

    def _judge_file(self, file: TableFile) -> Whole:
        """Looks at all rows of a file, and gives the verdict of each."""
        shards, key = self.folder.partial / SHARDS, self.job.digest
        chosen = self.stored.instances if self.stored else None
        sample = Sample(self.config.instances or file.rows, self.config.seed, chosen)
        self.data.gather(sample, shards, key, self.means.progress)
        each = Counterparts.of(file.schema).size + 1
        check_queries(lambda n, _: file.rows * each + n, 1, self.config)
        model = self.asking(self.source.stand_in())
        self.said.extend(self.source.look(model, self.workers, self.instances))
        judge = FileJudge(model, file.schema, self.config)
        judging = Judging(judge, file, shards / "verdicts", key, self.workers)
        judging.go(self.means.executor, self.means.progress)
        return judging.merge(self.folder.partial)

    @cached_property
    def cores(self) -> int:
        """How many cores do the shards."""
        return self.means.executor.cores(self.workers)

    @cached_property
    def instances(self) -> NDArray[np.int64]:
        """The rows of the table that are audited."""
        if self.stored:
            return np.flatnonzero(np.isin(self.data.table.row_numbers, self.stored.instances))
        rows = self.data.table.rows
        return sample_instances(rows, self.config.instances or len(rows), self.config.seed)

    def _announce(self) -> tuple[Cost, AuditConfig]:
        """Says what is ahead, at the rate of a short probe; returns the options with all limits."""
        table, instances = self.data.table, self.instances
        stand_in = self.asking(self.source.stand_in())
        schema = self.data.schema
        sweep = self.config.sweep(stand_in, schema, self.workers, lambda rows: None)
        counterparts = int(sweep.counterparts.counts(table.rows[instances]).sum())
        probed = None if stand_in.differentiable else self.config.probed(schema)
        shards = len(cut(len(instances)))
        done = min(count_stored(self.folder.partial / SHARDS), shards)
        each, left = -(-counterparts // len(instances)), 1 - done / shards
        # besides, a first look tells the rate, and the model's accuracy is that on all rows
        others = each + (0 if self.data.stream else self.data.n_rows)
        asking = not (self.config.max_queries or self._is_far)
        others += most_asked(schema, len(instances)) if asking else 0

        def queries(config: AuditConfig, n: int) -> int:
            return round(self._cost(config, n, n * each, probed).total * left) + others

        if self._counts_all:
            if self.data.stream is None:  # else its verdicts need more, and fit
                looked_at = instances[:0] if self.stored else instances
                check_least(table.rows, table.rows[looked_at], sweep.counterparts, self.config)
        else:
            least = frugal(self.config)
            fewest = WITNESSES if least.queries_each is not None else 1
            check_queries(
                lambda n, steps: queries(replace(least, steps=max(steps, fewest)), n),
                len(instances),
                least,
            )
        config = self.config
        if probed is not None and not self.stored:
            config = with_share(
                lambda one: self._cost(one, len(instances), len(instances) * each, probed),
                others,
                len(instances),
                config,
            )
        cost = self._cost(config, len(instances), counterparts, probed)
        # before a word is said: a model that is refused gets one line
        if self.data.stream is None:  # else that was done
            self.said.extend(self.source.look(stand_in, self.workers, instances))
        sparing = self.config.max_queries is not None
        self.moves.update(self._moves(sweep if asking else None))
        if schema.own and (told := moves_in_words(self.moves, schema)):
            self.means.progress.note(f"features move by at most: {told}")
        rows, labels = table.rows[instances], table.labels[instances]
        rate = measure_rate(sweep, rows, labels, sparing=sparing)
        again = (
            f"; carrying on where it was left, {done} of {shards} parts done"
            if self.folder.resumed
            else ""
        )
        rate *= self.cores / self.workers.threads
        most = cost.total * left / rate
        if most >= WORTH and asking:
            self.clock.append(self._forecast(stand_in, config, left))
            first = cut(len(instances))[0].stop
            others += self._cost(trial_of(config), first, first * each, probed).total
        ahead = describe(cost, rate, self.cores, left, *self.clock)
        if not stand_in.differentiable:
            asked = queries(config, len(instances))
            ahead += f"; at most {asked:,} queries{limit_in_words(asked, config.max_queries)}"
        self.means.progress.note(
            f"{len(instances):,} of {self.data.n_rows:,} rows of '{table.name}', {ahead}{again}"
        )
        return cost, config

    def _forecast(self, model: Classifier, config: AuditConfig, left: float) -> float:
        """About how many seconds the shards that are left will take."""
        first, n = cut(len(self.instances))[0], len(self.instances)
        seconds = forecast(model, self.data.schema, config, self._part(first), self.workers)
        threads = self.workers.threads / self.cores
        return seconds * n / (first.stop - first.start) * left * threads

    @property
    def _counts_all(self) -> bool:
        """Whether one process asks for everything, so that a limit stops it in time."""
        return isinstance(self.means.executor, SerialExecutor)

    @property
    def _is_far(self) -> bool:
        """Whether each answer is a request, which nobody asked for."""
        return self.source.model.kind == "http"

    def _moves(self, sweep: CounterpartEvaluator | None) -> dict[str, LargestMove]:
        if not runs_of(self.config)[0]:
            return {}
        schema, rows = self.data.schema, self.data.table.rows[self.instances]
        feasible = self.config.perturbation != Perturbation.PAPER
        return largest_moves(schema, self.config.budget(schema, feasible=feasible).box, sweep, rows)

    def _cost(self, config: AuditConfig, n: int, counterparts: int, probed: int | None) -> Cost:
        """What `n` instances with so many counterparts in all can cost; `probed` of black boxes."""
        repaired = self.stored.names if self.stored else None
        schema = self.data.schema
        return Cost.of(
            n,
            counterparts,
            config,
            schema,
            repaired=repaired,
            probed=probed,
            drawn=True,
        )

    def _examine(self, model: Classifier, cost: Cost, config: AuditConfig) -> Checkpoints:
        """Does the shards that are not stored yet, and stores each as it is ready."""
        key = digest(
            self.job.plan | {"model_sha256": model.sha256, "queries_each": config.queries_each}
        )
        shards, progress = cut(len(self.instances)), self.means.progress
        checkpoints = Checkpoints(self.folder.partial / SHARDS, shards, key)
        dropped = checkpoints.drop_unusable()
        if dropped:
            progress.note(dropped)
        missing = checkpoints.missing()
        left = cost.total * len(missing) / len(shards)
        answers = "; what the model answered is kept" if self._is_far else ""
        with (
            progress.task("auditing", left, "rows") as task,
            checkpoints.telling(lambda kept: progress.note(kept + answers)),
        ):
            work = Examiner(model, self.data.schema, config)
            parts = ((shard, self._part(shard)) for shard in missing)
            clock = Clock(
                next(iter(self.clock), None), len(missing) * self.workers.threads / self.cores
            )
            pace = Pace(model, sum(map(len, missing)))
            for shard, files in self.means.executor.map(work, parts, self.workers, task.advance):
                checkpoints.store(shard, files)
                if self._counts_all and (told := pace.told(len(shard))):
                    progress.note(told)
                if (seconds := clock.correction()) is not None:
                    progress.note(f"about {duration(seconds)} left")
        return checkpoints

    def _part(self, shard: Shard) -> Part:
        instances = self.instances[shard.start : shard.stop]
        return Part.of(self.data.table, instances, self.stored)

    def _document(
        self, model: Classifier, checkpoints: Checkpoints, whole: Whole | None
    ) -> dict[str, object]:
        folder = self.folder.partial
        if self.stored:
            self.stored.copy_to(folder)
        found = found_sections(
            merge_shards(checkpoints.folders(), folder),
            folder,
            self.data.schema,
            self.config,
            self.stored,
        )
        certified = self._certified(model)
        now = datetime.datetime.now(datetime.UTC)
        document = {
            "schema_version": SCHEMA_VERSION,
            "rafair_version": __version__,
            "created": now.isoformat(timespec="seconds"),
            "command": self.means.command,
            "seed": self.config.seed,
            "environment": environment(self.cores, self.means.device),
            "files": hashes(folder),
            "dataset": dataset_section(self.data),
            "model": self.source.model_section(
                model, whole.answers if whole else self._answers(model)
            ),
            "config": config_section(self.config, self.data.schema, self.identity, self.stored)
            | {"black_box": not model.differentiable},
            **found,
            **feasible_section(self.config, self.data, self.instances),
            **({"moves": self.moves} if self.moves else {}),
            **({"whole": whole.section()} if whole else {}),
            **certified,
        }
        record = record_of(plain({**document, "warnings": []}))
        return {**document, "warnings": [*warnings_of(record), *self.data.doubts(), *self.said]}

    def _certified(self, model: Classifier) -> dict[str, object]:
        """What is proven, if anything was to be; its file is written."""
        if not self.certify:
            return {}
        schema, folder, table = self.data.schema, self.folder.partial, self.data.table
        config = check_certifiable(model, schema, self.config)
        given = self.certify, config, self.config, model, table, self.instances
        work = Certification(*given, self.means, self.workers)
        return work.sections(folder, folder, folder / SHARDS / "certificates", self.job.digest)

    def _answers(self, model: Classifier) -> NDArray[np.int64]:
        """How many rows of each class the model takes for each; `(c, c)`, true classes in rows."""
        table = self.data.table
        predictions = predict(model, table.rows, self.workers, CHUNK_ROWS)
        return count_answers(table.labels, predictions, len(table.schema.classes))
