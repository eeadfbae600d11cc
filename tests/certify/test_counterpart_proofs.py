from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import planted
import rafair
from rafair.certify import counterpart_proofs
from rafair.certify.counterpart_proofs import Proofs, Settled
from rafair.engine.thread_pool import Workers
from rafair.models.fit_to_table import as_classifier
from rafair.models.losses import CrossEntropy
from rafair.models.torch_module import TorchClassifier
from rafair.search.counterpart_evaluator import CounterpartEvaluator
from rafair.search.observation import Observation
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.table import Table

CHUNK = 256
VERDICT = ("fair", "disagreeing", "disagreeing_prediction")


def enumerated(model: nn.Module, table: Table, rows: np.ndarray) -> Observation:
    counterparts = Counterparts.of(table.schema)
    with Workers(1) as workers:
        sweep = CounterpartEvaluator(
            TorchClassifier(model), counterparts, CrossEntropy(), workers, chunk_rows=CHUNK
        )
        return sweep.judge(rows, np.zeros(len(rows), np.int64))


def prover(model: nn.Module, table: Table, workers: Workers) -> Proofs:
    found = Proofs.of(TorchClassifier(model), Counterparts.of(table.schema), workers, CHUNK)
    assert found is not None
    return found


def check(
    model: nn.Module, table: Table, rows: np.ndarray | None = None, *, budget: int | None = None
) -> tuple[Settled, Settled]:
    """Proofs, with and without the consensus, say what enumeration says."""
    rows = table.rows if rows is None else rows
    seen = enumerated(model, table, rows)
    with Workers(1) as workers:
        proof = prover(model, table, workers)
        verdicts = proof.settle(rows, seen.prediction, budget=budget)
        all_told = proof.settle(rows, seen.prediction, consensus=True, budget=budget)
    for settled in (verdicts, all_told):
        for name in VERDICT:
            told, expected = getattr(settled, name), getattr(seen, name)
            assert np.array_equal(told[settled.done], expected[settled.done]), name
    assert np.array_equal(all_told.consensus[all_told.done], seen.consensus[all_told.done])
    assert (verdicts.consensus == -1).all()
    if budget is None:
        assert verdicts.done.all()
        assert all_told.done.all()
    return verdicts, all_told


def linear(weights: np.ndarray, biases: np.ndarray) -> nn.Module:
    layer = nn.Linear(weights.shape[1], len(weights))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weights))
        layer.bias.copy_(torch.tensor(biases))
    return nn.Sequential(layer)


@pytest.mark.parametrize("domains", [(2,), (7, 1), (40, 3), (2, 3, 2, 5, 4)])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("scale", [1.0, 2.0, 3.0])
def test_proofs_equal_enumeration(domains, n_classes, scale):
    table = planted.random_table(8, n_classes=n_classes, domains=domains, seed=3)
    rows = table.rows.copy()
    rows[:3, -1] = 0.123  # a sensitive value that is new to the domain
    check(planted.network(rows.shape[1], n_classes, seed=1, scale=scale), table, rows)


@settings(max_examples=15, deadline=None)
@given(
    domains=st.lists(st.integers(1, 9), min_size=1, max_size=5).filter(
        lambda sizes: 2 <= np.prod(sizes) <= 2000
    ),
    n_classes=st.integers(2, 4),
    seed=st.integers(0, 10**6),
    scale=st.sampled_from([1.0, 1.5, 2.0, 4.0]),
)
def test_any_network_and_any_domains(domains, n_classes, seed, scale):
    table = planted.random_table(3, domains=tuple(domains), seed=seed)
    check(planted.network(table.rows.shape[1], n_classes, seed=seed, scale=scale), table)


def test_a_trained_network_on_the_embedded_data():
    data = rafair.load_dataset("affairs")
    model = rafair.train(data.train, rafair.TrainConfig(epochs=1))
    with torch.no_grad():  # one epoch sees that most have no affair, and little else
        model[-1].bias.sub_(model(torch.tensor(data.test.rows)).median(dim=0).values)
    verdicts, _ = check(model, data.test, data.test.rows[:300])
    assert 0 < verdicts.fair.mean() < 1


def test_large_domains_cost_a_small_part_of_enumeration():
    table = planted.random_table(6, domains=(40, 30, 20))
    model = planted.network(6, seed=1, scale=1.5)
    verdicts, all_told = check(model, table)
    for settled, part in ((verdicts, 5), (all_told, 2)):
        looked_at = settled.boxes + settled.points + settled.predicted
        assert looked_at.mean() < 24000 / part


def test_the_verdict_costs_less_than_the_consensus_where_half_disagree():
    # the first counterpart disagrees, and which half is the larger one takes all boxes
    table = planted.random_table(10, domains=(40, 30))
    rows = table.rows.copy()
    rows[:, 3:] = 1
    model = planted.linear([0, 0, 0, 1, 1], bias=-1.001)
    verdicts, all_told = check(model, table, rows)
    assert not verdicts.fair.any()
    assert verdicts.boxes.mean() < all_told.boxes.mean()


def test_a_constant_model_needs_one_box_for_each_row():
    table = planted.random_table(6, domains=(20, 15))
    for settled in check(planted.linear([0] * 5, bias=1), table):
        assert settled.fair.all()
        assert (settled.boxes == 1).all()
        assert (settled.points == 0).all()


def test_ties_everywhere_are_predicted_as_enumeration_does():
    table = planted.random_table(4, domains=(9, 5))
    for settled in check(planted.linear([0] * 5), table):
        assert (settled.predicted == 45).all()


@pytest.mark.parametrize("scale", [1e4, 1e-4])
def test_saturated_and_tiny_logits(scale):
    table = planted.random_table(20, domains=(7, 5, 3))
    model = planted.network(6, seed=1)
    with torch.no_grad():
        model[-1].weight.mul_(scale)
        model[-1].bias.mul_(scale)
    check(model, table)


@pytest.mark.parametrize("shift", [-1, 0, 1])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_margins_that_are_zero_at_a_counterpart(shift, n_classes):
    # z1 - z0 = x3 - x4 + a last bit: zero along the diagonal, where the lowest class wins
    table = planted.random_table(10, domains=(17, 17), n_classes=n_classes, seed=5)
    weights = np.array([[0, 0, 0, 0, 1], [0, 0, 0, 1, 0], [0, 0, 0, 1, 0]])[:n_classes]
    bias = float(shift * np.finfo(np.float32).eps)
    verdicts, _ = check(linear(weights, np.array([0, bias, bias])[:n_classes]), table)
    assert not verdicts.fair.any()


@pytest.mark.parametrize("sign", [-1, 1])
def test_half_of_the_counterparts_each(sign):
    table = planted.random_table(10, domains=(14, 25))
    _, settled = check(planted.linear([0, 0, 0, sign, 0], bias=-sign / 2), table)
    assert (settled.consensus == 0).all()


@pytest.mark.parametrize("place", [0, 1, 17, 399, 400, 7999])
@pytest.mark.parametrize("low", [True, False])
def test_one_counterpart_alone_disagrees(place, low):
    # a corner of the last feature, lifted or cut off by the first two at one of their values
    table = planted.random_table(2, domains=(20, 20, 20))
    counterparts = Counterparts.of(table.schema)
    lonely = table.rows[:1].copy()
    counterparts.substitute(lonely, np.array([place]))
    model = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 2))
    with torch.no_grad():
        for layer in (model[0], model[2]):
            layer.weight.zero_()
            layer.bias.zero_()
        for number in range(3):  # |x - value| by two units each
            model[0].weight[2 * number, 3 + number] = 1
            model[0].weight[2 * number + 1, 3 + number] = -1
            model[0].bias[2 * number] = -float(lonely[0, 3 + number])
            model[0].bias[2 * number + 1] = float(lonely[0, 3 + number])
        model[2].weight[int(low)] = 1
        model[2].bias[1 - int(low)] = 0.02
    rows = table.rows.copy()
    rows[:, 3:] = np.where(lonely[0, 3:] < 0.5, 1, 0)
    for settled in check(model, table, rows):
        assert settled.disagreeing.tolist() == [place, place]


def test_rows_in_company_and_threads_change_nothing():
    table = planted.random_table(40, domains=(7, 5, 3))
    model = planted.network(6, seed=1, scale=1.5)
    own = as_classifier(model).logits(table.rows).argmax(axis=1)
    with Workers(1) as workers:
        together = prover(model, table, workers).settle(table.rows, own, consensus=True)
        for i in (0, 17, 39):
            some = slice(i, i + 1)
            alone = prover(model, table, workers).settle(
                table.rows[some], own[some], consensus=True
            )
            for name in (*VERDICT, "consensus", "done"):
                assert getattr(alone, name)[0] == getattr(together, name)[i], name
    with Workers(3) as workers:
        threaded = prover(model, table, workers).settle(table.rows, own, consensus=True)
    assert all(np.array_equal(a, b) for a, b in zip(together, threaded, strict=True))


def test_budgets_end_dear_rows_and_no_others():
    table = planted.random_table(12, domains=(20, 15, 12))
    model = planted.network(6, seed=1, scale=2)
    free, _ = check(model, table)
    spent = free.boxes + free.points
    budget = int(np.median(spent))
    verdicts, _ = check(model, table, budget=budget)
    assert verdicts.done[spent < budget].all()
    assert not verdicts.done.all()
    # a row is given up after the round in which it became too dear
    most = counterpart_proofs.TAKEN * (1 + counterpart_proofs.ENUMERATED) + counterpart_proofs.TAKEN
    assert (verdicts.boxes + verdicts.points < budget + most).all()


def test_rows_that_could_overflow_are_given_up():
    table = planted.random_table(3, domains=(5, 3))
    rows = table.rows.copy()
    rows[0, 0] = 1e30
    with Workers(1) as workers:
        settled = prover(planted.network(5), table, workers).settle(rows, np.zeros(3, np.int64))
    assert not settled.done.any()
    assert (settled.boxes == 0).all()


def test_no_rows_are_settled_at_once(workers):
    table = planted.random_table(3, domains=(5, 3))
    settled = prover(planted.network(5), table, workers).settle(table.rows[:0], np.zeros(0, int))
    assert all(len(values) == 0 for values in settled)


class Doubled(nn.Linear):
    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(rows)


@pytest.mark.parametrize(
    "model",
    [
        planted.Smooth(5),
        nn.Sequential(nn.Linear(5, 4), nn.Sigmoid(), nn.Linear(4, 2)),
        nn.Sequential(Doubled(5, 2)),
        lambda rows: np.zeros((len(rows), 2), np.float32),
    ],
)
def test_other_models_are_not_bounded(model, workers):
    table = planted.random_table(3)
    counterparts = Counterparts.of(table.schema)
    assert Proofs.of(as_classifier(model), counterparts, workers, CHUNK) is None


def test_layers_that_occur_twice_or_have_no_biases_are_bounded():
    layer = nn.Linear(5, 5)
    model = nn.Sequential(
        nn.Sequential(layer, nn.ReLU(), nn.Dropout()), layer, nn.ReLU(), nn.Linear(5, 2, bias=False)
    )
    with torch.no_grad():
        layer.weight.mul_(4)
    check(model, planted.random_table(20, domains=(7, 5)))


def test_nothing_is_bounded_where_products_are_less_precise(workers):
    table = planted.random_table(3)
    classifier, counterparts = as_classifier(planted.network(5)), Counterparts.of(table.schema)
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        assert Proofs.of(classifier, counterparts, workers, CHUNK) is None
    finally:
        torch.set_float32_matmul_precision(before)
    assert Proofs.of(classifier, counterparts, workers, CHUNK) is not None


def test_what_is_predicted_goes_through_chunks_of_the_sweeps_shape(workers):
    shapes = []

    class Watched(TorchClassifier):
        def logits(self, rows):
            shapes.append(rows.shape)
            return super().logits(rows)

    table = planted.random_table(4, domains=(20, 15))
    model = planted.linear([0] * 5)
    proof = Proofs.of(Watched(model), Counterparts.of(table.schema), workers, CHUNK)
    settled = proof.settle(table.rows, np.zeros(4, np.int64))
    assert settled.fair.all()
    assert settled.predicted.sum() == 1200
    assert set(shapes) == {(CHUNK, 5)}
    assert len(shapes) == -(-1200 // CHUNK)
