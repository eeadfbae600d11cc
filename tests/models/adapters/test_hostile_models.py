"""Models that others made reach no file but their own, and none is opened that is another."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from own_models import save_torchscript
from rafair.errors import ModelError
from rafair.models.model_options import ModelOptions
from rafair.models.models_by_name import open_model


class WritesAFile(torch.nn.Module):
    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        written = torch.from_file(self.path, shared=True, size=1, dtype=torch.float32)
        written.fill_(1.0)
        return rows[:, :2] * written


def test_torchscript_does_write_files_and_is_not_opened_without_trust(tmp_path, affairs):
    source, target = tmp_path / "m.pt", tmp_path / "written"
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        torch.jit.script(WritesAFile(str(target))).save(source)
    with pytest.raises(
        ModelError, match=r"TorchScript is code, .* `trust_torchscript=True`; a file of"
    ):
        open_model(source, affairs.test.schema)
    assert not target.exists()
    trusted = open_model(source, affairs.test.schema, ModelOptions(trust_torchscript=True))
    trusted.logits(affairs.test.rows[:4])
    assert target.read_bytes() == np.float32(1).tobytes()


# weights that an ONNX graph keeps in other files ----------------------------------------------

WEIGHTS = np.arange(16, dtype=np.float32).reshape(8, 2) / 16


def external(location: str, name: str = "w", shape: tuple[int, ...] = (8, 2)) -> TensorProto:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def graph_of(nodes: list, *initializers: TensorProto, functions: tuple = ()) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 2])],
        initializers,
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    return helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=9)


def product(weights: str = "w", output: str = "logits") -> onnx.NodeProto:
    return helper.make_node("MatMul", ["rows", weights], [output])


def as_initializer(tensor: TensorProto) -> onnx.ModelProto:
    return graph_of([product()], tensor)


def as_constant(tensor: TensorProto) -> onnx.ModelProto:
    return graph_of([helper.make_node("Constant", [], ["w"], value=tensor), product()])


def in_a_branch(tensor: TensorProto) -> onnx.ModelProto:
    inner = helper.make_graph(
        [product(output="inner")],
        "inner",
        [],
        [helper.make_tensor_value_info("inner", TensorProto.FLOAT, ["n", 2])],
        [tensor],
    )
    both = helper.make_node("If", ["yes"], ["logits"], then_branch=inner, else_branch=inner)
    return graph_of([both], numpy_helper.from_array(np.array(True), "yes"))


def in_a_function(tensor: TensorProto) -> onnx.ModelProto:
    nodes = [helper.make_node("Constant", [], ["w"], value=tensor), product()]
    own = helper.make_function(
        "own", "Score", ["rows"], ["logits"], nodes, [helper.make_opsetid("", 17)]
    )
    score = helper.make_node("Score", ["rows"], ["logits"], domain="own")
    return graph_of([score], functions=(own,))


PLACES = (as_initializer, as_constant, in_a_branch, in_a_function)


def opened(model: onnx.ModelProto, folder: Path, schema):
    (folder / "m.onnx").write_bytes(model.SerializeToString())
    return open_model(folder / "m.onnx", schema, ModelOptions(outputs="logits"))


@pytest.mark.parametrize("place", PLACES)
def test_weights_beside_the_model_are_read_and_hashed_wherever_they_stand(
    place, tmp_path, affairs, monkeypatch
):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)  # a library that looks beside the process would find these
    (elsewhere / "w.bin").write_bytes((WEIGHTS * 5).tobytes())
    (tmp_path / "w.bin").write_bytes(WEIGHTS.tobytes())
    schema, rows = affairs.test.schema, affairs.test.rows[:40]
    first = opened(place(external("w.bin")), tmp_path, schema)
    assert np.allclose(first.logits(rows), rows @ WEIGHTS, atol=1e-5)
    (tmp_path / "w.bin").write_bytes((WEIGHTS * 2).tobytes())
    second = opened(place(external("w.bin")), tmp_path, schema)
    assert np.allclose(second.logits(rows), rows @ WEIGHTS * 2, atol=1e-5)
    assert len({first.sha256, second.sha256}) == 2
    within = hashlib.sha256((tmp_path / "m.onnx").read_bytes()).hexdigest()
    assert within not in (first.sha256, second.sha256)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "location", ["../w.bin", "{whole}", "link.bin", "sub/w.bin", "pipe", "w", ""]
)
def test_weights_that_lie_elsewhere_are_refused(place, location, tmp_path, affairs):
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    for path in (tmp_path / "w.bin", folder / "sub" / "w.bin"):
        path.write_bytes(WEIGHTS.tobytes())
    (folder / "link.bin").symlink_to(tmp_path / "w.bin")
    os.mkfifo(folder / "pipe")
    where = location.format(whole=tmp_path / "w.bin")
    with pytest.raises(ModelError, match="expected its weights in files beside it") as told:
        opened(place(external(where)), folder, affairs.test.schema)
    assert "\n" not in str(told.value)


def test_a_file_that_is_another_than_expected_is_not_opened(tmp_path, affairs):
    """Of each kind, what could act or crash is not even looked at."""
    save_torchscript(torch.nn.Linear(8, 2), tmp_path / "m.pt", 8)
    (tmp_path / "m.py").write_text("raise SystemExit\n")
    other = ModelOptions(trust_torchscript=True, trust_pickle=True, expected="0" * 64)
    for name in ("m.skops", "m.pkl", "m.json", "m.ubj", "m.txt"):
        (tmp_path / name).write_bytes(b"\x80 neither one nor the other")
    for name in ("m.skops", "m.pkl", "m.json", "m.ubj", "m.txt", "m.pt", "m.py:score"):
        with pytest.raises(ModelError, match="expected the model that was audited, sha256 0000"):
            open_model(tmp_path / name, affairs.test.schema, other)
