"""A window costs what the first one did: nothing that grows is read; what is kept is checked."""

from __future__ import annotations

import sqlite3
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import event

from made_windows import made_window
from rafair.metrics.rates import rate
from rafair.monitoring.evidence.drift_tests import falls
from rafair.monitoring.evidence.evidence_ceilings import Ceilings
from rafair.monitoring.evidence.running_tests import RunningTests
from rafair.monitoring.evidence.sequential_test import last_evidence
from rafair.monitoring.store.open_store import open_store
from rafair.monitoring.watched_rates import CONDITIONS, watched

ALPHA, TOLERANCE = 0.05, 0.01
NAMES = [one.name for one in watched(CONDITIONS)]
REFERENCE = {name: rate(1_083, 1_274) for name in NAMES} | {NAMES[-1]: None}


@pytest.fixture
def place(tmp_path) -> Path:
    return tmp_path / "watch.sqlite"


def stream(looks: int, fall_at: int | None = None, seed: int = 0) -> list[dict]:
    """Counts of windows of 60 rows, some of them without labels; from a look on one rate falls."""
    draw = np.random.default_rng(seed)
    found = []
    for look in range(1, looks + 1):
        chance = dict.fromkeys(NAMES, 0.85)
        if fall_at and look >= fall_at:
            chance[NAMES[0]] = 0.6
        shown = NAMES if look % 5 else NAMES[1::2]
        found.append({name: (int(draw.binomial(60, chance[name])), 60) for name in shown})
    return found


def watch(store, counts, looks: RunningTests | None = None) -> list[list]:
    """What fell at each look; each is stored."""
    looks = looks or RunningTests(REFERENCE, ALPHA, TOLERANCE, store)
    told = []
    for one in counts:
        number = store.last_number() + 1
        found, evidence = looks.next(number, one)
        window = made_window(number, 0, counts=one, evidence=evidence, late_labels={})
        assert store.commit(window)
        looks.took()
        told.append(found)
    return told


def expected(counts) -> list[list]:
    """The same from all counts, at every look."""
    arrays = {name: np.array([one.get(name, (0, 0)) for one in counts]) for name in NAMES}
    return [
        falls(REFERENCE, {n: a[:look] for n, a in arrays.items()}, ALPHA, TOLERANCE)
        for look in range(1, len(counts) + 1)
    ]


@pytest.mark.parametrize("bound", [0.02, 0.5, 0.8, 0.999])
@pytest.mark.parametrize("less", [-0.02, 0.0, 0.02, 0.2])
def test_a_ceiling_is_never_below_the_evidence_and_close_where_it_decides(bound, less):
    draw = np.random.default_rng(0)
    n = draw.integers(0, 80, 150) * (np.arange(150) % 7 > 0)
    counts = np.stack([draw.binomial(n, np.clip(bound - less, 0, 1)), n], axis=1)
    ceilings = Ceilings([bound])
    state = ceilings.nothing()
    for look, step in enumerate(counts, 1):
        state = ceilings.after(state, look, step[np.newaxis])
        exact = float(last_evidence(counts[:look], bound).log_e)
        ceiling = float(ceilings.of(state, look)[0])
        assert exact <= ceiling
        assert ceiling <= exact + 0.5 or exact > 6


@pytest.mark.parametrize("fall_at", [None, 1, 12])
def test_what_is_told_is_what_all_looks_tell(place, fall_at):
    counts = stream(20, fall_at)
    with open_store(place, "m", {}) as store:
        told = watch(store, counts)
    assert told == expected(counts)
    assert any(told) == (fall_at is not None)


def test_every_restart_goes_on_as_if_there_had_been_none(place):
    counts = stream(16, 6)
    with open_store(place, "m", {}) as store:
        told = [found for one in counts for found in watch(store, [one])]
        kept = store.evidence()
    with open_store(place.with_name("other"), "m", {}) as store:
        assert told == watch(store, counts)
        assert kept == store.evidence()


def test_no_window_reads_more_than_the_one_before(place):
    """Counted are the rows that SQLite gives: none of them are of earlier windows' steps."""
    given: list[int] = []
    with open_store(place, "m", {}) as store:
        watch(store, stream(9))
        read: list[str] = []

        @event.listens_for(store._link.engine, "before_cursor_execute")
        def asked(_, __, statement, *___):
            read.append(statement)

        looks = RunningTests(REFERENCE, ALPHA, TOLERANCE, store)
        for one in stream(9, seed=1):
            read.clear()
            watch(store, [one], looks)
            given.append(sum("FROM counts" in statement for statement in read))
    assert given[0] == 1, "after a start, the sums alone"
    assert given[1:] == [0] * 8


def test_the_looks_are_read_once_where_something_falls(place):
    counts = stream(16, 5)
    read: list[str] = []
    with open_store(place, "m", {}) as store:

        @event.listens_for(store._link.engine, "before_cursor_execute")
        def asked(_, __, statement, *___):
            read.append(statement)

        assert watch(store, counts) == expected(counts)
    assert sum("FROM counts" in statement for statement in read) == 2


def altered(place: Path, statement: str) -> None:
    with sqlite3.connect(place) as connection:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE evidence SET state = zeroblob(length(state))",
        "UPDATE evidence SET state = substr(state, 1, 100)",
        "UPDATE evidence SET state = CAST(substr(state, 1, length(state) - 1) || 'x' AS BLOB)",
        "DELETE FROM evidence",
        "UPDATE counts SET good = 20 WHERE window = 7 AND rate = 'clean.accuracy'",
        "CREATE TABLE others (n INTEGER)",
    ],
)
def test_a_state_that_does_not_fit_the_windows_is_counted_again(place, statement):
    counts = stream(14, 9)
    with open_store(place, "m", {}) as store:
        watch(store, counts[:10])
    altered(place, statement)
    if "counts" in statement:
        counts[6]["clean.accuracy"] = (20, counts[6]["clean.accuracy"][1])
    with open_store(place, "m", {}) as store:
        told = watch(store, counts[10:])
        kept = store.evidence()
    assert told == expected(counts)[10:]
    with open_store(place.with_name("other"), "m", {}) as store:
        watch(store, counts)
        assert kept == store.evidence()


def test_a_window_of_an_older_rafair_is_counted_again(place):
    """It keeps no state, and leaves the one before as it was."""
    counts = stream(12)
    with open_store(place, "m", {}) as store:
        watch(store, counts[:10])
        before = store.evidence()
        assert store.commit(made_window(11, 0, counts=counts[10], evidence=before, late_labels={}))
        looks = RunningTests(REFERENCE, ALPHA, TOLERANCE, store)
        told = watch(store, counts[11:], looks)
        assert told == expected(counts)[11:]
        kept = store.evidence()
    with open_store(place.with_name("other"), "m", {}) as store:
        watch(store, counts)
        assert kept == store.evidence()


def test_what_was_not_stored_is_not_gone_on_from(place):
    counts = stream(6)
    with open_store(place, "m", {}) as store:
        looks = RunningTests(REFERENCE, ALPHA, TOLERANCE, store)
        watch(store, counts[:3], looks)
        looks.next(4, stream(1, 1, seed=9)[0])  # and it could not be stored
        watch(store, counts[3:], looks)
        kept = store.evidence()
    with open_store(place.with_name("other"), "m", {}) as store:
        watch(store, counts)
        assert kept == store.evidence()


def test_a_stored_state_has_one_size(place):
    sizes = []
    with open_store(place, "m", {}) as store:
        for one in stream(4):
            watch(store, [one])
            sizes.append(len(store.evidence() or b""))
    assert all(one == other > 0 for one, other in pairwise(sizes))
