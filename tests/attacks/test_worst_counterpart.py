"""What `worst-counterpart` finds, beside closed forms, brute force and the paper's attack."""

from __future__ import annotations

import numpy as np
import pytest

import planted
import rafair
from rafair.attacks.worst_counterpart import WorstCounterpart, with_witnesses
from rafair.models.torch_module import TorchClassifier
from rafair.search.observation import Observation
from rafair.search.trajectory import Trajectory

FREE = np.array([2.0, -1.0, 0.5])
BOUND, BIAS, EPSILON = 0.6, -0.4, 0.2
PROPERTIES = ("accuracy", "individual_fairness", "accurate_fairness")


def robust(result, attack: str) -> dict[str, int]:
    rates = result.document["attacks"][attack]["robust"]
    return {name: rates[name]["count"] for name in PROPERTIES}


def test_a_linear_model_in_closed_form():
    """The margins of all counterparts move together, by what the box allows at most."""
    table = planted.random_table(400, n_free=3, domains=(4,), seed=5)
    result = rafair.audit(
        planted.linear([*FREE, BOUND], BIAS), table, attacks=("worst-counterpart",),
        epsilon=EPSILON, labels=None,
    )  # fmt: skip
    free = table.rows[:, :3]
    sign = np.where(table.labels == 1, 1, -1)  # the score in the label's favour
    own = sign * (free @ FREE + BOUND * table.rows[:, 3] + BIAS)
    each = sign[:, None] * ((free @ FREE + BIAS)[:, None] + BOUND * np.linspace(0, 1, 4))
    lower, upper = np.maximum(free - EPSILON, 0) - free, np.minimum(free + EPSILON, 1) - free
    slopes = sign[:, None] * FREE
    down = np.minimum(slopes * lower, slopes * upper).sum(axis=1)
    up = np.maximum(slopes * lower, slopes * upper).sum(axis=1)
    wrong = own + down < 0
    unlike = (each.min(axis=1) + down < 0) & (each.max(axis=1) + up > 0)
    truth = {
        "accuracy": ~wrong,
        "individual_fairness": ~unlike,
        "accurate_fairness": ~(wrong | unlike),
    }
    found = robust(result, "worst-counterpart")
    for name, holds in truth.items():
        violations, missed = (~holds).sum(), found[name] - holds.sum()
        assert violations > 100
        assert 0 <= missed <= violations / 100


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_that_the_papers_attack_finds_is_missed_by_much(seed):
    table = planted.random_table(150, n_free=4, domains=(3, 2), seed=seed)
    result = rafair.audit(
        planted.network(6, seed=seed), table, attacks=("rafair", "noise", "worst-counterpart"),
        epsilon=0.15, step_size=0.01, labels=None,
    )  # fmt: skip
    ours = robust(result, "worst-counterpart")
    for other in ("rafair", "noise"):
        theirs = robust(result, other)
        assert ours["accurate_fairness"] <= theirs["accurate_fairness"] + 1
        assert ours["individual_fairness"] <= theirs["individual_fairness"] + 3
    assert ours["accurate_fairness"] < result.document["clean"]["accurate_fairness"]["count"]


def test_every_violation_is_there_by_brute_force():
    table = planted.random_table(60, n_free=2, domains=(3, 2), seed=6)
    model = planted.network(4, seed=3)
    result = rafair.audit(model, table, attacks=("worst-counterpart",), epsilon=0.2, labels=None)
    ticks = np.linspace(-0.2, 0.2, 41, dtype=np.float32)
    moves = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    classifier, broken = TorchClassifier(model), 0
    for row, label in zip(table.rows, table.labels, strict=True):
        others = planted.brute_counterparts(row, table)
        points = np.repeat(others, len(moves), axis=0)
        points[:, :2] = np.clip(np.tile(row[:2] + moves, (len(others), 1)), 0, 1)
        broken += bool((classifier.logits(points).argmax(axis=1) != label).any())
    found = len(table) - robust(result, "worst-counterpart")["accurate_fairness"]
    assert broken > 20
    assert found >= 0.99 * broken


def test_what_was_lost_is_left_alone():
    table = planted.random_table(40, n_free=3, domains=(4,), seed=7)
    table = table.take(np.arange(len(table)))
    model = planted.linear([*FREE, 5.0], -3.0)  # all rows are treated unlike their counterparts
    result = rafair.audit(model, table, attacks=("worst-counterpart",), steps=3, labels=None)
    frame = result.adversarial.sort_values(["instance", "step"])
    columns = [name for name in frame if name.startswith("encoded.")]
    for _, rows in frame.groupby("instance"):
        lost = (~rows["accurate"]).cummax() & (~rows["fair"]).cummax()
        first = int(lost.to_numpy().argmax())
        if lost.any():
            after = rows[columns].to_numpy()[first:]
            assert (after == after[0]).all()


def test_the_first_witness_of_each_property_is_kept():
    """Of eight iterates three: the first, and the first that is wrong, and that is unfair."""
    wrong_at, unfair_at, steps = 5, 7, 8
    rows = tuple(np.full((1, 2), number, np.float32) for number in range(steps + 1))
    seen = []
    for number in range(steps + 1):
        one = Observation.empty(1, 2)
        one.prediction[:] = number == wrong_at
        one.fair[:] = number != unfair_at
        seen.append(one)
    labels = np.zeros(1, np.int64)
    kept = with_witnesses(Trajectory(labels, labels, rows, tuple(seen)), 3)
    assert [int(one[0, 0]) for one in kept.rows] == [0, 1, wrong_at, unfair_at]
    assert kept.verdicts().tolist() == [[0, 0, 2, 1]]


def test_a_run_that_needs_no_other_keeps_its_iterates():
    table = planted.random_table(30, n_free=3, domains=(4,), seed=8)
    model = planted.network(4, seed=2)
    options = {"steps": 5, "epsilon": 0.1, "labels": None}
    once, often = (
        rafair.audit(model, table, attacks=(f"worst-counterpart:restarts={n}",), **options)
        for n in (1, 4)
    )
    name = "worst-counterpart:restarts={}"
    fewer, more = robust(once, name.format(1)), robust(often, name.format(4))
    assert all(more[key] <= fewer[key] for key in PROPERTIES)
    assert WorstCounterpart(restarts=4).most_rows(6, 5) == 4 * 5 * 7 + 6
