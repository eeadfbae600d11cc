"""The open window: each row and each label counts once, and what contradicts is refused."""

from __future__ import annotations

import datetime
from functools import partial

import numpy as np
import pytest

from rafair.monitoring.incoming.columns import Columns
from rafair.monitoring.incoming.record_sorting import sort_records
from rafair.monitoring.judged_rows import UNLABELLED, JudgedRows
from rafair.monitoring.judged_window import NewRows, Window
from rafair.monitoring.open_window import Gathering
from rafair.monitoring.store.open_store import open_store
from rafair.monitoring.stream_record import Position, Record
from rafair.monitoring.window_limits import Closing
from rafair.tabular.schema import Feature, Schema

SCHEMA = Schema(
    features=(
        Feature(name="age", kind="integer", minimum=20, maximum=40),
        Feature(name="sex", kind="categorical", levels=("f", "m"), sensitive=True),
    ),
    label="paid",
    classes=("no", "yes"),
)
SORT = partial(sort_records, schema=SCHEMA, columns=Columns.of(SCHEMA))
NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "watch.sqlite", "m", {"conditions": ["clean"]}) as opened:
        yield opened


def records(*values, source="a.csv"):
    return [
        Record(source, number, one, "" if one else "expected JSON", "raw", Position(number))
        for number, one in enumerate(values, 1)
    ]


def row(name, age=30, **more):
    return {"id": name, "age": age, "sex": "f", **more}


def gathered(store, *values, into=None, source="a.csv"):
    gathering = Gathering(NOW) if into is None else into
    gathering.add(records(*values, source=source), SORT, store)
    return gathering


def commit(store, gathering):
    """Stores it as a window of rows that are all alike."""
    n = len(gathering.ids)
    judged = JudgedRows(
        np.zeros(n, np.int64), {"clean": np.ones(n, bool)}, {"clean": np.ones(n, bool)}
    )
    number = store.last_number() + 1
    rows = NewRows(
        gathering.ids,
        np.array(gathering.keys, np.int64),
        gathering.label_array(),
        np.array(gathering.outside_flags, bool),
        judged,
    )
    assert store.commit(
        Window(
            number, f"key {number}", "s", NOW, NOW, rows,
            late_labels=gathering.late, waiting_labels=gathering.waiting,
            claimed_labels=gathering.claimed, refused=gathering.refused,
        )
    )  # fmt: skip


def test_rows_and_labels_of_one_window(store):
    found = gathered(
        store,
        row("a", label="yes"),
        row("b"),
        {"id": "b", "label": "no"},
        {"id": "z", "label": "yes"},
        None,
    )
    assert (found.ids, found.labels) == (["a", "b"], [1, 0])
    assert found.waiting == {"z": 1}
    assert [one.reason for one in found.refused] == ["expected JSON"]
    assert (len(found), found.duplicates, found.empty) == (3, 0, False)
    assert found.rows(2).shape == (2, 2)
    assert found.positions == {"a.csv": Position(5)}


def test_a_label_that_waits_in_the_open_window_is_taken_up(store):
    found = gathered(store, {"id": "a", "label": "yes"})
    gathered(store, row("a"), into=found, source="b.csv")
    assert (found.ids, found.labels, found.waiting, found.claimed) == (["a"], [1], {}, [])
    assert found.source == "a.csv, b.csv"


def test_a_label_that_waits_in_the_store_is_claimed_by_its_row(store):
    commit(store, gathered(store, {"id": "a", "label": "yes"}))
    again = gathered(store, {"id": "a", "label": "yes"}, {"id": "b", "label": "no"})
    assert (again.waiting, again.duplicates) == ({"b": 0}, 1)
    found = gathered(store, row("a"), row("c", label="no"))
    assert (found.labels, found.claimed) == ([1, 0], ["a"])
    commit(store, found)
    assert store.waiting_labels(["a", "b"]) == {}


def test_rows_that_were_counted_are_duplicates_unless_their_label_is_news(store):
    commit(store, gathered(store, row("a"), row("b", label="yes")))
    found = gathered(
        store, row("a", label="no"), row("b", label="yes"), row("b"), {"id": "b", "label": "yes"}
    )
    assert found.ids == []
    assert found.late == {"a": 0}
    assert (found.duplicates, found.refused) == (3, [])
    commit(store, found)
    assert store.rows_of(["a"]).labels.tolist() == [0]


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (row("a", age=31), "id 'a': expected the values that were counted before, found others"),
        (row("b", label="no"), "label of id 'b': expected the one that was counted before"),
        ({"id": "b", "label": "no"}, "label of id 'b': expected the one that was counted before"),
        (row("c", label="yes"), "label of id 'c': expected the one that came before the row"),
    ],
)
def test_what_contradicts_is_refused_and_the_first_counts(store, second, reason):
    commit(store, gathered(store, row("a"), row("b", label="yes"), {"id": "c", "label": "no"}))
    found = gathered(store, second)
    assert found.refused[0].reason.startswith(reason)
    assert len(found.refused) == 1
    assert found.late == found.waiting == {}
    assert found.labels == ([0] if second["id"] == "c" else [])


def test_contradictions_within_the_open_window(store):
    found = gathered(store, row("a", label="yes"))
    for one in (row("a", age=22), {"id": "a", "label": "no"}, row("a")):
        gathered(store, one, into=found)
    assert (found.ids, found.labels, found.duplicates) == (["a"], [1], 1)
    assert len(found.refused) == 2


def test_numbers_outside_count_with_new_rows_alone(store):
    commit(store, gathered(store, row("a", age=99)))
    found = gathered(store, row("a", age=99), row("b", age=5), row("c"))
    assert found.outside == {"age": 1}
    assert found.outside_flags == [True, False]


def test_refusals_of_a_pipe_that_is_sent_again_are_known(store):
    commit(store, gathered(store, row("a"), None, source="-"))
    assert gathered(store, row("a"), None, source="-").refused == []
    assert len(gathered(store, None, source="a.csv").refused) == 1


def test_every_record_is_one_of_four_things(store):
    generator = np.random.default_rng(0)
    commit(store, gathered(store, *(row(f"r{n}", label="yes") for n in range(0, 40, 3))))
    values = [
        row(f"r{n}", label="yes") if n % 2 else {"id": f"r{n}", "label": "yes"}
        for n in generator.integers(0, 60, 300).tolist()
    ]
    found = Gathering(NOW)
    for start in range(0, 300, 37):
        gathered(store, *values[start : start + 37], into=found)
    assert len(set(found.ids)) == len(found.ids)
    labels = found.label_array()
    assert (labels != UNLABELLED).all()
    known = {f"r{n}" for n in range(0, 40, 3)}
    assert set(found.ids) == {one["id"] for one in values if "age" in one} - known
    assert set(found.waiting) == {one["id"] for one in values} - known - set(found.ids)
    assert found.late == {}
    assert found.refused == []


def test_a_window_closes_by_rows_by_time_or_by_refusals(store):
    found = gathered(store, row("a"), {"id": "x", "label": "no"})
    assert Closing(rows=2).due(found, 0)
    assert not Closing(rows=3).due(found, 1e9)
    assert Closing(rows=3, seconds=5).due(found, 5)
    assert not Closing(rows=3, seconds=5).due(Gathering(NOW), 50)
    assert Closing(rows=3).room(found) == 1
    assert Closing(rows=3, seconds=5).left(4) == 1
    for number in range(3):
        gathered(store, None, row("b", age="old"), into=found, source=f"{number}.csv")
    assert Closing(rows=7).room(found) == 1
    assert Closing(rows=6).due(found, 0), "a stream that cannot be judged has windows, too"
