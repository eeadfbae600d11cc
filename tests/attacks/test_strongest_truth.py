"""What `strongest` finds beside closed forms and brute force: 99 of 100 instances with a violation.

Truth comes from the model's own answers, or from its weights; nothing of a search takes part.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import nn

import planted
import rafair
from rafair.tabular.table import Table

PROPERTIES = ("accuracy", "individual_fairness", "accurate_fairness")
EPSILON, TICKS = 0.25, 8
DAMPED = 0.3
"""The weight of sensitive features in small models: not everyone is to be treated unfairly."""


def found(model: nn.Module, table: Table, attack: str = "strongest", **options) -> dict[str, int]:
    """How many instances are told to have each violation."""
    result = rafair.audit(model, table, attacks=(attack,), epsilon=EPSILON, labels=None, **options)
    held = result.document["attacks"][attack]["robust"]
    return {name: len(table) - held[name]["count"] for name in PROPERTIES}


def check(told: dict[str, int], truth: dict[str, int], least: int = 10) -> None:
    for name, count in truth.items():
        assert count >= least, name  # there is something to be found
        assert 0.99 * count <= told[name] <= count, (name, told, truth)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_linear_model_in_closed_form(seed):
    """The margins of all counterparts move together, by what the corners of the box allow."""
    generator = np.random.default_rng(seed)
    free, bound = generator.normal(size=4), generator.normal(size=2)
    bias = -(free.sum() + bound.sum()) / 2
    model = planted.linear([*free, *bound], bias)
    table = planted.random_table(400, n_free=4, domains=(4, 3), seed=seed)
    table = planted.mostly_right(table, model)
    rows, sign = table.rows.astype(float), np.where(table.labels == 1, 1, -1)
    shifts = [
        bound @ values
        for values in itertools.product(*(np.linspace(0, 1, size) for size in (4, 3)))
    ]
    ends = np.stack([np.maximum(rows[:, :4] - EPSILON, 0), np.minimum(rows[:, :4] + EPSILON, 1)])
    slopes = free * ends  # of both ends of each feature
    low, high = slopes.min(axis=0).sum(axis=1) + bias, slopes.max(axis=0).sum(axis=1) + bias
    own = rows[:, 4:] @ bound
    wrong = np.where(sign > 0, low + own <= 0, high + own > 0)
    unlike = (low + min(shifts) <= 0) & (high + max(shifts) > 0)
    # a point of the box at which the least of all counterparts is below and the largest above
    check(
        found(model, table),
        {
            "accuracy": int(wrong.sum()),
            "individual_fairness": int(unlike.sum()),
            "accurate_fairness": int((wrong | unlike).sum()),
        },
    )


class Staircase(nn.Module):
    """Like a sum of trees: nearly flat, and steep where a mix of features passes a value."""

    def __init__(self, n_features: int, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.mix = torch.randn(n_features, 12, generator=generator)
        self.mix[3:] *= DAMPED
        self.at = torch.rand(12, generator=generator) * self.mix.sum(dim=0)
        self.height = torch.randn(12, generator=generator)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        steps = (8 * (rows @ self.mix - self.at)).clamp(-1, 1) + 0.05 * (rows @ self.mix - self.at)
        score = steps @ self.height
        return torch.stack([-score, score], dim=1)


def on_ticks(n: int, seed: int) -> Table:
    """Rows of three free features on a grid of nine values, and two sensitive ones."""
    table = planted.random_table(n, n_free=3, domains=(3, 2), seed=seed)
    features = tuple(
        each if each.sensitive else each.model_copy(update={"step": 1 / TICKS})
        for each in table.schema.features
    )
    rows = table.rows.copy()
    rows[:, :3] = np.round(rows[:, :3] * TICKS) / TICKS
    return planted.table_of(rows, table.labels, features)


def by_brute_force(model: nn.Module, table: Table) -> dict[str, int]:
    """Every row on the grid within epsilon, and every counterpart of each."""
    reach = round(EPSILON * TICKS)
    moves = np.array(list(itertools.product(range(-reach, reach + 1), repeat=3))) / TICKS
    lost = dict.fromkeys(PROPERTIES, 0)
    for row, label in zip(table.rows, table.labels, strict=True):
        others = planted.brute_counterparts(row, table)
        points = (row[:3] + moves).astype(np.float32)
        points = points[((points >= 0) & (points <= 1)).all(axis=1)]
        asked = np.tile(others, (len(points), 1))
        asked[:, :3] = np.repeat(points, len(others), axis=0)
        with torch.no_grad():
            classes = model(torch.from_numpy(asked)).argmax(dim=1).numpy().reshape(len(points), -1)
        own = classes[:, (others == row).all(axis=1).argmax()]
        wrong, unlike = (own != label).any(), (classes != own[:, None]).any()
        lost["accuracy"] += wrong
        lost["individual_fairness"] += unlike
        lost["accurate_fairness"] += wrong or unlike
    return lost


def small_network(n_features: int, seed: int) -> nn.Module:
    model = planted.network(n_features, seed=seed)
    with torch.no_grad():
        model[0].weight[:, 3:] *= DAMPED
    return model


def pooled(make, attack: str) -> tuple[dict[str, int], dict[str, int]]:
    """What is told and what is there, of three models together."""
    told, truth = dict.fromkeys(PROPERTIES, 0), dict.fromkeys(PROPERTIES, 0)
    for seed in (1, 2, 3):
        model = make(5, seed)
        table = planted.mostly_right(on_ticks(80, seed), model)
        there = by_brute_force(model, table)
        here = found(model, table, attack, perturbation="feasible")
        for name in PROPERTIES:
            assert here[name] <= there[name]
            told[name], truth[name] = told[name] + here[name], truth[name] + int(there[name])
    return told, truth


@pytest.mark.parametrize("make", [small_network, Staircase])
def test_tiny_domains_by_brute_force(make):
    """Under feasible perturbations, which have finitely many rows."""
    told, truth = pooled(make, "strongest")
    assert all(count < 237 for count in truth.values()), truth
    check(told, truth, least=100)


@pytest.mark.parametrize("attack", ["fgsm", "noise"])
def test_weaker_attacks_would_fail(attack):
    told, truth = pooled(Staircase, attack)
    with pytest.raises(AssertionError):
        check(told, truth)
