from __future__ import annotations

import json
import pickle

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

import planted
from rafair.engine.atomic_files import sha256_of
from rafair.engine.digest_json import sealed
from rafair.engine.thread_pool import Workers
from rafair.errors import ModelError
from rafair.models import dense_network, passes
from rafair.models.dense_network import BLOCK_ROWS, DenseNetwork
from rafair.models.fit_to_table import check_fits
from rafair.models.function_classifier import FunctionClassifier
from rafair.models.model_folder import (
    DESCRIPTION,
    ONNX,
    WEIGHTS,
    export_if_unknown,
    load_model,
    save_model,
)
from rafair.models.onnx_export import export_onnx
from rafair.models.paper_network import fcnn
from rafair.models.torch_module import TorchClassifier
from rafair.models.training import TrainConfig, train

ROWS = np.random.default_rng(0).random((64, 5), dtype=np.float32)


def saved(folder, network=None):
    table = planted.random_table(10)
    return save_model(
        folder,
        network or fcnn(5),
        dataset="planted",
        variant="clean",
        dataset_sha256=table.sha256,
        schema=table.schema,
        training=TrainConfig().to_dict(),
    )


def test_the_network_of_the_paper():
    network = fcnn(13)
    widths = [layer.out_features for layer in network if isinstance(layer, nn.Linear)]
    assert widths == [32, 64, 128, 64, 32, 2]
    assert not isinstance(network[-1], nn.ReLU)  # logits may be negative


def test_making_a_network_leaves_the_global_random_state_alone():
    before = torch.random.get_rng_state()
    first, second, other = fcnn(5, seed=1), fcnn(5, seed=1), fcnn(5, seed=2)
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(first[0].weight, second[0].weight)
    assert not torch.equal(first[0].weight, other[0].weight)


def by_sign(logits, _):
    return np.sign(logits)


def equally(logits, _):
    return np.ones_like(logits)


@pytest.mark.parametrize("n_classes", [2, 5])
def test_the_fast_path_agrees_with_autograd(n_classes):
    network = planted.network(5, n_classes)
    classifier = TorchClassifier(network)
    assert DenseNetwork.of(network) is not None
    weights = np.random.default_rng(1).normal(size=(64, n_classes)).astype(np.float32)
    logits, gradients = classifier.logits_and_gradients(ROWS, lambda _, rows: weights[rows])
    inputs = torch.tensor(ROWS, requires_grad=True)
    outputs = network(inputs)
    (expected,) = torch.autograd.grad(outputs, inputs, torch.tensor(weights))
    np.testing.assert_allclose(logits, outputs.detach(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(gradients, expected, rtol=1e-4, atol=1e-5)
    assert np.array_equal(logits, classifier.logits(ROWS))


@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_a_block_gets_the_same_answers_in_any_batch_of_whole_blocks(n_classes):
    classifier = TorchClassifier(planted.network(5, n_classes))
    block = classifier.block_rows
    assert block
    rows = np.random.default_rng(0).random((3 * block, 5), dtype=np.float32)
    logits, gradients = classifier.logits_and_gradients(rows, by_sign)
    assert np.array_equal(classifier.logits(rows), logits)
    for part in (slice(block), slice(block, 3 * block), slice(2 * block, None)):
        alone = classifier.logits_and_gradients(rows[part], by_sign)
        assert np.array_equal(alone[0], logits[part])
        assert np.array_equal(alone[1], gradients[part])


def test_what_a_thread_computes_in_does_not_leak_into_answers():
    classifier = TorchClassifier(planted.network(5))
    rows = np.random.default_rng(0).random((6, 40, 5), dtype=np.float32)
    kept = [classifier.logits_and_gradients(some, by_sign) for some in rows]
    again = pickle.loads(pickle.dumps(classifier))
    for some, answers in zip(rows, kept, strict=True):
        logits, gradients = again.logits_and_gradients(some, by_sign)
        assert np.array_equal(logits, answers[0])
        assert np.array_equal(gradients, answers[1])
        assert np.array_equal(classifier.logits(some), answers[0])


def test_a_pass_in_one_call_has_the_bits_of_its_operations_one_by_one(monkeypatch):
    classifier = TorchClassifier(planted.network(5, 3))
    rows = np.random.default_rng(0).random((2 * BLOCK_ROWS, 5), dtype=np.float32)
    assert type(passes.forward).__name__ == "ScriptFunction"
    logits, gradients = classifier.logits_and_gradients(rows, by_sign)
    monkeypatch.setattr(dense_network, "forward", passes._forward)
    monkeypatch.setattr(dense_network, "backward", passes._backward)
    slow_logits, slow_gradients = classifier.logits_and_gradients(rows, by_sign)
    assert np.array_equal(logits, slow_logits)
    assert np.array_equal(gradients, slow_gradients)


@pytest.mark.parametrize("refuses", [False, True])
def test_passes_work_where_torch_makes_no_single_call_of_them(monkeypatch, refuses):
    def script(_):
        raise RuntimeError("TorchScript is gone")

    if refuses:
        monkeypatch.setattr(torch.jit, "script", script)
    else:
        monkeypatch.delattr(torch.jit, "script")
    assert passes._one_call(passes._forward) is passes._forward


@pytest.mark.parametrize("network", [fcnn(5), planted.network(5, 3), planted.network(5, 7)])
def test_batches_of_a_stack_get_what_they_get_alone(network):
    classifier = TorchClassifier(network)
    stack = np.random.default_rng(0).random((7, 100, 5), dtype=np.float32)
    logits, gradients = classifier.logits_and_gradients(stack, by_sign)
    elsewhere = classifier.logits_and_gradients(np.roll(stack, 7, axis=1), by_sign)
    assert np.array_equal(elsewhere[0], np.roll(logits, 7, axis=1))
    assert np.array_equal(elsewhere[1], np.roll(gradients, 7, axis=1))
    for n in (1, 3):
        some_logits, some_gradients = classifier.logits_and_gradients(stack[2 : 2 + n], by_sign)
        assert np.array_equal(some_logits, logits[2 : 2 + n])
        assert np.array_equal(some_gradients, gradients[2 : 2 + n])
    plain, plain_gradients = classifier.logits_and_gradients(stack[2], by_sign)
    np.testing.assert_allclose(logits[2], plain, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(gradients[2], plain_gradients, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "module",
    [
        nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2)),
        nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 2)),
        nn.Sequential(nn.Linear(5, 4), nn.ReLU()),
        nn.Sequential(nn.BatchNorm1d(5), nn.Linear(5, 2)),
        planted.Smooth(5),
    ],
)
def test_other_networks_take_the_general_path(module):
    assert DenseNetwork.of(module) is None
    classifier = TorchClassifier(module)
    logits, gradients = classifier.logits_and_gradients(ROWS, equally)
    assert gradients.shape == ROWS.shape
    np.testing.assert_allclose(logits, module.eval()(torch.tensor(ROWS)).detach(), rtol=1e-5)


def test_nesting_dropout_and_missing_bias_do_not_matter_to_the_fast_path():
    inner = nn.Sequential(nn.Linear(5, 4, bias=False), nn.Dropout(0.5), nn.ReLU())
    module = nn.Sequential(inner, nn.Identity(), nn.Linear(4, 2))
    assert DenseNetwork.of(module) is not None
    expected = module.eval()(torch.tensor(ROWS)).detach()
    np.testing.assert_allclose(TorchClassifier(module).logits(ROWS), expected, rtol=1e-5, atol=1e-6)


def test_double_precision_modules_are_audited_in_single():
    classifier = TorchClassifier(planted.Smooth(5).double())
    check_fits(classifier, ROWS, 2)
    logits, gradients = classifier.logits_and_gradients(ROWS, equally)
    assert logits.dtype == gradients.dtype == np.float32


def test_probabilities_become_logarithms_clipped_away_from_zero():
    shares = np.float32([[0.0, 1.0], [0.25, 0.75]])
    classifier = FunctionClassifier(lambda rows: shares, outputs="probabilities")
    logits = classifier.logits(ROWS[:2])
    assert np.isfinite(logits).all()
    assert logits.argmax(axis=1).tolist() == [1, 1]
    np.testing.assert_allclose(logits[1], np.log([0.25, 0.75]), rtol=1e-6)
    with pytest.raises(ModelError, match="negative"):
        FunctionClassifier(lambda rows: -shares, outputs="probabilities").logits(ROWS[:2])


def test_a_function_has_no_gradients():
    with pytest.raises(ModelError, match="no gradients"):
        FunctionClassifier(lambda rows: rows[:, :2]).logits_and_gradients(ROWS, equally)


def test_saved_models_come_back_bit_by_bit(tmp_path):
    network = planted.network(5)
    saved(tmp_path, network)
    again, description = load_model(tmp_path)
    assert np.array_equal(
        TorchClassifier(network).logits(ROWS), TorchClassifier(again).logits(ROWS)
    )
    assert description.table == planted.random_table(10).schema
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([WEIGHTS, DESCRIPTION, ONNX])


def test_onnx_gives_the_same_logits_for_any_number_of_rows(tmp_path):
    network = planted.network(5, 3)
    export_onnx(network, tmp_path / "a.onnx")
    export_onnx(network, tmp_path / "b.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx", providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    for n in (1, 64):
        (logits, *_) = session.run(None, {entry.name: ROWS[:n]})
        expected = network(torch.tensor(ROWS[:n])).detach()
        np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


def test_onnx_refuses_what_it_does_not_know(tmp_path):
    with pytest.raises(TypeError, match="Tanh"):
        export_onnx(nn.Sequential(nn.Linear(5, 2), nn.Tanh()), tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda f: (f / WEIGHTS).unlink(), "found no such file"),
        (lambda f: (f / WEIGHTS).write_bytes(b"x"), "it was altered"),
        (lambda f: (f / ONNX).write_bytes(b"x"), r"model\.onnx': its hash is not the one in"),
        (lambda f: (f / DESCRIPTION).unlink(), "expected the model.json of a saved model"),
        (lambda f: (f / DESCRIPTION).write_text("{"), "expected JSON: "),
        (lambda f: (f / DESCRIPTION).write_text("[]"), "expected a model description"),
        (lambda f: (f / DESCRIPTION).write_text('{"model_version": 99}'), "found 99"),
    ],
)
def test_damaged_models_are_refused(tmp_path, damage, words):
    saved(tmp_path)
    damage(tmp_path)
    with pytest.raises(ModelError, match=words):
        load_model(tmp_path)


@pytest.mark.parametrize("missing", [True, False], ids=["no ONNX file", "of before it was told"])
def test_an_onnx_file_is_made_with_its_hash_where_nothing_tells_it(tmp_path, missing):
    told = saved(tmp_path).onnx_sha256
    assert told == sha256_of(tmp_path / ONNX)
    if missing:
        (tmp_path / ONNX).unlink()
    else:
        description = json.loads((tmp_path / DESCRIPTION).read_text())
        del description["onnx_sha256"]
        (tmp_path / DESCRIPTION).write_text(json.dumps(sealed(description)))
        (tmp_path / ONNX).write_bytes(b"what nothing tells of is not believed")
    export_if_unknown(tmp_path)
    assert load_model(tmp_path)[1].onnx_sha256 == sha256_of(tmp_path / ONNX) == told


def test_weights_of_another_network_are_refused(tmp_path):
    saved(tmp_path, planted.network(7))
    with pytest.raises(ModelError, match="does not fit the network"):
        load_model(tmp_path)


def test_nothing_is_unpickled(tmp_path):
    saved(tmp_path)
    torch.save(fcnn(5).state_dict(), tmp_path / WEIGHTS)
    description = json.loads((tmp_path / DESCRIPTION).read_text())
    description["sha256"] = sha256_of(tmp_path / WEIGHTS)
    (tmp_path / DESCRIPTION).write_text(json.dumps(sealed(description)))
    with pytest.raises(ModelError, match="does not fit"):
        load_model(tmp_path)


@pytest.mark.parametrize("loss", ["cross-entropy", "mse"])
def test_training_learns_and_repeats_bit_by_bit(loss):
    table = planted.random_table(400, seed=4)
    labels = (table.rows[:, 0] + table.rows[:, 3] > 1).astype(np.int64)
    table = planted.table_of(table.rows, labels, table.schema.features)
    torch_threads = torch.get_num_threads()
    first = train(table, TrainConfig(epochs=60, loss=loss, seed=7))
    with Workers(2):  # whatever the setting around it
        second = train(table, TrainConfig(epochs=60, loss=loss, seed=7))
    assert torch.get_num_threads() == torch_threads
    assert all(
        torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True)
    )
    predicted = first(torch.tensor(table.rows)).argmax(1).numpy()
    assert (predicted == labels).mean() > 0.95
