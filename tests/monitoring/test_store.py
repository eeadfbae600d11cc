"""What goes into a store comes out of it: compared with what was drawn, counted by hand."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from made_windows import BEGIN, made_rows, made_window
from rafair.errors import InputError, StorageError
from rafair.monitoring.judged_rows import UNLABELLED
from rafair.monitoring.store.monitor_store import Store
from rafair.monitoring.store.open_store import open_store
from rafair.monitoring.stream_record import Position, Refused
from rafair.monitoring.watched_rates import CONDITIONS, METRICS

HOSTILE = ["a\0b", "\ud800", "\udcff", "😀é", "'; DROP TABLE rows; --", "⟨U+0000⟩", "%s ?1 :x", " "]


@pytest.fixture
def store(place: str) -> Iterator[Store]:
    with open_store(place, "monitor 1", {}, patience_s=10) as opened:
        yield opened


def test_rows_come_back_as_they_were(store):
    windows = [made_window(number, 300) for number in (1, 2)]
    assert all(store.commit(window) for window in windows)
    ids = [id_ for window in windows for id_ in window.rows.ids]
    found = store.rows_of(["unknown", *ids])
    assert sorted(found.ids) == sorted(ids)
    for window in windows:
        at = np.array([found.place_of[id_] for id_ in window.rows.ids])
        judged, expected = found.judged.take(at), window.rows.judged
        assert (found.windows[at] == window.number).all()
        assert (found.keys[at] == window.rows.keys).all()
        assert (judged.predictions == expected.predictions).all()
        for name in CONDITIONS:
            assert (judged.kept[name] == expected.kept[name]).all()
            assert (judged.fair[name] == expected.fair[name]).all()
        later = windows[1].late_labels if window.number == 1 else {}
        labels = [
            later.get(id_, y) for id_, y in zip(window.rows.ids, window.rows.labels, strict=True)
        ]
        assert found.labels[at].tolist() == labels


def test_an_empty_store(store):
    assert store.last_number() == 0
    assert store.window("key 1") is None
    assert len(store.rows_of([])) == len(store.rows_of(["1"])) == 0
    assert store.rows_of(["1"]).judged.conditions == CONDITIONS
    assert store.positions() == store.waiting_labels(["1"]) == store.history() == {}
    assert store.history(["clean.accuracy"])["clean.accuracy"].shape == (0, 2)
    assert store.windows() == store.quarantine() == store.deliveries(BEGIN) == []
    assert store.violations(1, ["clean.accuracy"]).count == 0
    assert store.totals().rows == 0


def test_a_window_without_rows(store):
    nothing = made_window(1, 0, counts={}, refused=(), outside={}, positions={}, deliveries=())
    assert store.commit(nothing)
    (window,) = store.windows()
    assert (window.n, window.labelled) == (0, 0)
    assert window.counts == {name: dict.fromkeys(METRICS, (0, 0)) for name in CONDITIONS}


def test_what_is_there_is_not_stored_again(store):
    window = made_window(1)
    assert store.commit(window)
    before = store.totals(), store.windows(), store.quarantine()
    for again in (window, replace(made_window(2), key="key 1"), replace(made_window(2), number=1)):
        assert not store.commit(again)
        assert (store.totals(), store.windows(), store.quarantine()) == before
    with pytest.raises(InputError, match=r"window: expected number 2, got 3"):
        store.commit(made_window(3))


def test_an_id_counts_once(store):
    store.commit(made_window(1))
    twice = made_window(2, rows=made_rows(["2/1", "1/7"], np.random.default_rng(2)))
    before = store.totals()
    with pytest.raises(StorageError, match="rows that are not counted yet") as told:
        store.commit(twice)
    assert "\n" not in str(told.value)
    assert store.totals() == before
    assert store.commit(made_window(2))


def test_rates_of_windows_with_labels_that_came_later(store):
    windows = {number: made_window(number, 500) for number in (1, 2, 3)}
    for window in windows.values():
        store.commit(window)
    for stored in store.windows():
        window = windows[stored.number]
        rows = window.rows
        later = windows[stored.number + 1].late_labels if stored.number < 3 else {}
        labels = rows.labels.copy()
        for id_, y in later.items():
            labels[rows.ids.index(id_)] = y
        known = labels != UNLABELLED
        assert stored.labelled == known.sum() > (rows.labels != UNLABELLED).sum() - (not later)
        assert (stored.n, stored.key) == (500, window.key)
        assert (stored.opened, stored.closed) == (window.opened, window.closed)
        assert stored.opened.tzinfo is datetime.UTC
        assert stored.document == window.document
        for name in CONDITIONS:
            for metric in METRICS:
                of = np.ones(500, bool) if metric == "individual_fairness" else known
                good = rows.judged.take(of).holds(name, metric, labels[of])
                assert stored.counts[name][metric] == (good.sum(), of.sum()), (name, metric)


def test_rows_behind_an_alarm(store):
    windows = [made_window(number, 400) for number in (1, 2, 3)]
    for window in windows:
        store.commit(window)
    everything = store.rows_of([id_ for window in windows for id_ in window.rows.ids])
    late = np.isin(everything.ids, [id_ for window in windows for id_ in window.late_labels])
    told = np.where(late, everything.windows + 1, everything.windows)
    told[everything.labels == UNLABELLED] = 0
    assert everything.label_windows.tolist() == told.tolist()
    bad = {}
    for name in CONDITIONS:
        right = everything.judged.holds(name, "accuracy", everything.labels)
        bad[f"{name}.accuracy"] = (told >= 2) & ~right
        unfair = ~everything.judged.fair[name]
        bad[f"{name}.individual_fairness"] = (everything.windows >= 2) & unfair
    for rates in ([], *([name] for name in bad), ["clean.accuracy", "noise.individual_fairness"]):
        behind = np.any([np.zeros(len(told), bool), *(bad[name] for name in rates)], axis=0)
        found = store.violations(2, rates, limit=10_000)
        assert found.count == behind.sum()
        assert set(found.rows.ids) == {everything.ids[i] for i in np.flatnonzero(behind)}
    few = store.violations(2, ["clean.accuracy"], limit=7)
    assert few.rows.windows.tolist() == [3] * 7
    assert few.count == bad["clean.accuracy"].sum()


def test_labels_that_wait_and_labels_that_come_late(store):
    open_ = replace(made_rows(["a", "b", "c"], np.random.default_rng(0)), labels=np.full(3, -1))
    store.commit(made_window(1, rows=open_, waiting_labels={"d": 1, "e": 0}, claimed_labels=[]))
    assert store.waiting_labels(["a", "d", "e", "x"]) == {"d": 1, "e": 0}
    second = made_window(
        2,
        late_labels={"a": 1, "b": 0, "unknown": 1},
        waiting_labels={"e": 1, "f": 0},
        claimed_labels=["d"],
    )
    store.commit(second)
    assert store.waiting_labels(["d", "e", "f"]) == {"e": 0, "f": 0}
    store.commit(made_window(3, late_labels={"a": 0, "c": 1}, waiting_labels={}))
    found = store.rows_of(["a", "b", "c"])
    assert {id_: found.labels[at] for id_, at in found.place_of.items()} == {"a": 1, "b": 0, "c": 1}
    assert store.totals().waiting_labels == 2


def test_sums_positions_steps_and_quarantine(store):
    for number in (1, 2, 3):
        store.commit(made_window(number))
    totals = store.totals()
    assert (totals.windows, totals.rows, totals.quarantined, totals.duplicates) == (3, 60, 3, 6)
    assert totals.outside == {"age": 9}
    assert totals.labelled == sum(window.labelled for window in store.windows())
    assert store.positions() == {"stream.csv": Position(60, 3000, f"{3:064x}")}
    history = store.history(["never.seen"])
    assert history["noise.accuracy"].tolist() == [[1, 20], [2, 20], [3, 20]]
    assert history["never.seen"].tolist() == [[0, 0]] * 3
    reason = "age: expected a number, got 'x'"
    assert store.quarantine(2) == [(n, Refused("stream.csv", n, reason, "x,y")) for n in (3, 2)]


@pytest.mark.parametrize("text", [*HOSTILE, "é" * 200])
def test_any_text(store, text):
    rows = made_rows([text, text + "x"], np.random.default_rng(0))
    window = made_window(
        1,
        key=text,
        source=text,
        rows=rows,
        waiting_labels={text: 1},
        refused=[Refused(text, 1, text, text)],
        outside={text: 1},
        positions={text: Position(1)},
        counts={text: (1, 2)},
        document={text: text},
        deliveries=[{text: text}],
    )
    assert store.commit(window)
    assert sorted(store.rows_of([text, text + "x"]).ids) == sorted(rows.ids)
    assert store.rows_of([text]).ids == [text]
    assert store.window(text) == {text: text}
    assert store.windows()[0].source == text
    assert store.quarantine() == [(1, Refused(text, 1, text, text))]
    assert (
        list(store.positions()) == list(store.history()) == list(store.totals().outside) == [text]
    )
    assert store.waiting_labels([text]) == {text: 1}
    assert store.deliveries(window.closed)[0].message == {text: text}
    store.commit(made_window(2, late_labels={text: 1}, claimed_labels=[text], waiting_labels={}))
    assert store.waiting_labels([text]) == {}


def test_a_megabyte_in_quarantine(store):
    content = "\0é😀'" * 250_000
    store.commit(made_window(1, refused=[Refused("x", 1, "too long", content)]))
    assert store.quarantine()[0][1].content == content


def test_an_id_that_no_index_can_hold(store):
    """Readers refuse ids of more than 200 characters; here too nothing but a line comes of one."""
    text = "".join(map(chr, np.random.default_rng(0).integers(0x4E00, 0x9FFF, 9_000)))
    window = made_window(1, rows=made_rows([text], np.random.default_rng(0)))
    if store.shown.startswith("postgresql"):
        with pytest.raises(StorageError, match="index row"):
            store.commit(window)
        assert store.totals().windows == 0
    else:
        assert store.commit(window)


def test_more_ids_than_one_query_names(store):
    window = made_window(1, 12_345)
    store.commit(window)
    assert len(store.rows_of(window.rows.ids)) == 12_345
    late = dict.fromkeys(window.rows.ids, 1)
    waiting = {f"w{i}": 1 for i in range(12_345)}
    store.commit(made_window(2, 0, late_labels=late, waiting_labels=waiting))
    assert store.totals().labelled == 12_345
    assert len(store.waiting_labels(list(waiting))) == 12_345
    store.commit(made_window(3, 0, late_labels={}, claimed_labels=list(waiting), waiting_labels={}))
    assert store.totals().waiting_labels == 0


def test_deliveries_are_listed_until_they_are_done(store):
    store.commit(made_window(1, deliveries=[{"n": 1}, {"n": 2}]))
    now = made_window(1).closed
    assert store.deliveries(now - datetime.timedelta(seconds=1)) == []
    first, second = store.deliveries(now)
    assert (first.message, first.attempts, second.message) == ({"n": 1}, 0, {"n": 2})
    later = now + datetime.timedelta(minutes=5)
    store.put_off(first, later, "status 500")
    store.put_off(first, later, "told twice")
    store.delivered(second, now)
    assert store.deliveries(now) == []
    (again,) = store.deliveries(later)
    assert (again.message, again.attempts, again.due) == ({"n": 1}, 1, later)
    # set back by a year: nothing is put off so far
    assert len(store.deliveries(now - datetime.timedelta(days=365))) == 1
    store.delivered(again, later)
    assert store.deliveries(later) == []


def test_monitors_in_one_database_are_apart(place):
    with (
        open_store(place, "one", {}, patience_s=10) as one,
        open_store(place, "two", {"conditions": ["clean"]}, patience_s=10) as two,
    ):
        one.commit(made_window(1))
        assert two.totals().windows == two.last_number() == 0
        assert two.commit(made_window(1, 10))
        assert two.commit(made_window(2, 10))
        assert (one.totals().rows, two.totals().rows) == (20, 20)
        assert two.rows_of(["1/1"]).judged.conditions == ("clean",)
        with one.hold(), two.hold():
            assert one.commit(made_window(2))


def test_conditions_that_were_not_looked_at(place):
    with open_store(place, "m", {"conditions": ["clean"]}, patience_s=10) as store:
        rows = made_window(1).rows
        judged = replace(
            rows.judged,
            kept={"clean": rows.judged.kept["clean"]},
            fair={"clean": rows.judged.fair["clean"]},
        )
        store.commit(made_window(1, rows=replace(rows, judged=judged)))
        assert list(store.windows()[0].counts) == ["clean"]
        assert (store.rows_of(rows.ids).judged.conditions) == ("clean",)
    with pytest.raises(InputError, match="unknown condition 'dirty'"):
        open_store(place, "m", {"conditions": ["dirty"]})
