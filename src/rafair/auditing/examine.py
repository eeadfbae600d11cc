"""The work on one shard: attack its instances, repair what came out, and store both.

A shard's folder holds `adversarial.parquet`, `repaired.parquet` and `counters.json`; it takes its
name only when all three are whole.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rafair.attacks.naming import attack_named, expand
from rafair.attacks.registry import UNIONS
from rafair.auditing.columns import (
    ADVERSARIAL,
    CLEAN,
    REPAIRED,
    final_table,
    table_of,
    trajectory_table,
)
from rafair.auditing.config import AuditConfig
from rafair.auditing.cost import Cost
from rafair.auditing.outcomes import Outcomes, Stored, choose_member
from rafair.auditing.subject import Subject
from rafair.engine.files import explaining_storage
from rafair.engine.shards import Shard
from rafair.engine.workers import Workers
from rafair.models.classifier import Labels, Queries
from rafair.search.budget import Budget
from rafair.search.observation import Observation
from rafair.search.sweep import CHUNK_ROWS, Sweep
from rafair.search.trajectory import Trajectory
from rafair.tabular.encoding import Rows

COUNTERS = "counters.json"


@dataclass(frozen=True)
class Examiner:
    """Does shards of one audit.

    Args:
        subject: What is audited.
        config: How.
        instances: The rows of the table that are audited; shape `(n,)`.
        folder: Where the shards' folders go.
        workers: The open pool of threads.
        on_rows: Told how many rows were done or turned out not to be needed.
        stored: Outcomes of an earlier run to repair, instead of attacking.
    """

    subject: Subject
    config: AuditConfig
    instances: NDArray[np.int64]
    folder: Path
    workers: Workers
    on_rows: Callable[[int], None]
    stored: Stored | None = None

    def __call__(self, shard: Shard) -> Path:
        """Does the shard unless it is done already; returns its folder."""
        final = self.folder / f"{shard.number:05d}"
        if not final.exists():
            with explaining_storage(final):
                self._do(shard, final)
        return final

    def sweep(self) -> Sweep:
        """A new sweep that counts its own rows."""
        return Sweep(
            classifier=self.subject.classifier,
            counterparts=self.subject.counterparts,
            loss=self.config.loss_function,
            workers=self.workers,
            k=self.config.k,
            chunk_rows=self.config.chunk_rows or CHUNK_ROWS,
            on_rows=self.on_rows,
        )

    def _do(self, shard: Shard, final: Path) -> None:
        temporary = final.with_suffix(".tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        instances = self.instances[shard.start : shard.stop]
        attacked, repaired, counters = _Shard(self, instances).run()
        for tables, name in ((attacked, ADVERSARIAL), (repaired, REPAIRED)):
            if tables:
                pq.write_table(pa.concat_tables(tables), temporary / name)
        (temporary / COUNTERS).write_text(json.dumps(counters), encoding="utf-8")
        temporary.rename(final)


class _Shard:
    """The steps of one shard, in order."""

    def __init__(self, examiner: Examiner, instances: NDArray[np.int64]) -> None:
        self.examiner = examiner
        self.config = examiner.config
        # what the files call each instance; for a named data set its row in the test split
        self.instances = examiner.subject.table.row_numbers[instances]
        table = examiner.subject.table
        self.schema = table.schema
        self.rows: Rows = table.rows[instances]
        self.labels: Labels = table.labels[instances]
        self.budget: Budget = self.config.budget(table.schema)
        self.cost = Cost.of(
            len(self.rows),
            int(examiner.subject.counterparts.counts(self.rows).sum()),
            self.config,
            attacking=examiner.stored is None,
        )
        self.counters: dict[str, dict[str, Any]] = {"attacks": {}, "repairs": {}}

    def run(self) -> tuple[list[pa.Table], list[pa.Table], dict[str, Any]]:
        """Attacks, then repairs; returns their tables and what they cost."""
        singles, unions = expand(self.config.attacks)
        stored = self.examiner.stored
        if stored:
            tables: list[pa.Table] = []
            outcomes = stored.outcomes(self.instances, self.schema)
        elif singles:
            tables, outcomes = self._attacks(singles)
        else:
            tables, outcomes = [self._clean()], {}
        repaired = self._repairs(outcomes, unions) if self.config.repair and outcomes else []
        return tables, repaired, self.counters

    def _attacks(self, names: list[str]) -> tuple[list[pa.Table], dict[str, Outcomes]]:
        tables, outcomes = [], {}
        seen: Observation | None = None
        for name in names:
            trajectory = self._attack(name, seen)
            # The clean rows are looked at once. The first attack pays for it, and looks closest.
            seen = seen or trajectory.observations[0]
            tables.append(trajectory_table(name, self.instances, trajectory, self.schema))
            outcomes[name] = Outcomes.of(trajectory, attack_named(name).sought)
        return tables, outcomes

    def _clean(self) -> pa.Table:
        with self._counting("attacks", CLEAN, self.cost.start) as sweep:
            observation = sweep.judge(self.rows, self.labels)
        return table_of(
            CLEAN,
            instances=self.instances,
            steps=np.zeros(len(self.instances), np.int64),
            labels=self.labels,
            targets=self.labels,
            rows=self.rows,
            observation=observation,
            schema=self.schema,
        )

    def _attack(self, name: str, seen: Observation | None) -> Trajectory:
        expected = self.cost.attacks[name] + (self.cost.start if seen is None else 0)
        with self._counting("attacks", name, expected) as sweep:
            return attack_named(name).run(sweep, self.rows, self.labels, self.budget, seen)

    def _repairs(self, outcomes: dict[str, Outcomes], unions: list[str]) -> list[pa.Table]:
        repair = self.config.repair
        assert repair is not None  # the caller asked
        trajectories = {}
        for name, outcome in outcomes.items():
            with self._counting("repairs", name, self.cost.repairs[name]) as sweep:
                trajectories[name] = repair.run(
                    sweep, outcome.rows, self.labels, self.budget, outcome.observation
                )
        tables = [
            final_table(name, self.instances, trajectory, self.schema)
            for name, trajectory in trajectories.items()
        ]
        # a union's outcome rows are its members' own, and so are their repairs: nothing to compute
        for union in unions:
            members = UNIONS[union]
            chosen = choose_member([outcomes[name] for name in members])
            tables.append(
                _picked(union, chosen, [tables[list(outcomes).index(name)] for name in members])
            )
        return tables

    @contextmanager
    def _counting(self, kind: str, name: str, expected: int) -> Iterator[Sweep]:
        """Gives a sweep of its own, and stores what was spent through it."""
        queries = Queries()
        sweep = replace(self.examiner.sweep(), queries=queries)
        begun = time.perf_counter()
        yield sweep
        self.counters[kind][name] = {
            "seconds": time.perf_counter() - begun,
            "gradient_rows": queries.gradient_rows,
            "prediction_rows": queries.prediction_rows,
        }
        # rows that stood still were not asked about again: the bar moves on all the same
        self.examiner.on_rows(expected - queries.gradient_rows - queries.prediction_rows)


def _picked(name: str, chosen: NDArray[np.int64], tables: list[pa.Table]) -> pa.Table:
    """For each instance its row of the chosen table, under another attack's name."""
    n = len(chosen)
    picked = pa.concat_tables(tables).take(pa.array(chosen * n + np.arange(n)))
    attack = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(n), pa.int8()), pa.array([name], pa.string())
    )
    return picked.set_column(0, "attack", attack)
