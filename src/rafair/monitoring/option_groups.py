"""The options of a watch: what is frozen, where results are kept, how windows are cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import rafair.option_values as typed
from rafair.monitoring.probes import DEFAULT, PROBES
from rafair.options import group, option

if TYPE_CHECKING:
    from rafair.tabular.perturbation import PerFeature

LEAST_ROWS = 50
"""Fewer rows are no reference."""

EPSILON = 0.02
STEPS = 3
LEAST_JUDGED = 0.5
"""The least share of a window's rows, and of its labels alone, of which no alarm is wanted."""

LOCAL = "127.0.0.1"


def _probes(name: str, text: str) -> tuple[str, ...]:
    return () if text == "none" else typed.names(name, text)


@dataclass(frozen=True)
class Freezing:
    """What is decided when a reference is frozen."""

    alpha: float = option(
        0.05, "The chance that a stream without drift ever shows an alarm.", "SHARE", high=0.5
    )
    tolerance: float = option(
        0.01, "A loss that no alarm is wanted for.", "SHARE", high=0.499999, low_included=True
    )
    probes: Sequence[str] = option(
        DEFAULT,
        f"{','.join(sorted(PROBES))}, one of them, or none.",
        "NAMES",
        said=",".join(DEFAULT),
        read=_probes,
    )
    epsilon: PerFeature = option(
        EPSILON,
        "The largest change of a probe, as a share of each feature's range, or "
        "NAME=SIZE,NAME=SIZE.",
        "SIZE",
        read=typed.sizes,
    )
    steps: int = option(STEPS, "Steps of each probe.", "N")
    instances: int | None = option(
        None,
        "How many rows to freeze, or all.",
        "N",
        low=LEAST_ROWS,
        high=1_000_000_000,
        said="all",
        read=typed.count_or_all,
    )


@group
class Keeping:
    """Where results are kept."""

    store: str | None = option(
        None,
        "Where results are kept: a file for SQLite, or postgresql://USER@HOST/DATABASE.",
        "URL",
        said="RUN/monitor/watch.sqlite",
    )
    patience: str = option(
        "60s", "How long to wait for a store that is away: 60s, 1h, forever.", "TIME"
    )


@group
class Taken(Keeping):
    """What rows are taken for, and where alarms go."""

    id_column: str | None = option(None, "The column that names rows.", "NAME", said="id")
    label_column: str | None = option(
        None, "The column with the true class.", "NAME", said="label, else the data set's own"
    )
    webhook: str | None = option(None, "Where new alarms are posted as JSON.", "URL")
    least_judged: float = option(
        LEAST_JUDGED,
        "The least share of a window's rows, 0 to 1, that has to be judged; with less an alarm of "
        "the kind 'data' is raised.",
        "SHARE",
        high=1,
        low_included=True,
    )


@group
class Cutting:
    """How a stream is read and cut into windows."""

    window_rows: int = option(500, "Rows or labels that close a window.", "N")
    window_time: str | None = option(
        None, "The time that closes a window, as 90s, 15m, 1h or 1d.", "TIME", said="no limit"
    )
    once: bool = option(False, "Read what is there, close the last window, and end.")
    poll: str = option("1s", "How often the folder is looked into.", "TIME")
    settle: str = option("5s", "For how long a file must not change to be taken as it is.", "TIME")
    number_rows: bool = option(
        False, "Of standard input: take rows without an id; sent again, they count again."
    )
    metrics_port: int | None = option(None, "Where Prometheus is answered.", "PORT")
    metrics_address: str = option(LOCAL, "The interface that does so.", "ADDRESS")
