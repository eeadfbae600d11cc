"""Runs side by side find what the same runs find one by one, and what they keep is judged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import planted
from rafair.attacks.apgd import APGD
from rafair.attacks.parallel_runs import breaking, groups, nearest_to_wrong
from rafair.attacks.worst_counterpart import WorstCounterpart
from rafair.models.losses import CrossEntropy
from rafair.models.torch_module import TorchClassifier
from rafair.search.counterpart_evaluator import CounterpartEvaluator
from rafair.search.loop import Problem
from rafair.search.search_budget import Budget
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.perturbation import PerturbationSet
from rafair.verdicts import BIASED, FALSE


def problem_of(seed, workers, *, gradient_rows=None, k=0.0) -> Problem:
    network = planted.network(6, seed=seed)
    table = planted.random_table(60, n_free=4, domains=(5, 4), seed=seed)
    table = planted.mostly_right(table, network)
    box = PerturbationSet.of(table.schema, 0.08)
    size = np.full(len(table.schema), 0.01, np.float32)
    budget = Budget(10, size, box, gradient_rows=gradient_rows)
    counterparts = Counterparts.of(table.schema)
    sweep = CounterpartEvaluator(
        TorchClassifier(network), counterparts, CrossEntropy(), workers, k=k
    )
    return Problem(sweep, table.rows, table.labels, budget)


def broken(trajectory, kinds) -> np.ndarray:
    return np.isin(trajectory.verdicts(), list(kinds)).any(axis=1)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rows_of_another_class_are_those_of_the_runs_one_by_one(seed, workers):
    problem, attack = problem_of(seed, workers), APGD(restarts=6)
    seen = problem.sweep.judge(problem.start, problem.labels)
    each = [broken(run, FALSE) for run in attack.runs(problem, seen)]
    assert (broken(nearest_to_wrong(problem, attack, seen), FALSE) == np.any(each, axis=0)).all()


@pytest.mark.parametrize("k", [0.0, 2.0])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_fewer_looks_break_as_much(seed, k, workers):
    problem = problem_of(seed, workers, k=k)
    seen = problem.sweep.judge(problem.start, problem.labels)
    asked = problem.sweep.queries.prediction_rows
    found = breaking(problem, WorstCounterpart(restarts=7, own=False), seen)
    fewer = problem.sweep.queries.prediction_rows - asked
    every = WorstCounterpart(own=False).solve(problem, seen)
    more = problem.sweep.queries.prediction_rows - asked - fewer
    ours, theirs = broken(found, BIASED), broken(every, BIASED)
    assert ours.sum() > broken(problem_start(problem, seen), BIASED).sum()
    assert ours.sum() >= theirs.sum() - 1
    assert k or fewer < more
    assert all(each.judged.all() for each in found.observations)
    for rows, each in zip(found.rows, found.observations, strict=True):
        again = problem.sweep.judge(rows, problem.labels)
        assert (again.fair == each.fair).all()
        assert (again.prediction == each.prediction).all()


def problem_start(problem, seen):
    """The rows as they came, alone."""
    none = replace(problem.budget, steps=0)
    return WorstCounterpart(restarts=1).solve(replace(problem, budget=none), seen)


def test_where_money_is_short_no_instance_spends_it_twice(workers):
    problem = problem_of(4, workers, gradient_rows=15)
    assert [list(runs) for runs in groups(problem, 3)] == [[0], [1], [2]]
    assert [list(runs) for runs in groups(problem_of(4, workers), 7)] == [[0], [1, 2, 3, 4, 5, 6]]
    assert [list(runs) for runs in groups(problem_of(4, workers), 1)] == [[0]]
    seen = problem.sweep.judge(problem.start, problem.labels)
    breaking(problem, WorstCounterpart(restarts=7, own=False), seen)
    nearest_to_wrong(problem, APGD(restarts=20), seen)
    assert 0 < problem.sweep.queries.gradient_rows <= 15 * len(problem.start)
