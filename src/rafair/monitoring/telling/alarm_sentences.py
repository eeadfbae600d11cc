"""What alarms and the state of a watch say; the same on pages, terminals and the wire."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from rafair.metrics.rate_format import as_fraction
from rafair.monitoring.alarm_types import Alarm, Counted, Fall, Unjudged
from rafair.monitoring.probes import PROBES
from rafair.monitoring.stream_record import Refusal
from rafair.monitoring.watch_results import History
from rafair.monitoring.watched_rates import ACCURACY, CLEAN, FAIRNESS, JOINT
from rafair.sanitize import shortened
from rafair.wording import joined

METRIC_NAMES = {
    ACCURACY: "accuracy",
    FAIRNESS: "individual fairness",
    JOINT: "accurate fairness",
}
CONDITION_NAMES = {
    CLEAN: "rows as they came",
    **{name: probe.said for name, probe in PROBES.items()},
}
SYMBOLS = {"watch": "○", "warn": "▲", "alarm": "◆"}
"""What tells levels apart besides their colour."""

SEVERITY = ("alarm", "warn", "watch")
LONGEST_REASON = 200
"""Of a refusal in a sentence; it may hold what a stranger has sent."""

WRITTEN_OUT = 1e6
"""Evidence from here on is told as a power of ten."""


def opening(text: str) -> str:
    """A text as it opens a line.

    Example:
        >>> opening("under RAFair")
        'Under RAFair'
    """
    return text[:1].upper() + text[1:]


def alarm_name(alarm: Alarm) -> str:
    """What an alarm is called in a table.

    Example:
        >>> alarm_name(Alarm("joint", "alarm", opened=3, new=True))
        '◆ alarm (joint)'
    """
    return f"{SYMBOLS[alarm.level]} {alarm.level} ({alarm.kind})"


def alarm_sentence(alarm: Alarm) -> str:
    """What fell, from what to what, and by which evidence.

    Example:
        >>> from rafair.metrics.rates import rate
        >>> was, now = rate(702, 1000), rate(583, 1040)
        >>> fall = Fall("clean.accuracy", was, 0.66, 12, now, 0.141, 3200.0, 8.07, 120.0, 1 / 120)
        >>> print(alarm_sentence(Alarm("accuracy", "warn", 12, True, (fall,))))
        accuracy alone fell: accuracy from 0.702 to 0.561 (-14.1 points) in the 1,040 labelled rows
        since window 12; evidence 3,200 where 120 was needed
    """
    if alarm.data is not None:
        return _unjudged(alarm.data)
    told = [fall for fall in alarm.falls if fall.watched.condition == CLEAN] or alarm.falls
    also = [fall for fall in alarm.falls if fall not in told]
    parts = ", ".join(fall_text(fall) for fall in told)
    places = dict.fromkeys(CONDITION_NAMES[fall.watched.condition] for fall in also)
    probed = f"; also {joined(places)}" if also else ""
    return f"{_what_fell(alarm)}: {parts}; {_evidence(told)}{probed}"


def fall_text(fall: Fall) -> str:
    """One rate's fall: from what, to what, in how many rows, since when."""
    rate, n = fall.watched, fall.now.n
    under = "" if rate.condition == CLEAN else f" {CONDITION_NAMES[rate.condition]}"
    rows = f"{n:,} {'labelled ' if rate.metric == ACCURACY else ''}{'row' if n == 1 else 'rows'}"
    return (
        f"{METRIC_NAMES[rate.metric]}{under} from {as_fraction(fall.reference.value)} to "
        f"{as_fraction(fall.now.value)} ({points(-fall.fell_by)}) in the {rows} since "
        f"window {fall.since:,}"
    )


def points(difference: float) -> str:
    """A difference of shares in points of a hundred.

    Example:
        >>> points(-0.141)
        '-14.1 points'
    """
    return f"{as_fraction(100 * difference, 1, signed=True)} points"


def evidence(fall: Fall) -> str:
    """An e-value, as a power of ten where it is large."""
    if fall.e_value is not None and fall.e_value < WRITTEN_OUT:
        return f"{fall.e_value:,.0f}"
    return f"10^{math.floor(fall.log_e / math.log(10)):,}"


def counted_text(name: str, counted: Counted) -> str:
    """How many could be judged, such as "2 of 5 rows"."""
    n = counted.n
    return f"{counted.judged:,} of {n:,} {name.removesuffix('s') if n == 1 else name}"


def refusal_text(refusal: Refusal) -> str:
    """Why records were refused, with what one of them had there.

    Example:
        >>> refusal_text(Refusal("column 'a': expected a number", 2, "'x'"))
        "column 'a': expected a number, found such as 'x'"
    """
    if not refusal.example:
        return refusal.reason
    such_as = "such as " if refusal.count > 1 else ""
    return f"{refusal.reason}, found {such_as}{refusal.example}"


def state_sentences(history: History) -> list[str]:
    """Which alarms stand after the newest window, and since when, the most severe first."""
    windows = len(history.windows)
    if not windows:
        return ["No window has been judged yet."]
    if not history.standing:
        count = "1 window" if windows == 1 else f"{windows:,} windows"
        return [f"No alarm stands after {count}."]
    return [
        f"{_standing(alarm)}: {alarm_sentence(alarm)}."
        for alarm in most_severe_first(history.standing)
    ]


def most_severe_first(alarms: Iterable[Alarm]) -> list[Alarm]:
    """Alarms before warnings before what fell under perturbation alone."""
    return sorted(alarms, key=lambda alarm: SEVERITY.index(alarm.level))


def promise_sentence(alpha: float, tolerance: float) -> str:
    """What the false-alarm rate means.

    Example:
        >>> print(promise_sentence(alpha=0.05, tolerance=0.01))
        As long as no rate lies more than 1 point below its true value at the reference, the chance
        that this watch ever says that one fell, however long it runs, is at most 5 %.
    """
    far = f"{100 * tolerance:g}"
    return (
        f"As long as no rate lies more than {far} point{'s' * (far != '1')} below its "
        "true value at the reference, the chance that this watch ever says that one fell, however "
        f"long it runs, is at most {100 * alpha:g} %."
    )


def alarm_message(monitor: str, run: str, window: int, alarm: Alarm) -> dict[str, Any]:
    """The body of the message that tells of a new alarm: plain values.

    Args:
        monitor: The hash of its reference.
        run: The name of the run.
        window: The window at which the alarm opened.
        alarm: The alarm.
    """
    return {
        "monitor": monitor,
        "run": run,
        "window": window,
        "alarm": alarm.to_dict(),
        "text": f"{SYMBOLS[alarm.level]} {alarm.level} at window {window:,}: "
        f"{alarm_sentence(alarm)}.",
    }


def _standing(alarm: Alarm) -> str:
    article = "A joint alarm" if alarm.kind == "joint" else "An alarm"
    called = {"alarm": article, "warn": "A warning", "watch": "A notice to watch"}[alarm.level]
    stands = "opened at" if alarm.new else "has stood since"
    return f"{called} {stands} window {alarm.opened:,}"


def _unjudged(data: Unjudged) -> str:
    """How little of a window could be judged, and why."""
    told = [counted_text(name, counted) for name, counted in data.too_few.items()]
    because = "; ".join(
        f"{shortened(refusal_text(one), LONGEST_REASON)} ({one.count:,})" for one in data.refusals
    )
    return (
        f"{joined(told)} could be judged, where at least {100 * data.least:g} % are to be; "
        f"the others are in quarantine: {because}"
    )


def _what_fell(alarm: Alarm) -> str:
    only = "under perturbation only"
    if alarm.kind == "joint":
        together = "accuracy and individual fairness fell together"
        return f"{together} {only}" if alarm.level == "watch" else together
    fell = METRIC_NAMES[ACCURACY if alarm.kind == "accuracy" else FAIRNESS]
    return f"{fell} fell {only}" if alarm.level == "watch" else f"{fell} alone fell"


def _evidence(falls: Sequence[Fall]) -> str:
    """The least evidence of several falls: each has at least that."""
    least = min(falls, key=lambda fall: fall.log_e - math.log(fall.threshold))
    at_least = "at least " if len(falls) > 1 else ""
    return f"evidence {at_least}{evidence(least)} where {math.ceil(least.threshold):,} was needed"
