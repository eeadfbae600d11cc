import itertools

import numpy as np
import pytest

from rafair.attacks.attack_names import attack_named
from rafair.engine.thread_pool import Workers
from rafair.models.fit_to_table import as_classifier
from rafair.models.losses import CrossEntropy, margins
from rafair.models.training import TrainConfig, train
from rafair.search.category_changes import Aim, choose_levels, random_levels
from rafair.search.counterpart_evaluator import CounterpartEvaluator
from rafair.search.goals import Goal
from rafair.search.search_budget import Budget
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.encoding import decode
from rafair.tabular.feasible import FeasibleSet
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.table import Table
from rafair.verdicts import Verdict

SIZES = (4, 3, 2)


def schema() -> Schema:
    categories = [
        Feature(name=f"c{i}", kind="categorical", levels=tuple(range(size)))
        for i, size in enumerate(SIZES)
    ]
    numbers = [Feature(name=f"n{i}", kind="integer", minimum=0, maximum=5) for i in range(2)]
    group = [
        Feature(name=f"g{i}", kind="boolean", levels=("no", "yes"), group="g") for i in range(3)
    ]
    sensitive = Feature(
        name="s", kind="integer", minimum=0, maximum=4, sensitive=True, domain=tuple(range(5))
    )
    features = (*categories, *numbers, *group, sensitive)
    return Schema(features=features, label="y", classes=("no", "yes"))


def rows_of(n: int, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    columns = [draw.integers(0, size, n) / (size - 1) for size in SIZES]
    columns += [draw.integers(0, 6, n) / 5 for _ in range(2)]
    true = draw.integers(0, 3, n)
    columns += [true == place for place in range(3)]
    columns.append(draw.integers(0, 5, n) / 4)
    return np.column_stack(columns).astype(np.float32)


def everything(centre: np.ndarray, most: int, epsilon: float = 0.2) -> np.ndarray:
    """All feasible rows around one row: at most `most` categories and epsilon in each number."""
    levels = [np.arange(size, dtype=np.float32) / (size - 1) for size in SIZES]
    numbers = np.arange(6, dtype=np.float32) / 5
    near = [numbers[np.abs(numbers - value) <= epsilon + 1e-6] for value in centre[3:5]]
    found = []
    for *codes, true in itertools.product(*levels, *near, range(3)):
        row = np.concatenate([codes, np.eye(3)[true], centre[8:]]).astype(np.float32)
        changes = (row[:3] != centre[:3]).sum() + (row[5:8] != centre[5:8]).any()
        if changes <= most:
            found.append(row)
    return np.array(found)


@pytest.fixture(scope="module")
def sweep():
    rows = rows_of(600, seed=9)
    risk = rows @ [0.7, 0, 0.3, 0.8, -0.9, 0.5, 0, 0, 0.4] + 0.8 * (rows[:, 1] == 0.5) * rows[:, 3]
    labels = (risk > np.median(risk)).astype(np.int64)
    network = train(Table(decode(rows, schema()), labels, schema(), "made"), TrainConfig(epochs=30))
    with Workers(1) as workers:
        yield CounterpartEvaluator(
            as_classifier(network), Counterparts.of(schema()), CrossEntropy(), workers
        )


def box(most: int) -> FeasibleSet:
    return FeasibleSet.of(schema(), 0.2, max_category_changes=most)


def test_of_all_single_changes_the_best_is_chosen(sweep):
    rows = rows_of(30)
    labels = np.random.default_rng(1).integers(0, 2, 30)
    seen = sweep.observe(rows, labels)
    for aim in (Aim(), Aim.of(Goal.TRUE_BIASED), Aim.of(Goal.TRUE_FAIR)):
        chosen = choose_levels(sweep, box(1), rows, rows, labels, seen, aim)
        for row in range(len(rows)):
            tried = everything(rows[row], 1, epsilon=0)
            other = tried.copy()
            where = np.repeat(seen.counterpart[row], len(tried))
            sweep.counterparts.substitute(other, where)
            label = np.repeat(labels[row], len(tried))
            own, far = (margins(sweep.predict(r), label) for r in (tried, other))
            scores = aim.own * own if not aim.other else np.minimum(aim.own * own, aim.other * far)
            mine = np.flatnonzero((tried == chosen[row]).all(axis=1))
            assert mine.size == 1
            assert scores[mine[0]] >= scores.max() - 1e-6


def test_a_choice_made_before_does_not_bind(sweep):
    clean, labels = rows_of(20), np.zeros(20, np.int64)
    seen = sweep.observe(clean, labels)
    strayed = clean.copy()
    strayed[:, 2] = 1 - strayed[:, 2]
    fresh = choose_levels(sweep, box(1), clean, clean, labels, seen, Aim())
    again = choose_levels(sweep, box(1), strayed, clean, labels, seen, Aim())
    np.testing.assert_array_equal(fresh, again)


def test_random_levels_use_the_budget_and_reach_all_levels():
    clean = rows_of(400)
    for most in (0, 1, 3):
        drawn = random_levels(box(most), clean.copy(), clean, 0, 7)
        changes = (drawn[:, :3] != clean[:, :3]).sum(axis=1)
        changes += (drawn[:, 5:8] != clean[:, 5:8]).any(axis=1)
        assert changes.max() == most
        assert most > 1 or changes.min() == 0
        assert (drawn[:, 5:8].sum(axis=1) == 1).all()
        if most:
            assert {0, 1} <= set(drawn[clean[:, 2] == 0, 2].tolist())


@pytest.mark.parametrize("most", [0, 1])
def test_attacks_find_what_exhaustive_search_finds(sweep, most):
    """Of instances that some feasible row breaks, attacks must break most, and never more."""
    rows = rows_of(60, seed=2)
    labels = sweep.judge(rows, np.zeros(60, np.int64)).prediction  # right as they are
    step = np.full(9, 0.02, np.float32) * box(most).movable
    budget = Budget(20, step, box(most))
    breakable, biased = np.zeros(60, bool), np.zeros(60, bool)
    for row in range(60):
        tried = everything(rows[row], most)
        seen = sweep.judge(tried, np.repeat(labels[row], len(tried)))
        breakable[row] = (seen.prediction != labels[row]).any()
        biased[row] = ~seen.fair.all()
    assert 5 < breakable.sum() < 60
    for name in ("pgd:random_start=false", "rafair-ff", "apgd", "noise"):
        codes = attack_named(name).run(sweep, rows, labels, budget).verdicts()[:, 1:]
        broken = (codes >= Verdict.FALSE_FAIR).any(axis=1)
        assert not (broken & ~breakable).any(), name
        if name != "noise":
            assert broken.sum() >= 0.85 * breakable.sum(), name
    pooled = [
        attack_named(name).run(sweep, rows, labels, budget).verdicts()[:, 1:]
        for name in ("rafair-tb", "rafair-ff", "rafair-fb", "adf")
    ]
    found = (np.concatenate(pooled, axis=1) % 2 == 1).any(axis=1)
    assert not (found & ~biased).any()
    assert found.sum() >= 0.85 * biased.sum()
