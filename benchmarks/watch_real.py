"""How quiet the watch is on real rows without drift, and how soon it sees a loss among them.

`python -m benchmarks.watch_real RUN` takes the folder of a finished audit of a known data set, with
its network. It freezes a copy, and prints two tables, like `python -m benchmarks.watch`:

- of streams of rows drawn from the test split with replacement, how many ever showed an alarm; and
  the same of random halves of the split, one as the reference, the other as the stream, row by row;
- of streams that lose accuracy, fairness, or both, from window 1 or 51 on, how many rows came until
  the right alarm stood. A loss is planted by drawing more of those rows that the network really
  judges wrongly or unequally.

The split is judged once; streams are counts of its rows, which go to the tests without the model or
a store.

`python -m benchmarks.watch_real RUN --by FEATURE` sends the rows that the network was trained on
through the whole watch, into a store, in random order and ordered by a feature: a drift that is
real. It prints each alarm's beginning and end, and the true rates along the feature.
`--probes none` is 740 times faster on adult. Exit code 1 if there are more false alarms than alpha
allows.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.stats import binomtest

import rafair
from benchmarks.watch import (
    ALPHA,
    LOST,
    NAMES,
    RIGHT,
    TOLERANCE,
    Delay,
    Population,
    Streams,
    fell_at,
    share_told,
)
from rafair.monitoring.entry import Place
from rafair.monitoring.history import history_of
from rafair.monitoring.probes import DEFAULT
from rafair.monitoring.references.freezing import FreezeOptions, freeze, open_watched
from rafair.monitoring.references.frozen_reference import Reference
from rafair.monitoring.references.reference_rows import ReferenceRows
from rafair.monitoring.stream_record import Record
from rafair.monitoring.watched_rates import ACCURACY, CLEAN, FAIRNESS, Watched
from rafair.monitoring.window_monitor import Monitor

Numbers = NDArray[np.float64]
Rows = Sequence[Mapping[str, Any]]
"""Raw rows with their ids, by column."""

LOOKS, BANDS = 100, 12


def good_rows(rows: ReferenceRows, names: Sequence[str] = NAMES) -> NDArray[np.bool_]:
    """Whether each row is good by each rate; shape `(n, m)`."""
    rates = [Watched.of(name) for name in names]
    return np.stack(
        [rows.judged.holds(rate.condition, rate.metric, rows.labels) for rate in rates], axis=-1
    )


def cells_of(rows: ReferenceRows) -> NDArray[np.int64]:
    """Each row's cell as it came: 2 if it is right, and 1 more if it is fair; shape `(n,)`."""
    right, fair = good_rows(rows, [f"{CLEAN}.{ACCURACY}", f"{CLEAN}.{FAIRNESS}"]).T
    found: NDArray[np.int64] = 2 * right.astype(np.int64) + fair
    return found


def chances(cells: NDArray[np.int64], lost: str = "", points: float = 0) -> Numbers:
    """With which chance to draw each row, so that so many points are lost; shape `(n,)`.

    Rows of one cell are drawn alike; accuracy is lost from fair and unfair rows in proportion, and
    fairness from right and wrong ones, so that the other rate stays what it is.
    """
    counts = np.bincount(cells, minlength=4)
    shares = Population((counts / counts.sum()).reshape(2, 2))
    wanted = shares.losing(LOST[lost], points) if lost else shares
    found: Numbers = (wanted.cells.ravel() / np.maximum(counts, 1))[cells]
    found /= found.sum()
    return found


def counts_of(
    rng: np.random.Generator,
    good: NDArray[np.bool_],
    chance: Numbers,
    window: int,
    shape: tuple[int, int],
) -> NDArray[np.int64]:
    """How many of the rows of windows are good by each rate, drawn; shape `(S, T, m)`."""
    drawn = [
        good[rng.choice(len(good), (shape[1], window), p=chance)].sum(axis=1)
        for _ in range(shape[0])
    ]
    return np.stack(drawn).astype(np.int64)


def where_fallen(
    known: NDArray[np.int64], n: int, counts: NDArray[np.int64], window: int
) -> Streams:
    """What streams show against references.

    Args:
        known: How many rows of the references are good by each rate; shape `(S, m)`.
        n: How many rows each has.
        counts: The same of windows; shape `(S, T, m)`.
        window: How many rows each of them has.
    """
    each = [
        fell_at(known[:, rate], n, counts[..., rate], window, TOLERANCE)
        for rate in range(known.shape[1])
    ]
    return Streams(np.stack(each, axis=-1))


def quiet(rng: np.random.Generator, rows: ReferenceRows, *, window: int, streams: int) -> Streams:
    """Streams of rows of the reference itself, drawn with replacement."""
    good, chance = good_rows(rows), chances(cells_of(rows))
    counts = counts_of(rng, good, chance, window, (streams, LOOKS))
    return where_fallen(np.tile(good.sum(axis=0), (streams, 1)), len(rows), counts, window)


def halves(rng: np.random.Generator, rows: ReferenceRows, *, window: int, streams: int) -> Streams:
    """One half of the rows against the other, each row once, in any order."""
    good, half = good_rows(rows), len(rows) // 2
    known, counts = [], []
    for _ in range(streams):
        order = rng.permutation(good)
        known.append(order[:half].sum(axis=0))
        stream = order[half : half + half // window * window]
        counts.append(stream.reshape(-1, window, len(NAMES)).sum(axis=1))
    return where_fallen(np.stack(known), half, np.stack(counts).astype(np.int64), window)


def delay(
    rng: np.random.Generator,
    rows: ReferenceRows,
    lost: str,
    points: float,
    *,
    window: int,
    most: int,
    streams: int,
    calm: int,
) -> Delay:
    """Plants a loss after `calm` windows, and waits for its alarm for so many rows."""
    good, cells = good_rows(rows), cells_of(rows)
    before = counts_of(rng, good, chances(cells), window, (streams, calm))
    after = chances(cells, lost, points)
    later = counts_of(rng, good, after, window, (streams, most // window))
    counts = np.concatenate([before, later], axis=1)
    found = where_fallen(np.tile(good.sum(axis=0), (streams, 1)), len(rows), counts, window)
    stands = found.shows(*RIGHT[lost])[:, calm:]
    first = np.where(stands.any(axis=1), (stands.argmax(axis=1) + 1.0) * window, np.inf)
    wrong = 0 if lost == "both" else int(found.shows_other(lost).sum())
    return Delay(first, wrong)


class Replayed(NamedTuple):
    """What the watch made of a stream.

    Args:
        documents: The result of each window.
        steps: By rate, how many of how many were good at each window; shape `(T, 2)` each.
        history: All that `rafair monitor report` shows.
    """

    documents: list[dict[str, Any]]
    steps: dict[str, NDArray[np.int64]]
    history: dict[str, Any]


def replay(run: Path, store: Path, windows: Iterable[Rows]) -> Replayed:
    """Sends rows through the whole watch: sorted, gathered, judged, tested and stored.

    Args:
        run: A run's folder with a reference.
        store: The file of its store.
        windows: The raw rows, or labels alone, of each window.
    """
    place = Place(run, store=str(store))
    reference, judge = open_watched(run)
    sort = place.sorter(reference, number_rows=False, prefix=None)
    documents = []
    with place.open_store(reference) as opened, opened.hold():
        monitor = Monitor(reference, judge, opened)
        for number, rows in enumerate(windows):
            gathering = monitor.begin()
            records = [Record("stream", line, dict(row)) for line, row in enumerate(rows)]
            gathering.add(records, sort, opened)
            documents.append(monitor.close(gathering, f"replayed {number}").to_dict())
        history = history_of(reference, opened).to_dict()
        return Replayed(documents, opened.history(monitor.names), history)


def raw_rows(table: rafair.Table, chosen: NDArray[np.int64], prefix: str = "r") -> Rows:
    """Raw rows of a table with ids, `PREFIX0` and so on, and the names of their classes."""
    frame = table.frame.iloc[chosen].reset_index(drop=True)
    labels = [table.schema.classes[code] for code in table.labels[chosen]]
    ids = [f"{prefix}{number}" for number in range(len(chosen))]
    named = frame.assign(id=ids, label=labels)
    return [{str(name): value for name, value in row.items()} for row in named.to_dict("records")]


def cut(rows: Any, window: int) -> list[Any]:
    """Rows as windows of a size; the last may be smaller."""
    return [rows[start : start + window] for start in range(0, len(rows), window)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the tables; returns 1 where false alarms are more than alpha allows."""
    options = _options(arguments)
    console = Console(width=140, highlight=False)
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder, "run")
        without = shutil.ignore_patterns("monitor*")
        shutil.copytree(options.run, run, ignore=without)
        probes = () if options.probes == "none" else DEFAULT
        reference = freeze(run, FreezeOptions(ALPHA, TOLERANCE, probes))
        console.print(_described(reference))
        if options.by:
            for order in ("random", options.by):
                console.print(*_ordered(run, Path(folder), reference, order, options))
            return 0
        return _drawn(reference.rows, options, console)


def _described(reference: Reference) -> str:
    rates = [
        f"{condition} {of['accuracy'].value:.3f} and {of['individual_fairness'].value:.3f}"
        for condition, of in reference.rates.items()
    ]
    told = ", ".join(rates)
    return f"{reference.dataset.name}, {reference.n:,} rows; accuracy and fairness: {told}"


def _drawn(rows: ReferenceRows, options: argparse.Namespace, console: Console) -> int:
    rng, streams = np.random.default_rng(options.seed), options.streams
    table = Table("rows", "window", "alarmed", "share", "95 % interval")
    alarmed = 0
    for name, draw in (("drawn, 100 windows", quiet), ("halves, once", halves)):
        found = draw(rng, rows, window=options.window, streams=streams).alarmed
        alarmed = max(alarmed, found)
        table.add_row(name, str(options.window), *share_told(found, streams))
    console.print(f"without drift: {streams} streams, alpha {ALPHA}", table)
    if options.losses:
        console.print(_delays(rng, rows, options))
    return int(binomtest(alarmed, streams, ALPHA, alternative="greater").pvalue < 0.001)


def _delays(rng: np.random.Generator, rows: ReferenceRows, options: argparse.Namespace) -> Table:
    streams = options.streams
    heads = [f"{100 * points:.0f} points" for points in options.losses]
    title = f"rows until the right alarm: median / 95th percentile / never in {options.rows:,}"
    table = Table("lost", "from", *heads, "wrong kind", title=title)
    sizes = {"window": options.window, "most": options.rows, "streams": streams}
    for lost in LOST:
        for calm in (0, 50):
            each = [delay(rng, rows, lost, p, **sizes, calm=calm) for p in options.losses]
            wrong = f"{sum(one.wrong for one in each)} of {len(each) * streams}"
            told = "" if lost == "both" else wrong
            table.add_row(lost, str(calm + 1), *map(str, each), told)
    return table


def _ordered(
    run: Path, folder: Path, reference: Reference, order: str, options: argparse.Namespace
) -> tuple[Table, Table]:
    """The alarms of a stream of training rows, and the rates along a feature."""
    data = rafair.load_dataset(reference.dataset.name, reference.dataset.variant).train
    rng = np.random.default_rng(options.seed)
    chosen = rng.permutation(len(data))[: options.most]
    values = data.frame[options.by].to_numpy()
    if order != "random":
        chosen = chosen[np.argsort(values[chosen], kind="stable")]
    windows = cut(raw_rows(data, chosen), options.window)
    found = replay(run, folder / f"{order}.sqlite", windows)
    ranges, classes = (cut(of[chosen], options.window) for of in (values, data.labels))
    title = f"{len(chosen):,} training rows in {len(windows)} windows, order: {order}"
    bands = _bands(found, ranges, classes, options.by, data.schema.classes[1])
    return _alarms(found, ranges, options.by, title), bands


def _alarms(found: Replayed, ranges: Sequence[Any], by: str, title: str) -> Table:
    heads = ("windows", "kind", "level", f"{by} when it began", "fell, since window: by")
    table = Table(*heads, title=title)
    standing: dict[tuple[str, str, int], dict[str, Any]] = {}
    last: dict[tuple[str, str, int], int] = {}
    for document in found.documents:
        for alarm in document["alarms"]:
            key = (alarm["kind"], alarm["level"], alarm["opened"])
            standing.setdefault(key, alarm)
            last[key] = document["window"]
    for (kind, level, opened), alarm in standing.items():
        fell = [
            f"{fall['rate']} {fall['since']}: {fall['fell_by']:.3f}"
            for fall in alarm["evidence"]["rates"]
        ]
        there = ranges[opened - 1]
        until = last[kind, level, opened]
        span = f"{there.min()} to {there.max()}"
        table.add_row(f"{opened} to {until}", kind, level, span, "; ".join(fell))
    if not standing:
        table.add_row("none", "", "", "", "")
    return table


def _bands(
    found: Replayed, ranges: Sequence[Any], classes: Sequence[Any], by: str, one: str
) -> Table:
    table = Table("windows", by, "rows", one, "accuracy", "individual fairness")
    for some in np.array_split(np.arange(len(ranges)), min(BANDS, len(ranges))):
        low = min(ranges[place].min() for place in some)
        high = max(ranges[place].max() for place in some)
        sums = [
            found.steps[f"{CLEAN}.{metric}"][some].sum(axis=0) for metric in (ACCURACY, FAIRNESS)
        ]
        told = [f"{good / n:.3f}" for good, n in sums]
        span = f"{some[0] + 1} to {some[-1] + 1}"
        share = np.concatenate([classes[place] for place in some]).mean()
        table.add_row(span, f"{low} to {high}", f"{sums[0][1]:,}", f"{share:.3f}", *told)
    return table


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watch_real", description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--losses", type=float, nargs="*", default=[0.10, 0.15, 0.20])
    parser.add_argument("--window", type=int, default=100, help="rows in each")
    parser.add_argument("--rows", type=int, default=5000, help="how long a loss is waited for")
    parser.add_argument("--by", help="a feature to order training rows by")
    parser.add_argument("--most", type=int, help="how many training rows; all by default")
    parser.add_argument("--probes", choices=("both", "none"), default="both")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
