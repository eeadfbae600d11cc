"""A history as tables: alarms, windows, rates, the reference, and what was refused."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from rafair.blocks.block_types import Cells
from rafair.metrics.rate_format import as_fraction
from rafair.metrics.rates import Rate
from rafair.monitoring.alarm_types import Alarm, Unjudged
from rafair.monitoring.references.stream_judge_options import StreamJudgeOptions
from rafair.monitoring.stream_record import Refusal
from rafair.monitoring.telling.alarm_sentences import (
    CONDITION_NAMES,
    METRIC_NAMES,
    alarm_name,
    counted_text,
    evidence,
    opening,
    points,
    refusal_text,
)
from rafair.monitoring.watch_results import History, Quarantined, ReferenceFacts, ToldWindow
from rafair.monitoring.watched_rates import JOINT, METRICS, Watched
from rafair.reports.monitor_series import Span
from rafair.sanitize import visible

MOST_WINDOWS = 200
"""Of the newest windows, and of those at which alarms opened, in tables of rates."""

MOST_COUNTED, MOST_ALARMS, MOST_REASONS, MOST_LINES = 30, 30, 20, 50
LONGEST_CONTENT = 300


def rates_table(history: History, spans: Sequence[Span], metric: str) -> Cells:
    """A metric's rates by window, the newest first."""
    windows, conditions = history.windows, history.reference.conditions
    opened = [span.first for span in spans][-MOST_WINDOWS:]
    shown = [
        one
        for place, one in enumerate(windows)
        if place >= len(windows) - MOST_WINDOWS or one.window in opened
    ]
    note = "Rates with their 95 % intervals, counted with all labels that have come since."
    if len(shown) < len(windows):
        note += (
            f" Of {len(windows):,} windows, the newest {MOST_WINDOWS} and those at which an alarm "
            f"opened ({MOST_WINDOWS} at most)."
        )
    return Cells(
        f"{opening(METRIC_NAMES[metric])} by window",
        ["Window", *(opening(CONDITION_NAMES[one]) for one in conditions), "Alarms"],
        [
            [
                f"{one.window:,}\n{moment(one.closed)}",
                *(_rate(one.rates[condition][metric]) for condition in conditions),
                "\n".join(alarm_name(alarm) for alarm in one.alarms),
            ]
            for one in reversed(shown)
        ],
        note,
    )


def alarms_table(spans: Sequence[Span]) -> Cells:
    """What fell, alarm by alarm, the newest first."""
    rows: list[list[str]] = []
    for span in spans[::-1][:MOST_ALARMS]:
        rows.append([_when(span), *[""] * 6])
        rows += list(_falls(span.alarm))
    note = (
        "Figures are those of the last window at which the alarm stood. From, to: the rate of the "
        "reference, and of the rows since the window from which on the evidence is strongest. "
        "Evidence is an e-value: an alarm stands while it reaches what is needed. Of the kind "
        "data, it stands at windows of which too little could be judged."
    )
    if len(spans) > MOST_ALARMS:
        note = f"The newest {MOST_ALARMS} of {len(spans):,} alarms. {note}"
    headers = ["What fell", "From", "To", "Difference", "Rows", "Since window", "Evidence"]
    return Cells("What fell, alarm by alarm", headers, rows, note)


def windows_table(windows: Sequence[ToldWindow]) -> Cells:
    """Counts of the newest windows."""
    note = f"The newest {MOST_COUNTED} of {len(windows):,}." if len(windows) > MOST_COUNTED else ""
    return Cells(
        "Counts by window",
        ["Window", "Rows", "Labelled", "Quarantined", "Duplicates", "Alarms", "Source"],
        [
            [
                f"{one.window:,}\n{moment(one.closed)}",
                *(f"{n:,}" for n in (one.n, one.labelled, one.quarantined, one.duplicates)),
                "\n".join(alarm_name(alarm) for alarm in one.alarms),
                one.source.replace("\n", visible("\n")),
            ]
            for one in windows[::-1][:MOST_COUNTED]
        ],
        note,
    )


def reference_table(reference: ReferenceFacts) -> Cells:
    """The reference's rates, and the bounds of the test."""
    return Cells(
        "Rates of the reference",
        ["Rate", "Reference", "Counted", "Bound of the test"],
        [
            [
                f"{METRIC_NAMES[metric]}\n{CONDITION_NAMES[condition]}",
                _rate(rate := reference.rates[condition][metric]),
                f"{rate.count:,} of {rate.n:,}",
                _bound(reference.bounds.get(f"{condition}.{metric}"), metric),
            ]
            for metric in METRICS
            for condition in reference.conditions
        ],
        "An alarm needs evidence that a rate lies below its bound: the reference's own lower bound "
        "less the tolerance.",
    )


def reference_facts(history: History) -> list[tuple[str, str]]:
    """What was frozen, a line each."""
    reference, totals = history.reference, history.totals
    variant = f" ({reference.variant})" if reference.variant else ""
    outside = ", ".join(f"{name} {n:,}" for name, n in totals.outside.items() if n) or "none"
    facts = [
        ("Data set", f"{reference.dataset}{variant}"),
        ("Model", reference.model),
        ("Run", reference.run),
        ("Rows of the reference", f"{reference.n:,}"),
        ("False-alarm rate", f"{100 * reference.alpha:g} % over all windows together"),
        ("Tolerance", f"{100 * reference.tolerance:g} in 100"),
        ("Probes", probes_text(reference.probe)),
        ("Frozen", moment(reference.created)),
        ("Monitor", reference.id),
        ("Labels that wait for their row", f"{totals.waiting_labels:,}"),
        ("Numbers outside their range", outside),
    ]
    if reference.untested:
        facts.append(("Cannot be tested", ", ".join(map(untested_name, reference.untested))))
    return facts


def probes_text(probe: StreamJudgeOptions) -> str:
    """Under what rows are looked at besides as they came.

    Example:
        >>> few = StreamJudgeOptions(steps=3, epsilon=0.02)
        >>> probes_text(few), probes_text(StreamJudgeOptions(probes=()))
        ('noise, strongest; 3 steps, epsilon 0.02, paper perturbations', 'none')
    """
    if not probe.probes:
        return "none"
    epsilon = probe.epsilon
    size = epsilon if isinstance(epsilon, Mapping) else {"": epsilon}
    sizes = ", ".join(
        f"epsilon {name} {value:g}".replace("  ", " ") for name, value in size.items()
    )
    steps = "1 step" if probe.steps == 1 else f"{probe.steps} steps"
    return f"{', '.join(probe.probes)}; {steps}, {sizes}, {probe.perturbation} perturbations"


def untested_name(name: str) -> str:
    """A rate in words, such as "accuracy, under noise"."""
    rate = Watched.of(name)
    return f"{METRIC_NAMES[rate.metric]}, {CONDITION_NAMES[rate.condition]}"


def reasons(windows: Sequence[ToldWindow]) -> list[tuple[str, int]]:
    """Why records of all windows were refused, and how many, the most frequent reasons first."""
    found: dict[str, Refusal] = {}
    for one in (refusal for window in windows for refusal in window.refusals):
        seen = found.setdefault(one.reason, replace(one, count=0))
        found[one.reason] = replace(seen, count=seen.count + one.count)
    most = sorted(found.values(), key=lambda one: -one.count)[:MOST_REASONS]
    return [(refusal_text(one), one.count) for one in most]


def refused_lines(quarantine: Sequence[Quarantined]) -> list[Quarantined]:
    """The newest refused lines, the newest first."""
    order = sorted(quarantine, key=lambda one: (one.window, one.number), reverse=True)
    return order[:MOST_LINES]


def moment(iso: str) -> str:
    """A time of the history, to the minute.

    Example:
        >>> moment("2026-03-02T06:00:12+00:00")
        '2026-03-02 06:00'
    """
    return iso[:16].replace("T", " ")


def _when(span: Span) -> str:
    if span.stands:
        through = f"since window {span.first:,}"
    elif span.first == span.last:
        through = f"window {span.first:,} alone"
    else:
        through = f"windows {span.first:,} to {span.last:,}"
    return f"{alarm_name(span.alarm)}: {through}, opened {moment(span.opened)}"


def _falls(alarm: Alarm) -> Iterator[list[str]]:
    if alarm.data is not None:
        yield from _too_few(alarm.data, alarm.opened)
    for fall in alarm.falls:
        rate = fall.watched
        yield [
            f"{METRIC_NAMES[rate.metric]}\n{CONDITION_NAMES[rate.condition]}",
            as_fraction(fall.reference.value),
            _rate(fall.now),
            points(-fall.fell_by),
            f"{fall.now.n:,}",
            f"{fall.since:,}",
            f"{evidence(fall)}\nneeded {math.ceil(fall.threshold):,}",
        ]


def _too_few(data: Unjudged, since: int) -> Iterator[list[str]]:
    for name, counted in data.too_few.items():
        yield [
            f"{name} that could be judged\nof the window",
            f"at least {as_fraction(data.least, 2)}",
            f"{as_fraction(counted.share)}\n{counted_text(name, counted)}",
            points(counted.share - data.least),
            f"{counted.n:,}",
            f"{since:,}",
            "counted, not tested",
        ]


def _rate(rate: Rate | None) -> str:
    if rate is None:
        return "–"
    interval = f"{as_fraction(rate.low, 2)}–{as_fraction(rate.high, 2)}"
    return f"{as_fraction(rate.value)}\n{interval}"


def _bound(bound: float | None, metric: str) -> str:
    if metric == JOINT:
        return "shown, not tested"
    return "cannot be tested" if bound is None else as_fraction(bound)
