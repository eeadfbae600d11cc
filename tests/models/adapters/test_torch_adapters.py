from __future__ import annotations

import hashlib
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

import rafair
from rafair.errors import ModelError, UnknownNameError
from rafair.models.dense_network import DenseNetwork
from rafair.models.models_by_name import ModelOptions, open_model
from rafair.models.raw_inputs import RawUnits, raw_matrix

FACTORY = """
import torch
from sizes import HIDDEN

def network(outputs=1):
    return torch.nn.Sequential(
        torch.nn.Linear(8, HIDDEN), torch.nn.{activation}(), torch.nn.Linear(HIDDEN, outputs){end}
    )

def three():
    return network(3)

def words():
    return "words"

def broken():
    raise RuntimeError("no licence\\nfound")
"""

AS_THEY_ARE = ("no affair", "affair")
"""The order of the outputs, stated of a function that ranks the classes the wrong way round."""


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trained(affairs, inputs, activation="ReLU", hidden=16):
    """A network with one logit, really trained on encoded or on raw rows."""
    torch.manual_seed(0)
    table = affairs.train
    rows = table.rows if inputs == "encoded" else raw_matrix(table.rows, table.schema)
    rows = torch.tensor(rows, dtype=torch.float32)
    module = nn.Sequential(nn.Linear(8, hidden), getattr(nn, activation)(), nn.Linear(hidden, 1))
    adam = torch.optim.Adam(module.parameters(), 0.03)
    labels = torch.tensor(table.labels, dtype=torch.float32)
    for _ in range(60):
        adam.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(module(rows)[:, 0], labels).backward()
        adam.step()
    return module.eval()


def written(folder, module, activation="ReLU", end=""):
    """The module as a factory in a file and its weights in another."""
    (folder / "sizes.py").write_text("HIDDEN = 16\n")
    (folder / "made.py").write_text(FACTORY.format(activation=activation, end=end))
    safetensors.torch.save_file(module.state_dict(), folder / "w.safetensors")
    return f"{folder / 'made.py'}:network"


def scripted(module, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(module), path)
    return str(path)


TRUSTED = ModelOptions(trust_torchscript=True)


def decisions(module, rows):
    with torch.no_grad():
        return (module(torch.tensor(rows, dtype=torch.float32))[:, 0] > 0).numpy()


def test_a_factory_with_weights_is_the_network_that_was_trained(tmp_path, affairs, agrees):
    module = trained(affairs, "encoded")
    source = written(tmp_path, module)
    options = ModelOptions(weights=tmp_path / "w.safetensors")
    classifier = open_model(source, affairs.test.schema, options)
    assert classifier.differentiable
    assert DenseNetwork.of(classifier.module) is not None  # the fast path
    agrees(classifier, decisions(module, affairs.test.rows))
    result = rafair.audit(classifier, affairs.test, instances=20, steps=3, attacks="rafair-tb")
    assert result.document["model"]["sha256"] == classifier.sha256
    assert result.document["attacks"]["rafair-tb"]["gradient_rows"] > 0


def test_the_hash_knows_the_source_and_the_weights(tmp_path, affairs):
    source = written(tmp_path, trained(affairs, "encoded"))
    options = ModelOptions(weights=tmp_path / "w.safetensors")
    schema = affairs.test.schema
    first = open_model(source, schema, options).sha256
    assert open_model(source, schema, options).sha256 == first
    (tmp_path / "made.py").write_text((tmp_path / "made.py").read_text() + "# changed\n")
    second = open_model(source, schema, options).sha256
    written(tmp_path, trained(affairs, "encoded", activation="Tanh"))
    assert len({first, second, open_model(source, schema, options).sha256}) == 3


def test_a_sigmoid_at_the_end_is_taken_away_where_probabilities_are_stated(tmp_path, affairs):
    module = trained(affairs, "encoded")
    source = written(tmp_path, module, end=", torch.nn.Sigmoid()")
    schema, rows = affairs.test.schema, affairs.test.rows
    weights = tmp_path / "w.safetensors"
    options = ModelOptions(weights=weights, outputs="probabilities")
    classifier = open_model(source, schema, options)
    with torch.no_grad():
        expected = module(torch.tensor(rows)).numpy()[:, 0]
    logits = classifier.logits(rows)
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ModelError, match="got what look like probabilities; `model_output`"):
        open_model(source, schema, ModelOptions(weights=weights))


def test_torchscript_answers_and_gives_gradients(tmp_path, affairs, agrees):
    module = trained(affairs, "encoded", activation="Tanh")
    source = scripted(module, tmp_path / "m.pt")
    with pytest.raises(ModelError, match=r"TorchScript is code, .* `trust_torchscript=True`"):
        open_model(source, affairs.test.schema)
    classifier = open_model(source, affairs.test.schema, TRUSTED)
    assert classifier.sha256 == hashlib.sha256((tmp_path / "m.pt").read_bytes()).hexdigest()
    agrees(classifier, decisions(module, affairs.test.rows))
    rows = affairs.test.rows[:64]
    weights = np.tile(np.float32([-1, 1]), (64, 1))
    _, found = classifier.logits_and_gradients(rows, lambda z, part: weights[part])
    inputs = torch.tensor(rows, requires_grad=True)
    (expected,) = torch.autograd.grad(module(inputs).sum(), inputs)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    rafair.audit(classifier, affairs.test, instances=20, steps=3, attacks="pgd")


def test_torchscript_answers_the_same_from_several_threads_and_again_later(tmp_path, affairs):
    source = scripted(trained(affairs, "encoded", "Tanh"), tmp_path / "m.ts")
    rows = affairs.test.rows[:256]

    def ask(classifier):
        return classifier.logits_and_gradients(rows, lambda z, _: np.sign(z))

    expected = ask(open_model(source, affairs.test.schema, TRUSTED))
    classifier = open_model(source, affairs.test.schema, TRUSTED)
    with ThreadPoolExecutor(4) as pool:
        for logits, gradients in pool.map(lambda _: ask(classifier), range(24)):
            assert np.array_equal(logits, expected[0])
            assert np.array_equal(gradients, expected[1])


def test_a_module_of_raw_rows_gets_them_and_gradients_go_through(tmp_path, affairs, agrees):
    module = trained(affairs, "raw")
    source = scripted(module, tmp_path / "raw.torchscript")
    table = affairs.test
    classifier = open_model(source, table.schema, replace(TRUSTED, inputs="raw"))
    frame = table.frame.copy()
    for feature in table.schema.features:  # codes, from the frame itself
        if feature.levels:
            frame[feature.name] = frame[feature.name].map(list(feature.levels).index)
    agrees(classifier, decisions(module, frame.to_numpy(np.float32)))
    rows = table.rows[:16]
    _, found = classifier.logits_and_gradients(rows, lambda z, _: np.float32([[0, 1]] * len(z)))
    inputs = torch.tensor(raw_matrix(rows, table.schema), dtype=torch.float32, requires_grad=True)
    (slopes,) = torch.autograd.grad(module(inputs).sum(), inputs)
    expected = slopes * RawUnits(table.schema).span
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
    rafair.audit(classifier, table, instances=20, steps=3, attacks="rafair-ff")


@pytest.mark.parametrize(
    ("body", "options", "expected"),
    [
        ("return 3 * rows[:, 0] - 3 * rows[:, 2]", {"classes": AS_THEY_ARE}, "third"),
        (
            "return 1 / (1 + np.exp(rows[:, 2] - rows[:, 0]))",
            {"outputs": "probabilities", "classes": AS_THEY_ARE},
            "third",
        ),
        (
            "return np.where(rows['religious'] == 'not', 2.0, -2.0)",
            {"inputs": "raw"},
            "religious",
        ),
    ],
)
def test_functions_of_encoded_and_of_raw_rows(tmp_path, affairs, agrees, body, options, expected):
    (tmp_path / "f.py").write_text(f"import numpy as np\ndef score(rows):\n    {body}\n")
    classifier = open_model(
        f"{tmp_path / 'f.py'}:score", affairs.test.schema, ModelOptions(**options)
    )
    assert not classifier.differentiable
    rows, frame = affairs.test.rows, affairs.test.frame
    answer = {"third": rows[:, 0] > rows[:, 2], "religious": frame["religious"] == "not"}
    agrees(classifier, answer[expected])
    with pytest.raises(ModelError, match="gives answers only"):
        classifier.logits_and_gradients(rows, lambda z, _: z)


def test_a_function_from_elsewhere_is_shipped_with_its_text(tmp_path, affairs):
    (tmp_path / "f.py").write_text("def score(rows):\n    return rows[:, 0] - 0.5\n")
    classifier = open_model(f"{tmp_path / 'f.py'}:score", affairs.test.schema)
    shipped = pickle.dumps(classifier)
    (tmp_path / "f.py").unlink()
    rows = affairs.test.rows
    assert np.array_equal(pickle.loads(shipped).logits(rows), classifier.logits(rows))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("three", r"tensor '2\.weight': expected the shape \(3, 16\), found \(1, 16\)"),
        ("words", "expected a factory of a torch module with `weights`, got str"),
        ("broken", "makes no module: RuntimeError: no licence$"),
        ("HIDDEN", "expected HIDDEN to be a function, got int"),
    ],
)
def test_factories_that_make_something_else(tmp_path, affairs, name, words):
    source = written(tmp_path, trained(affairs, "encoded")).replace("network", name)
    with pytest.raises(ModelError, match=words):
        open_model(source, affairs.test.schema, ModelOptions(weights=tmp_path / "w.safetensors"))


def test_weights_of_another_module_and_names_that_are_not_there(tmp_path, affairs):
    source = written(tmp_path, trained(affairs, "encoded"))
    state = {"other.weight": torch.zeros(2)}
    safetensors.torch.save_file(state, tmp_path / "w.safetensors")
    options = ModelOptions(weights=tmp_path / "w.safetensors")
    with pytest.raises(ModelError, match=r"expected tensor '0\.bias', not found"):
        open_model(source, affairs.test.schema, options)
    with pytest.raises(UnknownNameError, match="did you mean 'network'"):
        open_model(source.replace("network", "netwrok"), affairs.test.schema, options)
    with pytest.raises(ModelError, match=r"expected FILE\.py:NAME"):
        open_model(source.replace(":network", ""), affairs.test.schema, options)
    with pytest.raises(ModelError, match=r"expected FILE\.py:FACTORY with `weights="):
        open_model("m.onnx", affairs.test.schema, options)


def test_a_module_of_more_columns_than_the_table_has(tmp_path, affairs):
    source = scripted(nn.Linear(10, 2), tmp_path / "wide.pt")
    with pytest.raises(ModelError, match="does not take these rows") as raised:
        open_model(source, affairs.test.schema, TRUSTED)
    assert "\n" not in str(raised.value)
