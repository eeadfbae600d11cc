"""The files of a reference: what they hold, and that nothing else is taken for one."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rafair.errors import RunFolderError
from rafair.metrics.rates import rate
from rafair.monitoring.history import reference_facts
from rafair.monitoring.references.frozen_reference import REFERENCE, ROWS, Reference, _digest
from rafair.monitoring.references.reference_record import ModelPlace, reference_of
from rafair.search.seeded_draws import row_keys


@pytest.fixture
def folder(watched: Path, tmp_path: Path) -> Path:
    return shutil.copytree(watched / "monitor", tmp_path / "monitor")


def edit(folder: Path, **changes) -> None:
    path = folder / REFERENCE
    document = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps(document), encoding="utf-8")


def sealed(folder: Path, **changes) -> None:
    """As a forger would, who knows how the id is made."""
    path = folder / REFERENCE
    document = json.loads(path.read_text(encoding="utf-8")) | changes
    edit(folder, **changes, id=_digest(document))


def test_it_is_read_as_it_was_written(folder, affairs):
    reference = Reference.read(folder)
    document = json.loads((folder / REFERENCE).read_text(encoding="utf-8"))
    assert reference.to_dict() == document
    assert list(document) == [
        "schema_version",
        "rafair_version",
        "run",
        "dataset",
        "model",
        "alpha",
        "tolerance",
        "instances",
        "judge",
        "n",
        "rates",
        "observed",
        "warnings",
        "schema",
        "rows",
        "id",
        "created",
    ]
    assert len(document["id"]) == 64
    rows = pq.read_table(folder / ROWS)
    assert rows.column_names == [
        "key",
        "label",
        "prediction",
        "clean.kept",
        "clean.fair",
        "noise.kept",
        "noise.fair",
        "strongest.kept",
        "strongest.fair",
    ]
    assert rows["label"].to_pylist() == affairs.test.labels.tolist()
    keys = row_keys(affairs.test.rows, 0).view(np.int64)
    assert rows["key"].to_pylist() == keys.tolist()
    right = rows["label"].to_numpy() == rows["prediction"].to_numpy()
    for condition in ("clean", "noise", "strongest"):
        kept, fair = (rows[f"{condition}.{kind}"].to_numpy() for kind in ("kept", "fair"))
        for metric, holds in (
            ("accuracy", right & kept),
            ("individual_fairness", fair),
            ("accurate_fairness", right & kept & fair),
        ):
            assert document["rates"][condition][metric] == rate(holds.sum(), 1274).to_dict()


def test_it_says_which_values_were_seen(folder, affairs):
    observed = Reference.read(folder).observed
    frame = affairs.test.frame
    for feature in affairs.test.schema.features:
        seen, values = observed[feature.name], frame[feature.name]
        assert seen.missing == 0
        if feature.kind.is_number:
            assert (seen.low, seen.high) == (values.min(), values.max())
        else:
            counts = {each.level: each.count for each in seen.levels if each.count}
            assert counts == values.value_counts().to_dict()


def test_history_gets_plain_facts(folder):
    facts = reference_facts(Reference.read(folder)).to_dict()
    assert json.loads(json.dumps(facts)) == facts
    assert (facts["run"], facts["dataset"], facts["n"]) == ("run", "affairs", 1274)
    assert facts["probe"]["epsilon"] == 0.02
    assert facts["conditions"] == ["clean", "noise", "strongest"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alpha": 0.2}, "altered: its id is"),
        ({"schema_version": 0}, "expected schema_version 1, found 0"),
        ({"schema_version": 2}, "expected schema_version 1, found 2"),
        ({"id": None}, "altered: its id is None"),
    ],
)
def test_an_altered_document_is_refused(folder, change, message):
    edit(folder, **change)
    with pytest.raises(RunFolderError, match=message) as caught:
        Reference.read(folder)
    assert "\n" not in str(caught.value)


def read(folder: Path) -> dict:
    return json.loads((folder / REFERENCE).read_text(encoding="utf-8"))


@pytest.mark.parametrize("more", [{}, {"harmless": True}])
def test_what_an_older_version_did_not_tell_stays_untold(folder, more):
    """Its id is what its store is known by, so nothing is added to what was hashed."""
    model = read(folder)["model"]
    older = {key: value for key, value in model.items() if key not in ("input", "decision")}
    sealed(folder, model=older | {"place": model["place"] | more})
    reference = Reference.read(folder)
    assert reference.id == read(folder)["id"] == _digest(read(folder))
    assert (reference.model.input, reference.model.decision) == (None, None)
    assert reference.model.place.where == "run"


def test_the_id_is_the_hash_of_all_but_the_moment(folder):
    reference = Reference.read(folder)
    assert reference.sealed().id == reference.id == _digest(read(folder))
    later = dataclasses.replace(reference, created="2999-01-01T00:00:00+00:00", id="")
    assert later.sealed().id == reference.id
    assert dataclasses.replace(reference, alpha=0.2).sealed().id != reference.id


def test_where_a_model_lies_tells_only_what_was_said():
    assert ModelPlace(where="run").to_dict() == {"in": "run"}
    assert ModelPlace(where="/m.onnx").to_dict() == {
        "in": "/m.onnx",
        "inputs": None,
        "outputs": None,
    }
    told = ModelPlace("raw", None, {"yes": 0.2}, ["yes", "no"], where="/m.onnx")
    assert told.to_dict() == {
        "in": "/m.onnx",
        "inputs": "raw",
        "outputs": None,
        "threshold": {"yes": 0.2},
        "classes": ["yes", "no"],
    }


FORGED = {
    "judge": ({"steps": 1, "swaps": 2}, "judge.swaps"),
    "schema": ({}, "expected 'schema.features', found nothing"),
    "rates": (3, "rates: expected a table, found 3"),
    "alpha": ("0.05", "alpha: expected a number, found '0.05'"),
    "tolerance": (2, "tolerance: expected a number from 0 up to 1, got 2"),
    "n": (True, "n: expected a whole number, found True"),
    "instances": (60.0, "instances: expected a whole number, found 60.0"),
    "warnings": ("few", "warnings: expected a list, found 'few'"),
    "run": ({"name": 3, "sha256": ""}, "run.name: expected a text, found 3"),
    "dataset": ([], "dataset: expected a table, found []"),
    "observed": ({"age": {"missing": 0, "levels": 3}}, "observed.age"),
    "created": (None, "created: expected a text, found None"),
}


@pytest.mark.parametrize("key", FORGED)
def test_a_forged_document_is_refused(folder, key):
    change, words = FORGED[key]
    sealed(folder, **{key: change})
    with pytest.raises(RunFolderError) as caught:
        Reference.read(folder)
    beginning = f"'{folder / REFERENCE}': expected a reference written by rafair: "
    assert str(caught.value).startswith(beginning)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_options_of_the_judge_are_what_they_are(folder):
    document = read(folder)
    assert reference_of(document, folder).judge.black_box is False
    for name in ("epsilon", "steps", "seed", "k", "chunk_rows", "max_category_changes"):
        for value in ("3", True, 10**400, -1e300, [], 1e999, "\udcff"):
            forged = document | {"judge": document["judge"] | {name: value}}
            with pytest.raises(RunFolderError, match="expected a reference") as caught:
                reference_of(forged, folder)
            assert "\n" not in str(caught.value)
    for value in (1, 0, "true", None):
        with pytest.raises(RunFolderError, match=r"judge\.black_box: expected a truth value"):
            reference_of(document | {"judge": document["judge"] | {"black_box": value}}, folder)


def test_what_is_cut_short_is_refused(folder):
    for name in (REFERENCE, ROWS):
        whole = (folder / name).read_bytes()
        for length in (0, 100, len(whole) // 2, len(whole) - 3):
            (folder / name).write_bytes(whole[:length])
            with pytest.raises(RunFolderError, match="altered or cut short") as caught:
                Reference.read(folder)
            assert "\n" not in str(caught.value)
        (folder / name).write_bytes(whole)
    Reference.read(folder)


def test_altered_rows_are_refused(folder):
    whole = pq.read_table(folder / ROWS)
    flipped = pa.array(~whole["clean.fair"].to_numpy())
    place = whole.column_names.index("clean.fair")
    for table in (
        whole.slice(1),
        whole.set_column(place, "clean.fair", flipped),
        whole.drop_columns(["key"]),
        whole.set_column(0, "key", whole["key"].cast(pa.float64(), safe=False)),
    ):
        pq.write_table(table, folder / ROWS)
        with pytest.raises(RunFolderError, match="altered or cut short"):
            Reference.read(folder)
    (folder / ROWS).unlink()
    with pytest.raises(RunFolderError, match="altered or cut short"):
        Reference.read(folder)


def test_where_there_is_none(tmp_path):
    with pytest.raises(RunFolderError, match=r"expected a frozen reference.*monitor init"):
        Reference.read(tmp_path)
