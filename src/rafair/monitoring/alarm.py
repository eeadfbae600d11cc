"""What an alarm says: which rates fell, by how much, since when, and by which evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DATA = "data"
"""The kind of an alarm that little of a window could be judged: counted, not tested."""

KINDS = ("accuracy", "fairness", "joint", DATA)
LEVELS = ("watch", "warn", "alarm")
"""Fell only under perturbation; one property fell on the rows as they came, or too little of a
window could be judged; both properties did."""


@dataclass(frozen=True)
class Fall:
    """A rate that fell below what the reference allows.

    Args:
        rate: Its name, such as "clean.accuracy".
        reference: That of the reference: value, count, n, low, high.
        bound: The least it may be without ever being told: a lower bound of the reference's true
            rate, less the tolerance.
        since: The window from which on the evidence is strongest.
        now: The rate from that window on: value, count, n, low, high.
        fell_by: The reference's value minus that.
        e_value: The evidence, of the reference and the stream together, against "not below the
            reference's true rate by more than the tolerance"; None if beyond what a number can
            hold.
        log_e: Its natural logarithm.
        threshold: What it had to reach, `1 / alpha`.
        alpha: The chance that this test ever reaches it if nothing fell, whatever the reference's
            own error.
    """

    rate: str
    reference: Mapping[str, Any]
    bound: float
    since: int
    now: Mapping[str, Any]
    fell_by: float
    e_value: float | None
    log_e: float
    threshold: float
    alpha: float

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {**vars(self), "reference": dict(self.reference), "now": dict(self.now)}


@dataclass(frozen=True)
class Alarm:
    """What fell together at one look, or how little of a window could be judged.

    Args:
        kind: "accuracy" or "fairness" if one alone, "joint" if both; "data" if it is about the
            window.
        level: "watch", "warn", or "alarm".
        falls: The rates that fell; none of "data".
        opened: The window at which an alarm of this kind and level was raised, and has stood since.
        new: Whether that is this very window.
        cases: Which rows are behind it: see `docs/monitor.md`.
        data: Of "data" alone, how much could be judged, and why the rest could not.
    """

    kind: str
    level: str
    falls: tuple[Fall, ...]
    opened: int
    new: bool
    cases: Mapping[str, Any]
    data: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """As it stands in results: `kind`, `level`, and the rest as `evidence`."""
        evidence: dict[str, Any] = {
            "rates": [fall.to_dict() for fall in self.falls],
            "cases": dict(self.cases),
        }
        if self.data is not None:
            evidence["data"] = dict(self.data)
        return {
            "kind": self.kind,
            "level": self.level,
            "opened": self.opened,
            "new": self.new,
            "evidence": evidence,
        }
