"""What training lets happen to a row, against closed forms and brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from planted import linear, numeric, random_table, table_of
from rafair.hardening.method import cross_entropy_of
from rafair.hardening.sampled_neighbours import Neighbourhood, worst_of

EPSILON = 0.1


@pytest.fixture
def randomness() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def climb(around, rows, losses, steps, randomness):
    worst = around.somewhere(rows, randomness)
    for _ in range(steps):
        worst = around.uphill(worst, rows, losses, steps)
    return worst


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_moves_stay_inside_the_box_and_keep_sensitive_values(randomness, share):
    table = random_table(200)
    whole = Neighbourhood.of(table.schema, EPSILON)
    around = Neighbourhood(whole.reach, whole.columns, whole.domains, share)
    rows, labels = torch.tensor(table.rows), torch.tensor(table.labels)
    losses = cross_entropy_of(linear([1.0, -2.0, 0.5, 3.0, -1.0]), labels)
    for steps in (1, 3, 10):
        moved = climb(around, rows, losses, steps, randomness)
        assert bool(((moved - rows).abs() <= EPSILON * share + 1e-6).all())
        assert bool(((moved >= 0) & (moved <= 1)).all())
        assert torch.equal(moved[:, 3:], rows[:, 3:])
    if share == 1.0:
        assert bool(((moved - rows)[:, :3].abs() > 0.01).any(dim=0).all())


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_uphill_reaches_the_maximum_of_a_linear_model(randomness, steps):
    table = random_table(100)
    weights = torch.tensor([1.0, -2.0, 0.5, 3.0, -1.0])
    rows, labels = torch.tensor(table.rows), torch.tensor(table.labels)
    losses = cross_entropy_of(linear(weights.tolist()), labels)
    moved = climb(Neighbourhood.of(table.schema, EPSILON), rows, losses, steps, randomness)
    # the loss of class 1 grows against the weights, that of class 0 along them
    best = rows.clone()
    way = torch.where(labels == 1, -1.0, 1.0)[:, None] * weights[:3].sign()
    best[:, :3] = (rows[:, :3] + EPSILON * way).clamp(0, 1)
    assert torch.allclose(moved, best, atol=1e-6)
    assert bool((losses(moved) >= losses(rows)).all())


def test_a_search_from_another_counterpart_keeps_its_sensitive_values(randomness):
    table = random_table(30)
    around = Neighbourhood.of(table.schema, EPSILON)
    rows, labels = torch.tensor(table.rows), torch.tensor(table.labels)
    losses = cross_entropy_of(linear([1.0] * 5), labels)
    other = around.counterparts(rows, 2, randomness)[:, 1]
    moved = around.uphill(other, rows, losses, 3)
    assert torch.equal(moved[:, 3:], other[:, 3:])
    assert bool(((moved - rows)[:, :3].abs() <= EPSILON + 1e-6).all())


def test_counterparts_are_the_row_itself_and_others_of_the_domain(randomness):
    table = random_table(300, domains=(3, 2))
    rows = torch.tensor(table.rows)
    drawn = Neighbourhood.of(table.schema, EPSILON).counterparts(rows, 40, randomness)
    assert torch.equal(drawn[:, 0], rows)
    assert torch.equal(drawn[..., :3], rows[:, None, :3].expand(-1, 40, -1))
    found = {tuple(values) for values in drawn[:, 1:, 3:].reshape(-1, 2).tolist()}
    assert found == set(itertools.product([0, 0.5, 1], [0, 1]))
    counts = torch.unique(drawn[:, 1:, 3], return_counts=True)[1] / (300 * 39)
    assert torch.allclose(counts, torch.full((3,), 1 / 3), atol=0.02)


def test_the_worst_counterpart_is_that_of_brute_force(randomness):
    table = random_table(50)
    rows, labels = torch.tensor(table.rows), torch.tensor(table.labels)
    module = linear([1.0, -2.0, 0.5, 3.0, -1.0])
    drawn = Neighbourhood.of(table.schema, EPSILON).counterparts(rows, 8, randomness)
    worst = worst_of(drawn, cross_entropy_of(module, labels))
    for row in range(50):
        margins = [
            torch.nn.functional.cross_entropy(module(each[None]), labels[row : row + 1]).item()
            for each in drawn[row]
        ]
        assert torch.equal(worst[row], drawn[row, int(np.argmax(margins))])


def test_missing_values_never_move(randomness):
    table = random_table(20)
    rows = torch.tensor(table.rows)
    rows[::2, 1] = -1.0
    around = Neighbourhood.of(table.schema, EPSILON)
    losses = cross_entropy_of(linear([1.0] * 5), torch.tensor(table.labels))
    moved = climb(around, rows, losses, 3, randomness)
    assert bool((moved[::2, 1] == -1).all())
    assert bool((moved[1::2, 1] != rows[1::2, 1]).any())


def test_immutable_features_stay():
    features = (numeric("x"), numeric("fixed", mutable=False), numeric("s", sensitive=2))
    rows = np.random.default_rng(0).random((20, 3)).astype(np.float32)
    rows[:, 2] = rows[:, 2].round()
    table = table_of(rows, np.arange(20) % 2, features)
    around = Neighbourhood.of(table.schema, 0.2)
    assert around.reach.tolist() == pytest.approx([0.2, 0, 0])
    lower, upper = around.bounds(torch.tensor(table.rows))
    assert torch.equal(lower[:, 1:], upper[:, 1:])
