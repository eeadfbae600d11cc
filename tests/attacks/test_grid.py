"""Tiny domains: every counterpart and every row that an attack could reach, by brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

import planted
import rafair

STEP, STEPS = 0.05, 4


def reachable(row: np.ndarray) -> np.ndarray:
    """All rows on the lattice of steps around `row`, clipped to the box; two free features."""
    moves = np.float32(STEP) * np.arange(-STEPS, STEPS + 1, dtype=np.float32)
    rows = np.repeat(row[None], len(moves) ** 2, axis=0)
    rows[:, :2] = [row[:2] + move for move in itertools.product(moves, moves)]
    return np.clip(rows, 0, 1)


def verdicts_of(model, table, rows: np.ndarray, label: int) -> tuple[np.ndarray, np.ndarray]:
    """Verdict codes in float64, and how near the nearest decision was to tipping."""
    codes, margins = [], []
    for row in rows:
        others = planted.brute_counterparts(row, table)
        own = np.flatnonzero((others == row).all(axis=1))[0]
        with torch.no_grad():
            logits = model(torch.tensor(others, dtype=torch.float64)).numpy()
        margins.append(np.abs(logits[:, 1] - logits[:, 0]).min())
        predicted = logits.argmax(axis=1)
        accurate, fair = predicted[own] == label, (predicted == predicted[own]).all()
        codes.append(2 * (not accurate) + (not fair))
    return np.array(codes), np.array(margins)


@pytest.fixture(scope="module", params=["relu", "smooth"])
def found(request):
    table = planted.random_table(25, n_free=2, domains=(3, 2), seed=6)
    model = planted.network(4, seed=3) if request.param == "relu" else planted.Smooth(4, seed=5)
    result = rafair.audit(model, table, steps=STEPS, step_size=STEP)
    brute = []
    for row, label in zip(table.rows, table.labels, strict=True):
        codes, margins = verdicts_of(model.double(), table, reachable(row), int(label))
        brute.append((codes, margins.min() > 1e-5))
    model.float()
    return table, result, brute


@pytest.mark.parametrize("attack", ["rafair-tb", "rafair-ff", "rafair-fb"])
def test_attacks_claim_no_cell_that_does_not_exist(found, attack):
    table, result, brute = found
    frame = result.adversarial[result.adversarial["attack"] == attack]
    names = [str(verdict) for verdict in rafair.Verdict]
    for instance, rows in frame.groupby("instance"):
        exist, sure = brute[instance]
        claimed = {names.index(name) for name in rows["verdict"]}
        assert claimed <= set(exist.tolist()) or not sure
        free = rows[["encoded.x0", "encoded.x1"]].to_numpy()
        lattice = reachable(table.rows[instance])[:, :2]
        for point in free:
            assert np.abs(lattice - point).max(axis=1).min() < 1e-5


def test_robust_rates_are_never_below_the_truth_and_some_violations_are_found(found):
    _, result, brute = found
    truth = sum((codes == 0).all() for codes, _ in brute)
    robust = result.document["attacks"]["rafair"]["robust"]["accurate_fairness"]
    clean = result.document["clean"]["accurate_fairness"]
    assert truth <= robust["count"] <= clean["count"]
    if clean["count"] > truth:
        assert robust["count"] < clean["count"]
