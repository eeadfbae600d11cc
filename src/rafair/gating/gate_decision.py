"""Decisions: what became of every rule of a policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from rafair.engine.atomic_files import sha256_of
from rafair.results.audit_result import Audit
from rafair.results.run_files import AUDIT


class Status(StrEnum):
    """What became of a rule, or of a part of it."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_MEASURED = "not measured"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True)
class Measured:
    """What a threshold is held against.

    Args:
        value: A rate, or a difference of two.
        low: The lower bound of its 95 % interval.
        high: The upper bound.
        n: How many instances it is of.
        count: How many of them have the property; None of a difference.
    """

    value: float
    low: float
    high: float
    n: int
    count: int | None = None


@dataclass(frozen=True)
class Finding:
    """A rule held against one rate: of one attack, and of one group where it speaks of groups.

    Args:
        rule: The rule's number, from 1.
        title: What it asks for.
        status: "passed", "failed", "not measured" (nothing was counted), or "not judged" (a group
            that is too small, beside others that were judged).
        blocks: Whether it fails the gate.
        rate: The rate's name.
        attack: The attack; None where the rate depends on none.
        group: The sensitive feature, or pair of them; None where the rule speaks of all instances.
        value: The group; None of a gap.
        measured: What was found; None where nothing was.
        threshold: The name of the threshold, such as "at_least".
        limit: Its number.
        by: Whether the "value" or the "interval" must hold.
        sentence: All that in words.
        epsilon: The budget that the rule names, of a certificate in any case; else None where it
            means the largest.
    """

    rule: int
    title: str
    status: Status
    blocks: bool
    rate: str
    attack: str | None
    group: str | None
    value: str | None
    measured: Measured | None
    threshold: str
    limit: float
    by: str
    sentence: str
    epsilon: float | None = None

    def to_dict(self) -> dict[str, object]:
        """As plain values."""
        return asdict(self) | {"status": str(self.status)}


@dataclass(frozen=True)
class RunFacts:
    """Which run was looked at.

    Args:
        folder: Where it is.
        sha256: The hash of its `audit.json`, which names the hashes of all its other files.
        dataset: The data set's name.
        model: The model's name.
        model_sha256: The hash of its parameters or files; None where it has none.
        created: When the audit was finished.
        instances: How many were audited.
        rafair_version: By which version of rafair.
    """

    folder: str
    sha256: str
    dataset: str
    model: str
    model_sha256: str | None
    created: str
    instances: int
    rafair_version: str

    @classmethod
    def of(cls, audit: Audit) -> RunFacts:
        """Those of a finished run."""
        record = audit.record
        return cls(
            folder=str(audit.folder),
            sha256=sha256_of(Path(audit.folder) / AUDIT),
            dataset=record.dataset.name,
            model=record.model.name,
            model_sha256=record.model.sha256,
            created=record.created,
            instances=record.clean.n,
            rafair_version=record.rafair_version,
        )


@dataclass(frozen=True)
class Decision:
    """Whether a run reaches what a policy asks for.

    Args:
        findings: What became of each rule, in the policy's order.
        run: The run that was judged.
        baseline: The run that it was compared with, if any.
    """

    findings: Sequence[Finding]
    run: RunFacts
    baseline: RunFacts | None = None

    @property
    def passed(self) -> bool:
        """Whether nothing stands against the release."""
        return not any(finding.blocks for finding in self.findings)

    @property
    def rules(self) -> int:
        """How many rules there are."""
        return len({finding.rule for finding in self.findings})

    @property
    def failed_rules(self) -> list[int]:
        """The numbers of those that fail the gate."""
        return sorted({finding.rule for finding in self.findings if finding.blocks})

    @property
    def verdict(self) -> str:
        """The decision in a line, such as "failed: 2 of 5 rules"."""
        rules = f"{self.rules} rule{'' if self.rules == 1 else 's'}"
        if self.failed_rules:
            return f"failed: {len(self.failed_rules)} of {rules}"
        open_rules = {f.rule for f in self.findings if f.status is Status.NOT_MEASURED}
        unmeasured = f", {len(open_rules)} of them not measured" if open_rules else ""
        return f"passed: {rules}{unmeasured}"

    def to_dict(self) -> dict[str, object]:
        """As plain values: the result of `rafair gate --json`."""
        return {
            "passed": self.passed,
            "verdict": self.verdict,
            "rules": self.rules,
            "failed_rules": self.failed_rules,
            "run": asdict(self.run),
            "baseline": asdict(self.baseline) if self.baseline else None,
            "findings": [finding.to_dict() for finding in self.findings],
        }

    def __str__(self) -> str:
        lines = [f"{f.rule}. {f.status}: {f.title}: {f.sentence}" for f in self.findings]
        return "\n".join([*lines, self.verdict])
