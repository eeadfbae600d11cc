"""`rafair audit --data FILE --model MODEL` with models trained by the libraries themselves.

What is found of the clean rows is derived again with that library alone: every counterpart of every
row is made from the raw table by brute force, and predicted.
"""

from __future__ import annotations

import itertools
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import skops.io
import torch

import own_models
import rafair as package
from commands import call, document, names, rafair

Predict = Callable[[pd.DataFrame], np.ndarray]
"""From a raw frame to the name of each row's class."""

QUICK = ("--instances", "20", "--steps", "3")
CLASSES = np.array(["no", "yes"])

FACTORY = """
import torch

def network():
    return torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 2))
"""

FUNCTION = """
import numpy as np

def older(frame):
    score = (frame["age"] - 30) / 10 + (frame["religious"] == "strongly") - frame["children"] / 4
    share = 1 / (1 + np.exp(-score.to_numpy()))
    return np.stack([1 - share, share], axis=1)
"""


def levels() -> dict[str, list[str]]:
    """The words of each column, in the order in which an inferred schema has them."""
    words = own_models.features().select_dtypes(exclude="number")
    return {column: sorted(words[column].unique()) for column in words}


def codes(frame: pd.DataFrame) -> np.ndarray:
    """Raw rows as numbers, words by their place in the order."""
    return frame.assign(
        **{column: frame[column].map(order.index) for column, order in levels().items()}
    ).to_numpy(np.float64)


def encoded(frame: pd.DataFrame) -> np.ndarray:
    """Raw rows in [0, 1]."""
    low, high = (getattr(codes(own_models.features()), end)(axis=0) for end in ("min", "max"))
    return ((codes(frame) - low) / (high - low)).astype(np.float32)


def torch_predict(module: torch.nn.Module) -> Predict:
    return lambda frame: CLASSES[module(torch.tensor(encoded(frame))).argmax(dim=1).numpy()]


def trained_network() -> torch.nn.Module:
    table = package.Table.from_frame(
        own_models.people(), label="affair", sensitive=own_models.SENSITIVE
    )
    return own_models.network(table)


def torch_factory(folder: Path) -> tuple[list[str], Predict]:
    module = trained_network()
    (folder / "net.py").write_text(FACTORY)
    safetensors.torch.save_file(module.state_dict(), folder / "net.safetensors")
    return ["net.py:network", "--weights", "net.safetensors"], torch_predict(module)


def torchscript(folder: Path) -> tuple[list[str], Predict]:
    module = trained_network()
    own_models.save_torchscript(module, folder / "net.pt", 8)
    return ["net.pt", "--trust-torchscript"], torch_predict(module)


def onnx(folder: Path) -> tuple[list[str], Predict]:
    import onnxruntime

    from rafair.models.onnx_export import export_onnx

    table = package.Table.from_frame(
        own_models.people(), label="affair", sensitive=own_models.SENSITIVE
    )
    module = package.train(table, package.TrainConfig(epochs=3))
    export_onnx(module, folder / "net.onnx")
    session = onnxruntime.InferenceSession(folder / "net.onnx")
    name = session.get_inputs()[0].name
    return ["net.onnx"], lambda frame: CLASSES[
        session.run(None, {name: encoded(frame)})[0].argmax(axis=1)
    ]


def skops_file(folder: Path) -> tuple[list[str], Predict]:
    pipeline = own_models.pipeline()
    skops.io.dump(pipeline, folder / "pipeline.skops")
    return ["pipeline.skops"], pipeline.predict


def pickled(folder: Path) -> tuple[list[str], Predict]:
    pipeline = own_models.pipeline()
    (folder / "pipeline.pkl").write_bytes(pickle.dumps(pipeline))
    return ["pipeline.pkl", "--trust-pickle"], pipeline.predict


def xgboost(folder: Path) -> tuple[list[str], Predict]:
    import xgboost

    labels = (own_models.people()["affair"] == "yes").to_numpy(int)
    model = xgboost.XGBClassifier(n_estimators=20, max_depth=3, random_state=0)
    model.fit(codes(own_models.features()), labels)
    model.save_model(folder / "model.json")  # as a network that rafair saved
    return ["model.json"], lambda frame: CLASSES[model.predict(codes(frame))]


def lightgbm(folder: Path) -> tuple[list[str], Predict]:
    import lightgbm

    labels = (own_models.people()["affair"] == "yes").to_numpy(int)
    data = lightgbm.Dataset(codes(own_models.features()), labels)
    settings = {"objective": "binary", "verbose": -1, "num_leaves": 7, "seed": 0}
    model = lightgbm.train(settings, data, 20)
    model.save_model(folder / "trees.txt")
    return ["trees.txt"], lambda frame: CLASSES[(model.predict(codes(frame)) > 0.5).astype(int)]


def function(folder: Path) -> tuple[list[str], Predict]:
    (folder / "rules.py").write_text(FUNCTION)
    space: dict[str, Callable[[pd.DataFrame], np.ndarray]] = {}
    exec(FUNCTION, space)
    options = ["rules.py:older", "--model-input", "raw", "--model-output", "probabilities"]
    return options, lambda frame: CLASSES[space["older"](frame).argmax(axis=1)]


MODELS = (torch_factory, torchscript, onnx, skops_file, pickled, xgboost, lightgbm, function)

KINDS = dict(
    zip(
        MODELS,
        (
            *("torch", "torch", "onnx", "scikit-learn", "scikit-learn"),
            "xgboost",
            "lightgbm",
            "python",
        ),
        strict=True,
    )
)


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_each_kind_of_model_from_file_to_verdict(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own_models.write_people(tmp_path)
    model, predict = make(tmp_path)
    own = ("--data", "people.csv", "--label", "affair", "--sensitive", "age,religious")
    done = rafair("audit", *own, "--model", *model, *QUICK, "--out", "run")
    found = document(tmp_path / "run")
    rows = {"adversarial.parquet", "curve.parquet", "repaired.parquet"}
    assert names(tmp_path / "run") == {"audit.json", "report.html"} | rows
    assert "test rows" not in done.out + done.err
    rows = pd.read_parquet(tmp_path / "run" / "adversarial.parquet")
    clean = rows[(rows["step"] == 0) & (rows["attack"] == rows["attack"].iloc[0])]
    check_clean_rows(clean, predict)
    everybody = predict(own_models.features()) == own_models.people()["affair"].to_numpy()
    assert found["model"]["test_accuracy"]["count"] == everybody.sum()
    assert found["clean"]["n"] == 20
    assert found["model"]["sha256"]
    assert found["model"]["kind"] == KINDS[make]
    assert found["dataset"]["name"] == "people"
    assert found["dataset"]["file"]["name"] == "people.csv"
    check_perturbed_rows(rows, predict)


def check_clean_rows(clean: pd.DataFrame, predict: Predict) -> None:
    """Compares verdicts of clean rows with those found by brute force."""
    people = own_models.people()
    domains = [np.unique(people[column]) for column in own_models.SENSITIVE]
    assert len(clean) == 20
    for _, row in clean.iterrows():
        person = own_models.features().iloc[[row["instance"]]]
        others = pd.concat(
            [
                person.assign(**dict(zip(own_models.SENSITIVE, values, strict=True)))
                for values in itertools.product(*domains)
            ]
        )
        own = predict(person)[0]
        assert row["accurate"] == (own == people["affair"].iloc[row["instance"]])
        assert row["fair"] == (predict(others) == own).all()


def check_perturbed_rows(rows: pd.DataFrame, predict: Predict) -> None:
    """Compares the predictions of perturbed rows, as stored in the data's own units."""
    raw = rows[[f"raw.{name}" for name in own_models.features()]]
    raw.columns = own_models.features().columns
    assert (predict(raw) == CLASSES[rows["prediction"]]).mean() > 0.99


HARDEN = ("--instances", "4", "--steps", "1", "--epsilons", "0.05", "--judges", "noise")
OWN = ("--data", "people.csv", "--label", "affair", "--sensitive", "religious")
LOOK = ("--instances", "5", "--steps", "1", "--attack", "noise")
TRUST = {pickled: "trust_pickle", torchscript: "trust_torchscript"}


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_each_kind_of_model_hardened_is_opened_as_it_was_judged(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own_models.write_people(tmp_path)
    model, _ = make(tmp_path)
    done = rafair("harden", *OWN, "--model", *model, "--method", "consensus", *HARDEN, "--out", "h")
    saved = json.loads(Path("h/after/model.json").read_text())
    again = [option for option in model[1:] if option.startswith("--trust")]
    options = dict.fromkeys([TRUST[make]] if make in TRUST else [], True)
    if saved["original"]["file"] is None:  # code, which a folder does not decide to run
        again = ["--original", model[0], *model[1:][: 2 * (make is torch_factory)]]
        assert call("audit", "--model", "h/after", *OWN[:2]).code == 2
        options = {"original": model[0]}
        if make is torch_factory:
            options["weights"] = Path(model[2])
    else:  # the folder is whole
        shutil.move("h", "elsewhere")
        Path(model[0]).unlink()
        shutil.move("elsewhere", "h")
    assert all(need in " ".join(done.out.split()) for need in saved["needs"][:1])
    schema = package.Schema.model_validate(saved["table"])
    table = package.read_table("people.csv", schema=schema)

    opened = package.open_model("h/after", options=package.ModelOptions(**options))
    right = int((opened.logits(table.rows).argmax(axis=1) == table.labels).sum())
    judged = json.loads(Path("h/harden.json").read_text())["each"][0]["after"]["test"]
    assert right == judged["accuracy"]["count"]
    rafair("audit", *OWN[:2], "--model", "h/after", *again, *LOOK, "--out", "run")
    audited = document(tmp_path / "run")
    assert audited["model"]["test_accuracy"]["count"] == right
    assert audited["model"]["sha256"] == opened.sha256
    assert audited["clean"]["individual_fairness"]["value"] == 1
    assert ((tmp_path / "h" / "after" / "model.onnx").is_file()) == (make is onnx)
