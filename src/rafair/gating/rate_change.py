"""One rate in two audits: by how much it differs, and for how many instances."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rafair.gating.pairing import Pairing
from rafair.metrics.rate_difference import Paired, Unpaired, independent_rates, paired_rates
from rafair.metrics.rates import Rate
from rafair.results.rate_names import RateName

Shares = NDArray[np.float64]

WANTED = ("accuracy", "individual_fairness", "accurate_fairness", "true_fair")
UNWANTED = ("true_biased", "false_fair", "false_biased")


@dataclass(frozen=True)
class Change:
    """One rate in two audits.

    Args:
        name: The rate.
        first: Its value in the first audit, of the instances compared.
        second: Its value in the second.
        difference: The second's rate minus the first's, with its 95 % interval; of the same
            instances, or as of independent samples.
        group: The sensitive feature and the group of people it is of; None for all.
    """

    name: RateName
    first: float
    second: float
    difference: Paired | Unpaired
    group: tuple[str, str] | None = None

    @property
    def beyond_interval(self) -> bool:
        """Whether the interval of the difference leaves out 0."""
        return not self.difference.low <= 0 <= self.difference.high

    @property
    def n(self) -> int:
        """How many instances are compared; where they are not paired, of the smaller number."""
        gap = self.difference
        return gap.n if isinstance(gap, Paired) else min(gap.n_first, gap.n_second)

    @property
    def better(self) -> int | None:
        """How many instances became better; None where they are not paired, or none is better."""
        return self._turned(wanted="only_first", unwanted="only_second")

    @property
    def worse(self) -> int | None:
        """How many instances became worse; None likewise."""
        return self._turned(wanted="only_second", unwanted="only_first")

    def to_dict(self) -> dict[str, object]:
        """As plain values."""
        return {
            "rate": self.name.short,
            "attack": self.name.attack,
            "epsilon": self.name.epsilon,
            **({} if self.group is None else {"feature": self.group[0], "group": self.group[1]}),
            "first": self.first,
            "second": self.second,
            "difference": self.difference.value,
            "low": self.difference.low,
            "high": self.difference.high,
            **self._numbers(),
            "better": self.better,
            "worse": self.worse,
            "beyond_interval": self.beyond_interval,
        }

    def _numbers(self) -> dict[str, object]:
        gap = self.difference
        if isinstance(gap, Paired):
            return {"paired": True, "n_first": gap.n, "n_second": gap.n}
        return {"paired": False, "n_first": gap.n_second, "n_second": gap.n_first}

    def _turned(self, wanted: str, unwanted: str) -> int | None:
        if not isinstance(self.difference, Paired):
            return None
        if self.name.metric in WANTED or self.name.kind == "corrected":
            return int(getattr(self.difference, wanted))
        return int(getattr(self.difference, unwanted)) if self.name.metric in UNWANTED else None


def compared(
    name: RateName, first: Shares | None, second: Shares | None, pairing: Pairing
) -> Change | None:
    """One rate of two audits, told instance by instance.

    Rates that count some instances only, and not the same ones in both, are compared as of
    independent samples.

    Args:
        name: The rate.
        first: For each instance of the first audit 1, 0, a share, or NaN; shape `(n,)`.
        second: For each of the second; shape `(m,)`.
        pairing: Which of them are compared.

    Returns:
        None where either audit counts nothing.
    """
    if first is None or second is None:
        return None
    one, other = first[pairing.first], second[pairing.second]
    counts, counts_other = ~np.isnan(one), ~np.isnan(other)
    if not counts.any() or not counts_other.any():
        return None
    before, after = one[counts], other[counts_other]
    if pairing.paired and np.array_equal(counts, counts_other):
        difference: Paired | Unpaired | None = paired_rates(after, before)
    else:
        difference = _independent(after, before)
    if difference is None:
        return None
    return Change(name, float(before.mean()), float(after.mean()), difference)


def of_counts(name: RateName, one: Rate | None, other: Rate | None) -> Change | None:
    """One rate of two audits, told by its counts alone, as of independent samples.

    Args:
        name: The rate.
        one: As the first audit tells it; None where nothing was counted.
        other: As the second does.
    """
    if not one or not other:
        return None
    gap = independent_rates(other.count, other.n, one.count, one.n)
    return Change(name, one.value, other.value, gap) if gap else None


def _independent(after: Shares, before: Shares) -> Unpaired | None:
    """Shares count as if so many instances had the property: iterates of one are no sample."""
    counts = (round(float(shares.sum())) for shares in (after, before))
    gap = independent_rates(next(counts), len(after), next(counts), len(before))
    return replace(gap, value=float(after.mean() - before.mean())) if gap else None
