"""What a run of the suite prints."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.comparing import THRESHOLD, Change, Mark
from benchmarks.figures import UNITS, Figure
from benchmarks.measuring import PRODUCT, Measured
from benchmarks.storing import Stored

STYLES = {Mark.WORSE: "bold red", Mark.BETTER: "green", Mark.NEW: "", Mark.SAME: ""}


def warn_if_busy(console: Console) -> None:
    """Says so where others compute on this machine as well."""
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
        console.print(f"This machine is busy (load {os.getloadavg()[0]:.1f}): expect noise.")


def print_run(
    console: Console,
    measured: Measured,
    changes: Sequence[Change],
    now: Stored,
    last: Stored | None,
) -> None:
    """Prints what was measured, beside the last release's figures.

    Args:
        console: Where to.
        measured: The figures, and the product's rates.
        changes: The same figures beside the last release's.
        now: Where and when they were measured.
        last: The last release's; None if none are stored.
    """
    low, middle, high = (rate / 1e9 for rate in _quartiles(measured.rates))
    console.print(
        f"Now: rafair {now.rafair_version}, {now.cpu}, {_threads(now.threads)}; float32 product "
        f"{PRODUCT}x{PRODUCT}: {middle:.0f} GFLOP/s ({low:.0f} to {high:.0f})."
    )
    console.print(_origin(now, last))
    console.print(_table(changes))
    for line in (*_legend(measured.figures), *_breakdown(measured.figures)):
        console.print(line)
    worse = [change.name for change in changes if change.mark is Mark.WORSE]
    if worse:
        console.print(f"Worse than in the last release: {', '.join(worse)}.", style="bold red")


def print_stored(console: Console, path: Path, now: Stored, last: Stored | None) -> None:
    """Says where the figures are now, and which former ones they do not replace."""
    console.print(f"Stored in {path}", soft_wrap=True)
    lost = sorted(last.figures.keys() - now.figures.keys()) if last else []
    if lost:
        console.print(f"No longer there, since not measured now: {', '.join(lost)}.")


def _quartiles(values: Sequence[float]) -> list[float]:
    return statistics.quantiles(values, n=4, method="inclusive")


def _threads(number: int) -> str:
    return "1 thread" if number == 1 else f"{number} threads"


def _origin(now: Stored, last: Stored | None) -> str:
    """Where the last release's figures come from, and whether they compare."""
    if last is None:
        return "No figures are stored: `python -m benchmarks --store` does that."
    origin = (
        f"Last release: rafair {last.rafair_version} on {last.date}, {last.cpu}, "
        f"{_threads(last.threads)}."
    )
    if (last.cpu, last.threads) != (now.cpu, now.threads):
        origin += " Another machine or number of threads: ratios may differ for that reason alone."
    return origin


def _table(changes: Sequence[Change]) -> Table:
    table = Table("benchmark", "unit")
    for title in ("now", "low to high", "last release", "change"):
        table.add_column(title, justify="right")
    table.add_column("")
    group = None
    for change in changes:
        *_, dataset = change.name.split("/")
        if dataset != group and group is not None:
            table.add_section()
        group = dataset
        table.add_row(*_row(change), style=STYLES[change.mark])
    return table


def _row(change: Change) -> tuple[str, ...]:
    now, last, share = change.now, change.last, change.share
    return (
        change.name,
        now.unit,
        f"{now.ratio:.3g}",
        f"{now.low:.3g} to {now.high:.3g}",
        f"{last.ratio:.3g}" if last else "-",
        f"{share:+.0%}" if share is not None else "-",
        str(change.mark),
    )


def _legend(figures: Mapping[str, Figure]) -> Iterator[str]:
    yield (
        "now, last release: medians of all rounds; low, high: quartiles. Marked is a change of "
        f"more than {THRESHOLD:.0%} that both spreads do not explain."
    )
    used = {figure.unit for figure in figures.values()}
    for unit in UNITS.values():
        if unit.name in used:
            direction = "higher" if unit.higher_is_better else "lower"
            yield f"{unit.name}: {unit.meaning} ({direction} is better)."


def _breakdown(figures: Mapping[str, Figure]) -> Iterator[str]:
    """How much of a sweep's time the network itself would take."""
    for name, sweep in figures.items():
        group, _, rest = name.partition("/")
        passes = figures.get(f"passes/{rest}")
        if group == "sweep" and passes:
            yield (
                f"{name}: the network's passes alone, on chunks already made, take "
                f"{sweep.ratio / passes.ratio:.0%} of its time."
            )
