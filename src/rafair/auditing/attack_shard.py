"""The work on one shard of an audit: attack its instances, and repair the rows that broke.

Its result is `adversarial.parquet`, `curve.parquet` of smaller budgets, `repaired.parquet` and
`counters.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rafair.auditing.adversarial_file import (
    final_table,
    trajectory_table,
    with_budget,
    with_smallest,
)
from rafair.auditing.attack_outcomes import Outcomes, Stored, choose_member, first_alike
from rafair.auditing.audit_setup import AuditConfig
from rafair.auditing.evaluation import Attacked, Company, Flags, Inquiry, Spent, evaluate
from rafair.auditing.noise_baseline import broken_by_draws
from rafair.auditing.row_estimate import Cost
from rafair.auditing.smaller_epsilons import Curve
from rafair.engine.checkpoints import Content
from rafair.engine.shards import Advance
from rafair.engine.thread_pool import Workers
from rafair.models.answer_cache import CachedClassifier
from rafair.models.classifier import Classifier, Labels
from rafair.results.attack_runs import (
    keeps_witnesses,
    kind_of,
    members_of,
    runs_of,
    sought_by,
    unions_among,
)
from rafair.results.audit_options import Perturbation
from rafair.results.run_files import ADVERSARIAL, CLEAN, CURVE, REPAIRED
from rafair.results.stored_verdicts import Counters, budget_key
from rafair.search.observation import Observation
from rafair.search.trajectory import Trajectory
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.encoding import Rows
from rafair.tabular.schema import Schema
from rafair.tabular.table import Table
from rafair.verdicts import Verdict

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
        shard = _Shard(self, part, workers, advance)
        shard.run()
        files: dict[str, Content] = {COUNTERS: shard.counters}
        for name, tables in shard.tables.items():
            if tables:
                files[name] = pa.concat_tables(tables)
        return files


class _Shard:
    """The steps of one shard, in order."""

    def __init__(self, examiner: Examiner, part: Part, workers: Workers, advance: Advance) -> None:
        self.part = part
        self.config = examiner.config
        self.schema = examiner.schema
        classifier = examiner.classifier
        if not classifier.differentiable:
            # counted shard by shard, so that neither resuming nor who does the shards changes a
            # count
            classifier = CachedClassifier(classifier)
        self.inquiry = Inquiry(classifier, self.schema, self.config, workers, advance)
        self.cost = Cost.of(
            len(part.rows),
            int(Counterparts.of(self.schema).counts(part.rows).sum()),
            self.config,
            self.schema,
            repaired=part.outcomes,
            probed=None if classifier.differentiable else self.config.probed(self.schema),
            drawn=True,
        )
        self.tables: dict[str, list[pa.Table]] = {ADVERSARIAL: [], CURVE: [], REPAIRED: []}
        self.found_at: NDArray[np.float64] | None = None
        self.outcomes: dict[str, Outcomes] = {}
        self.standing: dict[str, Flags] = {}
        self.counters: Counters = {"attacks": {}, "repairs": {}, "yardstick": {}, "curve": {}}

    def run(self) -> None:
        """Attacks at every budget, then repairs."""
        part = self.part
        if part.outcomes is not None:
            self.outcomes.update(part.outcomes)
        else:
            singles, _ = runs_of(self.config)
            curve = Curve(self.inquiry, part.rows, part.labels)
            curve.go(singles, self._attacked_below)
            found = evaluate(
                self.inquiry,
                Company(part.rows, part.labels, curve.seen),
                singles,
                found=curve.found,
                each=self._attacked,
            )
            self._tell_smallest()
            self._draw(found.clean)
        if self.config.repair and self.outcomes:
            self.tables[REPAIRED] = self._repairs()

    def _attacked_below(self, epsilon: float, found: Attacked) -> None:
        """Keeps what an attack broke up to a smaller budget."""
        self._keep(CURVE, "curve", f"{budget_key(epsilon)}/{found.name}", found, epsilon)

    def _attacked(self, found: Attacked) -> None:
        """Keeps what an attack did."""
        reach = self.config.reach
        self._keep(
            ADVERSARIAL,
            "attacks",
            found.name,
            found,
            None if isinstance(reach, Mapping) else float(reach),
        )
        if found.name != CLEAN:
            self.outcomes[found.name] = Outcomes.of(found.trajectory, sought_by(found.name))

    def _keep(
        self, file: str, section: str, key: str, found: Attacked, epsilon: float | None
    ) -> None:
        """Keeps an attack's rows and costs; the first one pays for the look at the clean rows."""
        expected = self.cost.attacks.get(found.name, 0)
        held = found.accurate & found.fair
        if self.found_at is None:
            expected += self.cost.start
            self.found_at = np.where(held[:, 0], np.nan, 0.0)
        self._count(section, key, found.spent, expected)
        table = trajectory_table(found.name, self.part.numbers, found.trajectory, self.schema)
        self.tables[file].append(with_budget(table, epsilon))
        if found.name != CLEAN:
            kind = kind_of(found.name, self.config)
            standing = self.standing.setdefault(kind, np.ones(len(held), bool))
            standing &= held.all(axis=1)
            if epsilon is not None:
                self.found_at[np.isnan(self.found_at) & ~held.all(axis=1)] = epsilon

    def _tell_smallest(self) -> None:
        """Writes beside each row at which budget its instance was broken first."""
        assert self.found_at is not None  # the first attack looked
        for file in (ADVERSARIAL, CURVE):
            self.tables[file] = [
                with_smallest(table, self.part.numbers, self.found_at)
                for table in self.tables[file]
            ]

    def _draw(self, clean: Observation) -> None:
        """Measures the searches of each kind: what random draws break of all that they left."""
        for kind, held in self.standing.items():
            where = np.flatnonzero(held)
            broken = 0
            with self.inquiry.counting() as (sweep, spent):
                if where.size:
                    rows, labels = self.part.rows[where], self.part.labels[where]
                    feasible = kind == Perturbation.FEASIBLE
                    budget = self.config.budget(self.schema, feasible=feasible)
                    broken = broken_by_draws(sweep, rows, labels, budget, clean.take(where))
            self._count("yardstick", kind, spent, self.cost.yardstick[kind])
            self.counters["yardstick"][kind] |= {"n": len(where), "broken": broken}

    def _repairs(self) -> list[pa.Table]:
        outcomes = self.outcomes
        tables: dict[str, pa.Table] = {}
        for name in outcomes:
            kind = kind_of(name, self.config)
            alike = [other for other in tables if kind_of(other, self.config) == kind]
            tables[name] = self._repaired(name, {other: tables[other] for other in alike})
        repaired = list(tables.values())
        # a union's outcome rows are its members' own, and so are their repairs: nothing to compute
        for union in unions_among(outcomes, self.config):
            members = members_of(union)
            chosen = choose_member([outcomes[name] for name in members])
            repaired.append(_picked(union, chosen, [tables[name] for name in members]))
        return repaired

    def _repaired(self, name: str, before: Mapping[str, pa.Table]) -> pa.Table:
        """The repair of an attack's outcomes; of a row that was repaired before, that is known.

        What a cascade left right and equal is the row as it came: there is nothing to mend.
        """
        repair, part, outcome = self.config.repair, self.part, self.outcomes[name]
        assert repair is not None  # the caller asked
        chosen = first_alike(outcome.rows, [self.outcomes[other].rows for other in before])
        unknown, tables = chosen < 0, list(before.values())
        sound = keeps_witnesses(name) & unknown & (outcome.cells == Verdict.TRUE_FAIR)
        new, stay = np.flatnonzero(unknown & ~sound), np.flatnonzero(sound)
        with self.inquiry.counting() as (sweep, spent):
            if new.size:
                seen = outcome.observation.take(new) if outcome.observation else None
                rows, labels = outcome.rows[new], part.labels[new]
                trajectory = repair.run(sweep, rows, labels, self.inquiry.budget(name), seen)
                tables.append(final_table(name, part.numbers[new], trajectory, self.schema))
            if stay.size:
                rows, labels = outcome.rows[stay], part.labels[stay]
                seen = outcome.observation
                seen = sweep.judge(rows, labels) if seen is None else seen.take(stay)
                still = Trajectory(labels, labels, (rows,), (seen,)).extended(self.config.steps)
                tables.append(final_table(name, part.numbers[stay], still, self.schema))
        self._count("repairs", name, spent, self.cost.repairs[name])
        places = chosen * len(chosen) + np.arange(len(chosen))
        made = np.concatenate([new, stay])
        places[made] = len(before) * len(chosen) + np.arange(len(made))
        return _renamed(name, places, tables)

    def _count(self, kind: str, name: str, spent: Spent, expected: int) -> None:
        """Stores what was spent."""
        counted = {key: value for key, value in vars(spent).items() if value is not None}
        self.counters[kind][name] = counted
        # rows that stood still were not asked about again: the bar moves on all the same
        self.inquiry.advance(expected - spent.rows)


def _picked(name: str, chosen: NDArray[np.int64], tables: list[pa.Table]) -> pa.Table:
    """For each instance its row of the chosen table, under another attack's name."""
    n = len(chosen)
    return _renamed(name, chosen * n + np.arange(n), tables)


def _renamed(name: str, places: NDArray[np.int64], tables: list[pa.Table]) -> pa.Table:
    """The rows at these places of all tables together, under one attack's name."""
    n, picked = len(places), pa.concat_tables(tables).take(pa.array(places))
    attack = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(n), pa.int8()), pa.array([name], pa.string())
    )
    return picked.set_column(0, "attack", attack)
