"""The files of a reference: what they hold, and that nothing else is taken for one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rafair.errors import RunFolderError
from rafair.metrics.rates import rate
from rafair.monitoring.references.reference import REFERENCE, ROWS, Reference, _digest
from rafair.search.draws import row_keys


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
        "rafair.kept",
        "rafair.fair",
    ]
    assert rows["label"].to_pylist() == affairs.test.labels.tolist()
    keys = row_keys(affairs.test.rows, 0).view(np.int64)
    assert rows["key"].to_pylist() == keys.tolist()
    right = rows["label"].to_numpy() == rows["prediction"].to_numpy()
    for condition in ("clean", "noise", "rafair"):
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
        assert seen["missing"] == 0
        if feature.kind.is_number:
            assert (seen["low"], seen["high"]) == (values.min(), values.max())
        else:
            counts = {each["level"]: each["count"] for each in seen["levels"] if each["count"]}
            assert counts == values.value_counts().to_dict()


def test_history_gets_plain_facts(folder):
    facts = Reference.read(folder).facts()
    assert json.loads(json.dumps(facts)) == facts
    assert (facts["run"], facts["dataset"], facts["n"]) == ("run", "affairs", 1274)
    assert facts["probe"]["epsilon"] == 0.02
    assert facts["conditions"] == ["clean", "noise", "rafair"]


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


@pytest.mark.parametrize("change", [{"judge": {"steps": 1}}, {"schema": {}}, {"rates": 3}])
def test_a_forged_document_is_refused(folder, change):
    sealed(folder, **change)
    with pytest.raises(RunFolderError, match=r"expected a reference written by rafair|altered"):
        Reference.read(folder)


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
