from __future__ import annotations

import re
import subprocess
import sys
import zipfile

import numpy as np
import onnx
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

import rafair
from rafair.errors import InputError, ModelError
from rafair.models.classifier import Classifier
from rafair.models.fit_to_table import check_fits
from rafair.models.function_classifier import FunctionClassifier
from rafair.models.models_by_name import ModelOptions, open_model
from rafair.models.onnx_export import export_onnx
from rafair.models.torch_module import TorchClassifier

lightgbm = pytest.importorskip("lightgbm")
skops_io = pytest.importorskip("skops.io")
xgboost = pytest.importorskip("xgboost")

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
SUFFIXES = {
    ".onnx": "an ONNX model",
    ".pt": "a TorchScript model",
    ".skops": "a skops file",
    ".json": "an XGBoost model",
    ".ubj": "an XGBoost model",
    ".txt": "a LightGBM model",
}


@pytest.fixture(scope="module")
def whole(affairs, tmp_path_factory):
    """A really trained model in a file of each kind."""
    folder = tmp_path_factory.mktemp("whole")
    rows, labels = affairs.train.rows, affairs.train.labels
    network = rafair.train(affairs.train, rafair.TrainConfig(epochs=1))
    export_onnx(network, folder / "m.onnx")
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        torch.jit.save(torch.jit.script(network), folder / "m.pt")
    skops_io.dump(LogisticRegression(max_iter=300).fit(rows, labels), folder / "m.skops")
    trees = xgboost.XGBClassifier(n_estimators=5, n_jobs=1).fit(rows, labels)
    trees.save_model(folder / "m.json")
    trees.save_model(folder / "m.ubj")
    leaves = lightgbm.LGBMClassifier(n_estimators=5, n_jobs=1, verbose=-1).fit(rows, labels)
    leaves.booster_.save_model(folder / "m.txt")
    return {suffix: (folder / f"m{suffix}").read_bytes() for suffix in SUFFIXES}


def refused(path, content, schema, **options):
    path.write_bytes(content)
    with pytest.raises(ModelError) as raised:
        open_model(str(path), schema, ModelOptions(trust_torchscript=True, **options))
    assert "\n" not in str(raised.value)
    assert raised.value.exit_code == 2
    return str(raised.value)


@pytest.mark.parametrize(("suffix", "what"), SUFFIXES.items())
def test_files_that_are_not_what_their_name_says(tmp_path, affairs, whole, suffix, what):
    path, schema = tmp_path / f"m{suffix}", affairs.test.schema
    assert refused(path, b"", schema) == f"'{path}': expected a model, found an empty file"
    assert f"expected {what}, found a PNG image" in refused(path, PNG, schema)
    assert f"expected {what}, found text" in refused(path, b"age,sex\n3,f\n", schema)
    assert f"expected {what}, found " in refused(path, np.arange(99.0).tobytes(), schema)
    if suffix not in (".json", ".ubj"):
        assert f"expected {what}, found JSON" in refused(path, b'{"a": 1}', schema)


@pytest.mark.parametrize(("suffix", "what"), SUFFIXES.items())
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.99])
def test_files_that_are_cut_short(tmp_path, affairs, whole, suffix, what, share):
    content = whole[suffix][: int(share * len(whole[suffix]))]
    path = tmp_path / f"m{suffix}"
    path.write_bytes(whole[suffix])
    options = ModelOptions(inputs="encoded", trust_torchscript=True)
    open_model(str(path), affairs.test.schema, options)
    message = refused(path, content, affairs.test.schema, inputs="encoded")
    assert message.startswith(f"'{path}': expected {what}, found ")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("other", SUFFIXES)
def test_models_under_each_other_s_names(tmp_path, affairs, whole, suffix, other):
    kind = {SUFFIXES[suffix], SUFFIXES[other]}
    if len(kind) == 1:  # both formats of XGBoost are told apart by what is in them
        path = tmp_path / f"m{suffix}"
        path.write_bytes(whole[other])
        options = ModelOptions(inputs="encoded", trust_torchscript=True)
        open_model(str(path), affairs.test.schema, options)
    else:
        message = refused(tmp_path / f"m{suffix}", whole[other], affairs.test.schema)
        assert f"expected {SUFFIXES[suffix]}, found" in message


def test_what_looks_like_a_model_at_first(tmp_path, affairs, whole):
    schema = affairs.test.schema
    assert "found other JSON" in refused(tmp_path / "m.json", b'{"a": 1}', schema)
    assert "found other JSON" in refused(tmp_path / "m.json", b"[1, 2]", schema)
    hollow = b'{"learner": {}, "version": [3, 2, 0]}'
    assert "cut short or altered" in refused(tmp_path / "m.json", hollow, schema)
    fewer = whole[".txt"].replace(b"Tree=2", b"Tree=9")
    assert "cut short or altered" in refused(tmp_path / "m.txt", fewer, schema)
    empty = onnx.ModelProto(producer_name="nobody", ir_version=9).SerializeToString()
    assert "expected an ONNX model" in refused(tmp_path / "m.onnx", empty, schema)
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("a.txt", "words")
    other = (tmp_path / "z.zip").read_bytes()
    assert "found another ZIP archive" in refused(tmp_path / "m.pt", other, schema)
    assert "expected a skops file" in refused(tmp_path / "m.skops", other, schema)
    torch.save(nn.Linear(8, 2).state_dict(), tmp_path / "s.pt")
    state = (tmp_path / "s.pt").read_bytes()
    assert "save its state as safetensors" in refused(tmp_path / "m.pt", state, schema)
    altered = bytearray(whole[".pt"])
    altered[len(altered) // 2] ^= 255
    assert "altered" in refused(tmp_path / "m.pt", bytes(altered), schema)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def f(rows:\n", "expected Python: "),
        ("import nothing_like_it\n", "cannot be run: ModuleNotFoundError: No module named"),
        ("f = 3\n", "expected f to be a function, got int"),
        ("def f(rows):\n    return 'words'\n", "got texts, such as 'words'"),
        ("def f(rows):\n    return rows[:, 99]\n", "does not take these rows: IndexError"),
        ("def f(rows):\n    return rows\n", "expected one logit for each of 2 classes"),
        ("def f(rows):\n    return rows[:, 0] / 0\n", "expected finite logits"),
        ("import random\ndef f(rows):\n    return rows[:, 0] + random.random()\n", "when asked ag"),
        ("def f(rows):\n    return rows[:, 0] - rows[:, 0].mean()\n", "when asked again about a r"),
        ("import numpy as np\ndef f(rows):\n    return 1.0 * np.arange(len(rows))\n", "in another"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_functions_that_cannot_be_audited(tmp_path, affairs, text, words):
    (tmp_path / "f.py").write_text(text)

    def audit():
        model = open_model(f"{tmp_path / 'f.py'}:f", affairs.test.schema)
        rafair.audit(model, affairs.test, attacks=(), labels=None, out=tmp_path / "run")

    with pytest.raises(InputError, match=re.escape(words)) as raised:
        audit()
    assert "\n" not in str(raised.value)
    assert [path.name for path in tmp_path.iterdir() if "run" in path.name] == []


def test_a_network_that_drops_units_in_use_is_refused(affairs):
    class Forgetful(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 2)

        def forward(self, rows):
            return self.layer(nn.functional.dropout(rows, 0.5, training=True))

    torch.manual_seed(0)
    with pytest.raises(ModelError, match="expected the same answer"):
        check_fits(TorchClassifier(Forgetful()), affairs.test.rows, 2)
    check_fits(TorchClassifier(nn.Linear(8, 2)), affairs.test.rows, 2)
    rounded = FunctionClassifier(lambda rows: rows[:, :2] + 1e-6 * len(rows))
    check_fits(rounded, affairs.test.rows, 2)


def test_paths_that_name_no_model(tmp_path, affairs):
    schema = affairs.test.schema
    for source, words in (
        ("model.docx", "expected FILE.py:NAME, or a file that ends in"),
        (str(tmp_path / "none.onnx"), "found no such file"),
        (str(tmp_path / "none.py:f"), "found no such file"),
    ):
        with pytest.raises(ModelError, match=re.escape(words)):
            open_model(source, schema)
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(ModelError, match="cannot be read"):
        open_model(str(tmp_path / "folder.onnx"), schema)
    with pytest.raises(InputError, match="unknown kind of inputs 'row': did you mean 'raw'"):
        ModelOptions(inputs="row")


@pytest.mark.parametrize(
    ("library", "suffix", "extra"),
    [
        ("xgboost", ".json", "boosting"),
        ("lightgbm", ".txt", "boosting"),
        ("skops", ".skops", "sklearn"),
        ("onnxruntime", ".onnx", "onnxruntime"),
    ],
)
def test_a_library_that_is_not_installed_is_named(
    tmp_path, affairs, whole, monkeypatch, library, suffix, extra
):
    (tmp_path / f"m{suffix}").write_bytes(whole[suffix])
    find = __import__("importlib.util").util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *a: None if name == library else find(name, *a)
    )
    with pytest.raises(InputError, match=re.escape(f"pip install 'rafair[{extra}]'")):
        open_model(str(tmp_path / f"m{suffix}"), affairs.test.schema)


def test_opening_imports_no_library_that_is_not_asked_for():
    code = (
        "import sys, rafair.models.models_by_name\n"
        "names = {'xgboost', 'lightgbm', 'skops', 'onnxruntime', 'httpx'}\n"
        "print(sorted(names & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_every_opened_model_is_a_classifier(tmp_path, affairs, whole):
    for suffix, content in whole.items():
        (tmp_path / f"m{suffix}").write_bytes(content)
        options = ModelOptions(inputs="encoded", trust_torchscript=True)
        found = open_model(str(tmp_path / f"m{suffix}"), affairs.test.schema, options)
        assert isinstance(found, Classifier)
        assert found.name == f"m{suffix}"
        check_fits(found, affairs.test.rows, 2)
