"""The rows behind alarms, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rafair.monitoring.telling.sentences import CONDITION_NAMES, alarm_name
from rafair.monitoring.watched import CLEAN
from rafair.reports.monitor_series import Span
from rafair.results.tables import Cells
from rafair.visible import shortened

MOST_ALARMS = 3


def cases_tables(spans: Sequence[Span]) -> list[Cells]:
    """The rows behind the newest alarms, a table each.

    Args:
        spans: All alarms, the newest last.
    """
    newest = [span for span in spans[::-1] if span.alarm["evidence"]["cases"].get("listed")]
    standing = [span for span in newest if span.stands]
    return [_table(span) for span in (standing or newest[:1])[:MOST_ALARMS]]


def cases_sentence(alarm: Mapping[str, Any]) -> str:
    """How many rows are behind an alarm; empty where that is not known.

    Example:
        >>> cases = {"since": 4, "found": 40, "looked_at": 40, "new": 31,
        ...          "listed": [{"id": "r7"}, {"id": "r9"}]}
        >>> print(cases_sentence({"evidence": {"cases": cases}}))
        Behind it, since window 4: 40 rows; 31 are new (no row of the reference with the same values
        is one); such as r7, r9
    """
    cases = alarm["evidence"]["cases"]
    if not cases.get("found"):
        return ""
    found, listed = cases["found"], cases["listed"]
    rows = "1 row" if found == 1 else f"{found:,} rows"
    named = ", ".join(shortened(str(case["id"])) for case in listed[:5])
    return (
        f"Behind it, since window {cases['since']:,}: {rows}; {_new(cases)} (no row of the "
        f"reference with the same values is one); such as {named}"
    )


def what_happened(case: Mapping[str, Any]) -> str:
    """What is wrong with a row, in words.

    Example:
        >>> what_happened({"wrong": True, "unfair": ["clean", "noise"], "moved": ["rafair"]})
        'wrong; unequal; under RAFair another answer'
    """
    parts = ["wrong"] if case["wrong"] else []
    if CLEAN in case["unfair"]:
        parts.append("unequal")
    else:
        parts += [f"{CONDITION_NAMES[name]} unequal" for name in case["unfair"]]
    parts += [f"{CONDITION_NAMES[name]} another answer" for name in case["moved"]]
    return "; ".join(parts)


def _new(cases: Mapping[str, Any]) -> str:
    if cases["looked_at"] < cases["found"]:
        return f"of the newest {cases['looked_at']:,}, {cases['new']:,} are new"
    return f"{cases['new']:,} {'is' if cases['new'] == 1 else 'are'} new"


def _table(span: Span) -> Cells:
    cases = span.alarm["evidence"]["cases"]
    listed = cases["listed"]
    return Cells(
        f"Rows behind {alarm_name(span.alarm)}",
        ["Row", "Window", "Predicted", "Label", "What", "New"],
        [
            [
                str(case["id"]),
                f"{case['window']:,}",
                str(case["predicted"]),
                "–" if case["label"] is None else str(case["label"]),
                what_happened(case),
                "new" if case["new"] else "",
            ]
            for case in listed
        ],
        f"{len(listed):,} of {cases['found']:,} rows of windows {cases['since']:,} and later, new "
        f"ones first; {_new(cases)}: no row of the reference with the same values is one. Unequal: "
        "a counterpart gets another answer.",
    )
