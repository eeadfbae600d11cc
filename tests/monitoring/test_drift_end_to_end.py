"""Real rows and a trained network through the whole watch: quiet without drift, right with it.

Streams are drawn from rows of the test split that the reference was frozen from; a loss is planted
by drawing more of those rows that the network really judges wrongly or unequally.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import rafair
from benchmarks.watch import NAMES, RIGHT
from benchmarks.watch_real import (
    Replayed,
    cells_of,
    chances,
    cut,
    good_rows,
    raw_rows,
    replay,
    where_fallen,
)
from rafair.auditing.entry import audit_named
from rafair.engine.run_settings import RunSettings
from rafair.monitoring.references.freezing import FreezeOptions, freeze, open_watched
from rafair.monitoring.references.frozen_reference import Reference
from rafair.monitoring.watched_rates import CONDITIONS, METRICS, Watched
from rafair.sources.user_named import Named
from rafair.tabular.encoding import encode

WINDOW = 100
WITHIN = 10
"""Windows within which a loss of 20 points is told: 1,000 rows."""


@pytest.fixture(scope="module")
def reference(watched) -> Reference:
    return Reference.read(watched / "monitor")


def drawn(reference: Reference, seed: int, looks: int, chance=None, window=WINDOW) -> np.ndarray:
    """Which rows of the test split come in each window; shape `(looks, window)`."""
    chance = chances(cells_of(reference.rows)) if chance is None else chance
    rng = np.random.default_rng(seed)
    return rng.choice(reference.n, (looks, window), p=chance)


def told(found: Replayed) -> list[set[tuple[str, str]]]:
    """Kinds and levels of the alarms of each window."""
    return [{(a["kind"], a["level"]) for a in one["alarms"]} for one in found.documents]


def fallen(document) -> set[str]:
    return {fall["rate"] for alarm in document["alarms"] for fall in alarm["evidence"]["rates"]}


def check_counts(found: Replayed, reference: Reference, chosen: np.ndarray) -> None:
    """What is stored is what numpy counts, and the alarms are those of these counts."""
    good = good_rows(reference.rows)
    counts = good[chosen].sum(axis=1)
    size = chosen.shape[1]
    for place, name in enumerate(NAMES):
        assert found.steps[name][:, 0].tolist() == counts[:, place].tolist()
        assert (found.steps[name][:, 1] == size).all()
    check_history(found, reference, chosen)
    known = good.sum(axis=0)[None]
    fell = where_fallen(known, reference.n, counts[None].astype(np.int64), size).fell[0]
    for document, flags in zip(found.documents, fell, strict=True):
        assert fallen(document) == set(np.array(NAMES)[flags])


def check_history(found: Replayed, reference: Reference, chosen: np.ndarray) -> None:
    names = [Watched(condition, metric).name for condition in CONDITIONS for metric in METRICS]
    sums = good_rows(reference.rows, names)[chosen].sum(axis=1)
    for window, expected in zip(found.history["windows"], sums.tolist(), strict=True):
        rates = [window["rates"][c][m] for c in CONDITIONS for m in METRICS]
        assert [rate["count"] for rate in rates] == expected
        assert {rate["n"] for rate in rates} == {chosen.shape[1]}
    assert found.history["totals"]["rows"] == chosen.size


def check_cases(document, ids, table, rows, reference: Reference) -> None:
    """Every alarm's rows are those that numpy finds among the stream's.

    Args:
        document: The result of the last window.
        ids: By id, the number of its row in the table and its window.
        table: What the stream was drawn from.
        rows: What the network does with that table's rows.
        reference: What new is told by.
    """
    for alarm in document["alarms"]:
        cases = alarm["evidence"]["cases"]
        rates = [fall["rate"] for fall in alarm["evidence"]["rates"]]
        assert cases["since"] == min(fall["since"] for fall in alarm["evidence"]["rates"])
        bad = ~good_rows(rows, rates).all(axis=1)
        was_bad = ~good_rows(reference.rows, rates).all(axis=1)
        known = set(reference.rows.keys[was_bad].tolist())
        behind = [name for name, (row, at) in ids.items() if at >= cases["since"] and bad[row]]
        new = [name for name in behind if int(rows.keys[ids[name][0]]) not in known]
        assert (cases["found"], cases["new"]) == (len(behind), len(new))
        assert len(cases["listed"]) == min(20, len(behind))
        for case in cases["listed"]:
            row, window = ids[case["id"]]
            assert case["id"] in behind
            assert case["window"] == window
            assert case["new"] == (case["id"] in new)
            assert case["label"] == table.schema.classes[table.labels[row]]
            assert case["wrong"] == (case["predicted"] != case["label"])
            assert case["unfair"] == [c for c in CONDITIONS if not rows.judged.fair[c][row]]


def places(chosen: np.ndarray, prefix: str = "r") -> dict[str, tuple[int, int]]:
    """By id, the number of a row in its table, and its window."""
    size = chosen.shape[1]
    return {f"{prefix}{n}": (int(row), n // size + 1) for n, row in enumerate(chosen.ravel())}


@pytest.mark.parametrize("seed", range(3))
def test_rows_of_the_test_split_itself_raise_no_alarm(seed, watched, affairs, reference, tmp_path):
    """The reference's own rows, drawn anew: 100 windows without drift."""
    chosen = drawn(reference, seed, 100, window=25)
    found = replay(watched, tmp_path / "s", cut(raw_rows(affairs.test, chosen.ravel()), 25))
    assert told(found) == [set()] * 100
    check_counts(found, reference, chosen)


@pytest.mark.parametrize("calm", [0, 20])
@pytest.mark.parametrize("lost", ["accuracy", "fairness", "both"])
def test_planted_loss_is_told_with_its_kind(lost, calm, watched, affairs, reference, tmp_path):
    """20 points, from window 1 or 21 on, are told within 1,000 rows."""
    cells = cells_of(reference.rows)
    planted = chances(cells, lost, 0.2)
    before, after = drawn(reference, 1, calm), drawn(reference, 2, WITHIN, planted)
    chosen = np.concatenate([before, after])
    rows = raw_rows(affairs.test, chosen.ravel())
    found = replay(watched, tmp_path / "s", cut(rows, WINDOW))
    check_counts(found, reference, chosen)
    alarms = told(found)
    assert alarms[:calm] == [set()] * calm
    assert RIGHT[lost] in alarms[-1]
    kinds = {kind for one in alarms for kind, _ in one}
    assert lost == "both" or kinds == {lost}
    last = found.documents[-1]
    [alarm] = [a for a in last["alarms"] if (a["kind"], a["level"]) == RIGHT[lost]]
    opened = next(n for n, one in enumerate(alarms, 1) if RIGHT[lost] in one)
    assert alarm["opened"] == opened
    for fall in alarm["evidence"]["rates"]:
        assert abs(fall["since"] - (calm + 1)) <= 2
        assert fall["now"]["n"] == WINDOW * (len(chosen) - fall["since"] + 1)
        place = NAMES.index(fall["rate"])
        lasting = good_rows(reference.rows)[:, place]
        truth = lasting.mean() - planted @ lasting
        assert fall["fell_by"] == pytest.approx(truth, abs=0.05)
        if fall["rate"].startswith("clean"):
            assert truth == pytest.approx(0.2)
    check_cases(last, places(chosen), affairs.test, reference.rows, reference)


def test_a_row_is_new_if_no_reference_row_of_its_values_went_wrong(
    watched, affairs, reference, tmp_path
):
    """Rows that the reference has not, of the training split, judged by plain enumeration."""
    _, judge = open_watched(watched)
    table = affairs.train
    predictions, fair = plainly(judge.classifier, table)
    right = predictions == table.labels
    cells = 2 * right + fair
    wanted = chances(cells_of(reference.rows), "both", 0.25)
    shares = np.bincount(cells_of(reference.rows), wanted, minlength=4)
    chance = (shares / np.bincount(cells, minlength=4))[cells]
    rng = np.random.default_rng(4)
    chosen = rng.choice(len(table), (6, WINDOW), p=chance / chance.sum())
    rows = raw_rows(table, chosen.ravel())
    found = replay(watched, tmp_path / "s", cut(rows, WINDOW))
    for name, good in (("accuracy", right), ("individual_fairness", fair)):
        assert found.steps[f"clean.{name}"][:, 0].tolist() == good[chosen].sum(axis=1).tolist()
    [alarm] = found.documents[-1]["alarms"]
    assert (alarm["kind"], alarm["level"]) == ("joint", "alarm")
    judged = replace(judge, options=replace(judge.options, probes=()))(table.rows)
    assert judged.predictions.tolist() == predictions.tolist()
    assert judged.fair["clean"].tolist() == fair.tolist()
    _, keys = np.unique(
        np.concatenate([table.rows, affairs.test.rows]), axis=0, return_inverse=True
    )
    here, there = keys[: len(table)], keys[len(table) :]
    rates = [fall["rate"] for fall in alarm["evidence"]["rates"]]
    known = set(there[~good_rows(reference.rows, rates).all(axis=1)].tolist())
    ids = places(chosen)
    cases = alarm["evidence"]["cases"]
    assert 20 <= cases["new"] < cases["found"]
    assert all(case["new"] for case in cases["listed"])
    for case in cases["listed"]:
        row, _ = ids[case["id"]]
        assert int(here[row]) not in known
        assert case["wrong"] == (not right[row])
        assert ("clean" in case["unfair"]) == (not fair[row])


def plainly(classifier, table: rafair.Table) -> tuple[np.ndarray, np.ndarray]:
    """Predictions, and whether all counterparts get them, made of raw values one by one."""
    schema = table.schema
    predictions = classifier.logits(table.rows).argmax(axis=1)
    fair = np.ones(len(table), bool)
    for values in itertools.product(*(schema[name].domain for name in schema.sensitive)):
        frame = table.frame.assign(**dict(zip(schema.sensitive, values, strict=True)))
        other = classifier.logits(encode(frame, schema)).argmax(axis=1)
        fair &= other == predictions
    return predictions, fair


@pytest.mark.parametrize("lost", ["accuracy", "both"])
def test_labels_that_come_late_bring_their_alarm_with_them(
    lost, watched, affairs, reference, tmp_path
):
    """Each label comes five windows after its row."""
    late = 5
    chosen = drawn(reference, 5, WITHIN, chances(cells_of(reference.rows), lost, 0.2))
    rows = raw_rows(affairs.test, chosen.ravel())
    bare = [{k: v for k, v in row.items() if k != "label"} for row in rows]
    labels = [{"id": row["id"], "label": row["label"]} for row in rows]
    here, there = [*cut(bare, WINDOW), *[[]] * late], [*[[]] * late, *cut(labels, WINDOW)]
    windows = [[*one, *other] for one, other in zip(here, there, strict=True)]
    found = replay(watched, tmp_path / "s", windows)
    good = good_rows(reference.rows)[chosen].sum(axis=1)
    none = [0] * late
    for place, name in enumerate(NAMES):
        counts = good[:, place].tolist()
        shifted = [*none, *counts] if name.endswith(".accuracy") else [*counts, *none]
        assert found.steps[name][:, 0].tolist() == shifted
    check_late_history(found, reference, chosen)
    alarms = told(found)
    early = {kind for one in alarms[:late] for kind, _ in one}
    assert early == ({"fairness"} if lost == "both" else set())
    assert RIGHT[lost] in alarms[-1]
    assert any(RIGHT[lost] in one for one in alarms[late : late + 5])
    for document in found.documents[late:]:
        for alarm in document["alarms"]:
            for fall in alarm["evidence"]["rates"]:
                begin = late + 1 if fall["rate"].endswith(".accuracy") else 1
                assert abs(fall["since"] - begin) <= 1
            check_late_cases(document, alarm, chosen, late, reference)


def check_late_history(found: Replayed, reference: Reference, chosen: np.ndarray) -> None:
    """Late labels count where their rows stand."""
    windows = found.history["windows"]
    assert all(w["n"] == 0 for w in windows[len(chosen) :])
    history = {**found.history, "windows": windows[: len(chosen)]}
    check_history(found._replace(history=history), reference, chosen)


def check_late_cases(document, alarm, chosen, late, reference) -> None:
    """Rows whose label came since the fall began are behind it, whenever they came themselves."""
    number, bad = document["window"], set()
    for fall in alarm["evidence"]["rates"]:
        good = good_rows(reference.rows, [fall["rate"]])[:, 0]
        delay = late if fall["rate"].endswith(".accuracy") else 0
        first = alarm["evidence"]["cases"]["since"] - delay
        for name, (row, window) in places(chosen).items():
            if first <= window <= number - delay and not good[row]:
                bad.add(name)
    cases = alarm["evidence"]["cases"]
    assert cases["found"] == len(bad) > 0
    assert {case["id"] for case in cases["listed"]} <= bad
    assert len(cases["listed"]) == min(20, len(bad))


@pytest.mark.parametrize("lost", ["fairness", "joint"])
def test_what_falls_under_probes_alone_is_watched(lost, watched, affairs, reference, tmp_path):
    """As many rows of each cell as ever, but more of those that a probe moves."""
    cells, judged = cells_of(reference.rows), reference.rows.judged
    moved = judged.fair["clean"] & ~judged.fair["strongest"]
    if lost == "joint":
        moved |= ~judged.kept["strongest"]
    chance = chances(cells)
    for cell in range(4):
        here, some = cells == cell, (cells == cell) & moved
        if some.any():
            chance[here & ~moved] *= 0.4
            chance[some] *= 1 + 0.6 * (here & ~moved).sum() / some.sum()
    assert chance.sum() == pytest.approx(1)
    chosen = drawn(reference, 6, WITHIN, chance)
    found = replay(watched, tmp_path / "s", cut(raw_rows(affairs.test, chosen.ravel()), WINDOW))
    check_counts(found, reference, chosen)
    assert (lost, "watch") in told(found)[-1]
    assert {level for one in told(found) for _, level in one} == {"watch"}
    assert not any(name.startswith("clean") for name in fallen(found.documents[-1]))
    check_cases(found.documents[-1], places(chosen), affairs.test, reference.rows, reference)


@pytest.fixture
def adult(tmp_path) -> Path:
    """A network for adult, and its reference; without probes, which would take minutes."""
    run = tmp_path / "adult"
    options = {"attacks": ("noise",), "instances": 50, "steps": 1, "labels": None}
    named, training = Named(dataset="adult", variant="paper"), rafair.TrainConfig(epochs=2)
    audit_named(named, options, RunSettings(out=run), training)
    freeze(run, FreezeOptions(probes=()))
    return run


@pytest.mark.data
def test_adult_ordered_by_age_is_a_drift_and_the_same_rows_at_random_are_none(adult, tmp_path):
    """Every tenth row of the training split; `docs/monitor-tests.md` says what is seen and why."""
    data, window = rafair.load_dataset("adult", "paper").train, WINDOW
    rates = Reference.read(adult / "monitor").rates["clean"]
    chosen = np.random.default_rng(0).permutation(len(data))[: len(data) // 10 // window * window]
    found = replay(adult, tmp_path / "random", cut(raw_rows(data, chosen), window))
    assert told(found) == [set()] * (len(chosen) // window)

    ages = data.frame["age"].to_numpy()
    ordered = chosen[np.argsort(ages[chosen], kind="stable")]
    again = replay(adult, tmp_path / "age", cut(raw_rows(data, ordered), window))
    for name in found.steps:  # the very same rows
        assert found.steps[name].sum(axis=0).tolist() == again.steps[name].sum(axis=0).tolist()
    alarms = told(again)
    opened = next(number for number, one in enumerate(alarms) if one)
    by_window = ages[ordered].reshape(-1, window)
    assert ("joint", "alarm") in {each for one in alarms for each in one}
    first = again.documents[opened]["alarms"][0]["evidence"]["rates"]
    since = min(fall["since"] for fall in first) - 1
    assert 25 <= by_window[since].min() <= by_window[opened].max() <= 50
    for fall in first:
        metric = fall["rate"].removeprefix("clean.")
        good, n = again.steps[fall["rate"]].T
        before, after = slice(None, since), slice(since, opened + 1)
        # the young are judged better than the reference, and hide nothing of what comes later
        assert good[before].sum() / n[before].sum() > rates[metric].value + 0.05
        assert good[after].sum() / n[after].sum() < rates[metric].low - 0.03
