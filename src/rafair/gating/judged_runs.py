"""The run that is judged, the run it is compared with, and what both are asked for."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rafair.errors import InputError
from rafair.metrics.rates import Rate, share
from rafair.results.audit_record import AuditRecord, Group
from rafair.results.audit_result import Audit
from rafair.results.instance_outcomes import PerInstance, Shares
from rafair.results.options_named_again import named_again
from rafair.results.rate_names import PROVEN, RateName, rate_named, rates_of
from rafair.results.rates_by_group import groups_of, rates_by_groups
from rafair.results.stored_verdicts import budget_key


@dataclass(frozen=True)
class JudgedRun:
    """A finished run; its files are read once, and only if a rule needs them.

    Args:
        audit: The run.
    """

    audit: Audit

    @property
    def record(self) -> AuditRecord:
        """The content of its `audit.json`."""
        return self.audit.record

    @cached_property
    def rates(self) -> dict[RateName, Rate | None]:
        """Every rate; None where nothing was counted."""
        return rates_of(self.record)

    @cached_property
    def groups(self) -> Mapping[str, Mapping[str, Group]]:
        """The rates by group, derived from the files of a run that is older than them."""
        return groups_of(self.record, self.audit.folder).groups

    @property
    def again(self) -> str:
        """What names the run on a command line, with what its folder does not hold."""
        return shlex.quote(str(self.audit.folder)) + (named_again(self.record) or "")

    def named(self, short: str, attack: str | None, epsilon: float | None) -> RateName:
        """The rate that a rule means, as `rate_named` finds it.

        Raises:
            InputError: If the run has no such rate; where it lacks a certificate, says which
                command makes one.
        """
        is_proven = short.partition(".")[0] in PROVEN
        proven = self.record.certified if is_proven else None
        command = f"`rafair certify {self.again}"
        if is_proven and not proven:
            raise InputError(f"rate '{short}': the run has no certificate; {command}` makes one")
        if proven and epsilon is not None and budget_key(epsilon) not in proven:
            every = ",".join(map(budget_key, sorted([*map(float, proven), epsilon])))
            raise InputError(
                f"epsilon: expected one that was certified ({', '.join(proven)}), got {epsilon:g}; "
                f"{command} --epsilons {every}` certifies it too"
            )
        return rate_named(self.record, short, attack, epsilon)

    def rate(self, name: RateName) -> Rate | None:
        """A rate; of a certificate it is counted in its file."""
        if name.kind not in PROVEN:
            return self.rates[name]
        holds = self.holds(name)
        return None if holds is None else share(holds[~np.isnan(holds)] > 0)

    def by_group(self, name: RateName) -> Mapping[str, Mapping[str, Rate | None]]:
        """The rate of each group, by feature or pair of them, counted in the run's files."""
        return rates_by_groups(self.record, self._each, self.audit.folder, name)

    def groups_at(self, epsilon: float | None) -> Mapping[str, Mapping[str, Group]]:
        """The rates by group at a smaller budget; at the largest if None."""
        curve = self.record.curve or {}
        return self.groups if epsilon is None else curve[budget_key(epsilon)].groups

    def holds(self, name: RateName) -> Shares | None:
        """Whether each instance has what a rate counts, by ascending instance."""
        holds = self._each.holds(name)
        return None if holds is None else holds[self._each.instances.argsort()]

    @cached_property
    def _each(self) -> PerInstance:
        return PerInstance.read(self.audit.folder)


@dataclass(frozen=True)
class Runs:
    """What rules are held against.

    Args:
        now: The run that is judged.
        before: What it is compared with; None where there is no baseline.
    """

    now: JudgedRun
    before: JudgedRun | None = None

    @classmethod
    def of(cls, audit: Audit, baseline: Audit | None) -> Runs:
        """Of an audit and its baseline."""
        return cls(JudgedRun(audit), JudgedRun(baseline) if baseline is not None else None)
