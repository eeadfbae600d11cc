"""A watch for the terminal: one window's result, the state, and a line for each window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rafair.metrics.rates import Rate
from rafair.metrics.rounding import as_fraction
from rafair.monitoring.alarm import Alarm
from rafair.monitoring.probes import SEARCHES
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
from rafair.monitoring.told import History, ReferenceFacts, ToldWindow, WindowResult
from rafair.monitoring.watched import ACCURACY, CLEAN, FAIRNESS, METRICS
from rafair.reports.monitor_cases import cases_sentence
from rafair.visible import shortened, visible

STYLES = {"watch": "bold", "warn": "bold yellow", "alarm": "bold red"}
LINE_WIDTH = 100
LONGEST_REASON = 300
SHORT = {ACCURACY: "acc", FAIRNESS: "fairness"}


def render_window(result: WindowResult, reference: ReferenceFacts) -> RenderableType:
    """The result of one window, as `check` prints it."""
    counted = Text(
        f"Window {result.window:,}: {_counts(result)}"
        f" ({shortened(result.source)}, {_moment(result.closed)} UTC)"
    )
    parts: list[RenderableType] = [counted]
    outside = {name: count for name, count in result.outside.items() if count}
    if outside:
        said = ", ".join(f"{shortened(name)} {count:,}" for name, count in outside.items())
        parts.append(Text(f"Outside their feature's range: {said}", style="dim"))
    for refusal in result.refusals:
        times = f" ({refusal.count:,} records)" if refusal.count > 1 else ""
        parts.append(Text(f"Refused: {shortened(refusal_text(refusal), LONGEST_REASON)}{times}"))
    if result.n:
        parts += [Text(), _rates(result, reference)]
    parts += [Text(), *_alarms(result.alarms)]
    return Group(*parts)


def render_reference(reference: ReferenceFacts) -> RenderableType:
    """What was frozen, as `init` prints it: the rates, and how far each may fall untold."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), show_edge=False)
    for place, header in enumerate(("Rate", "Reference", "95 % interval", "Bound")):
        table.add_column(header, justify="right" if place else "left", no_wrap=place > 0)
    for condition in reference.conditions:
        table.add_row(Text(opening(CONDITION_NAMES[condition]), style="bold"))
        for metric in METRICS:
            rate = reference.rates[condition][metric]
            table.add_row(
                Text(f"  {METRIC_NAMES[metric]}"),
                Text(_value(rate)),
                f"{as_fraction(rate.low)}–{as_fraction(rate.high)}",
                Text(_bound(reference.bounds, f"{condition}.{metric}")),
            )
    return Group(
        Text(f"{_about(reference)}; monitor {reference.id[:12]}"),
        Text(),
        table,
        Text(),
        Text(promise_sentence(reference.alpha, reference.tolerance)),
        Text(
            "A stream that stays above a rate's bound is never told to have fallen, but for that "
            "chance; below it, sooner or later. The reference must be rows that neither training "
            "nor the choice of the model has used.",
            style="dim",
        ),
        *(Text(visible(f"Warning: {said}"), style="yellow") for said in reference.warnings),
    )


def render_state(history: History) -> RenderableType:
    """The state of a watch, as `watch` prints it when it begins and ends."""
    reference, totals = history.reference, history.totals
    parts: list[RenderableType] = [
        *(Text(sentence, style="bold") for sentence in state_sentences(history)),
        Text(promise_sentence(reference.alpha, reference.tolerance)),
        Text(),
        Text(_about(reference)),
    ]
    rows = (
        f"{totals.windows:,} windows, {totals.rows:,} rows, {totals.labelled:,} with "
        f"their label, {totals.quarantined:,} in quarantine, {totals.duplicates:,} duplicates"
    )
    parts += [Text(rows), Text()]
    if history.windows:
        newest = history.windows[-1]
        parts.append(_rates(newest, reference, f"Window {newest.window:,}"))
    return Group(*parts)


def alarm_lines(before: Sequence[Alarm], now: Sequence[Alarm]) -> list[str]:
    """What opened at a window, and what closed, a line each.

    Args:
        before: The alarms of the window before.
        now: Its own.

    Example:
        >>> alarm_lines([Alarm("accuracy", "warn", opened=3, new=False)], [])
        ['  ▲ warn (accuracy) has closed; it stood since window 3']
    """
    lines = [
        visible(f"  {alarm_name(one)} opened: {alarm_sentence(one)}")
        for one in most_severe_first(now)
        if one.new
    ]
    stand = {(one.kind, one.level) for one in now}
    lines += [
        f"  {alarm_name(one)} has closed; it stood since window {one.opened:,}"
        for one in before
        if (one.kind, one.level) not in stand
    ]
    return lines


def window_line(told: ToldWindow) -> str:
    """A window in one line of at most 100 columns: the rates of rows as they came, and the alarm.

    Rates under the most thorough search of the watch stand in brackets where there is room.
    """
    refused = f", {told.quarantined:,} refused" if told.quarantined else ""
    if told.duplicates:
        refused += f", {told.duplicates:,} again"
    begin = f"window {told.window:,}: {told.n:,} rows, {told.labelled:,} labelled{refused}; "
    alarms = most_severe_first(told.alarms)
    end = "".join(f"; {SYMBOLS[one.level]} {one.level} {one.kind}" for one in alarms)
    rates = told.rates
    plain = ", ".join(f"{short} {_value(rates[CLEAN][m])}" for m, short in SHORT.items())
    full = ", ".join(
        f"{short} {_value(rates[CLEAN][m])} (searched {_value(rates[search][m])})"
        for m, short in SHORT.items()
        for search in [name for name in SEARCHES if name in rates][-1:]
    )
    for line in (begin + full, begin + plain):
        if line != begin and len(line + end) <= LINE_WIDTH:
            return line + end
    # counts of very many digits leave no room for rates, but always for the alarm
    return (begin + plain)[: LINE_WIDTH - len(end) - 1] + "…" + end


def _rates(
    told: ToldWindow, reference: ReferenceFacts, called: str = "This window"
) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), show_edge=False)
    for place, header in enumerate(("Rate", "Reference", called, "95 % interval", "Bound")):
        table.add_column(header, justify="right" if place else "left", no_wrap=place > 0)
    fallen = {fall.rate for alarm in told.alarms for fall in alarm.falls}
    for condition in reference.conditions:
        table.add_row(Text(opening(CONDITION_NAMES[condition]), style="bold"))
        for metric in METRICS:
            name = f"{condition}.{metric}"
            now = told.rates[condition][metric]
            interval = f"{as_fraction(now.low)}–{as_fraction(now.high)}" if now else ""
            was = reference.rates[condition][metric]
            # what fell may have risen again in this very window
            fell = name in fallen and now is not None and now.value < was.value
            value = Text(_value(now), style="bold red" if fell else "")
            if fell:
                value = Text.assemble("fell ", value)
            table.add_row(
                f"  {METRIC_NAMES[metric]}",
                _value(was),
                value,
                interval,
                _bound(reference.bounds, name),
            )
    return table


def _alarms(alarms: Sequence[Alarm]) -> list[RenderableType]:
    if not alarms:
        return [Text("No alarm stands.")]
    said: list[RenderableType] = []
    for alarm in most_severe_first(alarms):
        level = alarm.level
        heading = Text(f"{SYMBOLS[level]} {level}", style=STYLES[level])
        since = "opened at this window" if alarm.new else f"since window {alarm.opened:,}"
        said.append(Text.assemble(heading, f" ({since})"))
        sentences = [f"{opening(alarm_sentence(alarm))}.", f"{cases_sentence(alarm)}."]
        told = "\n".join(one for one in sentences if one != ".")
        said.append(Padding(Text(told), (0, 0, 0, 2)))
    return said


def _about(reference: ReferenceFacts) -> str:
    named = f"{shortened(reference.dataset)}, {shortened(reference.model)}"
    return f"Reference: {named}, {reference.n:,} rows"


def _counts(result: WindowResult) -> str:
    parts = [f"{result.n:,} rows", f"{result.labelled:,} labelled"]
    for count, what in (
        (result.late_labels, "labels of earlier windows"),
        (result.waiting_labels, "labels waiting"),
        (result.quarantined, "in quarantine"),
        (result.duplicates, "duplicates"),
    ):
        parts += [f"{count:,} {what}"] * bool(count)
    return ", ".join(parts)


def _value(rate: Rate | None) -> str:
    return "–" if rate is None else as_fraction(rate.value)


def _bound(bounds: Mapping[str, float | None], name: str) -> str:
    if name not in bounds:
        return "not tested"
    bound = bounds[name]
    return "cannot be tested" if bound is None else as_fraction(bound)


def _moment(iso: str) -> str:
    return visible(iso[:16].replace("T", " "))
