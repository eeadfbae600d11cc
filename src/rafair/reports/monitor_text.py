"""A watch as blocks: one window's result, the state, and a line for each window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rafair.blocks.block_types import Block, Cells, Said, Tone, warnings
from rafair.metrics.rate_format import as_fraction
from rafair.metrics.rates import Rate
from rafair.monitoring.alarm_types import Alarm
from rafair.monitoring.probes import SEARCHES
from rafair.monitoring.telling.alarm_sentences import (
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
from rafair.monitoring.watch_results import History, ReferenceFacts, ToldWindow, WindowResult
from rafair.monitoring.watched_rates import ACCURACY, CLEAN, FAIRNESS, METRICS
from rafair.reports.monitor_cases import cases_sentence
from rafair.sanitize import shortened, visible

TONES = {"watch": Tone.STRONG, "warn": Tone.WARNING, "alarm": Tone.BAD}
LINE_WIDTH = 100
LONGEST_REASON = 300
SHORT = {ACCURACY: "acc", FAIRNESS: "fairness"}


def window_blocks(result: WindowResult, reference: ReferenceFacts) -> list[Block]:
    """The result of one window, as `check` prints it."""
    said = [
        f"Window {result.window:,}: {_counts(result)}"
        f" ({shortened(result.source)}, {_moment(result.closed)} UTC)"
    ]
    outside = {name: count for name, count in result.outside.items() if count}
    if outside:
        listed = ", ".join(f"{shortened(name)} {count:,}" for name, count in outside.items())
        said.append(f"Outside their feature's range: {listed}")
    for refusal in result.refusals:
        times = f" ({refusal.count:,} records)" if refusal.count > 1 else ""
        said.append(f"Refused: {shortened(refusal_text(refusal), LONGEST_REASON)}{times}")
    rates = [_rates(result, reference)] if result.n else []
    return [Said(said), *rates, *_alarms(result.alarms)]


def reference_blocks(reference: ReferenceFacts) -> list[Block]:
    """What was frozen, as `init` prints it: the rates, and how far each may fall untold."""
    rows: list[list[str]] = []
    for condition in reference.conditions:
        rows.append([opening(CONDITION_NAMES[condition]), "", "", ""])
        for metric in METRICS:
            rate = reference.rates[condition][metric]
            interval = f"{as_fraction(rate.low)}–{as_fraction(rate.high)}"
            bound = _bound(reference.bounds, f"{condition}.{metric}")
            rows.append([f"  {METRIC_NAMES[metric]}", _value(rate), interval, bound])
    note = (
        "A stream that stays above a rate's bound is never told to have fallen, but for that "
        "chance; below it, sooner or later. The reference must be rows that neither training "
        "nor the choice of the model has used."
    )
    return [
        Said([f"{_about(reference)}; monitor {reference.id[:12]}"]),
        Cells("", ("Rate", "Reference", "95 % interval", "Bound"), rows, dense=True),
        Said([promise_sentence(reference.alpha, reference.tolerance)]),
        Said([note], Tone.QUIET),
        warnings(reference.warnings),
    ]


def state_blocks(history: History) -> list[Block]:
    """The state of a watch, as `watch` prints it when it begins and ends."""
    reference, totals = history.reference, history.totals
    rows = (
        f"{totals.windows:,} windows, {totals.rows:,} rows, {totals.labelled:,} with "
        f"their label, {totals.quarantined:,} in quarantine, {totals.duplicates:,} duplicates"
    )
    promise = promise_sentence(reference.alpha, reference.tolerance)
    newest = history.windows[-1:]
    return [
        Said(state_sentences(history), Tone.STRONG),
        Said([promise, _about(reference), rows]),
        *(_rates(told, reference, f"Window {told.window:,}") for told in newest),
    ]


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


def _rates(told: ToldWindow, reference: ReferenceFacts, called: str = "This window") -> Cells:
    fallen = {fall.rate for alarm in told.alarms for fall in alarm.falls}
    rows: list[list[str]] = []
    tones = {}
    for condition in reference.conditions:
        rows.append([opening(CONDITION_NAMES[condition]), "", "", "", ""])
        for metric in METRICS:
            name = f"{condition}.{metric}"
            now = told.rates[condition][metric]
            interval = f"{as_fraction(now.low)}–{as_fraction(now.high)}" if now else ""
            was, value = reference.rates[condition][metric], _value(now)
            # what fell may have risen again in this very window
            if name in fallen and now is not None and now.value < was.value:
                value = f"fell {value}"
                tones[value] = Tone.BAD
            bound = _bound(reference.bounds, name)
            rows.append([f"  {METRIC_NAMES[metric]}", _value(was), value, interval, bound])
    headers = ("Rate", "Reference", called, "95 % interval", "Bound")
    return Cells("", headers, rows, dense=True, tones=tones)


def _alarms(alarms: Sequence[Alarm]) -> Iterator[Said]:
    if not alarms:
        yield Said(["No alarm stands."])
    for alarm in most_severe_first(alarms):
        since = "opened at this window" if alarm.new else f"since window {alarm.opened:,}"
        yield Said([f"{SYMBOLS[alarm.level]} {alarm.level} ({since})"], TONES[alarm.level])
        sentences = [f"{opening(alarm_sentence(alarm))}.", f"{cases_sentence(alarm)}."]
        yield Said([one for one in sentences if one != "."])


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
