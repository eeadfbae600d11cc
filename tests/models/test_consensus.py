"""The consensus against plain loops: the same means, to the last bit the same for counterparts."""

from __future__ import annotations

import itertools
import pickle
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import onnxruntime
import pytest
import skops.io
import torch

import own_models
import planted
import rafair
import servers
from rafair.errors import InputError, ModelError
from rafair.models.answer_cache import CachedClassifier
from rafair.models.consensus import (
    MOST_COMBINATIONS,
    ConsensusClassifier,
    combinations_to_average,
)
from rafair.models.fit_to_table import as_classifier, check_fits
from rafair.models.http.http_classifier import HttpOptions, open_endpoint
from rafair.models.models_by_name import open_model
from rafair.models.onnx_export import Averaged, export_onnx
from rafair.models.training import TrainConfig, train
from rafair.tabular.counterparts import Counterparts

pytestmark = pytest.mark.usefixtures("workers")  # as an audit asks it: each thread on one core

TABLE = planted.random_table(40)
PRODUCT = list(itertools.product(np.linspace(0, 1, 3), np.linspace(0, 1, 2)))


def consensus(model, table=TABLE, **options) -> ConsensusClassifier:
    return ConsensusClassifier(as_classifier(model), Counterparts.of(table.schema), **options)


def looped(function, rows: np.ndarray) -> np.ndarray:
    """The mean of the answers to each combination, one row after the other."""
    means = []
    for row in rows:
        answers = []
        for first, second in PRODUCT:
            other = row.copy()
            other[3:] = first, second
            answers.append(np.asarray(function(other[None]), np.float64)[0])
        means.append(sum(answers) / len(answers))
    return np.array(means)


def counterparts_of(rows: np.ndarray, table=TABLE) -> np.ndarray:
    """All counterparts of each row; shape `(n, |I|, d)`."""
    return np.array([planted.brute_counterparts(row, table) for row in rows])


MODELS = {
    "network": planted.network(5),
    "three classes": planted.network(5, 3),
    "another module": planted.Smooth(5),
    "function": lambda rows: np.stack([np.sin(9 * rows).sum(axis=1), rows[:, 0] * 3], axis=1),
}


@pytest.mark.parametrize("name", MODELS)
def test_it_is_the_mean_of_plain_loops(name):
    inner = as_classifier(MODELS[name])
    found = consensus(inner).logits(TABLE.rows)
    assert found.dtype == np.float32
    expected = looped(inner.logits, TABLE.rows)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    clear = np.abs(expected[:, 0] - expected[:, 1]) > 1e-4
    assert clear.sum() > 30
    assert (found.argmax(axis=1) == expected.argmax(axis=1))[clear].all()


@pytest.mark.parametrize("name", MODELS)
def test_counterparts_get_the_same_bits_in_any_batch(name):
    model = consensus(as_classifier(MODELS[name]))
    everyone = counterparts_of(TABLE.rows)
    together = model.logits(everyone.reshape(-1, 5)).reshape(40, 6, -1)
    assert (together == together[:, :1]).all()
    order = np.random.default_rng(0).permutation(240)
    shuffled = np.empty_like(together).reshape(240, -1)
    shuffled[order] = model.logits(everyone.reshape(-1, 5)[order])
    assert np.array_equal(shuffled.reshape(together.shape), together)
    for person in (0, 17, 39):
        for one in everyone[person]:
            assert np.array_equal(model.logits(one[None])[0], together[person, 0])
    for size in (3, 7, 100):
        parts = np.split(everyone.reshape(-1, 5), range(size, 240, size))
        found = np.concatenate([model.logits(part) for part in parts])
        assert np.array_equal(found.reshape(together.shape), together)


@pytest.mark.parametrize("domains", [(2,), (74, 5, 2), (150, 120)])
def test_large_domains_get_the_same_bits_as_well(domains, workers):
    table = planted.random_table(9, domains=domains)
    model = consensus(planted.network(3 + len(domains)), table)
    together = model.logits(table.rows)
    alone = list(workers.map(lambda row: model.logits(row[None])[0], table.rows))
    assert np.array_equal(together, alone)
    others = np.array(table.rows)
    others[:, 3:] = table.rows[::-1, 3:]
    assert np.array_equal(model.logits(others), together)


@pytest.mark.parametrize("name", ["network", "three classes", "another module"])
def test_gradients_are_those_of_the_mean(name):
    module, rows = MODELS[name], TABLE.rows[:20]
    inputs = torch.tensor(rows, requires_grad=True)
    total = 0
    for values in PRODUCT:
        sensitive = torch.tensor(np.array([values] * 20, np.float32))
        total = total + module(torch.cat([inputs[:, :3], sensitive], dim=1))
    weights = torch.randn(total.shape, generator=torch.Generator().manual_seed(0))
    ((total / len(PRODUCT)) * weights).sum().backward()
    model = consensus(module)
    asked = []

    def cotangent(logits, part):
        asked.append(logits)
        return weights.numpy()[part]

    logits, slopes = model.logits_and_gradients(rows, cotangent)
    np.testing.assert_allclose(slopes, inputs.grad.numpy(), rtol=1e-3, atol=1e-5)
    assert (slopes[:, 3:] == 0).all()
    assert np.array_equal(logits, model.logits(rows))
    assert np.array_equal(np.concatenate(asked), logits)


def test_a_person_may_be_weighed_in_two_ways():
    model = consensus(planted.network(5))
    twice = np.repeat(TABLE.rows[:1], 2, axis=0)
    weights = np.float32([[1, 0], [0, 1]])
    _, slopes = model.logits_and_gradients(twice, lambda _, part: weights[part])
    for row, weight, slope in zip(twice, weights, slopes, strict=True):
        _, alone = model.logits_and_gradients(row[None], lambda _, part, w=weight: w[None])
        assert np.array_equal(alone[0], slope)
    assert not np.array_equal(*slopes)


def test_values_that_are_new_missing_or_minus_zero_change_nothing():
    model = consensus(planted.network(5))
    rows = np.repeat(TABLE.rows[:1], 4, axis=0)
    rows[1, 3], rows[2, 3:], rows[3, 3:] = 0.123, -1, -0.0
    assert len(np.unique(model.logits(rows), axis=0)) == 1
    rows[:, 0] = 0, -0.0, 0, -0.0
    assert len(np.unique(model.logits(rows), axis=0)) == 1
    signs = consensus(lambda rows: np.stack([np.signbit(rows[:, 0]), rows[:, 1]], axis=1))
    assert np.array_equal(signs.logits(rows[:1]), signs.logits(rows[1:2]))
    rows[:, 0] = -1  # a missing value that is not sensitive is the model's own affair
    expected = looped(as_classifier(planted.network(5)).logits, rows)
    np.testing.assert_allclose(model.logits(rows), expected, rtol=1e-5)
    assert model.logits(rows[:0]).shape == (0, 2)


def test_it_says_of_itself_what_it_must():
    inner = as_classifier(planted.network(5))
    model = consensus(inner)
    check_fits(model, TABLE.rows, 2)
    assert (model.n_features, model.n_classes) == (5, 2)
    assert model.n_parameters == inner.n_parameters
    assert model.rows_per_prediction == 6
    other = planted.random_table(5, domains=(3, 3))
    hashes = [inner.sha256, model.sha256, consensus(inner, other).sha256]
    hashes += [consensus(inner, sample=3).sha256, consensus(inner, sample=3, seed=1).sha256]
    assert len(set(hashes)) == 5
    assert consensus(inner, sample=6).sha256 == model.sha256
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.logits(TABLE.rows), model.logits(TABLE.rows))
    blind = consensus(lambda rows: rows[:, :2])
    assert (blind.differentiable, blind.sha256) == (False, None)
    with pytest.raises(ModelError, match="has no gradients, as its model has none"):
        blind.logits_and_gradients(TABLE.rows, lambda logits, _: logits)


def test_a_model_without_gradients_is_asked_about_each_row_once():
    asked: Counter[bytes] = Counter()

    def count(rows):
        asked.update(row.tobytes() for row in rows)
        return rows[:, :2] + rows[:, 3:4]

    model = consensus(CachedClassifier(as_classifier(count)))
    everyone = counterparts_of(TABLE.rows).reshape(-1, 5)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(model.logits, np.array_split(everyone, 16)))
    model.logits(everyone)
    assert set(asked.values()) == {1}
    assert len(asked) == 240


def test_a_pipeline_of_the_raw_table(tmp_path):
    skops.io.dump(own_models.pipeline(), tmp_path / "pipeline.skops")
    own_models.people().to_csv(tmp_path / "people.csv", index=False)
    table = rafair.read_table(
        tmp_path / "people.csv", label="affair", sensitive=own_models.SENSITIVE
    )
    inner = open_model(str(tmp_path / "pipeline.skops"), table.schema)
    model = consensus(inner, table)
    rows = table.rows[:25]
    expected = [
        inner.logits(planted_counterparts).astype(np.float64).mean(axis=0)
        for planted_counterparts in (every(row, table) for row in rows)
    ]
    np.testing.assert_allclose(model.logits(rows), expected, rtol=1e-4, atol=1e-5)
    for row in rows[:3]:
        assert len(np.unique(model.logits(every(row, table)), axis=0)) == 1


def every(row: np.ndarray, table) -> np.ndarray:
    return np.concatenate(list(Counterparts.of(table.schema).enumerate(row)))


def test_a_model_behind_http_is_asked_about_each_row_once():
    table = servers.affairs().test
    with servers.plain_server() as server:
        http = HttpOptions(retries=1, backoff_s=0.01, batch_rows=64)
        inner = open_endpoint(server.address + "/predict", table.schema, http=http)
        model = consensus(inner, table)
        server.asked.clear()
        everyone = np.concatenate([every(row, table) for row in table.rows[:6]])
        found = model.logits(everyone).reshape(6, 24, 2)
        assert (found == found[:, :1]).all()
        assert np.array_equal(model.logits(everyone[:1])[0], found[0, 0])
        assert sum(server.asked.values()) == 6 * 24
        assert set(server.asked.values()) == {1}


def test_a_domain_that_is_too_large_is_refused_with_its_cost():
    table = planted.random_table(5, domains=(400, 400))
    with pytest.raises(InputError, match=r"found 160,000, so that .* 160,000 rows; sample=N"):
        consensus(planted.network(5), table)
    model = consensus(planted.network(5), table, sample=50)
    assert model.rows_per_prediction == 50
    others = np.array(table.rows)
    others[:, 3:] = 0.5
    assert np.array_equal(model.logits(others), model.logits(table.rows))


@pytest.mark.parametrize("sample", [0, -3, 1, 7, 2.5, True])
def test_samples_are_of_two_to_all_combinations(sample):
    with pytest.raises(InputError, match=r"consensus sample: expected a whole number from 2 to 6"):
        consensus(planted.network(5), sample=sample)


def test_samples_are_the_same_for_every_row_and_depend_on_the_seed_alone():
    all_of_them = Counterparts.of(planted.random_table(5, domains=(300, 200)).schema)
    first, again, other = (combinations_to_average(all_of_them, 500, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert (np.diff(first) > 0).all()
    assert 0.35 < (first < 30_000).mean() < 0.65
    assert np.array_equal(combinations_to_average(all_of_them, 60_000), np.arange(60_000))
    assert MOST_COMBINATIONS == 100_000


def test_what_a_sample_says_of_its_error_holds():
    table = rafair.load_dataset("affairs").test
    wide = planted.random_table(400, domains=(74, 5, 2))
    networks = [
        (table, train(rafair.load_dataset("affairs").train, TrainConfig(epochs=3)), 8),
        (wide, planted.network(6), 60),
    ]
    for rows_of, module, sample in networks:
        rows = rows_of.rows[:400]
        exact = consensus(module, rows_of).logits(rows)
        within, wrong, told, standing = [], 0, 0, 0
        for seed in range(12):
            model = consensus(module, rows_of, sample=sample, seed=seed)
            found = model.sampled(rows)
            np.testing.assert_allclose(found.logits, model.logits(rows), rtol=1e-5, atol=1e-6)
            within.append(np.abs(found.logits - exact) <= 1.96 * found.standard_error)
            differs = found.logits.argmax(axis=1) != exact.argmax(axis=1)
            wrong += differs.sum()
            told += (differs & found.doubtful).sum()
            standing += (~found.doubtful).sum()
        assert 0.8 < np.mean(within) < 0.995  # 95 % by a normal approximation
        assert wrong > 0
        assert wrong - told <= 0.02 * standing
        assert told >= 0.5 * wrong


def test_a_sample_of_all_is_the_exact_mean():
    exact, sampled = (consensus(planted.network(5), sample=n) for n in (None, 6))
    assert np.array_equal(exact.logits(TABLE.rows), sampled.logits(TABLE.rows))
    found = sampled.sampled(TABLE.rows)
    assert (found.standard_error == 0).all()
    assert not found.doubtful.any()


@pytest.mark.parametrize(("domains", "sample"), [((3, 2), None), ((74, 5, 2), None), ((9, 9), 20)])
def test_onnx_gives_the_same_decisions(tmp_path, domains, sample):
    table = planted.random_table(60, domains=domains)
    network = planted.network(3 + len(domains), 3)
    counterparts = Counterparts.of(table.schema)
    chosen = combinations_to_average(counterparts, sample)
    path = tmp_path / "m.onnx"
    export_onnx(network, path, Averaged.of(counterparts, chosen, len(table.schema)))
    assert path.stat().st_size < 100_000 + 4 * len(chosen) * len(table.schema)
    assert [node.op_type for node in onnx.load(path).graph.node][-1] == "ReduceMean"
    model = consensus(network, table, sample=sample)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    rows = np.array(table.rows)
    rows[:5, 0] = -1
    rows[5:9, 3] = -1
    rows[9:12, 3] = 0.123
    expected = model.logits(rows)
    for n in (1, 60):
        (logits, *_) = session.run(None, {"rows": rows[:n]})
        assert logits.shape == (n, 3)
        np.testing.assert_allclose(logits, expected[:n], rtol=1e-4, atol=1e-4)
        top = np.sort(expected[:n], axis=1)
        near = top[:, -1] - top[:, -2] < 1e-4
        assert near.sum() <= 1
        assert (logits.argmax(axis=1) == expected[:n].argmax(axis=1))[~near].all()
    opened = open_model(str(path), table.schema)
    assert opened.differentiable
    np.testing.assert_allclose(opened.logits(rows), expected, rtol=1e-4, atol=1e-4)
