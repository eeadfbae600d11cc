"""How often the watch cries wolf, and how soon it sees a loss, on streams that are drawn.

`python -m benchmarks.watch` draws streams whose rows are accurate and fair with known chances, as
they come and under two perturbations, all six depending on each other as in real data. For each
stream a reference is drawn anew from the same population. It prints two tables:

- of streams without drift, how many ever showed an alarm, with a 95 % Clopper-Pearson interval;
- of streams that lose accuracy, fairness, or both, from window 1 or 51 on, how many rows came until
  the right alarm stood (median, 95th percentile), how many never showed it within `--rows`, and
  how many ever showed an alarm of a kind that is wrong.

`--streams 1000` for sharper figures; it takes minutes. Exit code 1 if false alarms are more than
alpha allows.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.stats import binomtest

from rafair.monitoring.evidence.alarm_levels import tiers
from rafair.monitoring.evidence.drift_tests import share_of
from rafair.monitoring.evidence.two_samples import Step, at_every_look, steps
from rafair.monitoring.watched_rates import CONDITIONS, watched

NAMES = tuple(one.name for one in watched(CONDITIONS))
ALPHA, TOLERANCE = 0.05, 0.01
LOST = {"accuracy": (0,), "fairness": (1,), "both": (0, 1)}
RIGHT = {"accuracy": ("accuracy", "warn"), "fairness": ("fairness", "warn")}
RIGHT["both"] = ("joint", "alarm")

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Population:
    """Chances of what a row may be: how far it stays accurate, and how far it stays fair.

    Args:
        cells: Chances of being wrong, or right under 1, 2, or all 3 conditions, crossed with the
            same of fairness; shape `(4, 4)`.
    """

    cells: Numbers

    @classmethod
    def of(cls, accuracy: Sequence[float], fairness: Sequence[float], tie: float) -> Population:
        """That with these rates, clean first; with chance `tie` one luck decides of both."""
        first, second = (-np.diff([1, *rates, 0]) for rates in (accuracy, fairness))
        upper = np.minimum.outer(np.cumsum(first), np.cumsum(second))
        together = np.diff(np.diff(upper, axis=0, prepend=0), axis=1, prepend=0)
        return cls(tie * together + (1 - tie) * np.outer(first, second))

    @property
    def rates(self) -> Numbers:
        """The chances of `NAMES`; shape `(6,)`."""
        return self.cells.ravel() @ HOLDS

    def losing(self, properties: Sequence[int], points: float) -> Population:
        """The same with so much lost of each property on rows as they come."""
        cells = self.cells
        for axis in properties:
            cells = np.moveaxis(cells.copy(), axis, 0)
            moved = cells[1:] * points / cells[1:].sum()
            cells[1:] -= moved
            cells[0] += moved.sum(axis=0)
            cells = np.moveaxis(cells, 0, axis)
        return Population(cells)

    def draw(
        self, rng: np.random.Generator, rows: int, shape: tuple[int, ...]
    ) -> NDArray[np.int64]:
        """How many of so many rows are good, by `NAMES`; shape `(*shape, 6)`."""
        counts: NDArray[np.int64] = rng.multinomial(rows, self.cells.ravel(), shape) @ HOLDS
        return counts


HOLDS = np.array(
    [
        [(fair if metric else accurate) > condition for condition in range(3) for metric in (0, 1)]
        for accurate in range(4)
        for fair in range(4)
    ],
    dtype=np.int64,
)
"""What of `NAMES` holds in each cell; shape `(16, 6)`."""

POPULATIONS = {
    "strong": Population.of((0.85, 0.84, 0.80), (0.93, 0.92, 0.85), 0.3),
    "weak": Population.of((0.71, 0.70, 0.62), (0.54, 0.53, 0.40), 0.3),
    "near perfect": Population.of((0.99, 0.985, 0.97), (0.999, 0.998, 0.99), 0.3),
}


class Streams(NamedTuple):
    """What streams showed at each look: whether each of `NAMES` fell; shape `(S, T, 6)`."""

    fell: NDArray[np.bool_]

    @property
    def alarmed(self) -> int:
        """How many streams ever showed an alarm."""
        return int(self.fell.any(axis=(1, 2)).sum())

    def shows(self, kind: str, level: str) -> NDArray[np.bool_]:
        """Where an alarm stands; shape `(S, T)`."""
        return self._where({(kind, level)})

    def shows_other(self, lost: str) -> NDArray[np.bool_]:
        """Which streams ever said "joint", or what was not lost; shape `(S,)`."""
        kinds = {"accuracy", "fairness", "joint"} - {lost}
        return self._where({(kind, level) for kind in kinds for level in LEVELS}).any(axis=1)

    def _where(self, wanted: set[tuple[str, str]]) -> NDArray[np.bool_]:
        table = np.array([bool(wanted & set(tiers_of(code))) for code in range(2 ** len(NAMES))])
        return table[self.fell @ (1 << np.arange(len(NAMES)))]


LEVELS = ("watch", "warn", "alarm")


def tiers_of(code: int) -> list[tuple[str, str]]:
    """Kinds and levels where the rates that fell are the bits of a number."""
    fallen = [name for bit, name in enumerate(NAMES) if code >> bit & 1]
    return [(tier.kind, tier.level) for tier in tiers(fallen)]


def watch(
    rng: np.random.Generator,
    population: Population,
    *,
    reference: int,
    window: int,
    looks: int,
    streams: int,
    later: Population | None = None,
    calm: int = 0,
    tolerance: float = TOLERANCE,
) -> Streams:
    """Draws references and streams, and tests them.

    Args:
        rng: Where draws come from.
        population: That of the reference, and of streams without drift.
        reference: How many rows it has.
        window: How many rows each window has.
        looks: How many windows.
        streams: How many references and streams.
        later: What streams are drawn from after the calm; the same by default.
        calm: How many windows come before it.
        tolerance: How far a rate may fall without being told.
    """
    known = population.draw(rng, reference, (streams,))
    drawn = population.draw(rng, window, (streams, looks))
    if later is not None:
        drawn[:, calm:] = later.draw(rng, window, (streams, looks - calm))
    fell = [
        fell_at(known[:, rate], reference, drawn[..., rate], window, tolerance)
        for rate in range(len(NAMES))
    ]
    return Streams(np.stack(fell, axis=-1))


def fell_at(
    known: NDArray[np.int64], n: int, good: NDArray[np.int64], window: int, tolerance: float
) -> NDArray[np.bool_]:
    """At which looks one rate fell; shape `(S, T)`."""
    share = share_of(ALPHA, len(NAMES))
    each = [steps(int(count), n, share, tolerance) for count in known]
    counts = np.stack([good, np.full(good.shape, window)], axis=-1)
    fell = np.ones(good.shape, bool)
    for column in reversed(list(zip(*each, strict=True))):  # most streams pass the lowest bound
        left = np.flatnonzero(fell.any(axis=1))
        if left.size:
            bound = np.array([column[stream].bound for stream in left])
            evidence = at_every_look([Step(bound, column[0].log_factor)], counts[left])
            fell[left] &= evidence.log_e >= -np.log(share)
    return fell


class Delay(NamedTuple):
    """How soon a loss was seen: rows by stream, infinite where never; and false kinds."""

    rows: Numbers
    wrong: int

    def __str__(self) -> str:
        told = [
            f"{value:,.0f}" if np.isfinite(value) else "–"
            for value in np.quantile(self.rows, [0.5, 0.95], method="higher")
        ]
        return " / ".join([*told, str(int(np.isinf(self.rows).sum()))])


def delay(
    rng: np.random.Generator,
    population: Population,
    lost: str,
    points: float,
    *,
    reference: int,
    window: int,
    rows: int,
    streams: int,
    calm: int,
) -> Delay:
    """Plants a loss after `calm` windows, and waits for its alarm for so many rows."""
    later = population.losing(LOST[lost], points)
    looks = calm + rows // window
    sizes = {"reference": reference, "window": window, "looks": looks, "streams": streams}
    found = watch(rng, population, **sizes, later=later, calm=calm)
    stands = found.shows(*RIGHT[lost])[:, calm:]
    first = np.where(stands.any(axis=1), (stands.argmax(axis=1) + 1.0) * window, np.inf)
    wrong = 0 if lost == "both" else int(found.shows_other(lost).sum())
    return Delay(first, wrong)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints both tables; returns 1 where false alarms are more than alpha allows."""
    options = _options(arguments)
    console = Console(width=140, highlight=False)
    rng = np.random.default_rng(options.seed)
    alarmed = streams = 0
    table = Table("population", "reference", "window", "alarmed", "share", "95 % interval")
    for name in options.populations:
        for reference in options.references:
            for window in (50, 500):
                sizes = {"reference": reference, "window": window, "streams": options.streams}
                sizes["tolerance"] = options.tolerance
                found = watch(rng, POPULATIONS[name], **sizes, looks=100)
                alarmed, streams = alarmed + found.alarmed, streams + options.streams
                cells = (name, f"{reference:,}", str(window))
                table.add_row(*cells, *share_told(found.alarmed, options.streams))
    table.add_row("all", "", "", *share_told(alarmed, streams))
    said = f"without drift: {options.streams} streams of 100 windows, alpha {ALPHA}"
    console.print(f"{said}, tolerance {options.tolerance:g}", table)
    if options.rows:
        console.print(_delays(rng, options))
    return int(binomtest(alarmed, streams, ALPHA, alternative="greater").pvalue < 0.001)


def share_told(count: int, n: int) -> tuple[str, str, str]:
    """A count, its share, and the 95 % Clopper-Pearson interval of that."""
    interval = binomtest(count, n).proportion_ci(method="exact")
    return f"{count} of {n}", f"{count / n:.4f}", f"{interval.low:.4f} to {interval.high:.4f}"


def _delays(rng: np.random.Generator, options: argparse.Namespace) -> Table:
    heads = [f"{100 * points:.0f} points" for points in options.losses]
    title = f"rows until the right alarm: median / 95th percentile / never in {options.rows:,}"
    table = Table("population", "reference", "lost", "from", *heads, "wrong kind", title=title)
    for name in options.populations:
        for reference in options.references:
            for lost in LOST:
                for calm in (0, 50):
                    sizes = {"reference": reference, "window": options.window, "calm": calm}
                    sizes |= {"rows": options.rows, "streams": options.streams}
                    each = [
                        delay(rng, POPULATIONS[name], lost, points, **sizes)
                        for points in options.losses
                    ]
                    wrong = f"{sum(one.wrong for one in each)} of {len(each) * options.streams}"
                    wrong = "" if lost == "both" else wrong
                    cells = (name, f"{reference:,}", lost, str(calm + 1))
                    table.add_row(*cells, *map(str, each), wrong)
    return table


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watch", description=__doc__)
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--populations", nargs="+", default=list(POPULATIONS), choices=POPULATIONS)
    parser.add_argument("--losses", type=float, nargs="+", default=[0.05, 0.10, 0.15, 0.20])
    parser.add_argument("--references", type=int, nargs="+", default=[1274, 15060])
    parser.add_argument("--window", type=int, default=100, help="rows in each, where some is lost")
    parser.add_argument("--rows", type=int, default=5000, help="how long it is waited for; 0: no")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help="without drift")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
