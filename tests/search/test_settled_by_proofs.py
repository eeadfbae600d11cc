"""Sweeps that are settled by proofs observe what enumeration observes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

import planted
import rafair
from rafair.models.function_classifier import FunctionClassifier
from rafair.models.losses import CrossEntropy
from rafair.models.torch_module import TorchClassifier
from rafair.repairs.benign_perturbation import BenignPerturbation
from rafair.search import counterpart_evaluator, settled_by_proofs
from rafair.search.counterpart_evaluator import CounterpartEvaluator
from rafair.search.observation import NONE, VERDICT_FIELDS
from rafair.search.search_budget import Budget
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.perturbation import PerturbationSet

N = 12


@pytest.fixture
def counterparts():
    """110,000 of them, by three features; the last row's own values are new."""
    grid = np.linspace(0, 1, 50, dtype=np.float32)
    return Counterparts([0, 2, 4], [grid, grid, np.linspace(0, 1, 44, dtype=np.float32)])


@pytest.fixture
def rows(counterparts):
    rows = np.random.default_rng(3).random((N, 5), dtype=np.float32)
    for column, domain in zip(counterparts.columns, counterparts.domains, strict=True):
        rows[:-1, column] = domain[np.arange(N - 1) % len(domain)]
    return rows


LABELS = np.arange(N) % 2


def network():
    """A network whose sensitive features matter to some rows."""
    made = planted.network(5, seed=1, scale=2)
    with torch.no_grad():
        made[0].weight[:, [0, 2, 4]] *= 0.2
        somewhere = torch.rand(500, 5, generator=torch.Generator().manual_seed(0))
        made[-1].bias.sub_(made(somewhere).mean(dim=0))
    return TorchClassifier(made)


def make(counterparts, workers, model=None, **options):
    classifier = model or network()
    return CounterpartEvaluator(classifier, counterparts, CrossEntropy(), workers, **options)


def enumerated(monkeypatch, made, *arguments):
    with monkeypatch.context() as patch:
        patch.setattr(counterpart_evaluator, "LEAST_COUNTERPARTS", 10**12)
        return made.judge(*arguments)


def assert_same(seen, expected, fields=VERDICT_FIELDS):
    for name in fields:
        np.testing.assert_array_equal(getattr(seen, name), getattr(expected, name), name)


@pytest.mark.parametrize("chunk_rows", [700, 4096])
@pytest.mark.parametrize("given_up", [32, 10**9])
def test_proofs_observe_what_enumeration_observes(
    counterparts, rows, workers, monkeypatch, chunk_rows, given_up
):
    monkeypatch.setattr(settled_by_proofs, "GIVEN_UP", given_up)
    made = make(counterparts, workers, chunk_rows=chunk_rows)
    watched = np.where(np.arange(N) % 3 == 0, NONE, np.arange(N) * 9000)
    seen = made.judge(rows, LABELS, watched, consensus=True)
    asked = made.queries.prediction_rows
    expected = enumerated(monkeypatch, made, rows, LABELS, watched)
    assert 0 < seen.fair.sum() < N
    assert_same(seen, expected, (*VERDICT_FIELDS, "counterpart", "counterpart_loss"))
    if given_up == 32:
        assert asked < (made.queries.prediction_rows - asked) / 100


def test_the_consensus_stays_open_unless_it_is_wanted(counterparts, rows, workers, monkeypatch):
    made = make(counterparts, workers)
    seen = made.judge(rows, LABELS)
    assert (seen.consensus == NONE).any()
    expected = enumerated(monkeypatch, made, rows, LABELS)
    assert_same(seen, expected, [name for name in VERDICT_FIELDS if name != "consensus"])


def test_what_proofs_do_not_cover_is_enumerated(counterparts, rows, workers, monkeypatch):
    some = slice(0, 3)
    function = FunctionClassifier(network().logits, name="opaque")
    for made in (
        make(counterparts, workers, k=0.5),
        make(counterparts, workers, model=function),
    ):
        seen = made.judge(rows[some], LABELS[some])
        assert made.queries.prediction_rows == counterparts.counts(rows[some]).sum()
        assert_same(seen, enumerated(monkeypatch, made, rows[some], LABELS[some]))


def test_a_repair_by_consensus_counts_what_proofs_left_open(counterparts, rows, workers):
    made = make(counterparts, workers)
    some = slice(0, 2)
    reach = np.float32([0, 0.1, 0, 0.1, 0])
    budget = Budget(1, reach, PerturbationSet(reach))
    proven = made.judge(rows[some], LABELS[some])
    proven.consensus[:] = NONE
    repair = BenignPerturbation("consensus")
    trajectory = repair.run(made, rows[some], LABELS[some], budget, proven)
    assert (trajectory.targets != NONE).all()


def test_an_audit_of_many_counterparts(monkeypatch):
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.random((60, 4)).round(3), columns=list("abcd"))
    frame["e"] = random.random(60)
    frame["ok"] = (frame.a + frame.e > 1).astype(int)
    table = rafair.Table.from_frame(frame, label="ok", sensitive=["a", "b", "c"])
    trained = rafair.train(table, rafair.TrainConfig(epochs=5))
    options = {"attacks": ("pgd",), "labels": None, "instances": 5, "steps": 2}
    proven = rafair.audit(trained, table, **options)
    assert (
        proven.document["dataset"]["counterparts_per_instance"]
        > settled_by_proofs.LEAST_COUNTERPARTS
    )
    monkeypatch.setattr(counterpart_evaluator, "LEAST_COUNTERPARTS", 10**12)
    plain = rafair.audit(trained, table, **options)
    assert plain.adversarial.equals(proven.adversarial)
    asked = [run.document["attacks"]["pgd"]["prediction_rows"] for run in (proven, plain)]
    assert asked[0] * 100 < asked[1]
