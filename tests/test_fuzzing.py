"""Whatever comes in ends in a result or in one line: never as a bug, and never without end.

`RAFAIR_FUZZ=N` multiplies the number of inputs, and `RAFAIR_FUZZ_SEED` draws others.
"""

from __future__ import annotations

import faulthandler
import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import skops.io
import xgboost
from sklearn.linear_model import LogisticRegression

import own_models
from commands import call
from fuzzing import Random, fuzzed_bytes, fuzzed_json
from rafair.engine.digest_json import sealed
from rafair.errors import RafairError
from rafair.models.model_options import ModelOptions
from rafair.models.models_by_name import open_model
from rafair.sources.saved_models import open_saved
from rafair.tabular.schema_file import read_schema, write_schema
from rafair.tabular.schema_inference import infer_schema
from rafair.tabular.table_from_file import read_table

TIMES = int(os.environ.get("RAFAIR_FUZZ", "1"))
SEED = int(os.environ.get("RAFAIR_FUZZ_SEED", "0"))
LONGEST_S = 120
"""A single input that takes longer hangs: the process ends, and says where."""

RULE = 'version = 1\n\n[[rule]]\nrate = "clean.accuracy"\nat_least = 0.1\n\n[[rule]]\n'
RULE += 'rate = "robust.accurate_fairness"\nattack = "*"\nat_least = 0.0\n'


def inputs(what: str, number: int) -> Iterator[tuple[int, Random]]:
    """As many draws as are asked for, each with a clock."""
    for n in range(number * TIMES):
        faulthandler.dump_traceback_later(LONGEST_S, exit=True)
        try:
            yield n, np.random.default_rng([SEED, n, *what.encode()])
        finally:
            faulthandler.cancel_dump_traceback_later()


def refused_or_done(use: Callable[[], Any]) -> bool:
    """Whether a use of an input was refused in one line; all else but its success is a bug."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            use()
        except RafairError as error:
            refusal = error
        else:
            return False
    assert "\n" not in str(refusal)
    assert refusal.exit_code in (2, 3)
    return True


def ends_in_a_line(*arguments: str | Path) -> bool:
    """Whether a command refused what it was given; it must end with a result or one line."""
    done = call(*arguments)
    assert done.code in (0, 1, 2, 3), done.err
    assert "Traceback" not in done.err
    return done.code in (2, 3)


# documents of a run ---------------------------------------------------------------------------


@pytest.fixture
def run(watched_plainly: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("policy.toml").write_text(RULE)
    own_models.people().head(30).to_csv("rows.csv", index=False)
    return shutil.copytree(watched_plainly, tmp_path / "run")


def test_audit_json(run):
    document = json.loads((run / "audit.json").read_text())
    commands = (
        lambda: ends_in_a_line("gate", run, "--policy", "policy.toml"),
        lambda: ends_in_a_line("report", run, "--format", "markdown", "--out", "r.md"),
        lambda: ends_in_a_line("diff", run, run),
        lambda: ends_in_a_line("report", run, "--out", "r.html"),
    )
    refused = 0
    for n, random in inputs("audit.json", 36):
        text = json.dumps(sealed(fuzzed_json(document, random)))
        content = fuzzed_bytes(text.encode(), random) if n % 3 == 0 else text.encode()
        (run / "audit.json").write_bytes(content)
        refused += commands[n % len(commands)]()
    assert refused > 10 * TIMES


def test_model_json(run):
    document = json.loads((run / "model.json").read_text())
    refused = 0
    for n, random in inputs("model.json", 90):
        text = json.dumps(sealed(fuzzed_json(document, random)))
        content = fuzzed_bytes(text.encode(), random) if n % 3 == 0 else text.encode()
        (run / "model.json").write_bytes(content)
        refused += refused_or_done(lambda: open_saved(run)[0].logits(np.zeros((3, 8), np.float32)))
    assert refused > 30 * TIMES


def test_reference_json(run):
    from rafair.monitoring.references.frozen_reference import _digest

    document = json.loads((run / "monitor" / "reference.json").read_text())
    refused = 0
    for n, random in inputs("reference.json", 36):
        found = fuzzed_json(document, random)
        found["id"] = _digest(found)
        text = json.dumps(found)
        content = fuzzed_bytes(text.encode(), random) if n % 3 == 0 else text.encode()
        (run / "monitor" / "reference.json").write_bytes(content)
        store = f"watch-{n}.sqlite"
        refused += ends_in_a_line("monitor", "check", run, "--data", "rows.csv", "--store", store)
    assert refused > 10 * TIMES


def test_a_policy(run):
    refused = 0
    for _, random in inputs("policy", 30):
        Path("policy.toml").write_bytes(fuzzed_bytes(RULE.encode(), random))
        refused += ends_in_a_line("gate", run, "--policy", "policy.toml")
    assert refused > 10 * TIMES


def test_records_of_a_stream(run):
    frame = own_models.people().head(30).assign(id=range(30))
    lines = "\n".join(json.dumps(row) for row in frame.to_dict("records")).encode()
    csv = frame.to_csv(index=False).encode()
    for n, random in inputs("records", 30):
        name, content = ("rows.csv", csv) if n % 2 else ("rows.jsonl", lines)
        if n % 4 == 0:
            rows = fuzzed_json(frame.to_dict("records"), random)
            content = "\n".join(json.dumps(row) for row in rows).encode()
        Path(name).write_bytes(fuzzed_bytes(content, random))
        ends_in_a_line("monitor", "check", run, "--data", name, "--store", f"w{n}.sqlite")


# tables and schemas ---------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    own_models.people().iloc[::10].to_csv(path, index=False)
    return path


def test_a_table(table, tmp_path):
    parquet = tmp_path / "people.parquet"
    own_models.people().iloc[::10].to_parquet(parquet)
    refused = 0
    for n, random in inputs("table", 150):
        path = (table, parquet)[n % 2]
        spoilt = tmp_path / f"spoilt{path.suffix}"
        spoilt.write_bytes(fuzzed_bytes(path.read_bytes(), random))
        refused += refused_or_done(
            lambda spoilt=spoilt: read_table(spoilt, label="affair", sensitive=("age",))
        )
    assert refused > 30 * TIMES


def test_a_column_of_anything(tmp_path):
    """Values of any type where numbers and levels are expected."""
    path = tmp_path / "people.parquet"
    frame = own_models.people().iloc[::10]
    kinds = [
        pa.array([[1]] * 60), pa.array([{"a": 1}] * 60), pa.array([b"x"] * 60),
        pa.array([None] * 60), pa.array([True] * 60), pa.array(["9" * 5000] * 60),
        pa.array([2**63 - 1] * 60), pa.array([float("inf")] * 60), pa.array([float("nan")] * 60),
        pa.array(np.arange(60).astype("datetime64[s]")), pa.array(["\u202e"] * 60),
        pa.array(np.linspace(-8e307, 8e307, 60)), pa.array(np.arange(60, dtype=np.uint64) + 2**63),
    ]  # fmt: skip
    for n, random in inputs("columns", len(kinds) * 3):
        made = pa.Table.from_pandas(frame, preserve_index=False)
        place = int(random.integers(made.num_columns))
        made = made.set_column(place, made.column_names[place], kinds[n % len(kinds)])
        pq.write_table(made, path)
        refused_or_done(lambda: read_table(path, label="affair", sensitive=("age", "religious")))


def test_a_schema(table, tmp_path):
    path = tmp_path / "schema.toml"
    people = own_models.people().iloc[::10]
    inferred = infer_schema(people, label="affair", sensitive=("age", "religious"))
    whole = write_schema(inferred).encode()
    refused = 0
    for _, random in inputs("schema", 120):
        path.write_bytes(fuzzed_bytes(whole, random))
        refused += refused_or_done(lambda: read_table(table, schema=read_schema(path)))
    assert refused > 30 * TIMES


# models ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def models(affairs, tmp_path_factory) -> dict[str, bytes]:
    """A file of each kind whose reader checks what it reads."""
    folder = tmp_path_factory.mktemp("models")
    rows, labels = affairs.train.rows[::10], affairs.train.labels[::10]
    trees = xgboost.XGBClassifier(n_estimators=3, max_depth=3, n_jobs=1).fit(rows, labels)
    trees.save_model(folder / "m.json")
    trees.save_model(folder / "m.ubj")
    leaves = lightgbm.LGBMClassifier(n_estimators=3, num_leaves=6, n_jobs=1, verbose=-1)
    leaves.fit(rows, labels).booster_.save_model(folder / "m.txt")
    skops.io.dump(LogisticRegression().fit(rows, labels), folder / "m.skops")
    own_models.save_torchscript(own_models.network(affairs.train), folder / "m.pt", 8)
    import torch
    from torch import nn

    from rafair.models.onnx_export import export_onnx

    torch.manual_seed(0)
    export_onnx(nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2)), folder / "m.onnx")
    return {path.suffix: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("suffix", [".txt", ".json", ".skops", ".pt", ".onnx"])
def test_a_model(suffix, models, affairs, tmp_path):
    path, schema, rows = tmp_path / f"m{suffix}", affairs.test.schema, affairs.test.rows[:20]
    options = ModelOptions(inputs="encoded", trust_torchscript=True)
    refused = 0
    for _, random in inputs(suffix, 30):
        path.write_bytes(spoilt(suffix, models[suffix], random))
        refused += refused_or_done(lambda: open_model(path, schema, options).logits(rows))
    assert refused > 8 * TIMES


def spoilt(suffix: str, content: bytes, random: Random) -> bytes:
    """A model's file gone wrong where its reader looks, and not inside the library's trees."""
    if suffix == ".json":
        document = json.loads(content)
        learner = document["learner"]
        trees = learner.pop("gradient_booster")
        document["learner"] = fuzzed_json(learner, random) | {"gradient_booster": trees}
        return json.dumps(document).encode()
    if suffix == ".txt":
        head, blank, rest = content.partition(b"\n\n")
        return fuzzed_bytes(head, random) + blank + rest
    return fuzzed_bytes(content, random)
