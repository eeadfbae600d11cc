"""A table with missing values from its file to a run folder, which `rederive.py` derives again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import rafair
import rederive
from rafair.engine.digest_json import sealed
from rafair.models.fit_to_table import as_classifier
from rafair.models.onnx_export import export_onnx
from rafair.models.training import TrainConfig
from rafair.models.wrapper_description import ConsensusWrapper
from rafair.results.case_details import show
from rafair.sources.saved_models import wrapped
from rafair.tabular.frame_file import read_frame
from rafair.tabular.schema_file import read_schema
from rafair.tabular.schema_inference import propose
from rafair.tabular.table import Table
from rafair.tabular.table_from_file import read_table

ROWS = "adversarial.parquet"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Affairs from a CSV file in which a tenth of all values is missing, sensitive ones too."""
    folder = tmp_path_factory.mktemp("people")
    whole = rafair.load_dataset("affairs").table.take(np.arange(0, 6000, 60))
    gaps = np.random.default_rng(0).random(whole.frame.shape) < 0.1
    classes = np.array(whole.schema.classes)[whole.labels]
    path = folder / "people.csv"
    whole.frame.astype(object).mask(gaps).assign(affairs=classes).to_csv(path, index=False)
    text = propose(read_frame(path), "affairs", ["age", "religious"]).text()
    (folder / "schema.toml").write_text(text, encoding="utf-8")
    table = read_table(path, schema=read_schema(folder / "schema.toml"))
    assert np.array_equal(table.rows < 0, gaps)
    return table


@pytest.fixture(scope="module")
def run(table: Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audited") / "run"
    network = rafair.train(table, TrainConfig(epochs=100))
    # the paper's steps, whose directions are checked
    options = {"perturbation": "paper", "steps": 5, "out": folder}
    rafair.audit(network, table, attacks=("rafair", "pgd", "noise"), **options)
    export_onnx(network, folder / "model.onnx")  # which the folder lacks, as it is the caller's
    seal(folder)
    return folder


def seal(folder: Path) -> None:
    document = json.loads((folder / "audit.json").read_text(encoding="utf-8"))
    for name in {*document["files"], "model.onnx"}:
        document["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "audit.json").write_text(json.dumps(sealed(document)), encoding="utf-8")


def test_it_is_rederived(run):
    findings = rederive.check(run)
    assert findings.lines() == []
    assert findings.looked_at["stored rows"] > 100 * 5 * 5
    assert findings.looked_at["moves"] > 20


def test_a_missing_value_that_moved_would_be_found(run, table):
    whole = (run / ROWS).read_bytes()
    stored = pd.read_parquet(run / ROWS)
    row = int(np.flatnonzero((stored["encoded.children"] == -1) & (stored["step"] == 3))[0])
    stored.loc[row, "encoded.children"] = np.float32(0.5)
    stored.to_parquet(run / ROWS)
    seal(run)
    found = set(rederive.check(run).disagreements)
    (run / ROWS).write_bytes(whole)
    seal(run)
    assert {"raw value", "missing value"} <= found


def test_cases_say_what_is_missing(table):
    for feature in table.schema.features:
        assert show(feature, None) == show(feature, np.nan) == "missing"
    assert show(table.schema["age"], 27.0) == "27"


@pytest.mark.parametrize("perturbation", ["paper", "feasible"])
def test_a_consensus_is_fair_where_sensitive_values_are_missing(table, perturbation):
    network = rafair.train(table, TrainConfig(epochs=100))
    model = wrapped(as_classifier(network), table.schema, ConsensusWrapper())
    options = {"attacks": ("rafair", "pgd", "noise"), "steps": 5, "perturbation": perturbation}
    assert table.rows[:, [table.schema.column(name) for name in table.schema.sensitive]].min() == -1
    for asked, fair in ((network, False), (model, True)):
        found = rafair.audit(asked, table, instances=None, **options).document
        rates = [one["robust"]["individual_fairness"] for one in found["attacks"].values()]
        rates.append(found["clean"]["individual_fairness"])
        assert all(rate["count"] == rate["n"] == len(table) for rate in rates) == fair
