"""Cases timed in turn with the machine's own float32 matrix product, and what is told of them.

The machine's own speed drifts, so a product stands before and after every call, the better of the
two counts as what the machine can do just then, and each round runs all cases once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from benchmarks.figures import Figure, Unit
from rafair.engine.thread_pool import Workers

PRODUCT = 2048
"""Rows and columns of the product's matrices."""

LEAST_SECONDS = 0.2
"""A case is repeated until a round of it takes about so long."""

COLD_ROUNDS = 2
"""The most rounds of a case that starts a process of its own."""

MOST_REPEATS = 1000


class Product:
    """The float32 matrix product that all else is measured by.

    Args:
        threads: How many threads compute it.
    """

    OPERATIONS = 2 * PRODUCT**3

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._a, self._b = torch.randn(2, PRODUCT, PRODUCT)
        self._out = torch.empty(PRODUCT, PRODUCT)
        self.seconds()  # the first call pays for memory and threads

    def seconds(self, repeats: int = 1) -> float:
        """The best of a few, as a floor should be."""
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        best = min(
            seconds(lambda: torch.mm(self._a, self._b, out=self._out)) for _ in range(repeats)
        )
        torch.set_num_threads(before)
        return best

    def rate(self) -> float:
        """Operations per second of one product."""
        return self.OPERATIONS / self.seconds()


@dataclass(frozen=True)
class Timing:
    """One call of a case.

    Args:
        seconds: How long it took.
        rate: Operations per second of the product beside it.
        result: What the call gave.
    """

    seconds: float
    rate: float
    result: Any


@dataclass(frozen=True)
class Measure:
    """What is told of a case: `value` makes a figure in `unit` of each of its timings."""

    name: str
    unit: Unit
    value: Callable[[Timing], float]


@dataclass(frozen=True)
class Case:
    """Something to be timed.

    Args:
        call: The work; it computes with the workers that it is given.
        measures: What is told of it.
        cold: Whether it starts a process of its own, so that no call warms up the next.
    """

    call: Callable[[Workers], object]
    measures: tuple[Measure, ...]
    cold: bool = False


@dataclass
class Measured:
    """What a run has measured: figures by name, and the product's rates beside them."""

    figures: dict[str, Figure]
    rates: list[float] = field(default_factory=list)


def measure_in_turn(
    cases: Sequence[Case],
    threads: int,
    rounds: int,
    advance: Callable[[], object] = lambda: None,
) -> Measured:
    """Runs every case once a round, between two products.

    Args:
        cases: What is timed.
        threads: How many threads compute, the product as well.
        rounds: How often.
        advance: Told of every call that is done.
    """
    product = Product(threads)
    rates: list[float] = []
    values: dict[str, list[float]] = {m.name: [] for case in cases for m in case.measures}
    repeats = [1 if case.cold else _repeats(case, threads) for case in cases]
    for number in range(rounds):
        rates.append(product.rate())
        for case, times in zip(cases, repeats, strict=True):
            if case.cold and number >= COLD_ROUNDS:
                continue
            spent, result = _run(case, threads, times)
            rates.append(product.rate())
            timing = Timing(spent, max(rates[-2:]), result)
            for measure in case.measures:
                values[measure.name].append(measure.value(timing))
            advance()
    figures = {
        measure.name: Figure.of(values[measure.name], measure.unit)
        for case in cases
        for measure in case.measures
    }
    return Measured(figures, rates)


def calls(cases: Sequence[Case], rounds: int) -> int:
    """How many calls `measure_in_turn` will report."""
    return sum(min(rounds, COLD_ROUNDS) if case.cold else rounds for case in cases)


def seconds(work: Callable[..., object], *arguments: object) -> float:
    """How long a call takes."""
    begun = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - begun


def _repeats(case: Case, threads: int) -> int:
    """How often to repeat a case within a round; warms it up."""
    spent, _ = _run(case, threads, 1)
    if spent < 2 * LEAST_SECONDS:  # the first call pays for memory, which is much of a short one
        spent, _ = _run(case, threads, 1)
    return min(max(math.ceil(LEAST_SECONDS / spent), 1), MOST_REPEATS)


def _run(case: Case, threads: int, times: int) -> tuple[float, object]:
    """Seconds per call, and what the last one gave."""
    with Workers(threads) as workers:
        list(workers.map(np.sqrt, range(2 * threads)))  # makes the threads
        begun = time.perf_counter()
        for _ in range(times):
            result = case.call(workers)
        return (time.perf_counter() - begun) / times, result
