"""A logistic model: every step of RAFair is known in closed form.

With z1 - z0 = w·x + b the gradient of the loss is the same vector up to a positive factor at every
counterpart, so its signs are those of w for label 0 and of -w for label 1. No features differ in
sign: the true-biased and false-biased goals stand still, and false fair moves every free feature.
"""

from __future__ import annotations

import numpy as np
import pytest

import planted
import rafair

FREE = np.array([2.0, -1.0, 0.5])
BOUND = 0.6
BIAS = -0.4
STEP, STEPS, EPSILON = 0.02, 12, 0.2


@pytest.fixture(scope="module")
def table():
    return planted.random_table(60, n_free=3, domains=(4,), seed=5)


@pytest.fixture(scope="module")
def result(table):
    model = planted.linear([*FREE, BOUND], BIAS)
    return rafair.audit(
        model, table, steps=STEPS, step_size=STEP, epsilon=EPSILON, loss="cross-entropy"
    )


def trajectory(result, attack, table):
    """Rows of shape `(n, T + 1, d)`."""
    frame = result.adversarial
    frame = frame[frame["attack"] == attack].sort_values(["instance", "step"])
    columns = [f"encoded.{name}" for name in table.schema.names]
    return frame[columns].to_numpy().reshape(len(table), STEPS + 1, -1)


def closed_form(table, t):
    """Where false fair is after `t` steps."""
    uphill = np.where(table.labels[:, None] == 0, 1, -1) * np.sign(FREE)
    free = table.rows[:, :3]
    moved = np.clip(free + uphill * min(STEP * t, EPSILON), 0, 1)
    return np.column_stack([moved, table.rows[:, 3]])


def score(rows, sensitive):
    return rows[:, :3] @ FREE + BOUND * sensitive + BIAS


def verdict_of(rows, table):
    domain = np.linspace(0, 1, 4)
    own = score(rows, rows[:, 3]) > 0
    each = np.stack([score(rows, value) > 0 for value in domain])
    accurate = own == (table.labels == 1)
    fair = (each == own).all(axis=0)
    return 2 * ~accurate + ~fair


def test_false_fair_follows_the_sign_of_the_weights(result, table):
    rows = trajectory(result, "rafair-ff", table)
    for t in range(STEPS + 1):
        np.testing.assert_allclose(rows[:, t], closed_form(table, t), atol=2e-6)


@pytest.mark.parametrize("attack", ["rafair-tb", "rafair-fb"])
def test_goals_that_need_opposite_slopes_stand_still(result, table, attack):
    rows = trajectory(result, attack, table)
    assert np.array_equal(rows, np.repeat(table.rows[:, None], STEPS + 1, axis=1))


def test_standing_still_costs_no_further_rows(result, table):
    for attack in ("rafair-tb", "rafair-fb"):
        counted = result.document["attacks"][attack]
        first = len(table) * 4 if attack == "rafair-tb" else 0  # pays for the clean rows
        assert (counted["gradient_rows"], counted["prediction_rows"]) == (first, 0)


def test_the_least_step_that_flips_a_prediction(result, table):
    frame = result.adversarial
    frame = frame[frame["attack"] == "rafair-ff"].sort_values(["instance", "step"])
    accurate = frame["accurate"].to_numpy().reshape(len(table), STEPS + 1)
    flips = 0
    for i in range(len(table)):
        scores = np.array(
            [score(closed_form(table, t), table.rows[:, 3])[i] for t in range(STEPS + 1)]
        )
        wrong = (scores > 0) != (table.labels[i] == 1)
        assert np.array_equal(accurate[i], ~wrong)
        flips += (not wrong[0]) and wrong.any()
    assert flips > 5  # the comparison saw predictions flip


def test_robust_rates_are_exact(result, table):
    codes = np.stack([verdict_of(closed_form(table, t), table) for t in range(STEPS + 1)], axis=1)
    robust = result.document["attacks"]["rafair-ff"]["robust"]
    assert robust["accuracy"]["count"] == (codes < 2).all(axis=1).sum()
    assert robust["individual_fairness"]["count"] == (codes % 2 == 0).all(axis=1).sum()
    assert robust["accurate_fairness"]["count"] == (codes == 0).all(axis=1).sum()


def test_for_a_linear_model_false_fair_finds_every_reachable_error(result, table):
    """Sign steps reach the worst corner of the box, where the worst case is attained."""
    worst = closed_form(table, STEPS)
    reachable = (score(worst, table.rows[:, 3]) > 0) != (table.labels == 1)
    found = result.document["attacks"]["rafair-ff"]["robust"]["accuracy"]
    assert found["n"] - found["count"] == reachable.sum()
