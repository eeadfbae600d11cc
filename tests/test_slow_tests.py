"""What is slow is measured, and no test is listed as slow that is not there."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from slow_tests import FAST_S, Durations, listed

ROOT = Path(__file__).parent.parent


def durations(*phases: tuple[str, float, dict[str, float], float]) -> Durations:
    found = Durations()
    for test, seconds, shared, first in phases:
        found.add(test, seconds, shared=shared, first=first)
    return found


def test_the_cases_of_a_test_count_together():
    once, twice = ("once", 0.6, {}, 0.0), ("twice", 0.6, {}, 0.0)
    assert durations(once, twice, twice).slow(1.0) == {"twice": pytest.approx(1.2)}


def test_all_who_share_a_fixture_are_as_slow_as_it():
    made = {"made": 2.0}
    found = durations(
        ("first", 2.1, made, 2.0), ("second", 0.1, made, 0.0), ("other", 0.1, {}, 0.0)
    )
    assert found.slow(1.0) == {name: pytest.approx(2.1) for name in ("first", "second")}


def test_the_cheapest_are_fast_that_fit_together():
    found = durations(*((share, float(share) * FAST_S, {}, 0.0) for share in ("0.6", "0.3", "0.2")))
    assert found.limit() == 0.6 * FAST_S
    assert found.updated(set()) == {"0.6"}
    assert durations(("only", 0.1, {}, 0.0)).updated(set()) == set()


def test_what_did_not_run_stays_what_it_was():
    found = durations(("fast now", 0.0, {}, 0.0), ("slow now", 2 * FAST_S, {}, 0.0))
    assert found.updated({"fast now", "not run"}) == {"slow now", "not run"}


LIMIT_S, SLOW = listed()


def test_a_limit_is_told():
    assert LIMIT_S > 0


@pytest.mark.parametrize("path", sorted({test.partition("::")[0] for test in SLOW}))
def test_every_slow_test_is_there(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    defined = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
    } | {Path(path).stem}
    for test in SLOW:
        file, _, name = test.partition("::")
        if file == path:
            assert name.replace("::", ".").rpartition(".")[2] in defined, test
