"""What an alarm and the state of a watch say in words; the same on pages, terminals and the wire.

All functions take plain values, as they stand in the results of windows and in a history.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rafair.metrics.rounding import as_fraction
from rafair.monitoring.alarm import DATA
from rafair.monitoring.probes import PROBES
from rafair.monitoring.watched import ACCURACY, CLEAN, FAIRNESS, JOINT, Watched
from rafair.visible import shortened

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


def alarm_name(alarm: Mapping[str, Any]) -> str:
    """What an alarm is called in a table.

    Example:
        >>> alarm_name({"kind": "joint", "level": "alarm"})
        '◆ alarm (joint)'
    """
    return f"{SYMBOLS[alarm['level']]} {alarm['level']} ({alarm['kind']})"


def alarm_sentence(alarm: Mapping[str, Any]) -> str:
    """What fell, from what to what, and by which evidence.

    Args:
        alarm: As `Alarm.to_dict` gives it.

    Example:
        >>> fall = {"rate": "clean.accuracy", "reference": {"value": 0.702}, "since": 12,
        ...         "now": {"value": 0.561, "n": 1040}, "fell_by": 0.141, "e_value": 3200.0,
        ...         "log_e": 8.07, "threshold": 120.0}
        >>> print(alarm_sentence({"kind": "accuracy", "level": "warn",
        ...                       "evidence": {"rates": [fall]}}))
        accuracy alone fell: accuracy from 0.702 to 0.561 (-14.1 points) in the 1,040 labelled rows
        since window 12; evidence 3,200 where 120 was needed
    """
    if alarm["kind"] == DATA:
        return _unjudged(alarm["evidence"]["data"])
    falls = alarm["evidence"]["rates"]
    told = [fall for fall in falls if Watched.of(fall["rate"]).condition == CLEAN] or falls
    also = [fall for fall in falls if fall not in told]
    parts = ", ".join(fall_text(fall) for fall in told)
    places = dict.fromkeys(CONDITION_NAMES[Watched.of(fall["rate"]).condition] for fall in also)
    probed = f"; also {_joined(places)}" if also else ""
    return f"{_what_fell(alarm)}: {parts}; {_evidence(told)}{probed}"


def fall_text(fall: Mapping[str, Any]) -> str:
    """One rate's fall: from what, to what, in how many rows, since when."""
    rate = Watched.of(fall["rate"])
    under = "" if rate.condition == CLEAN else f" {CONDITION_NAMES[rate.condition]}"
    rows = f"{fall['now']['n']:,} {'labelled ' if rate.metric == ACCURACY else ''}"
    rows += "row" if fall["now"]["n"] == 1 else "rows"
    return (
        f"{METRIC_NAMES[rate.metric]}{under} from {as_fraction(fall['reference']['value'])} to "
        f"{as_fraction(fall['now']['value'])} ({points(-fall['fell_by'])}) in the {rows} since "
        f"window {fall['since']:,}"
    )


def points(difference: float) -> str:
    """A difference of shares in points of a hundred.

    Example:
        >>> points(-0.141)
        '-14.1 points'
    """
    return f"{as_fraction(100 * difference, 1, signed=True)} points"


def evidence(fall: Mapping[str, Any]) -> str:
    """An e-value, as a power of ten where it is large.

    Example:
        >>> evidence({"e_value": 2981.4, "log_e": 8.0}), evidence({"e_value": None, "log_e": 800.0})
        ('2,981', '10^347')
    """
    e_value, log_e = fall["e_value"], fall["log_e"]
    if e_value is not None and e_value < WRITTEN_OUT:
        return f"{e_value:,.0f}"
    return f"10^{math.floor(log_e / math.log(10)):,}"


def too_few(data: Mapping[str, Any]) -> list[str]:
    """Of which there were too few that could be judged: "rows", "labels", or both.

    Args:
        data: Of the evidence of an alarm of the kind "data".

    Example:
        >>> too_few({"least": 0.5, "rows": {"judged": 1, "refused": 2},
        ...          "labels": {"judged": 0, "refused": 0}})
        ['rows']
    """
    return [name for name in ("rows", "labels") if _share(data[name]) < data["least"]]


def counted_text(name: str, counted: Mapping[str, int]) -> str:
    """How many could be judged, such as "2 of 5 rows"."""
    n = counted["judged"] + counted["refused"]
    return f"{counted['judged']:,} of {n:,} {name.removesuffix('s') if n == 1 else name}"


def _share(counted: Mapping[str, int]) -> float:
    n = counted["judged"] + counted["refused"]
    return counted["judged"] / n if n else 1.0


def refusal_text(refusal: Mapping[str, Any]) -> str:
    """Why records were refused, with what one of them had there.

    Example:
        >>> refusal_text({"reason": "column 'a': expected a number", "count": 2, "example": "'x'"})
        "column 'a': expected a number, found such as 'x'"
    """
    if not refusal.get("example"):
        return str(refusal["reason"])
    such_as = "such as " if refusal["count"] > 1 else ""
    return f"{refusal['reason']}, found {such_as}{refusal['example']}"


def state_sentence(history: Mapping[str, Any]) -> str:
    """Which alarms stand after the newest window, and since when.

    Example:
        >>> state_sentence({"windows": []})
        'No window has been judged yet.'
    """
    return " ".join(state_sentences(history))


def state_sentences(history: Mapping[str, Any]) -> list[str]:
    """The same, a sentence for each alarm that stands, the most severe first."""
    windows = history["windows"]
    if not windows:
        return ["No window has been judged yet."]
    standing = most_severe_first(standing_alarms(history))
    if not standing:
        count = "1 window" if len(windows) == 1 else f"{len(windows):,} windows"
        return [f"No alarm stands after {count}."]
    return [f"{_standing(alarm)}: {alarm_sentence(alarm)}." for alarm in standing]


def standing_alarms(history: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The alarms of the newest window."""
    windows = history["windows"]
    return windows[-1]["alarms"] if windows else ()


def most_severe_first(alarms: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Alarms before warnings before what fell under perturbation alone."""
    return sorted(alarms, key=lambda alarm: SEVERITY.index(alarm["level"]))


def promise_sentence(reference: Mapping[str, Any]) -> str:
    """What the false-alarm rate means.

    Example:
        >>> print(promise_sentence({"alpha": 0.05, "tolerance": 0.01}))
        As long as no rate lies more than 1 point below its true value at the reference, the chance
        that this watch ever says that one fell, however long it runs, is at most 5 %.
    """
    tolerance = f"{100 * reference['tolerance']:g}"
    return (
        f"As long as no rate lies more than {tolerance} point{'s' * (tolerance != '1')} below its "
        "true value at the reference, the chance that this watch ever says that one fell, however "
        f"long it runs, is at most {100 * reference['alpha']:g} %."
    )


def alarm_message(
    reference: Mapping[str, Any], window: int, alarm: Mapping[str, Any]
) -> dict[str, Any]:
    """The body of the message that tells of a new alarm: plain values.

    Args:
        reference: That of the history: "id" and "run" are taken from it.
        window: The window at which the alarm opened.
        alarm: As `Alarm.to_dict` gives it.
    """
    return {
        "monitor": reference["id"],
        "run": reference["run"],
        "window": window,
        "alarm": dict(alarm),
        "text": f"{SYMBOLS[alarm['level']]} {alarm['level']} at window {window:,}: "
        f"{alarm_sentence(alarm)}.",
    }


def _standing(alarm: Mapping[str, Any]) -> str:
    article = "A joint alarm" if alarm["kind"] == "joint" else "An alarm"
    called = {"alarm": article, "warn": "A warning", "watch": "A notice to watch"}[alarm["level"]]
    stands = "opened at" if alarm["new"] else "has stood since"
    return f"{called} {stands} window {alarm['opened']:,}"


def _unjudged(data: Mapping[str, Any]) -> str:
    """How little of a window could be judged, and why."""
    told = [counted_text(name, data[name]) for name in too_few(data)]
    because = "; ".join(
        f"{shortened(refusal_text(one), LONGEST_REASON)} ({one['count']:,})"
        for one in data["refusals"]
    )
    return (
        f"{_joined(told)} could be judged, where at least {100 * data['least']:g} % are to be; "
        f"the others are in quarantine: {because}"
    )


def _what_fell(alarm: Mapping[str, Any]) -> str:
    kind, level = alarm["kind"], alarm["level"]
    if kind == "joint":
        together = "accuracy and individual fairness fell together"
        return f"{together} under perturbation only" if level == "watch" else together
    fell = METRIC_NAMES[ACCURACY if kind == "accuracy" else FAIRNESS]
    return f"{fell} fell under perturbation only" if level == "watch" else f"{fell} alone fell"


def _evidence(falls: Sequence[Mapping[str, Any]]) -> str:
    """The least evidence of several falls: each has at least that."""
    least = min(falls, key=lambda fall: fall["log_e"] - math.log(fall["threshold"]))
    at_least = "at least " if len(falls) > 1 else ""
    return (
        f"evidence {at_least}{evidence(least)} where {math.ceil(least['threshold']):,} was needed"
    )


def _joined(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
