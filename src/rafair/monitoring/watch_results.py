"""The result of a window and the history of a watch, as types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from rafair.metrics.rates import Rate
from rafair.monitoring.alarm_types import Alarm
from rafair.monitoring.references.stream_judge_options import StreamJudgeOptions
from rafair.monitoring.store.stored_values import Totals
from rafair.monitoring.stream_record import Refusal
from rafair.results.derived_rates import plain
from rafair.results.record_reader import Reader

Rates = Mapping[str, Mapping[str, Rate | None]]
"""By condition and metric; None where nothing was counted."""


@dataclass(frozen=True, kw_only=True)
class ToldWindow:
    """A window as a history tells it.

    Args:
        window: Its number.
        source: Where it was read.
        opened: When its first record was read; ISO, UTC.
        closed: When it was judged; likewise.
        n: How many rows it counts.
        labelled: How many of them have a label.
        quarantined: How many records were refused.
        duplicates: How many records had an id that was counted before.
        refusals: Why records were refused, the most frequent reasons first.
        rates: Those of its rows.
        alarms: Those that stand.
    """

    window: int
    source: str
    opened: str
    closed: str
    n: int
    labelled: int
    quarantined: int
    duplicates: int
    refusals: list[Refusal] = field(default_factory=list)
    rates: Rates
    alarms: list[Alarm]

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "alarms": [alarm.to_dict() for alarm in self.alarms]}


@dataclass(frozen=True, kw_only=True)
class WindowResult(ToldWindow):
    """A window as it was when it was judged: what `check` and `watch` print, and the store keeps.

    Args:
        late_labels: How many labels of earlier rows came with it.
        waiting_labels: How many labels of rows that have not been seen.
        outside: How many numbers lay outside their feature's range, by column.
    """

    late_labels: int
    waiting_labels: int
    outside: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        """As plain values, counts before what was found."""
        told = super().to_dict()
        for name in ("quarantined", "refusals", "duplicates", "outside", "rates", "alarms"):
            told[name] = told.pop(name)
        return told


read_window = Reader(WindowResult).at
"""Reads what a store keeps of a window; takes the store's name as well."""


@dataclass(frozen=True)
class ReferenceFacts:
    """What a history says of its reference: see `Reference`.

    Args:
        bounds: By name of a rate that is tested, what it may be without ever being told to have
            fallen; None where it cannot be tested.
    """

    id: str
    created: str
    run: str
    dataset: str
    variant: str | None
    model: str
    model_sha256: str | None
    n: int
    alpha: float
    tolerance: float
    conditions: list[str]
    probe: StreamJudgeOptions
    rates: Mapping[str, Mapping[str, Rate]]
    warnings: list[str]
    bounds: Mapping[str, float | None]

    @property
    def untested(self) -> list[str]:
        """The names of rates that cannot be tested."""
        return [name for name, bound in self.bounds.items() if bound is None]

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "probe": plain(self.probe)}


@dataclass(frozen=True)
class Quarantined:
    """A record in quarantine: the window that refused it, and what `Refused` says."""

    window: int
    source: str
    number: int
    reason: str
    content: str


@dataclass(frozen=True)
class History:
    """All that a store holds of a monitor: what pages are made of.

    Args:
        created: When it was read; ISO, UTC.
        reference: What the stream is compared with.
        totals: What the monitor has seen.
        windows: All windows in order, with the labels that have come since.
        quarantine: The newest records that were refused.
    """

    schema_version: int
    rafair_version: str
    created: str
    reference: ReferenceFacts
    totals: Totals
    windows: list[ToldWindow]
    quarantine: list[Quarantined]

    @property
    def standing(self) -> list[Alarm]:
        """The alarms of the newest window."""
        return self.windows[-1].alarms if self.windows else []

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            **vars(self),
            "reference": self.reference.to_dict(),
            "totals": asdict(self.totals),
            "windows": [window.to_dict() for window in self.windows],
            "quarantine": [asdict(one) for one in self.quarantine],
        }
