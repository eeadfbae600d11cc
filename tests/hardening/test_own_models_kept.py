"""Hardened models of one's own: what is saved, what it answers, and what is refused of it."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import skops.io
from onnx import TensorProto, helper, numpy_helper

import own_models
import rafair as package
import servers
from commands import call, rafair
from rafair.engine.digest_json import write_sealed
from rafair.models.adapters.onnx_consensus import NoGraphError, consensus_graph
from rafair.models.model_file import ModelFile
from rafair.models.model_folder import averaged_over
from rafair.models.model_options import ModelOptions
from rafair.models.models_by_name import open_model
from rafair.models.raw_inputs import raw_matrix
from rafair.models.wrapper_description import ConsensusWrapper
from rafair.sources.saved_models import wrapped
from rafair.tabular.encoding import encode

OWN = ("--data", "people.csv", "--label", "affair", "--sensitive", "religious")
QUICK = ("--instances", "3", "--steps", "1", "--epsilons", "0.05", "--judges", "noise")
LOOK = ("--instances", "3", "--steps", "1", "--attack", "noise")
CONSENSUS = ("harden", *OWN, "--method", "consensus", *QUICK, "--out", "h")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    own_models.write_people(tmp_path)
    skops.io.dump(own_models.pipeline(), "pipeline.skops")
    return tmp_path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline, hardened once."""
    folder = tmp_path_factory.mktemp("hardened")
    own_models.write_people(folder)
    skops.io.dump(own_models.pipeline(), folder / "pipeline.skops")
    with contextlib.chdir(folder):
        rafair(*CONSENSUS, "--model", "pipeline.skops")
    return folder


@pytest.fixture
def hardened(here: Path, made: Path) -> Path:
    shutil.copytree(made / "h", here / "h")
    shutil.copy(made / "pipeline.skops", here)
    return here


def one_line(*arguments: str) -> str:
    done = call(*arguments)
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    return done.err


def test_a_pipeline_answers_the_mean_over_all_counterparts(hardened):
    model = package.open_model("h/after")
    schema = package.Schema.model_validate(
        json.loads(Path("h/after/model.json").read_text())["table"]
    )
    table = package.read_table("people.csv", schema=schema)
    frame, pipeline = own_models.features(), own_models.pipeline()
    each = [
        pipeline.predict_log_proba(frame.assign(religious=value))
        for value in frame["religious"].unique()
    ]
    expected = np.mean(each, axis=0)  # log-probabilities, of which each mean is a mean logit
    found = model.logits(table.rows)
    assert np.allclose(found[:, 1] - found[:, 0], expected[:, 1] - expected[:, 0], atol=1e-4)


def test_what_is_not_as_it_was_saved_is_refused(hardened):
    again = ("audit", *OWN[:2], "--model", "h/after", *LOOK)
    assert "threshold: expected not to be given with" in one_line(*again, "--threshold", "yes=0.3")
    assert "holds no copy" in one_line(*again, "--original", "rules.py:f")
    assert "--data: expected a file" in one_line("audit", "--model", "h/after", *LOOK)
    wrapping = ("harden", *OWN[:2], "--model", "h/after", "--method", "consensus")
    assert "found one in 'consensus'" in one_line(*wrapping)
    with Path("h/after/original.skops").open("ab") as file:
        file.write(b"\0")
    assert "its hash is not the one in model.json" in one_line(*again)
    assert "its hash is not the one in model.json" in one_line(
        *CONSENSUS, "--model", "pipeline.skops"
    )
    Path("h/after/original.skops").unlink()
    assert "expected the copy of the model, found no such file" in one_line(*again)
    Path("h/after/model.json").write_text(
        Path("h/after/model.json").read_text().replace("consensus", "benign", 1)
    )
    assert "altered" in one_line(*again)


def test_a_table_with_other_codes_is_refused(hardened):
    people = own_models.people()
    own_models.write_people(hardened, people.assign(age=people["age"] + 100))
    again = ("audit", *OWN, "--model", "h/after", *LOOK)
    assert "column 'age'" in one_line(*again[:3], *again[7:])  # by the folder's own schema


def test_a_run_of_a_hardened_model_can_be_attacked_again(hardened):
    rafair("audit", *OWN[:2], "--model", "h/after", *LOOK, "--out", "run")
    named = ("--data", "people.csv", "--model", "h/after")
    assert "robust" in rafair("attack", "run", *named, "--attack", "noise", "--out", "more").out
    other = own_models.features().drop(columns="children")
    skops.io.dump(own_models.pipeline(other), "pipeline.skops")
    shutil.rmtree("h")
    rafair(*CONSENSUS, "--model", "pipeline.skops")
    assert "expected the model that was audited" in one_line("attack", "run", *named)


def test_a_model_behind_http_is_named_again_and_leaves_no_secret(here, monkeypatch):
    monkeypatch.setenv("RAFAIR_TOKEN", "secret-token")
    with servers.plain_server(token="secret-token") as server:
        address = f"http://127.0.0.1:{server.port}/predict"
        judged = ("--method", "consensus", *QUICK, "--out", "h")
        rafair("harden", "--dataset", "affairs", "--model", address, *judged)
        for file in Path("h").rglob("*"):
            assert not file.is_file() or b"secret-token" not in file.read_bytes()
        again = ("audit", "--model", "h/after", *LOOK)
        assert f"--original: expected {address}" in one_line(*again)
        rafair(*again, "--original", address, "--batch-rows", "100", "--out", "run")
    assert json.loads(Path("h/after/model.json").read_text())["original"]["name"] == address


def test_a_repair_of_a_network_of_ours_on_a_file_is_saved_whole(here):
    rafair("train", "--dataset", "affairs", "--epochs", "1", "--out", "net")
    table = package.load_dataset("affairs").test.take(np.arange(0, 1200, 40))
    frame = table.frame.assign(affairs=[table.schema.classes[code] for code in table.labels])
    frame.rename(columns={"affairs": table.schema.label}).to_csv("rows.csv", index=False)
    option = ("--option", "steps=2", "--perturbation", "paper")
    quick = ("--method", "benign", *option, *QUICK, "--out", "h")
    rafair("harden", "--data", "rows.csv", "--model", "net", *quick)
    shutil.rmtree("net")
    rafair("audit", "--data", "rows.csv", "--model", "h/after", *LOOK, *option[2:], "--out", "run")
    judged = json.loads(Path("h/harden.json").read_text())["after"]["test"]["accuracy"]["value"]
    audited = json.loads(Path("run/audit.json").read_text())["model"]["test_accuracy"]["value"]
    assert audited == judged


def graph_of(path: Path, width: int, *, link: str = "", double: bool = False) -> Path:
    """A linear model of the eight features of `people`, with a link at its end."""
    drawn = np.random.default_rng(0)
    kind = np.float64 if double else np.float32
    element = TensorProto.DOUBLE if double else TensorProto.FLOAT
    weights = numpy_helper.from_array(drawn.normal(size=(8, width)).astype(kind), "w")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["z" if link else "y"])]
    if link:
        nodes.append(helper.make_node(link, ["z"], ["y"]))
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("x", element, ["n", 8])],
        [helper.make_tensor_value_info("y", element, ["n", width])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 9
    onnx.save(model, path)
    return path


@pytest.mark.parametrize(
    ("width", "link", "double", "options"),
    [
        (2, "", False, {}),
        (2, "", True, {"inputs": "raw"}),
        (2, "Softmax", False, {"classes": ("yes", "no")}),
        (1, "Sigmoid", False, {}),
        (1, "", False, {"outputs": "logits"}),
        (2, "Sigmoid", False, {"outputs": "probabilities"}),
    ],
)
def test_the_graph_of_a_consensus_answers_as_brute_force(width, link, double, options, tmp_path):
    table = package.Table.from_frame(
        own_models.people().iloc[::10], label="affair", sensitive=own_models.SENSITIVE
    )
    path, opening = (
        graph_of(tmp_path / "m.onnx", width, link=link, double=double),
        ModelOptions(**options),
    )
    model = wrapped(open_model(path, table.schema, opening), table.schema, ConsensusWrapper())
    averaged = averaged_over(table.schema, ConsensusWrapper())
    content = consensus_graph(ModelFile.read(path), averaged, model, table.schema, opening)

    raw = options.get("inputs") == "raw"
    kind = np.float64 if double else np.float32
    weights = numpy_helper.to_array(onnx.load(path).graph.initializer[0])
    domains = [table.schema[name].domain for name in table.schema.sensitive]
    each = []
    for values in itertools.product(*domains):
        frame = table.frame.assign(**dict(zip(table.schema.sensitive, values, strict=True)))
        rows = encode(frame, table.schema)
        given = raw_matrix(rows, table.schema) if raw else rows
        scores = given.astype(kind) @ weights
        if width == 1:
            scores = np.hstack([np.zeros_like(scores), scores])
        if link == "Sigmoid" and width == 2:
            scores = -np.logaddexp(0, -scores)
        each.append(scores[:, ::-1] if "classes" in options else scores)
    expected = np.mean(each, axis=0)
    session = onnxruntime.InferenceSession(content)
    given = raw_matrix(table.rows, table.schema) if raw else table.rows
    (found,) = session.run(None, {"rows": given.astype(kind)})
    assert np.allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    assert np.allclose(found, model.logits(table.rows), atol=1e-4 * np.abs(expected).max())


def test_no_graph_where_the_model_decides_by_a_threshold(tmp_path):
    table = package.Table.from_frame(
        own_models.people().iloc[::10], label="affair", sensitive=("religious",)
    )
    path, opening = graph_of(tmp_path / "m.onnx", 2), ModelOptions(threshold={"yes": 0.3})
    model = wrapped(open_model(path, table.schema, opening), table.schema, ConsensusWrapper())
    averaged = averaged_over(table.schema, ConsensusWrapper())
    with pytest.raises(NoGraphError, match="threshold"):
        consensus_graph(ModelFile.read(path), averaged, model, table.schema, opening)


def test_a_description_names_no_code_and_no_file_elsewhere(hardened):
    path = Path("h/after/model.json")
    content = json.loads(path.read_text())
    Path("h/after/original.py").write_text("raise SystemExit('run')")
    Path("h/after/original.py:f").write_bytes(Path("h/after/original.skops").read_bytes())
    for name in ("original.py:f", "../pipeline.skops", "/etc/passwd", "x.onnx"):
        content["original"]["file"] = name
        write_sealed(path, content)
        line = one_line("audit", *OWN[:2], "--model", "h/after", *LOOK)
        assert "expected a model description written by rafair" in line
