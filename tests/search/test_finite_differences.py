from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

import planted
import rafair
from rafair.attacks.attack_names import attack_named
from rafair.auditing.audit_setup import AuditConfig
from rafair.models.answer_cache import CachedClassifier
from rafair.models.fit_to_table import as_classifier
from rafair.models.function_classifier import FunctionClassifier
from rafair.models.losses import CrossEntropy
from rafair.search.counterpart_evaluator import CounterpartEvaluator
from rafair.search.finite_differences import Probing, Suspect, most_probes
from rafair.search.goals import Goal
from rafair.search.loop import Problem
from rafair.tabular.counterparts import Counterparts

GOALS = ("rafair-tb", "rafair-ff", "rafair-fb")


class Recorder:
    """A classifier's logits as a plain function that remembers what it was asked."""

    def __init__(self, model) -> None:
        self.rows: list[np.ndarray] = []
        self._classifier, self._lock = as_classifier(model), threading.Lock()

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        with self._lock:
            self.rows += list(rows.copy())
        return self._classifier.logits(rows)

    @property
    def asked(self) -> np.ndarray:
        return np.array(self.rows)


def sweep_of(model, table, workers, **options) -> CounterpartEvaluator:
    classifier = (
        model if isinstance(model, CachedClassifier) else CachedClassifier(as_classifier(model))
    )
    counterparts = Counterparts.of(table.schema)
    return CounterpartEvaluator(classifier, counterparts, CrossEntropy(), workers, **options)


def problem_of(model, table, workers, n=None, **options) -> Problem:
    budget = AuditConfig(**options).budget(table.schema)
    sweep = sweep_of(model, table, workers)
    return Problem(sweep, table.rows[:n], table.labels[:n], budget)


def probed(problem: Problem, goal: Goal = Goal.FALSE_FAIR):
    """What is known of the start once it was probed, and where the first step leads."""
    seen = Suspect().at(problem.sweep, problem.start, problem.labels)
    moved = Probing(problem, goal)(problem.start, seen, 1)
    return seen, moved


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("chunk_rows", [5, 2048])
def test_the_counterpart_is_the_one_with_the_largest_loss(n_classes, chunk_rows, workers):
    table = planted.random_table(30, n_classes=n_classes)
    model = planted.network(5, n_classes)
    sweep = sweep_of(model, table, workers, chunk_rows=chunk_rows)
    seen = sweep.suspect(table.rows, table.labels)
    plain = sweep.judge(table.rows, table.labels)
    for name in ("prediction", "fair", "disagreeing", "consensus", "loss"):
        assert np.array_equal(getattr(seen, name), getattr(plain, name)), name
    for i, row in enumerate(table.rows):
        others = planted.brute_counterparts(row, table)
        labels = np.repeat(table.labels[i : i + 1], len(others))
        losses = CrossEntropy().value(as_classifier(model).logits(others), labels)
        losses[(others == row).all(axis=1)] = -np.inf
        assert losses[seen.counterpart[i]] == pytest.approx(losses.max(), rel=1e-5)
        assert seen.counterpart_loss[i] == pytest.approx(losses.max(), rel=1e-5)


def test_ties_go_to_the_first_counterpart_and_never_to_the_row(workers):
    table = planted.random_table(12)
    sweep = sweep_of(planted.linear([1.0, 1, 1, 0, 0]), table, workers)
    seen = sweep.suspect(table.rows, table.labels)
    own = sweep.counterparts.own_index(table.rows)
    assert np.array_equal(seen.counterpart, np.where(own == 0, 1, 0))


def test_signs_of_a_linear_model_are_those_of_its_weights(workers):
    table = planted.random_table(40)
    weights = [2.0, -1.0, 0.5, 3.0, -1.0]
    problem = problem_of(planted.linear(weights), table, workers)
    seen, _ = probed(problem)
    towards_error = np.where(table.labels == 1, -1, 1)[:, None]
    expected = towards_error * np.sign(weights[:3])
    assert np.array_equal(seen.gradient[:, :3], expected)
    assert np.array_equal(seen.counterpart_gradient[:, :3], expected)
    assert not seen.gradient[:, 3:].any()  # sensitive features are not probed
    assert seen.differentiated.all()


def test_false_fair_moves_a_linear_model_as_gradients_do(workers):
    table, weights = planted.random_table(20), [2.0, -1.0, 0.5, 0.0, 0.0]
    budget = AuditConfig(steps=5).budget(table.schema)
    model = planted.linear(weights)
    white = CounterpartEvaluator(
        as_classifier(model), Counterparts.of(table.schema), CrossEntropy(), workers
    )
    attack, some = attack_named("rafair-ff"), (table.rows, table.labels, budget)
    expected = attack.run(white, *some)
    found = attack.run(sweep_of(model, table, workers), *some)
    going = ~np.isin(expected.verdicts()[:, :-1], [Goal.FALSE_FAIR.verdict])
    assert going.any()
    for before, after in zip(expected.rows, found.rows, strict=True):
        assert np.array_equal(before, after)
    assert np.array_equal(expected.verdicts(), found.verdicts())


def test_signs_agree_with_the_gradients_of_a_trained_network(workers):
    data = rafair.load_dataset("affairs")
    network = rafair.train(data.train, rafair.TrainConfig(epochs=2))
    problem = problem_of(network, data.test, workers, 100)
    seen, _ = probed(problem)
    white = CounterpartEvaluator(
        as_classifier(network), problem.sweep.counterparts, CrossEntropy(), workers
    )
    _, gradient = white.differentiate(problem.start, problem.labels)
    movable = problem.budget.usable
    same = np.sign(gradient[:, movable]) == seen.gradient[:, movable]
    assert same.mean() >= 0.98


def test_each_row_is_asked_once_and_all_are_counted(workers):
    table, once = planted.random_table(1), 12
    recorder = Recorder(planted.linear([2.0, -1.0, 0.5, 0.0, 0.0]))
    classifier = CachedClassifier(FunctionClassifier(recorder))
    problem = problem_of(classifier, table, workers, steps=3)
    attack_named("rafair-ff").run(problem.sweep, problem.start, problem.labels, problem.budget)
    # 6 counterparts of 4 rows; 3 features up and down, at the row and at its counterpart, 3 times:
    # but a step back in all features but one leads to rows that may be known
    distinct = {row.tobytes() for row in recorder.asked}
    assert classifier.asked == len(recorder.rows) == len(distinct)
    assert classifier.asked == 4 * 6 + 3 * once
    assert problem.sweep.queries.prediction_rows == 4 * 6 + 3 * once


def test_no_probe_leaves_the_box_or_moves_what_must_not_move(workers):
    features = (
        planted.numeric("free"),
        planted.numeric("fixed", mutable=False),
        planted.numeric("near the end"),
        planted.numeric("s", sensitive=4),
    )
    table = planted.table_of(np.array([[0.5, 0.3, 0.97, 0.0]]), np.array([1]), features)
    recorder = Recorder(planted.network(4))
    model = FunctionClassifier(recorder)
    for goal in GOALS:
        problem = problem_of(model, table, workers, steps=8, step_size=0.02)
        attack_named(goal).run(problem.sweep, problem.start, problem.labels, problem.budget)
    asked, (lower, upper) = recorder.asked, problem.bounds
    assert len(asked) > 100
    assert (asked[:, :3] >= lower[:, :3]).all()
    assert (asked[:, :3] <= upper[:, :3]).all()
    assert (asked[:, 1] == np.float32(0.3)).all()
    assert np.isin(asked[:, 3], np.float32([0, 1 / 3, 2 / 3, 1])).all()
    assert len(np.unique(asked[:, 0])) > 2


def stairs(rows: np.ndarray) -> np.ndarray:
    """Flat but for one step of the first feature, at .6."""
    high = (rows[:, 0] > 0.6).astype(np.float32)
    return np.stack([1 + 0 * high, 2 * high], axis=1)


def flat_table():
    features = (planted.numeric("x"), planted.numeric("y"), planted.numeric("s", sensitive=2))
    return planted.table_of(np.array([[0.47, 0.5, 0.0]]), np.array([0]), features)


def test_probes_grow_where_the_model_is_flat_and_moves_with_them(workers):
    problem = problem_of(stairs, flat_table(), workers)
    seen, moved = probed(problem)
    assert seen.gradient.tolist() == [[1, 0, 0]]
    # .01 doubled until it crosses .6
    assert moved[0].tolist() == pytest.approx([0.47 + 0.16, 0.5, 0])
    small = problem_of(stairs, flat_table(), workers, epsilon=0.1)
    assert not probed(small)[0].gradient.any()  # the step is out of reach


def test_the_size_that_worked_is_remembered(workers):
    problem = problem_of(stairs, flat_table(), workers)
    probing = Probing(problem, Goal.TRUE_FAIR)
    counts = []
    for step in (1, 2):
        before = problem.sweep.queries.prediction_rows
        rows = problem.start + np.float32([0, 0.001 * step, 0])
        seen = Suspect().at(problem.sweep, rows, problem.labels)
        before = problem.sweep.queries.prediction_rows
        probing(rows, seen, step)
        counts.append(problem.sweep.queries.prediction_rows - before)
        assert seen.gradient[0, 0] == 1
    # 2 features of 2 points up and down, then again each that is flat still; later at once
    assert counts == [4 * (2 + 2 + 2 + 2 + 2 + 1), 4 * 2]


@pytest.mark.parametrize("goal", GOALS)
def test_it_never_asks_more_than_was_told(goal, workers):
    table, steps = planted.random_table(20), 6
    for model in (planted.network(5), stairs):
        problem = problem_of(model, table, workers, steps=steps)
        attack_named(goal).run(problem.sweep, problem.start, problem.labels, problem.budget)
        each = 6 * (steps + 1) + most_probes(3, steps)
        assert problem.sweep.queries.prediction_rows <= 20 * each


@pytest.mark.parametrize("goal", GOALS)
def test_a_row_alone_gets_what_it_gets_in_company(goal, workers):
    table = planted.random_table(9, n_classes=3)

    def blocks(rows):  # flat, so that draws are needed
        levels = np.floor(rows * 7)
        return np.stack([levels[:, 0] + levels[:, 3], levels[:, 1], levels[:, 2]], axis=1)

    problem = problem_of(blocks, table, workers, steps=8)
    some = problem.sweep, problem.start, problem.labels, problem.budget
    together = attack_named(goal).run(*some)
    for i in (0, 4, 8):
        one = slice(i, i + 1)
        alone = attack_named(goal).run(some[0], some[1][one], some[2][one], some[3])
        for left, right in zip(alone.rows, together.rows, strict=True):
            assert np.array_equal(left[0], right[i])


def test_trees_break_more_often_than_under_noise_at_equal_queries(workers):
    from sklearn.ensemble import HistGradientBoostingClassifier

    data = rafair.load_dataset("affairs")
    trees = HistGradientBoostingClassifier(random_state=0).fit(data.train.rows, data.train.labels)
    model = FunctionClassifier(trees.predict_proba, outputs="probabilities")
    part = data.test.take(np.arange(0, len(data.test), len(data.test) // 99)[:100])
    problem = problem_of(model, part, workers, steps=4, step_size=0.05)
    some = problem.sweep, problem.start, problem.labels
    broken = np.zeros(100, bool)
    for goal in GOALS:
        broken |= (attack_named(goal).run(*some, problem.budget).verdicts() != 0).any(axis=1)
    asked, noise, by_noise = (
        problem.sweep.classifier.asked,
        CachedClassifier(model),
        np.zeros(100, bool),
    )
    seed = 0
    while noise.asked < asked:
        seed += 1
        sweep = replace(problem.sweep, classifier=noise)
        run = attack_named("noise").run(sweep, *some[1:], replace(problem.budget, seed=seed))
        by_noise |= (run.verdicts() != 0).any(axis=1)
    assert broken.sum() > by_noise.sum()
