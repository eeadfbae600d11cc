"""Black boxes: what the worst counterpart and `strongest` find by queries, beside brute force."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

import planted
import rafair
from rafair.attacks.attack_names import attack_named
from rafair.auditing.audit_setup import AuditConfig
from rafair.engine.thread_pool import Workers
from rafair.models.answer_cache import CachedClassifier
from rafair.models.function_classifier import FunctionClassifier
from rafair.tabular.schema import Direction, Feature, Schema
from rafair.tabular.table import Table

PROPERTIES = ("accuracy", "individual_fairness", "accurate_fairness")
ENDS = {"years": 20, "calls": 20, "job": 3, "floor": 4, "age": 2, "sex": 1}
"""The largest whole number, or level, of each feature; codes are shares of it."""
REACH = 4
"""How far whole numbers may move."""


def tiny_table(n: int, seed: int) -> Table:
    """Whole numbers, one that only rises, a category, one that never moves; 6 counterparts."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({name: random.integers(0, end + 1, n) for name, end in ENDS.items()})
    labels = ((frame["years"] + 3 * frame["age"] > 13) ^ (random.random(n) < 0.15)).to_numpy()
    frame["job"] = np.array(["a", "b", "c", "d"])[frame["job"]]

    def whole(name: str, **rules: object) -> Feature:
        return Feature(name=name, kind="integer", minimum=0, maximum=ENDS[name], **rules)

    features = (
        whole("years"),
        whole("calls", direction=Direction.INCREASE_ONLY),
        Feature(name="job", kind="categorical", levels=("a", "b", "c", "d")),
        whole("floor", mutable=False),
        whole("age", sensitive=True, domain=(0, 1, 2)),
        whole("sex", sensitive=True, domain=(0, 1)),
    )
    schema = Schema(features=features, label="y", classes=("no", "yes"))
    return Table(frame, labels.astype(np.int64), schema, "tiny")


@cache
def tree(*, decisions: bool) -> FunctionClassifier:
    """A tree that has learnt noise as well; of decisions alone, the classes are all it says."""
    table = tiny_table(600, seed=1)
    fitted = DecisionTreeClassifier(max_depth=9, min_samples_leaf=2, random_state=0)
    fitted.fit(table.rows, table.labels)
    if decisions:
        one_hot = np.eye(2, dtype=np.float32)
        return FunctionClassifier(lambda rows: one_hot[fitted.predict(rows)], name="decisions")
    return FunctionClassifier(fitted.predict_proba, outputs="probabilities", name="tree")


def reachable(row: np.ndarray) -> np.ndarray:
    """All feasible perturbations of an encoded row, one category changed at most."""
    years, calls = (round(float(value) * 20) for value in row[:2])
    up = range(max(years - REACH, 0), min(years + REACH, 20) + 1)
    values = np.array([*itertools.product(up, range(calls, min(calls + REACH, 20) + 1), range(4))])
    rows = np.repeat(row[None], len(values), axis=0)
    rows[:, :3] = (values / [20, 20, 3]).astype(np.float32)
    return rows


def counterparts(rows: np.ndarray) -> np.ndarray:
    """All counterparts of encoded rows; shape `(n, 6, d)`."""
    others = np.repeat(rows[:, None], 6, axis=1)
    others[:, :, 4:] = list(itertools.product([0, 0.5, 1], [0, 1]))
    return others


def truth(model: FunctionClassifier, table: Table, k: float) -> dict[str, np.ndarray]:
    """Which instances keep each property at every feasible row, by brute force."""
    holds = {name: np.ones(len(table), bool) for name in PROPERTIES}
    for number, (row, label) in enumerate(zip(table.rows, table.labels, strict=True)):
        rows = reachable(row)
        own = model.logits(rows).argmax(axis=1)
        others = counterparts(rows)
        theirs = model.logits(others.reshape(-1, len(ENDS))).argmax(axis=1).reshape(-1, 6)
        distance = np.square(others - rows[:, None]).mean(axis=2)
        unlike = (theirs != own[:, None]) & (k * distance < 1)
        right, alike = (own == label).all(), not unlike.any()
        for name, kept in zip(PROPERTIES, (right, alike, right and alike), strict=True):
            holds[name][number] = kept
    return holds


@pytest.mark.parametrize("k", [0.0, 9.0])
@pytest.mark.parametrize("decisions", [False, True], ids=["scores", "decisions"])
def test_violations_of_a_tree_are_found_by_brute_force(decisions, k):
    """Of the instances that have one, 99 in 100; and none that has none."""
    table, model = tiny_table(100, seed=2), tree(decisions=decisions)
    holds = truth(model, table, k)
    result = rafair.audit(
        model, table, attacks=("strongest",), epsilon=REACH / 20, perturbation="feasible", k=k,
        labels=None,
    )  # fmt: skip
    robust = result.document["attacks"]["strongest"]["robust"]
    for name in PROPERTIES:
        broken, found = (~holds[name]).sum(), len(table) - robust[name]["count"]
        assert broken > 50, name
        assert 0.99 * broken <= found <= broken, name
    clean = result.document["clean"]
    assert all(robust[name]["count"] < clean[name]["count"] - 10 for name in PROPERTIES)


class Counting:
    """A tree that remembers what it is asked about."""

    def __init__(self) -> None:
        self.asked: list[np.ndarray] = []

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        self.asked.append(rows.copy())
        return tree(decisions=False).logits(rows)

    @property
    def rows(self) -> np.ndarray:
        return np.concatenate(self.asked)


def run(name: str, table: Table, workers: Workers, *, feasible: bool = True, **options: object):
    """What an attack finds of a counted black box, and who counted."""
    config = AuditConfig(epsilon=REACH / 20, **{"steps": 6, **options})
    once = CachedClassifier(FunctionClassifier(counted := Counting()))
    sweep = config.sweep(once, table.schema, workers, lambda rows: None)
    budget = config.budget(table.schema, feasible=feasible)
    return attack_named(name).run(sweep, table.rows, table.labels, budget), once, counted


def most(name: str, table: Table, *, feasible: bool) -> int:
    """What is told beforehand of one instance, besides its first look."""
    budget = AuditConfig(epsilon=REACH / 20, steps=6).budget(table.schema, feasible=feasible)
    features = int(budget.usable.sum())
    return attack_named(name).most_queries(6, features, 6, budget.box if feasible else None)


ATTACKS = ["worst-counterpart", "worst-counterpart:restarts=1,own=false", "strongest"]


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("feasible", [True, False])
def test_each_row_is_counted_and_no_more_are_asked_than_told(name, feasible, workers):
    for instance in range(12):
        table = tiny_table(20, seed=4).take(np.array([instance]))
        _, once, counted = run(name, table, workers, feasible=feasible)
        assert len(np.unique(counted.rows, axis=0)) == len(counted.rows) == once.asked
        assert once.asked <= 6 + most(name, table, feasible=feasible)


def test_what_is_told_is_about_what_a_model_without_any_violation_is_asked(workers):
    """One that is never wrong, of which no row is asked about twice: a wide continuous box."""
    table = planted.random_table(3, n_free=6, domains=(3, 2), seed=3)
    table = planted.table_of(table.rows, np.zeros(3, np.int64), table.schema.features)
    config = AuditConfig(epsilon=0.4, steps=6)
    once = CachedClassifier(
        FunctionClassifier(lambda rows: np.stack([1 + rows[:, 0], -rows[:, 1]], 1))
    )
    sweep = config.sweep(once, table.schema, workers, lambda rows: None)
    attack = attack_named("worst-counterpart")
    attack.run(sweep, table.rows, table.labels, config.budget(table.schema))
    told = 3 * (6 + attack.most_queries(6, 6, 6, None))
    assert 0.6 * told < once.asked <= told


@pytest.mark.parametrize("name", ATTACKS)
def test_only_feasible_rows_are_asked_about(name, workers):
    table = tiny_table(30, seed=5)
    allowed = {
        each.tobytes()
        for row in table.rows
        for each in counterparts(reachable(row)).reshape(-1, len(ENDS))
    }
    _, _, counted = run(name, table, workers)
    assert len(counted.rows) > 500
    assert all(row.tobytes() in allowed for row in np.float32(counted.rows))


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("feasible", [True, False])
def test_a_row_alone_gets_what_it_gets_in_company(name, feasible, workers):
    table = tiny_table(9, seed=6)
    together = run(name, table, workers, feasible=feasible)[0]
    again = run(name, table, workers, feasible=feasible, chunk_rows=7)[0]
    with Workers(2) as two:
        side_by_side = run(name, table, two, feasible=feasible)[0]
    for other in (again, side_by_side):
        assert all(map(np.array_equal, together.rows, other.rows))
    for i in (0, 4, 8):
        alone = run(name, table.take(np.array([i])), workers, feasible=feasible)[0]
        for mine, theirs in zip(alone.rows, together.rows, strict=True):
            assert np.array_equal(mine[0], theirs[i])
    other_seed = run(name, table, workers, feasible=feasible, seed=1)[0]
    assert not all(map(np.array_equal, together.rows, other_seed.rows))


def test_relations_hold_of_what_is_asked_about_by_tries(workers):
    """Years are at most calls, of the person and of every row that is tried."""
    table = tiny_table(40, seed=7)
    table = table.take(np.flatnonzero(table.rows[:, 0] <= table.rows[:, 1])[:12])
    schema = table.schema.model_copy(update={"relations": ("calls >= years",)})
    table = Table(table.frame, table.labels, schema, "related")
    found, _, counted = run("worst-counterpart", table, workers)
    rows = counted.rows
    assert (rows[:, 0] <= rows[:, 1]).all()
    assert sum((one[:, :2] != table.rows[:, :2]).any() for one in found.rows) > 1


def test_a_network_is_broken_as_often_as_by_its_gradients():
    """But for one instance in a hundred."""
    table = planted.random_table(100, n_free=6, domains=(5, 3), seed=11)
    options = {"attacks": ("strongest",), "epsilon": 0.1, "labels": None}
    white, black = (
        rafair.audit(planted.network(8, seed=11), table, black_box=one, **options)
        for one in (False, True)
    )
    for name in PROPERTIES:
        ours, bound = (
            one.document["attacks"]["strongest"]["robust"][name]["count"] for one in (black, white)
        )
        assert ours <= bound + 1 < white.document["clean"][name]["count"], name


def test_what_is_after_any_mistake_leaves_what_is_lost_alone(workers):
    """Rows that are wrong and treated unlike their counterparts stand still, and cost no more."""
    table = tiny_table(40, seed=8)
    found, _, _ = run("worst-counterpart", table, workers)
    codes = found.verdicts()
    both = np.isin(codes, [2, 3]).cumsum(axis=1).astype(bool)
    both &= np.isin(codes, [1, 3]).cumsum(axis=1).astype(bool)
    assert both[:, 0].any()
    assert both[:, -1].sum() > 10
    for step in range(1, len(found.rows)):
        gone = both[:, step - 1]
        assert np.array_equal(found.rows[step][gone], found.rows[step - 1][gone])


def test_a_cascade_asks_for_no_more_than_its_share(workers):
    """Besides the first look, which attacks share, and for no less than without where it may."""
    table = planted.random_table(4, n_free=6, domains=(3, 2), seed=3)
    table = planted.table_of(table.rows, np.zeros(4, np.int64), table.schema.features)
    attack, asked = attack_named("strongest"), {}
    for limit in (700, 900, 1_300, 10_000, None):
        config = AuditConfig(epsilon=0.2, steps=8, queries_each=limit)
        once = CachedClassifier(
            FunctionClassifier(lambda rows: np.stack([1 + rows[:, 0], -rows[:, 1]], 1))
        )
        sweep = config.sweep(once, table.schema, workers, lambda rows: None)
        found = attack.run(sweep, table.rows, table.labels, config.budget(table.schema))
        assert len(found.rows) == 9
        asked[limit] = once.asked / 4 - 6
        assert 0 < asked[limit] <= (limit or 10_000)
    each = list(asked.values())
    assert each == sorted(each)
    assert each[0] < each[2] < each[3] == each[4]
