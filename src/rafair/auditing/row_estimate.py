"""How many rows an audit computes, and how fast this machine computes them."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from rafair.auditing.audit_setup import AuditConfig
from rafair.auditing.noise_baseline import most_rows
from rafair.models.classifier import Labels
from rafair.results.attack_runs import (
    attack_of,
    is_feasible,
    keeps_witnesses,
    kind_of,
    own_name,
    runs_of,
)
from rafair.search.category_changes import Aim, choices, rows_per_choice
from rafair.search.counterpart_evaluator import CounterpartEvaluator
from rafair.search.finite_differences import most_probes
from rafair.search.goals import Goal
from rafair.tabular.encoding import Rows
from rafair.tabular.feasible import FeasibleSet
from rafair.tabular.schema import Schema

PROBE_SECONDS = 0.3


@dataclass(frozen=True)
class Cost:
    """The most rows an audit can need; rows that stand still need fewer.

    Args:
        start: Rows to look at the clean rows, once for all attacks.
        attacks: Rows of each attack beyond the start.
        repairs: Rows of each attack's repair.
        yardstick: Rows of the random draws that measure searches, by kind of perturbations.
        budgets: At how many budgets the attacks are run.
    """

    start: int
    attacks: Mapping[str, int]
    repairs: Mapping[str, int]
    yardstick: Mapping[str, int] = field(default_factory=dict)
    budgets: int = 1

    @classmethod
    def of(
        cls,
        instances: int,
        counterparts: int,
        config: AuditConfig,
        schema: Schema | None = None,
        *,
        repaired: Collection[str] | None = None,
        probed: int | None = None,
        drawn: bool = False,
    ) -> Cost:
        """The cost for so many instances.

        Args:
            instances: How many.
            counterparts: How many counterparts they have in all, themselves included.
            config: What is asked.
            schema: The features, which feasible perturbations need.
            repaired: The attacks of an earlier run whose outcomes are only repaired, if any.
            probed: How many features are probed, of a model without gradients; None of others.
            drawn: Whether searches are measured by random draws.

        Example:
            >>> Cost.of(200, 200 * 24, AuditConfig(attacks=("rafair",))).total
            595200
        """
        names = runs_of(config)[0] if repaired is None else list(repaired)
        if not names:
            return cls(counterparts, {}, {})
        # The last iterate is only judged. A repair starts from a row whose gradient is not known
        # where the outcome is the last iterate.
        repair = counterparts * (config.steps + 1) + instances * most_probes(
            probed or 0, config.steps
        )
        repairing = choices(config.steps) * instances
        benign = Aim.of(Goal.TRUE_FAIR)
        repairs = {
            name: repair + repairing * _tried(name, config, schema, benign) if config.repair else 0
            for name in names
        }
        if repaired is not None:
            return cls(0, {}, repairs)
        each = -(-counterparts // max(instances, 1))
        attacks: dict[str, int] = {}
        for name in names:
            kind = is_feasible(name, config)
            before = [one for one in attacks if is_feasible(one, config) == kind]
            attack, steps = attack_of(name).after(map(own_name, before)), config.steps
            if probed is not None:
                box = _feasible(name, config, schema)
                most = attack.most_queries(each, probed, steps, box)
                if keeps_witnesses(name) and config.queries_each is not None:
                    least = attack.most_queries(each + 1, probed, 1, box)
                    most = min(most, max(config.queries_each, least))
            else:
                tried = _tried(name, config, schema, attack.aim)
                most = attack.most_rows(each, steps) + attack.most_choices(steps) * tried
            attacks[name] = instances * most
        kinds = dict.fromkeys(kind_of(name, config) for name in names) if drawn else {}
        measured = {kind: most_rows(instances, counterparts) for kind in kinds}
        return cls(counterparts, attacks, repairs, measured, 1 + len(config.smaller))

    @property
    def total(self) -> int:
        """All rows together."""
        attacks = sum(self.attacks.values()) * self.budgets
        return self.start + attacks + sum((*self.repairs.values(), *self.yardstick.values()))


def _tried(name: str, config: AuditConfig, schema: Schema | None, aim: Aim | None) -> int:
    """Rows to be asked about whenever the levels of an instance's categories are chosen."""
    box = _feasible(name, config, schema)
    return 0 if box is None else rows_per_choice(box, aim)


def _feasible(name: str, config: AuditConfig, schema: Schema | None) -> FeasibleSet | None:
    """Where an attack may move rows, if perturbations are feasible."""
    if schema is None or not is_feasible(name, config):
        return None
    return config.feasible_set(schema)


def measure_rate(
    sweep: CounterpartEvaluator,
    rows: Rows,
    labels: Labels,
    *,
    differentiate: bool = True,
    sparing: bool = False,
) -> float:
    """Counterparts per second of this sweep, from a short probe whose rows are not counted.

    Args:
        sweep: The sweep.
        rows: Clean rows that are asked about in any case; shape `(n, d)`.
        labels: Their classes; shape `(n,)`.
        differentiate: Whether gradients are asked for, where the model gives any.
        sparing: Whether a model without gradients is to be asked about the first of them only.
    """
    if not sweep.classifier.differentiable:  # whose answers cost something, and are kept
        rate = _asked_rate(sweep, rows[:1], labels[:1])
        more = slice(1, 1 + sweep.chunk_rows // sweep.counterparts.size)
        known = sparing or not len(rows[more])
        return rate if known else _asked_rate(sweep, rows[more], labels[more])
    look = sweep.observe if differentiate else sweep.judge
    some = slice(0, max(1, 8 * sweep.chunk_rows // sweep.counterparts.size))
    look(rows[:1], labels[:1])  # the first call pays for memory and threads
    each, calls, spent = int(sweep.counterparts.counts(rows[some]).sum()), 0, 0.0
    begun = time.perf_counter()
    while not calls or spent < PROBE_SECONDS:  # a process may be stopped before its first call
        look(rows[some], labels[some])
        calls += 1
        spent = time.perf_counter() - begun
    return each * calls / spent


def _asked_rate(sweep: CounterpartEvaluator, rows: Rows, labels: Labels) -> float:
    begun = time.perf_counter()
    sweep.judge(rows, labels)
    return int(sweep.counterparts.counts(rows).sum()) / (time.perf_counter() - begun)


def describe(
    cost: Cost, rate: float, threads: int, left: float = 1.0, seconds: float | None = None
) -> str:
    """One line that says what is ahead.

    Args:
        cost: The rows of the whole audit.
        rate: Rows per second.
        threads: How many threads compute them.
        left: The share that is still to be done.
        seconds: How long it will take, where that was tried; by default what the most rows take.

    Example:
        >>> describe(Cost(5_000_000, {}, {}), 251_234, 2)
        'up to 5.0 million rows to compute: about 20 s at 250,000 rows/s on 2 threads'
    """
    total = cost.total * left
    rows = f"{total / 1e6:,.1f} million" if total >= 1e5 else f"{total:,.0f}"
    rough = float(f"{rate:.2g}")
    on = "1 thread" if threads == 1 else f"{threads} threads"
    if seconds is not None:
        return f"up to {rows} rows to compute: about {duration(seconds)} on {on}"
    return (
        f"up to {rows} rows to compute: about {duration(total / rate)} "
        f"at {rough:,.0f} rows/s on {on}"
    )


def duration(seconds: float) -> str:
    """About how long that is, for people."""
    if seconds < 1:
        return "1 s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
