"""What a model does with rows and their counterparts: as they came, and under attacks.

Audits, the judge of hardened models and the judge of a watch all ask here; nothing is stored.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rafair.auditing.audit_setup import AuditConfig
from rafair.engine.shards import Advance
from rafair.engine.thread_pool import Workers
from rafair.models.answer_cache import CachedClassifier
from rafair.models.classifier import Classifier, Labels, Queries
from rafair.results.attack_runs import attack_of, is_feasible, keeps_witnesses, own_name
from rafair.results.run_files import CLEAN
from rafair.search.counterpart_evaluator import CounterpartEvaluator
from rafair.search.observation import Numbers, Observation
from rafair.search.search_budget import Budget
from rafair.search.trajectory import Trajectory
from rafair.search.witnesses import Witnesses
from rafair.tabular.encoding import Rows
from rafair.tabular.schema import Schema
from rafair.verdicts import verdicts

Flags = NDArray[np.bool_]

BLOCK_ROWS = 4096
"""Rows evaluated at once where nothing is stored in between: what searches remember of them bounds
memory."""


@dataclass
class Spent:
    """What was asked for.

    Args:
        seconds: How long it took.
        gradient_rows: Rows with gradients.
        prediction_rows: Rows without.
        queries: Rows that a model without gradients was really asked about; None of others.
    """

    seconds: float = 0.0
    gradient_rows: int = 0
    prediction_rows: int = 0
    queries: int | None = None

    @property
    def rows(self) -> int:
        """All rows together."""
        return self.gradient_rows + self.prediction_rows


@dataclass(frozen=True)
class Inquiry:
    """Who is asked, and how.

    Args:
        classifier: The model; one without gradients is asked through `CachedClassifier`.
        schema: The features of the rows.
        config: What is asked.
        workers: The open pool of threads.
        advance: Told how many rows were done.
    """

    classifier: Classifier
    schema: Schema
    config: AuditConfig
    workers: Workers
    advance: Advance

    @contextmanager
    def counting(self) -> Iterator[tuple[CounterpartEvaluator, Spent]]:
        """Gives a sweep, and what was spent through it once the block ends."""
        spent, queries = Spent(), Queries()
        once = self.classifier if isinstance(self.classifier, CachedClassifier) else None
        begun, before = time.perf_counter(), once.asked if once else 0
        sweep = self.config.sweep(self.classifier, self.schema, self.workers, self.advance)
        yield replace(sweep, queries=queries), spent
        spent.seconds = time.perf_counter() - begun
        spent.gradient_rows = queries.gradient_rows
        spent.prediction_rows = queries.prediction_rows
        spent.queries = once.asked - before if once else None

    @property
    def nothing(self) -> Spent:
        """What is spent where nothing is asked for."""
        return Spent(queries=0 if isinstance(self.classifier, CachedClassifier) else None)

    def budget(self, name: str) -> Budget:
        """The budget of an attack, or of its twin under feasible perturbations."""
        return self.config.budget(self.schema, feasible=is_feasible(name, self.config))


@dataclass(frozen=True)
class Attacked:
    """What one attack did.

    Args:
        name: The attack's; "clean" where there is none, and the rows are looked at as they came.
        where: Which of the rows were attacked; shape `(m,)`.
        trajectory: Every iterate of these, the rows as they came first.
        spent: What was asked for.
    """

    name: str
    where: Numbers
    trajectory: Trajectory
    spent: Spent

    @classmethod
    def of(cls, name: str, trajectory: Trajectory, spent: Spent) -> Attacked:
        """Of all rows."""
        return cls(name, np.arange(len(trajectory.labels)), trajectory, spent)

    @property
    def accurate(self) -> Flags:
        """Whether each iterate got its row's class; shape `(m, T + 1)`."""
        labels, seen = self.trajectory.labels, self.trajectory.observations
        return np.stack([each.prediction == labels for each in seen], axis=1)

    @property
    def fair(self) -> Flags:
        """Whether all counterparts of each iterate got its prediction; shape `(m, T + 1)`."""
        return np.stack([each.fair for each in self.trajectory.observations], axis=1)

    @property
    def zero_gradient(self) -> int | None:
        """At how many rows, as they came, the gradient is exactly zero; None if none is known."""
        first = self.trajectory.observations[0]
        known = first.differentiated
        return int((known & ~first.gradient.any(axis=1)).sum()) if known.any() else None


@dataclass(frozen=True)
class Evaluation:
    """Of each row, what it was, and whether every attack left it so.

    Args:
        labels: The class that each row should get; shape `(n,)`.
        clean: What was seen of the rows as they came.
        accurate: Whether the row and every iterate of every attack got its class; shape `(n,)`.
        fair: Likewise whether all their counterparts got their prediction; shape `(n,)`.
        zero_gradient: At how many rows, as they came, the gradient is exactly zero; None where no
            attack on all rows asked for it.
        asked: How many rows the model was asked about in all.
    """

    labels: Labels
    clean: Observation
    accurate: Flags
    fair: Flags
    zero_gradient: int | None
    asked: int

    @property
    def clean_verdicts(self) -> NDArray[np.int8]:
        """Codes of `Verdict` of the rows as they came; shape `(n,)`."""
        return verdicts(self.clean.prediction == self.labels, self.clean.fair)


def _nothing(attacked: Attacked) -> None:
    """Keeps nothing of what an attack did."""


@dataclass(frozen=True)
class Company:
    """Rows that are asked about together.

    Args:
        rows: Encoded, of shape `(n, d)`; at least one.
        labels: The class that each should get; shape `(n,)`.
        seen: What is known already of them as they came.
    """

    rows: Rows
    labels: Labels
    seen: Observation | None = None

    def take(self, where: Numbers) -> Company:
        """Some of them."""
        seen = None if self.seen is None else self.seen.take(where)
        return Company(self.rows[where], self.labels[where], seen)


def evaluate(
    inquiry: Inquiry,
    company: Company,
    attacks: Sequence[str] = (),
    *,
    sparing: bool = False,
    found: Mapping[bool, Witnesses] | None = None,
    each: Callable[[Attacked], None] = _nothing,
) -> Evaluation:
    """Asks a model about rows and all their counterparts, and attacks the rows.

    A row gets the same answers alone and in any company.

    Args:
        inquiry: Who is asked, and how.
        company: The rows.
        attacks: Names of single attacks, in the order they are run; none looks at the rows only as
            they came.
        sparing: Whether a row that has lost both properties is left alone.
        found: What is known to be broken, under the paper's (False) and under feasible (True)
            perturbations: attacks that take over what others found take it over.
        each: Handed what each attack did as soon as that is known; nobody else keeps it.

    Raises:
        ModelError: If an answer of the model is not finite, or an attack needs gradients that it
            does not give.
        ModelGoneError: If it no longer answers.
        InputError: If nothing may move.

    Example:
        >>> import rafair
        >>> data = rafair.load_dataset("affairs")
        >>> network = rafair.train(data.train, rafair.TrainConfig(epochs=1))
        >>> config = AuditConfig(steps=2)
        >>> with Workers(1) as workers:
        ...     model, nothing = rafair.TorchClassifier(network), lambda rows: None
        ...     inquiry = Inquiry(model, data.test.schema, config, workers, nothing)
        ...     some = Company(data.test.rows[:20], data.test.labels[:20])
        ...     found = evaluate(inquiry, some, ["rafair-tb"])
        >>> found.accurate.shape, bool((found.fair <= found.clean.fair).all())
        ((20,), True)
    """
    rows, labels, seen = company.rows, company.labels, company.seen
    n = len(rows)
    accurate, fair = np.ones(n, bool), np.ones(n, bool)
    zero: int | None = None
    asked = 0
    # by kind of perturbation; those of spared rows are of no use to an attack on the others
    witnesses: dict[bool, Witnesses] = dict(found or {})
    tracked = not sparing and any(map(keeps_witnesses, attacks))
    for name in attacks or (CLEAN,):
        where = np.flatnonzero(accurate | fair) if sparing else np.arange(n)
        if not where.size:
            break
        kind = is_feasible(name, inquiry.config)
        before = witnesses.get(kind) if keeps_witnesses(name) else None
        done = attacked(inquiry, name, where, Company(rows, labels, seen).take(where), before)
        accurate[where] &= done.accurate.all(axis=1)
        fair[where] &= done.fair.all(axis=1)
        seen = seen or done.trajectory.observations[0]  # of all rows: none is spared before
        if zero is None and len(where) == len(rows):
            zero = done.zero_gradient
        asked += done.spent.rows
        if tracked:
            if kind not in witnesses:
                witnesses[kind] = Witnesses(rows, labels, seen)
            witnesses[kind].add(where, done.trajectory)
            witnesses[kind].tried.add(own_name(name))
        each(done)
    assert seen is not None  # the first attack looked
    return Evaluation(labels, seen, accurate, fair, zero, asked)


def attacked(
    inquiry: Inquiry,
    name: str,
    where: Numbers,
    company: Company,
    before: Witnesses | None,
) -> Attacked:
    """What one attack does to some rows.

    Args:
        inquiry: Who is asked, and how.
        name: The attack; "clean" only looks.
        where: Which of all rows these are; shape `(m,)`.
        company: They.
        before: What other attacks have found of all rows.
    """
    rows, labels, seen = company.rows, company.labels, company.seen
    with inquiry.counting() as (sweep, spent):
        if name == CLEAN:
            start = sweep.judge(rows, labels) if seen is None else seen
            trajectory = Trajectory(labels, labels, (rows,), (start,))
        else:
            budget = inquiry.budget(name)
            trajectory = attack_of(name).run(sweep, rows, labels, budget, seen, before)
    return Attacked(name, where, trajectory, spent)
