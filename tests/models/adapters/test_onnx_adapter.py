from __future__ import annotations

import hashlib
import warnings

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from torch import nn

import rafair
from rafair.errors import ModelError
from rafair.models.adapters.onnx_graph import OnnxGraph
from rafair.models.adapters.onnx_model import OnnxModel
from rafair.models.dense_network import DenseNetwork
from rafair.models.models_by_name import ModelOptions, open_model
from rafair.models.onnx_export import export_onnx
from rafair.models.raw_inputs import raw_matrix

FLOAT = TensorProto.FLOAT


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Mixed(nn.Module):
    """A network with what torch's exporter writes other operators for."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(8, 12), nn.Linear(20, 12)
        self.norm, self.batch = nn.LayerNorm(12), nn.BatchNorm1d(12)
        self.last = nn.Linear(12, 2)

    def forward(self, rows):
        values = torch.tanh(self.norm(self.first(rows)))
        values = torch.cat([values, rows[:, :8]], dim=1)
        values = nn.functional.leaky_relu(self.batch(self.second(values)))
        values = nn.functional.gelu(values) * torch.sigmoid(values)
        return torch.softmax(self.last(values.reshape(-1, 12)), dim=1)


def fitted(module, affairs, epochs=25):
    """A module that gives probabilities, really trained."""
    torch.manual_seed(0)
    rows = torch.tensor(affairs.train.rows)
    labels = torch.tensor(affairs.train.labels)
    adam = torch.optim.Adam(module.parameters(), 0.02)
    for _ in range(epochs):
        adam.zero_grad()
        nn.functional.nll_loss(module(rows).log(), labels).backward()
        adam.step()
    return module.eval()


def exported(module, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (torch.zeros(2, 8),),
            path,
            dynamo=False,
            input_names=["rows"],
            dynamic_axes={"rows": {0: "n"}},
        )
    return str(path)


def model_of(nodes, outputs, constants=(), width=8, kind=FLOAT, domains=("",)):
    entry = helper.make_tensor_value_info("rows", kind, ["n", width])
    graph = helper.make_graph(nodes, "graph", [entry], outputs, list(constants))
    opsets = [helper.make_opsetid(domain, 3 if domain else 17) for domain in domains]
    model = helper.make_model(graph, opset_imports=opsets)
    model.ir_version = 9
    return model


def logistic(model):
    """What skl2onnx writes for a logistic regression, without its ZipMap."""
    weights = np.vstack([-model.coef_, model.coef_]).ravel().tolist()
    bias = [-model.intercept_[0], model.intercept_[0]]
    nodes = [
        helper.make_node(
            "LinearClassifier",
            ["rows"],
            ["label", "scores"],
            domain="ai.onnx.ml",
            coefficients=weights,
            intercepts=bias,
            classlabels_ints=[0, 1],
            multi_class=1,
            post_transform="LOGISTIC",
        ),
        helper.make_node(
            "Normalizer", ["scores"], ["probabilities"], domain="ai.onnx.ml", norm="L1"
        ),
    ]
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.INT64, ["n"]),
        helper.make_tensor_value_info("probabilities", FLOAT, ["n", 2]),
    ]
    return model_of(nodes, outputs, domains=("", "ai.onnx.ml"))


def test_a_dense_network_takes_the_fast_path(tmp_path, affairs, network, agrees):
    export_onnx(network, tmp_path / "m.onnx")
    classifier = open_model(str(tmp_path / "m.onnx"), affairs.test.schema)
    assert DenseNetwork.of(classifier.module) is not None
    assert classifier.sha256 == hashlib.sha256((tmp_path / "m.onnx").read_bytes()).hexdigest()
    with torch.no_grad():
        agrees(classifier, network(torch.tensor(affairs.test.rows)).argmax(1).numpy())
    options = {"instances": 30, "steps": 4, "attacks": "rafair"}
    mine = rafair.audit(classifier, affairs.test, **options).document["attacks"]
    theirs = rafair.audit(network, affairs.test, **options).document["attacks"]
    for name, found in mine.items():
        assert found["robust"] == theirs[name]["robust"]


def test_a_graph_that_torch_exported_gives_gradients(tmp_path, affairs, agrees):
    module = fitted(Mixed(), affairs)
    source = exported(module, tmp_path / "m.onnx")
    classifier = open_model(source, affairs.test.schema)
    assert classifier.differentiable
    assert any(isinstance(part, OnnxGraph) for part in classifier.module.modules())
    rows = affairs.test.rows
    with torch.no_grad():
        shares = module(torch.tensor(rows)).numpy()
    agrees(classifier, shares.argmax(axis=1))
    logits, found = classifier.logits_and_gradients(
        rows, lambda z, _: np.tile(np.float32([-1, 1]), (len(z), 1))
    )
    # the softmax at the end was taken away: logits, and their slopes
    np.testing.assert_allclose(
        logits[:, 1] - logits[:, 0], np.log(shares[:, 1] / shares[:, 0]), rtol=1e-3, atol=1e-4
    )
    inputs = torch.tensor(rows, requires_grad=True)
    answers = module(inputs).log()
    (expected,) = torch.autograd.grad((answers[:, 1] - answers[:, 0]).sum(), inputs)
    np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-4)
    rafair.audit(classifier, affairs.test, instances=20, steps=3, attacks="rafair-fb")


@pytest.mark.parametrize("inputs", ["encoded", "raw"])
def test_one_sigmoid_unit_means_two_classes(tmp_path, affairs, inputs, agrees):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(8, 10), nn.ReLU(), nn.Linear(10, 1), nn.Sigmoid())
    rows = affairs.train.rows
    given = raw_matrix(rows, affairs.train.schema) if inputs == "raw" else rows
    given, labels = torch.tensor(given, dtype=torch.float32), torch.tensor(affairs.train.labels)
    adam = torch.optim.Adam(module.parameters(), 0.02)
    for _ in range(60):
        adam.zero_grad()
        nn.functional.binary_cross_entropy(module(given)[:, 0], labels.float()).backward()
        adam.step()
    source = exported(module, tmp_path / "m.onnx")
    schema, rows = affairs.test.schema, affairs.test.rows
    classifier = open_model(source, schema, ModelOptions(inputs=inputs))
    assert classifier.differentiable
    given = raw_matrix(rows, schema) if inputs == "raw" else rows
    with torch.no_grad():
        agrees(classifier, module(torch.tensor(given, dtype=torch.float32))[:, 0].numpy() > 0.5)


def test_labels_and_probabilities_as_scikit_learn_exports_them(tmp_path, affairs, agrees):
    model = LogisticRegression(max_iter=300).fit(affairs.train.rows, affairs.train.labels)
    onnx.save(logistic(model), tmp_path / "m.onnx")
    classifier = open_model(str(tmp_path / "m.onnx"), affairs.test.schema)
    assert isinstance(classifier, OnnxModel)
    expected = model.predict_log_proba(affairs.test.rows)
    np.testing.assert_allclose(classifier.logits(affairs.test.rows), expected, rtol=1e-3, atol=1e-5)
    agrees(classifier, model.predict(affairs.test.rows))
    with pytest.raises(ModelError, match=r"no gradients .operator LinearClassifier is not known"):
        classifier.logits_and_gradients(affairs.test.rows, lambda z, _: z)


def test_a_forest_answers_in_double_precision(tmp_path, affairs, agrees):
    """A tree ensemble of ONNX's own, from a really trained stump."""
    model = RandomForestClassifier(1, max_depth=1, max_features=None, random_state=0)
    model.fit(affairs.train.rows, affairs.train.labels)
    tree = model.estimators_[0].tree_
    shares = tree.value[:, 0] / tree.value[:, 0].sum(axis=1, keepdims=True)
    shares[1:, 1] += (shares[1:, 1] == shares[1:, 1].max()) * 0.5  # so that classes do change
    shares[1:, 0] = 1 - np.minimum(shares[1:, 1], 1)
    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["rows"],
        ["score"],
        domain="ai.onnx.ml",
        n_targets=1,
        nodes_treeids=[0, 0, 0],
        nodes_nodeids=[0, 1, 2],
        nodes_featureids=[int(tree.feature[0]), 0, 0],
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"],
        nodes_values=[float(tree.threshold[0]), 0.0, 0.0],
        nodes_truenodeids=[1, 0, 0],
        nodes_falsenodeids=[2, 0, 0],
        target_treeids=[0, 0],
        target_nodeids=[1, 2],
        target_ids=[0, 0],
        target_weights=[float(1 - shares[1, 0]), float(1 - shares[2, 0])],
    )
    output = helper.make_tensor_value_info("score", FLOAT, ["n", 1])
    found = model_of([node], [output], kind=TensorProto.DOUBLE, domains=("", "ai.onnx.ml"))
    onnx.save(found, tmp_path / "m.onnx")
    source, schema = str(tmp_path / "m.onnx"), affairs.test.schema
    with pytest.raises(ModelError, match="got what look like probabilities"):
        open_model(source, schema)
    classifier = open_model(source, schema, ModelOptions(outputs="probabilities"))
    assert not classifier.differentiable
    left = affairs.test.rows[:, tree.feature[0]] <= tree.threshold[0]
    agrees(classifier, np.where(left, shares[1, 0] < 0.5, shares[2, 0] < 0.5))


def test_weights_beside_the_file_are_read_and_belong_to_its_hash(tmp_path, affairs, network):
    export_onnx(network, tmp_path / "m.onnx")
    model = onnx.load(tmp_path / "m.onnx")
    onnx.save(
        model, tmp_path / "e.onnx", save_as_external_data=True, location="e.data", size_threshold=0
    )
    source, rows = str(tmp_path / "e.onnx"), affairs.test.rows
    apart = open_model(source, affairs.test.schema)
    whole = open_model(str(tmp_path / "m.onnx"), affairs.test.schema)
    assert np.array_equal(apart.logits(rows), whole.logits(rows))
    content = bytearray((tmp_path / "e.data").read_bytes())
    content[:4] = np.float32(0.5).tobytes()
    (tmp_path / "e.data").write_bytes(content)
    assert open_model(source, affairs.test.schema).sha256 != apart.sha256
    (tmp_path / "e.data").unlink()
    with pytest.raises(ModelError, match="expected its weights in files beside it"):
        open_model(source, affairs.test.schema)


def test_a_batch_of_one_in_the_file_does_not_matter(tmp_path, affairs, network):
    export_onnx(network, tmp_path / "m.onnx")
    model = onnx.load(tmp_path / "m.onnx")
    for entry in (*model.graph.input, *model.graph.output):
        entry.type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(model, tmp_path / "one.onnx")
    rows = affairs.test.rows
    found = open_model(str(tmp_path / "one.onnx"), affairs.test.schema).logits(rows)
    with torch.no_grad():
        np.testing.assert_allclose(found, network(torch.tensor(rows)), rtol=1e-4, atol=1e-5)


def test_a_graph_that_torch_would_answer_otherwise_is_a_black_box(tmp_path, affairs):
    """Ours knows no `Selu` with other settings."""
    torch.manual_seed(0)
    weights = numpy_helper.from_array(torch.randn(8, 2).numpy(), "w")
    nodes = [
        helper.make_node("MatMul", ["rows", "w"], ["z"]),
        helper.make_node("Selu", ["z"], ["logits"], alpha=0.1, gamma=3.0),
    ]
    output = helper.make_tensor_value_info("logits", FLOAT, ["n", 2])
    onnx.save(model_of(nodes, [output], [weights]), tmp_path / "m.onnx")
    classifier = open_model(str(tmp_path / "m.onnx"), affairs.test.schema)
    assert not classifier.differentiable
    assert "differ by" in classifier.no_gradients


def test_graphs_that_are_no_classifiers_of_rows(tmp_path, affairs, network):
    schema = affairs.test.schema
    path = tmp_path / "m.onnx"
    export_onnx(nn.Sequential(nn.Linear(10, 2)), path)
    with pytest.raises(ModelError, match="a 10-column model for a 8-column table"):
        open_model(str(path), schema)
    zipped = logistic(LogisticRegression().fit(affairs.train.rows, affairs.train.labels))
    zipped.graph.node.append(
        helper.make_node(
            "ZipMap", ["probabilities"], ["maps"], domain="ai.onnx.ml", classlabels_int64s=[0, 1]
        )
    )
    mapped = helper.make_map_type_proto(
        TensorProto.INT64, helper.make_tensor_type_proto(FLOAT, None)
    )
    del zipped.graph.output[1]
    zipped.graph.output.append(
        helper.make_value_info("maps", helper.make_sequence_type_proto(mapped))
    )
    onnx.save(zipped, path)
    with pytest.raises(ModelError, match=r"ZipMap.*'zipmap': False"):
        open_model(str(path), schema)
    text = helper.make_tensor_value_info("rows", TensorProto.STRING, ["n", 8])
    node = helper.make_node("Identity", ["rows"], ["out"])
    output = helper.make_tensor_value_info("out", TensorProto.STRING, ["n", 8])
    graph = helper.make_graph([node], "graph", [text], [output])
    onnx.save(helper.make_model(graph), path)
    with pytest.raises(ModelError, match="expected one input, a matrix of float32 or float64"):
        open_model(str(path), schema)
