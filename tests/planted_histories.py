"""Histories of watches with a planted fall: counts are drawn, alarms computed."""

from __future__ import annotations

import datetime
import math

import numpy as np

from rafair.metrics.rates import Rate, rate
from rafair.monitoring.alarm_types import Alarm, Case, Cases, Fall
from rafair.monitoring.references.stream_judge_options import StreamJudgeOptions
from rafair.monitoring.store.stored_values import Totals
from rafair.monitoring.stream_record import Refusal
from rafair.monitoring.watch_results import (
    History,
    Quarantined,
    ReferenceFacts,
    ToldWindow,
    WindowResult,
)
from rafair.monitoring.watched_rates import ACCURACY, CLEAN, CONDITIONS, FAIRNESS, METRICS, Watched

START = datetime.datetime(2026, 3, 1, 6, tzinfo=datetime.UTC)
SOUND = {"accuracy": 0.82, "individual_fairness": 0.93, "accurate_fairness": 0.77}
PROBED = {"clean": 0.0, "noise": 0.02, "strongest": 0.12}
ALPHA, TOLERANCE, REFERENCE_ROWS = 0.05, 0.01, 4_522
THRESHOLD = 2 * 6 / ALPHA


def planted_history(
    windows: int = 40,
    *,
    rows: int = 200,
    falls: dict[str, float] | None = None,
    since: int = 20,
    until: int | None = None,
    late: int = 0,
    seed: int = 0,
    name: str = "adult",
    quarantine: tuple[str, ...] = (),
    days: float = 1.0,
    untested: tuple[str, ...] = (),
) -> History:
    """A history.

    Args:
        windows: How many.
        rows: In each.
        falls: By rate such as "clean.accuracy", by how much it falls.
        since: The window from which on it has fallen.
        until: The last such window.
        late: Of how many of the newest windows no label has come.
        seed: Decides the counts.
        name: Of data set, model, run and sources.
        quarantine: Lines that were refused, in the newest window.
        days: Between windows.
        untested: Rates whose bound is not above the tolerance.
    """
    falls = falls or {}
    chances = _chances()
    reference_rates = {
        condition: {
            metric: _rate(round(chances[f"{condition}.{metric}"] * REFERENCE_ROWS), REFERENCE_ROWS)
            for metric in METRICS
        }
        for condition in CONDITIONS
    }
    bounds = {
        f"{condition}.{metric}": None
        if f"{condition}.{metric}" in untested
        else reference_rates[condition][metric].low - 0.01 - TOLERANCE
        for condition in CONDITIONS
        for metric in (ACCURACY, FAIRNESS)
    }
    draws, seen, made = np.random.default_rng(seed), {}, []
    opened: dict[tuple[str, str], int] = {}
    for number in range(1, windows + 1):
        labelled = rows if number <= windows - late else 0
        fallen = since <= number <= (until or windows)
        rates: dict[str, dict[str, Rate | None]] = {}
        for condition in CONDITIONS:
            rates[condition] = {}
            for metric in METRICS:
                key = f"{condition}.{metric}"
                n = rows if metric == FAIRNESS else labelled
                chance = chances[key] - (falls.get(key, 0.0) if fallen else 0.0)
                count = int(draws.binomial(n, chance)) if n else 0
                rates[condition][metric] = rate(count, n)
                if metric != METRICS[2] and fallen:
                    good, of = seen.get(key, (0, 0))
                    seen[key] = (good + count, of + n)
        if not fallen:
            seen = {}
        alarms = _alarms(seen, bounds, reference_rates, since, number, opened, name)
        closed = START + datetime.timedelta(days=days * number)
        made.append(
            ToldWindow(
                window=number,
                source=f"{name}-{number:04d}.csv",
                opened=(closed - datetime.timedelta(hours=1)).isoformat(),
                closed=closed.isoformat(),
                n=rows,
                labelled=labelled,
                quarantined=len(quarantine) if number == windows else 0,
                duplicates=number % 3,
                refusals=[
                    Refusal(f"column '{line}': expected a number", 1, f"'{line}'")
                    for line in quarantine
                    if number == windows
                ],
                rates=rates,
                alarms=alarms,
            )
        )
    return History(
        schema_version=1,
        rafair_version="0.0",
        created=(START + datetime.timedelta(days=days * windows, hours=1)).isoformat(),
        reference=ReferenceFacts(
            id="3f" * 32,
            created=START.isoformat(),
            run=f"runs/{name}",
            dataset=name,
            variant="",
            model=name,
            model_sha256="5a" * 32,
            n=REFERENCE_ROWS,
            alpha=ALPHA,
            tolerance=TOLERANCE,
            conditions=list(CONDITIONS),
            probe=StreamJudgeOptions(steps=5),
            rates=reference_rates,
            warnings=[],
            bounds=bounds,
        ),
        totals=Totals(
            windows=windows,
            rows=windows * rows,
            labelled=max(windows - late, 0) * rows,
            waiting_labels=3,
            quarantined=len(quarantine) if windows else 0,
            duplicates=sum(window.duplicates for window in made),
            outside={"age": 7},
        ),
        windows=made,
        quarantine=[
            Quarantined(
                window=windows,
                source=f"{name}-{windows:04d}.csv",
                number=number,
                reason=f"column '{line}': expected a number, found '{line}'",
                content=line,
            )
            for number, line in enumerate(quarantine, 2)
        ],
    )


def window_result(history: History, number: int = -1) -> WindowResult:
    """The result of one window, as `check` prints it."""
    of_window = vars(history.windows[number])
    return WindowResult(
        **of_window, late_labels=4, waiting_labels=3, outside={"age": 7, "hours": 0}
    )


JOINT_FALL = {
    f"{condition}.{metric}": 0.14
    for condition in CONDITIONS
    for metric in ("accuracy", "individual_fairness", "accurate_fairness")
}
ACCURACY_FALL = {"clean.accuracy": 0.15, "clean.accurate_fairness": 0.15}
PROBE_FALL = {"noise.individual_fairness": 0.15, "rafair.individual_fairness": 0.15}


def _cases(since: int, number: int, name: str) -> Cases:
    """Rows behind an alarm, with hostile names where the history has one."""
    what = (["clean"], ["strongest"])
    listed = [
        Case(f"{name}-{number}-1", number, name, name, True, *what, new=True),
        Case(f"row-{number}-2", number, name, None, None, *what, new=False),
    ]
    return Cases(since=since, found=40, looked_at=30, new=7, listed=listed)


def _chances() -> dict[str, float]:
    return {
        f"{condition}.{metric}": SOUND[metric] - PROBED[condition]
        for condition in CONDITIONS
        for metric in METRICS
    }


def _rate(count: int, n: int) -> Rate:
    found = rate(count, n)
    assert found is not None
    return found


def _alarms(
    seen: dict[str, tuple[int, int]],
    bounds: dict[str, float | None],
    reference: dict[str, dict[str, Rate]],
    since: int,
    number: int,
    opened: dict[tuple[str, str], int],
    name: str,
) -> list[Alarm]:
    """Those of the contract, by a likelihood ratio of the share seen to the bound."""
    fallen: dict[str, Fall] = {}
    for rate_name, (count, n) in seen.items():
        bound = bounds[rate_name]
        if bound is None or n == 0 or count / n >= bound:
            continue
        q = min(max(count / n, 1e-9), 1 - 1e-9)
        log_e = count * math.log(q / bound) + (n - count) * math.log((1 - q) / (1 - bound))
        if log_e < math.log(THRESHOLD):
            continue
        rate_of = Watched.of(rate_name)
        was, now = reference[rate_of.condition][rate_of.metric], _rate(count, n)
        e_value = math.exp(log_e) if log_e < 700 else None
        fall = was.value - now.value
        told = (was, bound, since, now, fall, e_value, log_e, THRESHOLD, 1 / THRESHOLD)
        fallen[rate_name] = Fall(rate_name, *told)
    clean = {m for m in (ACCURACY, FAIRNESS) if f"{CLEAN}.{m}" in fallen}
    probed = {Watched.of(one).metric for one in fallen} - clean
    found = []
    for metrics, alone, both in ((clean, "warn", "alarm"), (probed, "watch", "watch")):
        if not metrics:
            continue
        kind = "joint" if len(metrics) == 2 else "accuracy" if ACCURACY in metrics else "fairness"
        level = both if len(metrics) == 2 else alone
        falls = tuple(fall for one, fall in fallen.items() if Watched.of(one).metric in metrics)
        found.append((kind, level, falls))
    for key in set(opened) - {(kind, level) for kind, level, _ in found}:
        del opened[key]
    return [
        Alarm(
            kind, level, start := opened.setdefault((kind, level), number), start == number,
            falls, _cases(since, number, name),
        )
        for kind, level, falls in found
    ]  # fmt: skip
