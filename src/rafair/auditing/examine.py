"""The work on one shard: attack its instances, and repair what came out.

Its result is `adversarial.parquet`, `repaired.parquet` and `counters.json`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rafair.auditing.config import AuditConfig
from rafair.auditing.cost import Cost
from rafair.auditing.outcomes import Outcomes, Stored, choose_member
from rafair.auditing.row_tables import final_table, table_of, trajectory_table
from rafair.engine.checkpoints import Content
from rafair.engine.shards import Advance
from rafair.engine.workers import Workers
from rafair.models.asked_once import AskedOnce
from rafair.models.classifier import Classifier, Labels, Queries
from rafair.results.run_files import ADVERSARIAL, CLEAN, REPAIRED
from rafair.results.twins import (
    attack_of,
    is_feasible,
    members_of,
    runs_of,
    sought_by,
    unions_among,
)
from rafair.search.budget import Budget
from rafair.search.observation import Observation
from rafair.search.sweep import Sweep
from rafair.search.trajectory import Trajectory
from rafair.tabular.encoding import Rows
from rafair.tabular.schema import Schema
from rafair.tabular.table import Table

COUNTERS = "counters.json"


@dataclass(frozen=True)
class Part:
    """What a shard is made of.

    Args:
        rows: Its encoded rows; shape `(n, d)`.
        labels: Their true classes; shape `(n,)`.
        numbers: What the files call each instance: for a named data set, its row in the test
            split; shape `(n,)`.
        outcomes: By attack, the outcomes of an earlier run to repair, instead of attacking.
    """

    rows: Rows
    labels: Labels
    numbers: NDArray[np.int64]
    outcomes: Mapping[str, Outcomes] | None = None

    @classmethod
    def of(cls, table: Table, instances: NDArray[np.int64], stored: Stored | None = None) -> Part:
        """The part with these rows of a table."""
        numbers = table.row_numbers[instances]
        outcomes = stored.outcomes(numbers, table.schema) if stored else None
        return cls(table.rows[instances], table.labels[instances], numbers, outcomes)


@dataclass(frozen=True)
class Examiner:
    """Does shards of one audit; holds what all of them need, and can be sent to other processes.

    Args:
        classifier: What is audited.
        schema: The features of the rows.
        config: How.
    """

    classifier: Classifier
    schema: Schema
    config: AuditConfig

    def __call__(self, part: Part, workers: Workers, advance: Advance) -> dict[str, Content]:
        """Attacks a part's instances and repairs what came out.

        Args:
            part: The instances.
            workers: The open pool of threads.
            advance: Told how many rows were done or turned out not to be needed.

        Returns:
            By name the files to be stored.
        """
        attacked, repaired, counters = _Shard(self, part, workers, advance).run()
        files: dict[str, Content] = {COUNTERS: counters}
        for tables, name in ((attacked, ADVERSARIAL), (repaired, REPAIRED)):
            if tables:
                files[name] = pa.concat_tables(tables)
        return files


class _Shard:
    """The steps of one shard, in order."""

    def __init__(self, examiner: Examiner, part: Part, workers: Workers, advance: Advance) -> None:
        self.part = part
        self.config = examiner.config
        self.schema = examiner.schema
        self.advance = advance
        classifier = examiner.classifier
        # counted shard by shard, so that neither resuming nor who does the shards changes a count
        self.once = None if classifier.differentiable else AskedOnce(classifier)
        self.sweep = self.config.sweep(self.once or classifier, self.schema, workers, advance)
        self.instances = part.numbers
        self.rows: Rows = part.rows
        self.labels: Labels = part.labels
        self.cost = Cost.of(
            len(self.rows),
            int(self.sweep.counterparts.counts(self.rows).sum()),
            self.config,
            self.schema,
            repaired=part.outcomes,
            probed=self.config.probed(self.schema) if self.once else 0,
        )
        self.counters: dict[str, dict[str, Any]] = {"attacks": {}, "repairs": {}}

    def run(self) -> tuple[list[pa.Table], list[pa.Table], dict[str, Any]]:
        """Attacks, then repairs; returns their tables and what they cost."""
        singles, _ = runs_of(self.config)
        tables: list[pa.Table] = []
        outcomes: Mapping[str, Outcomes] = {}
        if self.part.outcomes is not None:
            outcomes = self.part.outcomes
        elif singles:
            tables, outcomes = self._attacks(singles)
        else:
            tables = [self._clean()]
        repaired = self._repairs(outcomes) if self.config.repair and outcomes else []
        return tables, repaired, self.counters

    def _attacks(self, names: list[str]) -> tuple[list[pa.Table], dict[str, Outcomes]]:
        tables, outcomes = [], {}
        seen: Observation | None = None
        for name in names:
            trajectory = self._attack(name, seen)
            # The clean rows are looked at once. The first attack pays for it, and looks closest.
            seen = seen or trajectory.observations[0]
            tables.append(trajectory_table(name, self.instances, trajectory, self.schema))
            outcomes[name] = Outcomes.of(trajectory, sought_by(name))
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
            budget = self._budget(name)
            return attack_of(name).run(sweep, self.rows, self.labels, budget, seen)

    def _budget(self, name: str) -> Budget:
        return self.config.budget(self.schema, feasible=is_feasible(name, self.config))

    def _repairs(self, outcomes: Mapping[str, Outcomes]) -> list[pa.Table]:
        repair = self.config.repair
        assert repair is not None  # the caller asked
        trajectories = {}
        for name, outcome in outcomes.items():
            with self._counting("repairs", name, self.cost.repairs[name]) as sweep:
                trajectories[name] = repair.run(
                    sweep, outcome.rows, self.labels, self._budget(name), outcome.observation
                )
        tables = [
            final_table(name, self.instances, trajectory, self.schema)
            for name, trajectory in trajectories.items()
        ]
        # a union's outcome rows are its members' own, and so are their repairs: nothing to compute
        for union in unions_among(outcomes, self.config):
            members = members_of(union)
            chosen = choose_member([outcomes[name] for name in members])
            tables.append(
                _picked(union, chosen, [tables[list(outcomes).index(name)] for name in members])
            )
        return tables

    @contextmanager
    def _counting(self, kind: str, name: str, expected: int) -> Iterator[Sweep]:
        """Gives a sweep of its own, and stores what was spent through it."""
        queries = Queries()
        sweep = replace(self.sweep, queries=queries)
        begun, before = time.perf_counter(), self.once.asked if self.once else 0
        yield sweep
        self.counters[kind][name] = {
            "seconds": time.perf_counter() - begun,
            "gradient_rows": queries.gradient_rows,
            "prediction_rows": queries.prediction_rows,
        }
        if self.once:
            self.counters[kind][name]["queries"] = self.once.asked - before
        # rows that stood still were not asked about again: the bar moves on all the same
        self.advance(expected - queries.gradient_rows - queries.prediction_rows)


def _picked(name: str, chosen: NDArray[np.int64], tables: list[pa.Table]) -> pa.Table:
    """For each instance its row of the chosen table, under another attack's name."""
    n = len(chosen)
    picked = pa.concat_tables(tables).take(pa.array(chosen * n + np.arange(n)))
    attack = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(n), pa.int8()), pa.array([name], pa.string())
    )
    return picked.set_column(0, "attack", attack)
