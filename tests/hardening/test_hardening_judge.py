"""The judge of hardened models, on models whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from planted import linear, random_table
from rafair.errors import InputError
from rafair.hardening import judging
from rafair.hardening.checking import MaskingCheck
from rafair.hardening.config import PANEL, HardenConfig, all_judges
from rafair.hardening.judging import Judge, Judgement
from rafair.models.torch_module import TorchClassifier

WEIGHTS = [1.0, -2.0, 0.5, 0.3, -0.2]
EPSILON = 0.1


@pytest.fixture
def table():
    return random_table(60, domains=(3, 2), seed=2)


def exactly(table, epsilon):
    """Of a linear model: whether it is right, and alike for all, everywhere in the box."""
    weights = np.array(WEIGHTS)
    lower = np.maximum(table.rows[:, :3] - epsilon, 0), np.minimum(table.rows[:, :3] + epsilon, 1)
    ends = [np.where(weights[:3] > 0, *pair) @ weights[:3] for pair in (lower[::-1], lower)]
    high, low = ends
    own = table.rows[:, 3:] @ weights[3:]
    others = [a * weights[3] + b * weights[4] for a in (0, 0.5, 1) for b in (0, 1)]
    right = np.where(table.labels == 1, low + own > 0, high + own <= 0)
    alike = (low + min(others) > 0) | (high + max(others) <= 0)
    return right, alike


def test_a_linear_model_is_judged_as_it_is_in_closed_form(table):
    judge = Judge(table)
    for epsilon in (0.02, EPSILON, 0.3):
        found = judge(TorchClassifier(linear(WEIGHTS)), epsilon)
        right, alike = exactly(table, epsilon)
        assert np.array_equal(found.accurate, right)
        # what is right and alike throughout must stand; what is not may be missed, but seldom is
        assert (found.both >= (right & alike)).all()
        assert (found.both != (right & alike)).mean() <= 0.05


def test_an_instance_that_has_lost_both_is_left_alone(table, monkeypatch):
    asked = []
    attack = Judge._attack

    def watched(self, classifier, name, epsilon, standing, progress):
        asked.append((name, standing.copy()))
        return attack(self, classifier, name, epsilon, standing, progress)

    monkeypatch.setattr(Judge, "_attack", watched)
    Judge(table)(TorchClassifier(linear(WEIGHTS)), 0.3)
    assert [name for name, _ in asked] == list(PANEL)
    assert len(asked[0][1]) == 60
    sizes = [len(standing) for _, standing in asked]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[1] < 60


def test_the_judge_enumerates_counterparts(table, monkeypatch):
    class Fewer:
        @staticmethod
        def of(schema):
            class Sampled:
                size = 3

            return Sampled

    judge = Judge(table, attacks=("apgd",), steps=2)
    monkeypatch.setattr(judging, "Counterparts", Fewer)
    monkeypatch.setattr(Judge, "cost", lambda *_: type("Cost", (), {"total": 1}))
    with pytest.raises(AssertionError, match="enumerates"):
        judge(TorchClassifier(linear(WEIGHTS)), EPSILON)


def test_what_is_stored_of_a_judgement_is_all_of_it(table):
    found = Judge(table, attacks=("apgd",), steps=2)(TorchClassifier(linear(WEIGHTS)), EPSILON)
    again = Judgement.from_dict(found.to_dict())
    for name in ("clean", "accurate", "fair"):
        assert np.array_equal(getattr(found, name), getattr(again, name))


def test_attacks_without_gradients_find_nothing_where_gradients_are_a_guide(table):
    model = TorchClassifier(linear(WEIGHTS))
    judge = Judge(table)
    check = MaskingCheck(judge)
    found = check(model, EPSILON, judge(model, EPSILON))
    assert found["black_box"]["n"] == found["noise"]["n"] > 0
    assert found["black_box"]["broken"] == found["noise"]["broken"] == 0


def test_masked_gradients_are_found():
    """Answers in steps: gradients are zero almost everywhere, so those that follow them stand."""
    import torch

    class Stairs(torch.nn.Module):
        def forward(self, rows):
            lead = torch.round((rows[:, 0] - 0.5) * 40) / 40 + 0 * rows.sum(dim=1)
            return torch.stack([-lead, lead], dim=1) + 1e-3 * torch.tensor([1.0, 0.0])

    table = random_table(80, seed=5)
    right = table.take(np.flatnonzero((table.rows[:, 0] > 0.5) == table.labels))
    judge = Judge(right, attacks=("apgd",), steps=5)
    model = TorchClassifier(Stairs())
    panel = judge(model, 0.3)
    assert panel.zero_gradient > 0
    found = MaskingCheck(judge)(model, 0.3, panel)
    assert found["black_box"]["broken"] + found["noise"]["broken"] > 0.05 * panel.both.sum()


def test_all_judges_are_the_whole_registry_each_once():
    assert all_judges(differentiable=True) == (
        *("rafair", "fgsm", "pgd", "apgd", "acg", "adf", "eidig", "dice", "noise"),
    )
    assert HardenConfig(judges=("all",)).panel(differentiable=False) == ("rafair", "noise")
    with pytest.raises(InputError, match="'pgd' needs gradients"):
        HardenConfig(judges=("pgd",)).panel(differentiable=False)
