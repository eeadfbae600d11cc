"""Which tests are slow: measured in every run, and listed for `make test-fast` to leave out.

What a test costs are all its cases, with all that they share with others. The cheapest tests that
together take no longer than FAST_S are fast, all others slow. `slow_tests.txt` beside this file
says from how many seconds on a test is slow, and names those that are; nobody adds to it:
`--list-slow` writes it from what that run measures. A run's summary names what is slow and not
listed.
"""

from __future__ import annotations

import itertools
import math
import time
from collections import defaultdict
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import pytest

FAST_S = 75.0
"""Seconds for all fast tests, one after the other; besides, they are collected."""
LIST = Path(__file__).with_suffix(".txt")
SHARED = "shared fixtures"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--list-slow",
        action="store_true",
        help=f"list in {LIST.name} what this run of all tests finds slow",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Stopwatch(config), "slow_tests.Stopwatch")


def listed() -> tuple[float, set[str]]:
    """From how many seconds on a test was slow when they were measured; and which ones were."""
    limit, *tests = LIST.read_text(encoding="utf-8").split()
    return float(limit), set(tests)


def test_of(node: str) -> str:
    """The test to which a case belongs.

    Example:
        >>> test_of("tests/test_sums.py::test_sum[1-2]")
        'tests/test_sums.py::test_sum'
    """
    return node.partition("[")[0]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    _, slow = listed()
    for item in items:
        if test_of(item.nodeid) in slow:
            item.add_marker("slow")


class Durations:
    """What each test of a run takes, in seconds."""

    def __init__(self) -> None:
        self._own: dict[str, float] = defaultdict(float)
        self._shared: dict[str, dict[str, float]] = defaultdict(dict)

    def add(self, test: str, seconds: float, *, shared: Mapping[str, float], first: float) -> None:
        """Takes in a phase of a case.

        Args:
            test: The test it is of.
            seconds: What the phase took.
            shared: What the fixtures took that the case shares with others.
            first: How much of it was within this phase.
        """
        self._own[test] += seconds - first
        self._shared[test].update(shared)

    def limit(self) -> float:
        """From how many seconds on a test is slow."""
        costs = sorted(self._costs().values())
        fast = sum(whole <= FAST_S for whole in itertools.accumulate(costs))
        return costs[fast] if fast < len(costs) else math.inf

    def slow(self, limit: float) -> dict[str, float]:
        """The tests that take so many seconds, or more."""
        return {test: cost for test, cost in self._costs().items() if cost >= limit}

    def updated(self, before: set[str]) -> set[str]:
        """The slow tests of all: one that this run skips or leaves out is what it was before."""
        return before - self._own.keys() | self.slow(self.limit()).keys()

    def _costs(self) -> dict[str, float]:
        return {test: own + sum(self._shared[test].values()) for test, own in self._own.items()}


class Stopwatch:
    """Measures where tests run, and counts together where they are reported."""

    def __init__(self, config: pytest.Config) -> None:
        self._list = config.getoption("--list-slow")
        self._reports = not hasattr(config, "workerinput")
        self._fixtures: dict[tuple[str, str], float] = {}
        self._first = 0.0
        self._skipped: set[str] = set()
        self.durations = Durations()

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, Any, Any]:
        begun = time.perf_counter()
        try:
            return (yield)
        finally:
            if fixturedef.scope != "function":
                spent = time.perf_counter() - begun
                self._fixtures[fixturedef.baseid, fixturedef.argname] = spent
                self._first += spent

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: Any) -> Generator[None, Any, Any]:
        report = yield
        shared = {
            f"{base}::{name}": seconds
            for (base, name), seconds in self._fixtures.items()
            if name in item.fixturenames and item.nodeid.startswith(base)
        }
        report.user_properties.append((SHARED, (shared, self._first)))
        self._first = 0.0
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped:
            self._skipped.add(report.nodeid)  # whose fixtures are taken down all the same
        if self._reports and report.nodeid not in self._skipped:
            shared, first = dict(report.user_properties)[SHARED]
            test = test_of(report.nodeid)
            self.durations.add(test, report.duration, shared=shared, first=first)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        limit, slow = listed()
        if self._list:
            limit, slow = self.durations.limit(), self.durations.updated(slow)
            lines = [f"{limit:.3f}", *sorted(slow)]
            LIST.write_text("\n".join(lines) + "\n", encoding="utf-8")
        found = self.durations.slow(2 * limit)  # as machines differ
        if unlisted := found.keys() - slow:
            terminalreporter.section(f"slow, and not in {LIST.name}: --list-slow lists them")
            for test in sorted(unlisted, key=found.__getitem__, reverse=True):
                terminalreporter.line(f"{found[test]:6.1f} s  {test}")
