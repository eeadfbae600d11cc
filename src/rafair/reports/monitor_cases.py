"""The rows behind alarms, for people."""

from __future__ import annotations

from collections.abc import Sequence

from rafair.blocks.block_types import Cells
from rafair.monitoring.alarm_types import Alarm, Case, Cases
from rafair.monitoring.telling.alarm_sentences import CONDITION_NAMES, alarm_name
from rafair.monitoring.watched_rates import CLEAN
from rafair.reports.monitor_series import Span
from rafair.sanitize import shortened

MOST_ALARMS = 3


def cases_tables(spans: Sequence[Span]) -> list[Cells]:
    """The rows behind the newest alarms, a table each.

    Args:
        spans: All alarms, the newest last.
    """
    newest = [(span, cases) for span in spans[::-1] if (cases := span.alarm.cases) and cases.listed]
    standing = [(span, cases) for span, cases in newest if span.stands]
    return [_table(span.alarm, cases) for span, cases in (standing or newest[:1])[:MOST_ALARMS]]


def cases_sentence(alarm: Alarm) -> str:
    """How many rows are behind an alarm; empty where that is not known.

    Example:
        >>> row = Case("r7", 4, "no", None, None, ["clean"], [], new=True)
        >>> cases = Cases(since=4, found=40, looked_at=40, new=31, listed=[row])
        >>> print(cases_sentence(Alarm("fairness", "warn", 4, True, cases=cases)))
        Behind it, since window 4: 40 rows; 31 are new (no row of the reference with the same values
        is one); such as r7
    """
    cases = alarm.cases
    if cases is None or not cases.found:
        return ""
    rows = "1 row" if cases.found == 1 else f"{cases.found:,} rows"
    named = ", ".join(shortened(case.id) for case in cases.listed[:5])
    return (
        f"Behind it, since window {cases.since:,}: {rows}; {_new(cases)} (no row of the "
        f"reference with the same values is one); such as {named}"
    )


def what_happened(case: Case) -> str:
    """What is wrong with a row, in words.

    Example:
        >>> unfair, moved = ["clean", "noise"], ["rafair"]
        >>> what_happened(Case("r7", 4, "no", "yes", True, unfair, moved, new=True))
        'wrong; unequal; under RAFair another answer'
    """
    parts = ["wrong"] if case.wrong else []
    if CLEAN in case.unfair:
        parts.append("unequal")
    else:
        parts += [f"{CONDITION_NAMES[name]} unequal" for name in case.unfair]
    parts += [f"{CONDITION_NAMES[name]} another answer" for name in case.moved]
    return "; ".join(parts)


def _new(cases: Cases) -> str:
    if cases.looked_at < cases.found:
        return f"of the newest {cases.looked_at:,}, {cases.new:,} are new"
    return f"{cases.new:,} {'is' if cases.new == 1 else 'are'} new"


def _table(alarm: Alarm, cases: Cases) -> Cells:
    return Cells(
        f"Rows behind {alarm_name(alarm)}",
        ["Row", "Window", "Predicted", "Label", "What", "New"],
        [
            [
                case.id,
                f"{case.window:,}",
                case.predicted,
                "–" if case.label is None else case.label,
                what_happened(case),
                "new" if case.new else "",
            ]
            for case in cases.listed
        ],
        f"{len(cases.listed):,} of {cases.found:,} rows of windows {cases.since:,} and later, new "
        f"ones first; {_new(cases)}: no row of the reference with the same values is one. Unequal: "
        "a counterpart gets another answer.",
    )
