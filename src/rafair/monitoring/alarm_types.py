"""What an alarm says: which rates fell, by how much, since when, and by which evidence."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from pydantic import AliasPath, BeforeValidator, Field

from rafair.metrics.rates import Rate
from rafair.monitoring.stream_record import Refusal
from rafair.monitoring.watched_rates import Watched

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
        reference: That of the reference.
        bound: The least it may be without ever being told: a lower bound of the reference's true
            rate, less the tolerance.
        since: The window from which on the evidence is strongest.
        now: The rate from that window on.
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
    reference: Rate
    bound: float
    since: int
    now: Rate
    fell_by: float
    e_value: float | None
    log_e: float
    threshold: float
    alpha: float

    @property
    def watched(self) -> Watched:
        """The rate by condition and metric."""
        return Watched.of(self.rate)


@dataclass(frozen=True)
class Case:
    """A row that is behind an alarm.

    Args:
        id: What it is called in the stream.
        window: The window that counts it.
        predicted: Its predicted class.
        label: Its true class; None where it has not come.
        wrong: Whether another one was predicted; None where that is not known.
        unfair: Under what a counterpart gets another answer.
        moved: Under what it gets another answer itself.
        new: Whether no row of the reference with the same values is a case.
    """

    id: str
    window: int
    predicted: str
    label: str | None
    wrong: bool | None
    unfair: list[str]
    moved: list[str]
    new: bool


@dataclass(frozen=True)
class Cases:
    """The rows that are behind an alarm.

    Args:
        since: The first window whose rows may be.
        found: How many rows went wrong or unequal as the rates that fell count it.
        looked_at: How many of them, the newest, were looked at.
        new: How many of these are new.
        listed: Some of them: new ones before others, the newest first.
    """

    since: int
    found: int
    looked_at: int
    new: int
    listed: list[Case]


@dataclass(frozen=True)
class Counted:
    """How many of a window's rows, or of its labels alone, could be judged.

    Args:
        judged: So many could.
        refused: So many could not.
    """

    judged: int
    refused: int

    @property
    def n(self) -> int:
        """How many came."""
        return self.judged + self.refused

    @property
    def share(self) -> float:
        """Which share could be judged; 1 of none."""
        return self.judged / self.n if self.n else 1.0


@dataclass(frozen=True)
class Unjudged:
    """How little of a window could be judged.

    Args:
        least: The least share that is to be.
        rows: Of the rows.
        labels: Of the labels that came alone.
        refusals: Why the others could not, the most frequent reasons first.
    """

    least: float
    rows: Counted
    labels: Counted
    refusals: list[Refusal]

    @property
    def too_few(self) -> dict[str, Counted]:
        """Of which there were too few: "rows", "labels", or both.

        Example:
            >>> list(Unjudged(0.5, Counted(1, 2), Counted(0, 0), []).too_few)
            ['rows']
        """
        both = {"rows": self.rows, "labels": self.labels}
        return {name: one for name, one in both.items() if one.share < self.least}


@dataclass(frozen=True)
class Alarm:
    """What fell together at one look, or how little of a window could be judged.

    Args:
        kind: "accuracy" or "fairness" if one alone, "joint" if both; "data" if it is about the
            window.
        level: "watch", "warn", or "alarm".
        opened: The window at which an alarm of this kind and level was raised, and has stood since.
        new: Whether that is this very window.
        falls: The rates that fell; none of "data".
        cases: Which rows are behind it; None where that is not known.
        data: Of "data" alone, how much could be judged, and why the rest could not.
    """

    kind: str
    level: str
    opened: int
    new: bool
    falls: Annotated[tuple[Fall, ...], Field(validation_alias=AliasPath("evidence", "rates"))] = ()
    cases: Annotated[
        Cases | None,
        BeforeValidator(lambda told: told or None),
        Field(validation_alias=AliasPath("evidence", "cases")),
    ] = None
    data: Annotated[Unjudged | None, Field(validation_alias=AliasPath("evidence", "data"))] = None

    def to_dict(self) -> dict[str, Any]:
        """As it stands in results: `kind`, `level`, and the rest as `evidence`."""
        told = asdict(self)
        evidence = {"rates": list(told.pop("falls")), "cases": told.pop("cases") or {}}
        data = told.pop("data")
        return {**told, "evidence": evidence | ({"data": data} if data else {})}
