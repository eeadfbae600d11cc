from __future__ import annotations

import numpy as np
import pytest
import torch

import planted
from rafair.engine.thread_pool import Workers
from rafair.errors import ModelError
from rafair.models.fit_to_table import as_classifier
from rafair.models.losses import LOSSES, CrossEntropy, Loss
from rafair.search.counterpart_evaluator import CounterpartEvaluator
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.table import Table


def make(
    model, table: Table, workers: Workers, loss: Loss | None = None, **options
) -> CounterpartEvaluator:
    return CounterpartEvaluator(
        as_classifier(model),
        Counterparts.of(table.schema),
        loss or CrossEntropy(),
        workers,
        **options,
    )


def brute(model, table: Table, row: np.ndarray, label: int, k: float = 0.0):
    """Everything an observation says of one row, in float64 and by autograd."""
    others = planted.brute_counterparts(row, table)
    own = int(np.flatnonzero((others == row).all(axis=1))[0])
    inputs = torch.tensor(others, dtype=torch.float64, requires_grad=True)
    logits = model.double()(inputs)
    losses = torch.nn.functional.cross_entropy(
        logits, torch.full((len(others),), label), reduction="none"
    )
    (gradients,) = torch.autograd.grad(losses.sum(), inputs)
    model.float()
    predictions = logits.argmax(dim=1).numpy()
    distances = np.square(others.astype(np.float64) - row).mean(axis=1)
    disagree = (predictions != predictions[own]) & (k * distances < 1)
    norms = np.abs(gradients.numpy()).sum(axis=1)
    norms[own] = -1
    counts = np.bincount(predictions, minlength=logits.shape[1])
    return {
        "prediction": predictions[own],
        "fair": not disagree.any(),
        "disagreeing": int(np.argmax(disagree)) if disagree.any() else -1,
        "consensus": counts.argmax(),
        "loss": losses[own].item(),
        "counterpart": int(norms.argmax()),
        "signs": np.sign(gradients[own].numpy()),
        "counterpart_loss": losses[int(norms.argmax())].item(),
        "counterpart_signs": np.sign(gradients[int(norms.argmax())].numpy()),
    }


@pytest.mark.parametrize("kind", ["relu", "smooth"])
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("k", [0.0, 6.0])
@pytest.mark.parametrize("chunk_rows", [5, 2048])
def test_agrees_with_plain_enumeration(kind, n_classes, k, chunk_rows, workers):
    table = planted.random_table(30, n_classes=n_classes, domains=(5, 3), seed=3)
    make_model = planted.network if kind == "relu" else planted.Smooth
    model = make_model(table.rows.shape[1], n_classes, seed=1)
    rows = table.rows.copy()
    rows[0, 3] = 0.123  # a sensitive value that is new to the domain
    seen = make(model, table, workers, k=k, chunk_rows=chunk_rows).observe(rows, table.labels)
    fair = 0
    for i, row in enumerate(rows):
        expected = brute(model, table, row, int(table.labels[i]), k)
        for name in ("prediction", "fair", "disagreeing", "consensus", "counterpart"):
            assert getattr(seen, name)[i] == expected[name], (i, name)
        assert seen.loss[i] == pytest.approx(expected["loss"], abs=1e-4)
        assert seen.counterpart_loss[i] == pytest.approx(expected["counterpart_loss"], abs=1e-4)
        assert np.array_equal(np.sign(seen.gradient[i]), expected["signs"])
        assert np.array_equal(np.sign(seen.counterpart_gradient[i]), expected["counterpart_signs"])
        fair += expected["fair"]
    assert fair < len(rows)  # the comparison saw rows that are not fair
    assert n_classes > 2 or fair > 0  # and, for two classes, rows that are


def test_judging_agrees_with_observing_and_watches_a_counterpart(workers):
    table = planted.random_table(30, domains=(5, 3))
    sweep = make(planted.network(5), table, workers, chunk_rows=64)
    seen = sweep.observe(table.rows, table.labels)
    judged = sweep.judge(table.rows, table.labels, seen.counterpart)
    for name in ("prediction", "fair", "disagreeing", "disagreeing_prediction", "consensus"):
        assert np.array_equal(getattr(seen, name), getattr(judged, name)), name
    assert np.array_equal(seen.loss, judged.loss)
    assert np.array_equal(seen.counterpart_loss, judged.counterpart_loss)
    assert not judged.differentiated.any()
    assert seen.differentiated.all()


def test_a_row_alone_gets_what_it_gets_in_a_batch(workers):
    table = planted.random_table(50, domains=(7, 3))
    sweep = make(planted.network(5), table, workers, chunk_rows=128)
    together = sweep.observe(table.rows, table.labels)
    for i in (0, 17, 49):
        alone = sweep.observe(table.rows[i : i + 1], table.labels[i : i + 1])
        for name, values in vars(alone).items():
            assert np.array_equal(values[0], getattr(together, name)[i], equal_nan=True), name


def test_results_do_not_depend_on_threads():
    table = planted.random_table(50, domains=(7, 3))
    seen = []
    for threads in (1, 2, 3):
        with Workers(threads) as workers:
            sweep = make(planted.network(5), table, workers, chunk_rows=64)
            seen.append(sweep.observe(table.rows, table.labels))
    for other in seen[1:]:
        for name, values in vars(seen[0]).items():
            assert np.array_equal(values, getattr(other, name), equal_nan=True), name


@pytest.mark.parametrize("model", [planted.network(5, seed=4), planted.Smooth(5)])
def test_a_row_alone_is_differentiated_as_in_any_company(model):
    table = planted.random_table(1703, seed=3)
    found = []
    for threads in (1, 3):
        with Workers(threads) as pool:
            sweep = make(model, table, pool)
            found.append(sweep.differentiate(table.rows, table.labels))
            for some in (slice(0, 1), slice(99, 101), slice(1300, 1703)):
                alone = sweep.differentiate(table.rows[some], table.labels[some])
                assert all(np.array_equal(a, b[some]) for a, b in zip(alone, found[0], strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))


def test_counts_each_row_once_and_padding_never(workers):
    table = planted.random_table(11, domains=(3, 2))
    rows = table.rows.copy()
    rows[4, 3] = 0.3  # not in the domain: one counterpart more
    sweep = make(planted.network(5), table, workers, chunk_rows=64)
    sweep.observe(rows, table.labels)
    assert (sweep.queries.gradient_rows, sweep.queries.prediction_rows) == (11 * 6 + 1, 0)
    sweep.judge(rows, table.labels)
    assert (sweep.queries.gradient_rows, sweep.queries.prediction_rows) == (67, 67)


def test_ties_go_to_the_first_counterpart_in_domain_order(workers):
    # a linear model: every counterpart has the same gradient, so all are tied
    table = planted.random_table(8, domains=(3, 2))
    model = planted.linear([1, -2, 1, 0, 0])
    seen = make(model, table, workers, LOSSES["margin"]).observe(table.rows, table.labels)
    own = Counterparts.of(table.schema).own_index(table.rows)
    assert np.array_equal(seen.counterpart, np.where(own == 0, 1, 0))


def test_a_saturated_model_still_shows_its_gradients(workers):
    table = planted.random_table(8, domains=(3, 2))
    model = planted.linear([5000, -9000, 100, 2000, 30], bias=-7)
    seen = make(model, table, workers).observe(table.rows, table.labels)
    assert (np.abs(seen.gradient) > 0).all()
    flat = make(model, table, workers, LOSSES["mse"]).observe(table.rows, table.labels)
    assert (flat.gradient == 0).all(axis=1).any()  # what the default loss avoids


@pytest.mark.parametrize(("proven_from", "asked"), [(10**7, 3 * 10**6), (10**5, 3)])
def test_a_million_counterparts_cost_no_memory(workers, monkeypatch, proven_from, asked):
    import tracemalloc

    monkeypatch.setattr("rafair.search.counterpart_evaluator.LEAST_COUNTERPARTS", proven_from)
    table = planted.random_table(2, n_free=2, domains=(100, 100, 100))
    model = planted.linear([1.0, 1.0, 0.1, 0.1, 0.1], bias=-1)
    sweep = make(model, table, workers, chunk_rows=16384)
    sweep.judge(table.rows[:1], table.labels[:1])
    tracemalloc.start()
    seen = sweep.judge(table.rows, table.labels)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sweep.queries.prediction_rows == asked
    assert peak < 60e6
    assert seen.prediction.shape == (2,)


def test_logits_that_are_not_finite_are_refused(workers):
    table = planted.random_table(8)

    def broken(rows):
        logits = np.zeros((len(rows), 2), np.float32)
        logits[rows[:, 3] == 1, 0] = np.nan
        return logits

    with pytest.raises(ModelError, match="finite"):
        make(broken, table, workers).judge(table.rows, table.labels)


@pytest.mark.parametrize("k", [0.0, 6.0])
def test_the_worst_and_the_best_counterpart_are_near_enough_to_disagree(k, workers):
    table = planted.random_table(30, domains=(5, 3), seed=3)
    model = planted.network(5, seed=3)
    seen = make(model, table, workers, k=k, chunk_rows=7).suspect(table.rows, table.labels)
    passed_over = 0
    for number, (row, label) in enumerate(zip(table.rows, table.labels, strict=True)):
        others = planted.brute_counterparts(row, table)
        with torch.no_grad():
            losses = torch.nn.functional.cross_entropy(
                model(torch.tensor(others)),
                torch.full((len(others),), int(label)),
                reduction="none",
            ).numpy()
        near = k * np.square(others.astype(np.float64) - row).mean(axis=1) < 1
        passed_over += losses.max() > losses[near].max()
        worst, best = losses[seen.leaders[number]]
        assert worst == pytest.approx(losses[near].max(), rel=1e-5)
        assert best == pytest.approx(losses[near].min(), rel=1e-5)
    assert (passed_over > 5) == (k > 0)
