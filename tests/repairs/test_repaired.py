"""The repair before every answer, against the algorithm written out step by step with autograd."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

import planted
import rafair
from rafair.errors import InputError, ModelError
from rafair.models.fit_to_table import as_classifier, check_fits
from rafair.models.wrapper_description import BenignWrapper
from rafair.repairs.repaired import RepairedClassifier
from rafair.tabular.counterparts import Counterparts

pytestmark = pytest.mark.usefixtures("workers")  # as an audit asks it: each thread on one core

TABLE = planted.random_table(30)
NETWORK = planted.network(5)
QUICK = BenignWrapper(steps=6, step_size=0.03)


def slope(module, row: np.ndarray, label: int) -> np.ndarray:
    """The gradient of the margin, whose signs are those of cross-entropy's."""
    inputs = torch.tensor(row[None], requires_grad=True)
    logits = module(inputs)[0]
    (logits[1 - label] - logits[label]).backward()
    return inputs.grad.numpy()[0]


def strength(module, row: np.ndarray, label: int) -> float:
    """The largest counterpart is told by the L1 norm of cross-entropy's gradient."""
    inputs = torch.tensor(row[None], dtype=torch.float64, requires_grad=True)
    torch.nn.functional.cross_entropy(module(inputs), torch.tensor([label])).backward()
    return float(inputs.grad.abs().sum())


def repaired_by_hand(module, row: np.ndarray, wrapper: BenignWrapper) -> np.ndarray:
    double = planted.network(5).double()
    every = planted.brute_counterparts(row, TABLE)
    votes = module(torch.tensor(every)).argmax(dim=1).numpy()
    label = int(np.bincount(votes, minlength=2).argmax())
    x, moves = row.copy(), np.array([1, 1, 1, 0, 0], bool)
    low, high = row - np.float32(wrapper.reach), row + np.float32(wrapper.reach)
    for _ in range(wrapper.steps):
        others = [u for u in planted.brute_counterparts(x, TABLE) if not np.array_equal(u, x)]
        worst = max(others, key=lambda u: strength(double, u, label))
        g, other = np.sign(slope(module, x, label)), np.sign(slope(module, worst, label))
        step = np.where(moves & (g == other), -g, 0) * np.float32(wrapper.step_size)
        x = np.clip(np.clip(x + step, low, high), 0, 1).astype(np.float32)
    return x


@pytest.mark.parametrize("wrapper", [QUICK, BenignWrapper(steps=5, step_size=0.1, epsilon=0.15)])
def test_it_answers_for_the_row_that_the_algorithm_leads_to(wrapper):
    model = RepairedClassifier(as_classifier(NETWORK), TABLE.schema, wrapper)
    expected = np.array([repaired_by_hand(NETWORK, row, wrapper) for row in TABLE.rows])
    np.testing.assert_allclose(model.repaired(TABLE.rows), expected, atol=2e-6)
    assert np.abs(expected - TABLE.rows).max() > 0.1
    answers = NETWORK(torch.tensor(expected)).detach().numpy()
    np.testing.assert_allclose(model.logits(TABLE.rows), answers, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("inner", [NETWORK, planted.Smooth(5)])
def test_a_row_gets_the_same_answer_in_any_batch(inner):
    model = RepairedClassifier(as_classifier(inner), TABLE.schema, QUICK)
    together = model.logits(TABLE.rows)
    alone = [model.logits(row[None])[0] for row in TABLE.rows[:6]]
    assert np.array_equal(together[:6], alone)
    twice = np.concatenate([TABLE.rows[::-1], TABLE.rows])
    assert np.array_equal(model.logits(twice), np.concatenate([together[::-1], together]))
    assert model.logits(TABLE.rows[:0]).shape[0] == 0
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.logits(TABLE.rows[:3]), together[:3])


def test_missing_and_new_values_stay_what_they_are():
    model = RepairedClassifier(as_classifier(NETWORK), TABLE.schema, QUICK)
    rows = TABLE.rows[:4].copy()
    rows[0, 0], rows[1, 3], rows[2, 4] = -1, 0.123, -1
    moved = model.repaired(rows)
    assert moved[0, 0] == -1
    assert np.array_equal(moved[:, 3:], rows[:, 3:])
    assert np.isfinite(model.logits(rows)).all()


def test_it_says_of_itself_what_it_must():
    inner = as_classifier(NETWORK)
    model = RepairedClassifier(inner, TABLE.schema, QUICK)
    check_fits(model, TABLE.rows, 2)
    assert model.gradient_rows_per_prediction == 6 * 6
    hashes = {inner.sha256, model.sha256}
    hashes |= {
        RepairedClassifier(inner, TABLE.schema, BenignWrapper(steps=steps, epsilon=0.18)).sha256
        for steps in (6, 7)
    }
    assert len(hashes) == 4
    with pytest.raises(ModelError, match="has no gradients"):
        model.logits_and_gradients(TABLE.rows, lambda logits, _: logits)


def test_models_without_gradients_are_refused_with_what_works():
    blind = as_classifier(lambda rows: rows[:, :2])
    with pytest.raises(ModelError, match=r"with gradients.*'consensus' takes any model"):
        RepairedClassifier(blind, TABLE.schema)


def test_absurd_costs_are_refused_beforehand():
    table = planted.random_table(5, domains=(74, 5, 2))
    model = as_classifier(planted.network(6))
    assert RepairedClassifier(model, table.schema).gradient_rows_per_prediction == 14_800
    with pytest.raises(InputError, match=r"at most 100,000 .* got 148,000 \(200 steps × 740"):
        RepairedClassifier(model, table.schema, BenignWrapper(steps=200))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"steps": 0}, "benign steps: expected a whole number from 1"),
        ({"step_size": 0}, "benign step_size: expected a number above 0"),
        ({"step_size": -0.1}, "benign step_size: expected a number above 0"),
        ({"epsilon": 1.5}, "benign epsilon: expected a number above 0 up to 1, got 1.5"),
    ],
)
def test_options_out_of_range_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        BenignWrapper(**options)


def test_an_audit_takes_it_as_a_black_box_and_judges_it_by_enumeration():
    model = RepairedClassifier(as_classifier(NETWORK), TABLE.schema, QUICK)
    found = rafair.audit(model, TABLE, instances=20, steps=3, labels=None).document
    assert found["config"]["black_box"]
    assert found["attacks"]["rafair"]["queries"] > 0
    counterparts = Counterparts.of(TABLE.schema)
    instances = found["clean"]["individual_fairness"]["n"]
    assert instances == 20
    every = np.concatenate([np.concatenate(list(counterparts.enumerate(r))) for r in TABLE.rows])
    answers = model.logits(every).argmax(axis=1).reshape(30, 6)
    fair = int((answers == answers[:, :1]).all(axis=1).sum())
    assert fair - 10 <= found["clean"]["individual_fairness"]["count"] <= fair
    assert (
        rafair.audit(model, TABLE, instances=None, attacks=()).document["clean"][
            "individual_fairness"
        ]["count"]
        == fair
    )
