"""What an audit will cost: rows to compute, and how fast this machine computes them."""

from __future__ import annotations

import time
from dataclasses import dataclass

from rafair.attacks.registry import expand
from rafair.auditing.config import AuditConfig
from rafair.models.classifier import Labels
from rafair.search.sweep import Sweep
from rafair.tabular.encoding import Rows

PROBE_SECONDS = 0.3


@dataclass(frozen=True)
class Cost:
    """The most rows an audit can need; rows that stand still need fewer.

    Args:
        start: Gradient rows to look at the clean rows, once for all attacks.
        per_attack: Rows of each attack beyond the start.
        per_repair: Rows of each repair.
        n_attacks: How many single attacks there are.
        prediction_rows: Rows for clean verdicts alone, where there is no attack.
    """

    start: int
    per_attack: int
    per_repair: int
    n_attacks: int
    prediction_rows: int

    @classmethod
    def of(cls, counterparts: int, config: AuditConfig, *, attacking: bool = True) -> Cost:
        """The cost for instances that have `counterparts` counterparts in all.

        Args:
            counterparts: The sum over all instances, themselves included.
            config: What is asked.
            attacking: Whether attacks are run, or outcomes of an earlier run repaired.

        Example:
            >>> Cost.of(200 * 24, AuditConfig()).total
            595200
        """
        attacks = len(expand(config.attacks)[0])
        if not attacks:
            return cls(0, 0, 0, 0, counterparts)
        # T - 1 iterates are differentiated and the last one is judged. A repair starts from a row
        # whose gradient is not known where the outcome is the last iterate.
        per_repair = counterparts * (config.steps + 1) if config.repair else 0
        if not attacking:
            return cls(0, 0, per_repair, attacks, 0)
        return cls(counterparts, counterparts * config.steps, per_repair, attacks, 0)

    @property
    def total(self) -> int:
        """All rows together."""
        attacked = self.n_attacks * (self.per_attack + self.per_repair)
        return self.start + attacked + self.prediction_rows


def measure_rate(sweep: Sweep, rows: Rows, labels: Labels) -> float:
    """Rows per second of this sweep, from a short probe whose rows are not counted."""
    look = sweep.observe if sweep.classifier.differentiable else sweep.judge
    some = slice(0, max(1, 8 * sweep.chunk_rows // sweep.counterparts.size))
    look(rows[:1], labels[:1])  # the first call pays for memory and threads
    begun = time.perf_counter()
    while (spent := time.perf_counter() - begun) < PROBE_SECONDS:
        look(rows[some], labels[some])
    done = sweep.queries.gradient_rows + sweep.queries.prediction_rows
    first = int(sweep.counterparts.counts(rows[:1])[0])
    return (done - first) / spent


def describe(cost: Cost, rate: float, threads: int) -> str:
    """One line that says what is ahead.

    Example:
        >>> describe(Cost(0, 0, 0, 0, 5_000_000), 250_000, 2)
        'up to 5.0 million rows to compute: about 20 s at 250,000 rows/s on 2 threads'
    """
    rows = f"{cost.total / 1e6:,.1f} million" if cost.total >= 1e5 else f"{cost.total:,}"
    on = "1 thread" if threads == 1 else f"{threads} threads"
    return (
        f"up to {rows} rows to compute: about {_duration(cost.total / rate)} at {rate:,.0f} rows/s "
        f"on {on}"
    )


def _duration(seconds: float) -> str:
    if seconds < 1:
        return "1 s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
