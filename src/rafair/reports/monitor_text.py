"""A watch for the terminal: one window's result, the state, and a line for each window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rafair.metrics.rounding import as_fraction
from rafair.monitoring.probes import RAFAIR
from rafair.monitoring.telling.sentences import (
    CONDITION_NAMES,
    METRIC_NAMES,
    SYMBOLS,
    alarm_name,
    alarm_sentence,
    most_severe_first,
    opening,
    promise_sentence,
    refusal_text,
    state_sentences,
)
from rafair.monitoring.watched import ACCURACY, CLEAN, FAIRNESS, METRICS
from rafair.reports.monitor_cases import cases_sentence
from rafair.visible import shortened, visible

STYLES = {"watch": "bold", "warn": "bold yellow", "alarm": "bold red"}
LINE_WIDTH = 100
LONGEST_REASON = 300
SHORT = {ACCURACY: "acc", FAIRNESS: "fairness"}


def render_window(document: Mapping[str, Any], reference: Mapping[str, Any]) -> RenderableType:
    """The result of one window, as `check` prints it.

    Args:
        document: The result of the window, as it is stored.
        reference: That of the history.
    """
    counted = Text(
        f"Window {document['window']:,}: {_counts(document)}"
        f" ({shortened(str(document['source']))}, {_moment(document['closed'])} UTC)"
    )
    parts: list[RenderableType] = [counted]
    outside = {name: count for name, count in document["outside"].items() if count}
    if outside:
        said = ", ".join(f"{shortened(name)} {count:,}" for name, count in outside.items())
        parts.append(Text(f"Outside their feature's range: {said}", style="dim"))
    for refusal in document.get("refusals", ()):
        times = f" ({refusal['count']:,} records)" if refusal["count"] > 1 else ""
        parts.append(Text(f"Refused: {shortened(refusal_text(refusal), LONGEST_REASON)}{times}"))
    if document["n"]:
        parts += [Text(), _rates(document, reference)]
    parts += [Text(), *_alarms(document)]
    return Group(*parts)


def render_reference(reference: Mapping[str, Any]) -> RenderableType:
    """What was frozen, as `init` prints it: the rates, and how far each may fall untold.

    Args:
        reference: That of the history.
    """
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), show_edge=False)
    for place, header in enumerate(("Rate", "Reference", "95 % interval", "Bound")):
        table.add_column(header, justify="right" if place else "left", no_wrap=place > 0)
    for condition in reference["conditions"]:
        table.add_row(Text(opening(CONDITION_NAMES[condition]), style="bold"))
        for metric in METRICS:
            rate = reference["rates"][condition][metric]
            table.add_row(
                Text(f"  {METRIC_NAMES[metric]}"),
                Text(_value(rate)),
                f"{as_fraction(rate['low'])}–{as_fraction(rate['high'])}",
                Text(_bound(reference["bounds"], f"{condition}.{metric}")),
            )
    about = (
        f"Reference: {shortened(str(reference['dataset']))}, {shortened(str(reference['model']))}, "
        f"{reference['n']:,} rows; monitor {reference['id'][:12]}"
    )
    return Group(
        Text(about),
        Text(),
        table,
        Text(),
        Text(promise_sentence(reference)),
        Text(
            "A stream that stays above a rate's bound is never told to have fallen, but for that "
            "chance; below it, sooner or later. The reference must be rows that neither training "
            "nor the choice of the model has used.",
            style="dim",
        ),
        *(Text(visible(f"Warning: {said}"), style="yellow") for said in reference["warnings"]),
    )


def render_state(history: Mapping[str, Any]) -> RenderableType:
    """The state of a watch, as `watch` prints it when it begins and ends."""
    reference, totals, windows = history["reference"], history["totals"], history["windows"]
    said = [Text(sentence, style="bold") for sentence in state_sentences(history)]
    rows = (
        f"{totals['windows']:,} windows, {totals['rows']:,} rows, {totals['labelled']:,} with "
        f"their label, {totals['quarantined']:,} in quarantine, {totals['duplicates']:,} duplicates"
    )
    about = (
        f"Reference: {shortened(str(reference['dataset']))}, "
        f"{shortened(str(reference['model']))}, {reference['n']:,} rows"
    )
    parts: list[RenderableType] = [*said, Text(promise_sentence(reference)), Text(), Text(about)]
    parts += [Text(rows), Text()]
    if windows:
        parts.append(_rates(windows[-1], reference, f"Window {windows[-1]['window']:,}"))
    return Group(*parts)


def alarm_lines(before: Sequence[Mapping[str, Any]], document: Mapping[str, Any]) -> list[str]:
    """What opened at a window, and what closed, a line each.

    Args:
        before: The alarms of the window before.
        document: The result of the window.

    Example:
        >>> stood = {"kind": "accuracy", "level": "warn", "opened": 3}
        >>> alarm_lines([stood], {"window": 7, "alarms": []})
        ['  ▲ warn (accuracy) has closed; it stood since window 3']
    """
    lines = [
        visible(f"  {alarm_name(one)} opened: {alarm_sentence(one)}")
        for one in most_severe_first(document["alarms"])
        if one["new"]
    ]
    stand = {(one["kind"], one["level"]) for one in document["alarms"]}
    lines += [
        f"  {alarm_name(one)} has closed; it stood since window {one['opened']:,}"
        for one in before
        if (one["kind"], one["level"]) not in stand
    ]
    return lines


def window_line(document: Mapping[str, Any]) -> str:
    """A window in one line of at most 100 columns: the rates of rows as they came, and the alarm.

    Rates under RAFair stand in brackets where there is room.

    Example:
        >>> one, less = {"value": 0.8}, {"value": 0.7}
        >>> print(window_line({"window": 3, "n": 10, "labelled": 0, "quarantined": 1, "alarms": [],
        ...     "rates": {"clean": {"accuracy": None, "individual_fairness": one},
        ...               "rafair": {"accuracy": None, "individual_fairness": less}}}))
        window 3: 10 rows, 0 labelled, 1 refused; acc – (RAFair –), fairness 0.800 (RAFair 0.700)
    """
    refused = f", {document['quarantined']:,} refused" if document["quarantined"] else ""
    if document.get("duplicates"):
        refused += f", {document['duplicates']:,} again"
    begin = (
        f"window {document['window']:,}: {document['n']:,} rows, {document['labelled']:,} labelled"
        f"{refused}; "
    )
    alarms = most_severe_first(document["alarms"])
    end = "".join(f"; {SYMBOLS[one['level']]} {one['level']} {one['kind']}" for one in alarms)
    rates = document["rates"]
    plain = ", ".join(f"{short} {_value(rates[CLEAN][m])}" for m, short in SHORT.items())
    full = ", ".join(
        f"{short} {_value(rates[CLEAN][m])} (RAFair {_value(rates[RAFAIR][m])})"
        for m, short in SHORT.items()
        if RAFAIR in rates
    )
    for line in (begin + full, begin + plain):
        if line != begin and len(line + end) <= LINE_WIDTH:
            return line + end
    # counts of very many digits leave no room for rates, but always for the alarm
    return (begin + plain)[: LINE_WIDTH - len(end) - 1] + "…" + end


def _rates(
    document: Mapping[str, Any], reference: Mapping[str, Any], called: str = "This window"
) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), show_edge=False)
    for place, header in enumerate(("Rate", "Reference", called, "95 % interval", "Bound")):
        table.add_column(header, justify="right" if place else "left", no_wrap=place > 0)
    fallen = {fall["rate"] for alarm in document["alarms"] for fall in alarm["evidence"]["rates"]}
    for condition in reference["conditions"]:
        table.add_row(Text(opening(CONDITION_NAMES[condition]), style="bold"))
        for metric in METRICS:
            name = f"{condition}.{metric}"
            now = document["rates"][condition][metric]
            interval = f"{as_fraction(now['low'])}–{as_fraction(now['high'])}" if now else ""
            was = reference["rates"][condition][metric]
            # what fell may have risen again in this very window
            fell = name in fallen and now is not None and now["value"] < was["value"]
            value = Text(_value(now), style="bold red" if fell else "")
            if fell:
                value = Text.assemble("fell ", value)
            table.add_row(
                f"  {METRIC_NAMES[metric]}",
                _value(was),
                value,
                interval,
                _bound(reference["bounds"], name),
            )
    return table


def _alarms(document: Mapping[str, Any]) -> list[RenderableType]:
    alarms = most_severe_first(document["alarms"])
    if not alarms:
        return [Text("No alarm stands.")]
    said: list[RenderableType] = []
    for alarm in alarms:
        level = alarm["level"]
        heading = Text(f"{SYMBOLS[level]} {level}", style=STYLES[level])
        since = "opened at this window" if alarm["new"] else f"since window {alarm['opened']:,}"
        said.append(Text.assemble(heading, f" ({since})"))
        sentences = [f"{opening(alarm_sentence(alarm))}.", f"{cases_sentence(alarm)}."]
        told = "\n".join(one for one in sentences if one != ".")
        said.append(Padding(Text(told), (0, 0, 0, 2)))
    return said


def _counts(document: Mapping[str, Any]) -> str:
    late = document["late_labels"]
    parts = [f"{document['n']:,} rows", f"{document['labelled']:,} labelled"]
    parts += [f"{late:,} labels of earlier windows"] if late else []
    parts += [f"{document['waiting_labels']:,} labels waiting"] * bool(document["waiting_labels"])
    parts += [f"{document['quarantined']:,} in quarantine"] * bool(document["quarantined"])
    parts += [f"{document['duplicates']:,} duplicates"] * bool(document["duplicates"])
    return ", ".join(parts)


def _value(rate: Mapping[str, Any] | None) -> str:
    return "–" if rate is None else as_fraction(rate["value"])


def _bound(bounds: Mapping[str, float | None], name: str) -> str:
    if name not in bounds:
        return "not tested"
    bound = bounds[name]
    return "cannot be tested" if bound is None else as_fraction(bound)


def _moment(iso: str) -> str:
    return visible(iso[:16].replace("T", " "))
