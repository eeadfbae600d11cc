"""The judge of hardened models, on models whose answers are known."""

from __future__ import annotations

import tempfile
from itertools import product

import numpy as np
import pytest

from planted import linear, random_table
from rafair import audit
from rafair.attacks.registry import ATTACKS, UNIONS
from rafair.auditing import evaluation
from rafair.auditing.evaluation import evaluate
from rafair.engine.thread_pool import Workers
from rafair.errors import InputError
from rafair.hardening import attack_panel
from rafair.hardening.attack_panel import AttackPanel, Judgement
from rafair.hardening.config import HardenConfig, all_judges
from rafair.hardening.judge_checks import MaskingCheck
from rafair.models.function_classifier import FunctionClassifier
from rafair.models.torch_module import TorchClassifier
from rafair.results.attack_runs import members_of
from rafair.results.instance_outcomes import PerInstance
from rafair.results.rate_names import RateName
from rafair.verdicts import Verdict

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
    judge = AttackPanel(table)
    for epsilon in (0.02, EPSILON, 0.3):
        found = judge(TorchClassifier(linear(WEIGHTS)), epsilon)
        right, alike = exactly(table, epsilon)
        assert np.array_equal(found.accurate, right)
        # what is right and alike throughout must stand; what is not may be missed, but seldom is
        assert (found.both >= (right & alike)).all()
        assert (found.both != (right & alike)).mean() <= 0.05


def test_an_instance_that_has_lost_both_is_left_alone(table, monkeypatch):
    asked, attack_of = [], evaluation.attack_of

    def watched(name):
        class Watched:
            def run(self, sweep, rows, *others):
                asked.append((name, rows))
                return attack_of(name).run(sweep, rows, *others)

        return Watched()

    monkeypatch.setattr(evaluation, "attack_of", watched)
    panel = ("rafair", "strongest", "noise")
    found = AttackPanel(table, panel)(TorchClassifier(linear(WEIGHTS)), 0.3)
    members = [member for name in panel for member in members_of(name)]
    assert [name for name, _ in asked] == members
    sizes = [len(rows) for _, rows in asked]
    assert sizes[0] == 60
    assert sizes == sorted(sizes, reverse=True)
    assert np.count_nonzero(found.accurate | found.fair) <= sizes[-1] < 60


def test_what_is_left_alone_changes_no_answer(table, monkeypatch):
    model, judge = TorchClassifier(linear(WEIGHTS)), AttackPanel(table, attacks=("rafair", "noise"))
    spared = judge(model, 0.3)
    monkeypatch.setattr(
        attack_panel, "evaluate", lambda *given, sparing: evaluate(*given, sparing=not sparing)
    )
    assert spared.record == judge(model, 0.3).record


def test_the_judge_finds_what_the_public_audit_finds(table):
    model, attacks = TorchClassifier(linear(WEIGHTS)), ("rafair", "apgd", "noise")
    found = AttackPanel(table, attacks=attacks, steps=4)(model, EPSILON)
    options = {"steps": 4, "step_size": 2.5 * EPSILON / 4, "epsilon": EPSILON, "labels": None}
    run = audit(model, table, attacks=attacks, **options)
    each = PerInstance.read(run.folder)
    for metric, flags in (("accuracy", found.accurate), ("individual_fairness", found.fair)):
        held = [each.holds(RateName("robust", metric, name)) for name in attacks]
        assert np.array_equal(flags, np.min(held, axis=0) == 1)


def test_the_judge_enumerates_counterparts(table):
    """A model that treats one of six combinations otherwise is fair to nobody."""
    for first, second in product((0, 0.5, 1), (0, 1)):

        def otherwise(rows, values=(first, second)):
            alone = (rows[:, 3:] == np.float32(values)).all(axis=1)
            return np.stack([~alone, alone], axis=1).astype(np.float32)

        judge = AttackPanel(table, attacks=("noise",), steps=2, black_box=True)
        found = judge(FunctionClassifier(otherwise), EPSILON)
        assert not found.fair.any()
        assert set(found.clean) <= {Verdict.TRUE_BIASED, Verdict.FALSE_BIASED}


def test_judging_opens_one_pool_and_no_folder(table, monkeypatch):
    pools = []

    class Counted(Workers):
        def __enter__(self):
            pools.append(self)
            return super().__enter__()

    monkeypatch.setattr(attack_panel, "Workers", Counted)
    monkeypatch.setattr(tempfile, "mkdtemp", lambda *_, **__: pytest.fail("a temporary folder"))
    AttackPanel(table, steps=2)(TorchClassifier(linear(WEIGHTS)), EPSILON)
    assert len(pools) == 1


def test_what_is_stored_of_a_judgement_is_all_of_it(table):
    found = AttackPanel(table, attacks=("apgd",), steps=2)(
        TorchClassifier(linear(WEIGHTS)), EPSILON
    )
    again = Judgement.of_record(found.record)
    for name in ("clean", "accurate", "fair"):
        assert np.array_equal(getattr(found, name), getattr(again, name))


def test_attacks_without_gradients_find_nothing_where_gradients_are_a_guide(table):
    model = TorchClassifier(linear(WEIGHTS))
    judge = AttackPanel(table)
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
    judge = AttackPanel(right, attacks=("apgd",), steps=5)
    model = TorchClassifier(Stairs())
    panel = judge(model, 0.3)
    assert panel.zero_gradient > 0
    found = MaskingCheck(judge)(model, 0.3, panel)
    assert found["black_box"]["broken"] + found["noise"]["broken"] > 0.05 * panel.both.sum()


@pytest.mark.parametrize(
    ("options", "judged", "at"),
    [
        ({}, (0.02, 0.05, 0.1, 0.2), 0.05),
        ({"epsilons": (0.2, 0.1)}, (0.05, 0.1, 0.2), 0.05),
        ({"epsilons": (0.2, 0.1), "epsilon": 0.3}, (0.1, 0.2, 0.3), 0.3),
        ({"method": "consensus"}, (0.02, 0.05, 0.1, 0.2), 0.05),
        ({"method": "consensus", "epsilons": (0.2, 0.1)}, (0.1, 0.2), 0.1),
        ({"method": "consensus", "epsilons": (0.2, 0.05)}, (0.05, 0.2), 0.05),
        ({"method": "benign", "epsilons": (0.2,), "epsilon": 0.3}, (0.2, 0.3), 0.3),
    ],
)
def test_a_wrapper_is_judged_at_no_epsilon_of_a_training(options, judged, at):
    config = HardenConfig(**options)
    assert (config.judged_epsilons, config.at) == (judged, at)


def test_all_judges_are_the_whole_registry_each_once():
    others = [name for name in ATTACKS if name not in UNIONS["rafair"]]
    assert all_judges(differentiable=True) == ("rafair", *others)
    assert HardenConfig(judges=("all",)).panel(differentiable=False) == (
        *("rafair", "worst-counterpart", "noise", "strongest"),
    )
    with pytest.raises(InputError, match="'pgd' needs gradients"):
        HardenConfig(judges=("pgd",)).panel(differentiable=False)
