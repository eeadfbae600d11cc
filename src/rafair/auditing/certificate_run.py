"""A certificate from start to end: instances, shards, file, and what `audit.json` says of it."""

from __future__ import annotations

import datetime
import time
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rafair._version import __version__
from rafair.auditing.audit_setup import AuditConfig
from rafair.auditing.certify_options import ATTACK, CertifyOptions, budgets, certifying
from rafair.auditing.certify_shard import INSTANCES_PER_SHARD, Certifier, CertifyPart
from rafair.auditing.possible_witnesses import Suspects, suspects_of
from rafair.certify.property_status import Property
from rafair.certify.prover_registry import by_construction, prover_of, unwrapped
from rafair.engine.atomic_files import writing
from rafair.engine.checkpoints import Checkpoints
from rafair.engine.run_settings import RunSettings
from rafair.engine.shards import cut
from rafair.engine.thread_pool import Workers
from rafair.errors import InputError
from rafair.models.classifier import Classifier
from rafair.results.audit_options import AuditOptions, Perturbation
from rafair.results.certificate_file import KEYS, read_certificates
from rafair.results.certificate_record import CertificateRecord
from rafair.results.run_files import CERTIFICATES
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.sampling import sample_instances
from rafair.tabular.schema import Schema
from rafair.tabular.table import Table

Numbers = NDArray[np.int64]

COMPARED = 500
"""On so many rows of the table what was read of a model is compared with its answers."""


def check_certifiable(model: Classifier, schema: Schema, config: AuditConfig) -> AuditConfig:
    """Refuses, before any work, what cannot be certified.

    Args:
        model: The model, or one of its kind.
        schema: The features of its rows.
        config: The options of the audit.

    Returns:
        The options as a certificate takes them.

    Raises:
        InputError: If nothing can be proven under the options, or nothing may move.
        ModelError: If nothing can be proven of models of this kind.
    """
    certified = certifying(config)
    certified.budget(schema, feasible=config.perturbation == Perturbation.FEASIBLE)
    prover_of(model, schema, np.zeros((0, len(schema)), np.float32))
    return certified


@dataclass(frozen=True)
class Certification:
    """One certificate of the instances of an audit.

    Args:
        options: What is asked of it.
        config: The options, as `check_certifiable` gives them.
        audited: Those of the audit, whose attacks count as well.
        model: The model.
        table: The audited table.
        instances: Which of its rows are audited; shape `(n,)`.
        means: How and where.
        workers: The open pool of threads.
    """

    options: CertifyOptions
    config: AuditConfig
    audited: AuditOptions
    model: Classifier
    table: Table
    instances: Numbers
    means: RunSettings
    workers: Workers

    @cached_property
    def work(self) -> Certifier:
        """The work on a shard."""
        sample = self.table.rows[:COMPARED]
        model, schema = unwrapped(self.model), self.table.schema
        return Certifier(model, schema, self.config, self.options.boxes, sample)

    def sections(self, run: Path, into: Path, scratch: Path, plan: str) -> dict[str, object]:
        """Writes `certificates.parquet`; returns the sections of `audit.json`.

        Args:
            run: The folder with what attacks have found.
            into: Where the file goes.
            scratch: Where finished shards are kept.
            plan: The hash of all that decides the verdicts.
        """
        begun = time.perf_counter()
        chosen = self._chosen()
        checkpoints = self._examine(run, chosen, scratch, plan)
        path = into / CERTIFICATES
        parts = [pq.read_table(folder / CERTIFICATES) for folder in checkpoints.folders()]
        with writing(path) as temporary:
            pq.write_table(pa.concat_tables(parts), temporary)
        found = read_certificates(path)
        record = self._record(len(chosen), time.perf_counter() - begun, plan)
        return {"certified": found.document(), "certificate": record}

    def _chosen(self) -> Numbers:
        """The rows of the table that are certified."""
        if self.options.instances is None:
            return self.instances
        n, rows = len(self.instances), self.table.rows[self.instances]
        if self.options.instances > n:
            raise InputError(
                f"instances: expected at most {n:,}, those of the audit, got "
                f"{self.options.instances:,}"
            )
        return self.instances[sample_instances(rows, self.options.instances, self.config.seed)]

    def _record(self, n: int, seconds: float, plan: str) -> CertificateRecord:
        schema, config = self.table.schema, self.config
        prover = self.work.prover
        return CertificateRecord(
            prover=prover.kind,
            boxes=self.options.boxes,
            perturbation=str(config.perturbation),
            epsilons=list(budgets(config)),
            n=n,
            by_construction=by_construction(self.model, prover, Counterparts.of(schema)),
            attack=ATTACK,
            max_category_changes=config.max_category_changes,
            seconds=seconds,
            plan=plan,
            rafair_version=__version__,
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            command=self.means.command,
        )

    def _examine(self, run: Path, chosen: Numbers, scratch: Path, plan: str) -> Checkpoints:
        """Does the shards that are not stored yet, and stores each as it is ready."""
        numbers, schema = self.table.row_numbers[chosen], self.table.schema
        known = suspects_of(run, numbers, schema.names, self.audited, str(self.config.perturbation))
        shards = cut(len(chosen), INSTANCES_PER_SHARD)
        checkpoints = Checkpoints(scratch, shards, f"{plan} {self.model.sha256}")
        if dropped := checkpoints.drop_unusable():
            self.means.progress.note(dropped)
        missing = checkpoints.missing()
        left = sum(map(len, missing)) * len(budgets(self.config))
        parts = (
            (shard, self._part(chosen[shard.start : shard.stop], known.of(shard.start, shard.stop)))
            for shard in missing
        )
        counted: Counter[str] = Counter()
        with self.means.progress.task("certifying", left, "verdicts") as task:
            executor = self.means.executor
            for shard, files in executor.map(self.work, parts, self.workers, task.advance):
                checkpoints.store(shard, files)
                counted += _told(files[CERTIFICATES])
                task.tell(", ".join(f"{counted[key]:,} {key.replace('_', ' ')}" for key in KEYS))
        return checkpoints

    def _part(self, rows: Numbers, known: Suspects) -> CertifyPart:
        table = self.table
        return CertifyPart(table.rows[rows], table.labels[rows], table.row_numbers[rows], known)


def _told(table: object) -> Counter[str]:
    """How often each verdict was given on accurate fairness."""
    assert isinstance(table, pa.Table)
    columns = table.select(["property", "verdict"]).to_pydict()
    wanted = str(Property.ACCURATE_FAIRNESS)
    pairs = zip(columns["property"], columns["verdict"], strict=True)
    return Counter(verdict for name, verdict in pairs if name == wanted)
