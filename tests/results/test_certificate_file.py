"""The file of certificates: what is written is read, and what cannot be true is refused."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rafair.certify.property_status import Property, Stand, Standing
from rafair.errors import RunFolderError
from rafair.metrics.rates import rate
from rafair.results.certificate_file import certificate_table, read_certificates
from rafair.results.certificate_record import CertifiedPoint
from rafair.results.derived_rates import plain
from rafair.results.record_reader import Reader

OPEN, CERTIFIED, REFUTED, NEAR_TIE = Standing
VERDICTS = np.int8(
    [
        [[CERTIFIED, CERTIFIED, CERTIFIED], [OPEN, NEAR_TIE, CERTIFIED]],
        [[REFUTED, CERTIFIED, REFUTED], [REFUTED, REFUTED, REFUTED]],
        [[REFUTED, REFUTED, CERTIFIED], [REFUTED, REFUTED, OPEN]],
    ]
)
INSTANCES = np.array([7, 3, 11])


def stand(verdicts=VERDICTS, epsilons=(0.01, 0.05)) -> Stand:
    shape = (*verdicts.shape, 2)
    refuted = verdicts == REFUTED
    rows = np.arange(np.prod(shape)).reshape(shape).astype(np.float32)
    unfair = refuted & (np.arange(3) == list(Property).index(Property.INDIVIDUAL_FAIRNESS))
    return Stand(
        epsilons,
        verdicts,
        np.arange(verdicts.size).reshape(verdicts.shape),
        np.where(refuted[..., None], rows, np.nan).astype(np.float32),
        np.where(unfair[..., None], rows, np.nan).astype(np.float32),
    )


def write(path, table):
    pq.write_table(table, path)
    return path


def altered(verdicts=VERDICTS, **columns):
    table = certificate_table(INSTANCES, stand(verdicts))
    for name, values in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, values)
    return table


def test_what_is_written_is_read(tmp_path):
    path = write(tmp_path / "c.parquet", certificate_table(INSTANCES, stand()))
    found = read_certificates(path)
    assert found.instances.tolist() == [7, 3, 11]
    assert found.epsilons == (0.01, 0.05)
    assert np.array_equal(found.verdicts, VERDICTS)


def test_rows_are_lists_of_single_precision_or_missing(tmp_path):
    path = write(tmp_path / "c.parquet", certificate_table(INSTANCES, stand()))
    table = pq.read_table(path)
    assert table.schema.field("witness").type == pa.list_(pa.float32())
    assert table.schema.field("boxes").type == pa.int64()
    rows = table.to_pylist()
    assert rows[0]["witness"] is None
    assert rows[6] == {
        "instance": 3,
        "epsilon": 0.01,
        "property": "accurate_fairness",
        "verdict": "refuted",
        "boxes": 6,
        "witness": [12.0, 13.0],
        "other": None,
    }
    assert rows[10]["other"] == [20.0, 21.0]


def test_rates_count_each_verdict(tmp_path):
    path = write(tmp_path / "c.parquet", certificate_table(INSTANCES, stand()))
    document = plain(read_certificates(path).document())
    assert list(document) == ["0.01", "0.05"]
    found = document["0.05"]["individual_fairness"]
    counts = {key: one["count"] for key, one in found.items()}
    assert counts == {"certified": 0, "refuted": 2, "open": 0, "near_tie": 1}
    record = Reader(CertifiedPoint)(document["0.01"], "f")
    assert record.accurate_fairness.certified == rate(1, 3)
    assert record.accurate_fairness.bracket == (1 / 3, 1 / 3)
    assert record.by_property["accuracy"].not_refuted == rate(2, 3)


@pytest.mark.parametrize(
    ("place", "verdict", "said"),
    [
        ((0, 0, 2), OPEN, r"instance 7, epsilon 0\.01: accurate_fairness is certified, another"),
        ((1, 1, 0), OPEN, r"instance 3, epsilon 0\.05: accurate_fairness is not refuted, another"),
        ((1, 1, 2), OPEN, r"instance 3, epsilon 0\.05: what is refuted at a smaller epsilon"),
        ((0, 1, 1), OPEN, None),
        ((2, 1, 2), CERTIFIED, None),
        ((2, 0, 2), OPEN, None),
        ((0, 0, 0), REFUTED, r"what is refuted at a smaller epsilon is not refuted"),
    ],
)
def test_verdicts_that_cannot_all_be_true_are_refused(tmp_path, place, verdict, said):
    verdicts = VERDICTS.copy()
    verdicts[place] = verdict
    path = write(tmp_path / "c.parquet", certificate_table(INSTANCES, stand(verdicts)))
    if said is None:
        assert np.array_equal(read_certificates(path).verdicts, verdicts)
    else:
        with pytest.raises(RunFolderError, match=said):
            read_certificates(path)


def test_what_is_certified_at_a_larger_epsilon_is_at_smaller_ones(tmp_path):
    verdicts = np.int8([[[OPEN, OPEN, OPEN], [OPEN, OPEN, CERTIFIED]]])
    path = write(tmp_path / "c.parquet", certificate_table(np.array([4]), stand(verdicts)))
    with pytest.raises(RunFolderError, match=r"instance 4, epsilon 0\.01: what is certified at"):
        read_certificates(path)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (altered(instance=pa.array(np.repeat([7, 3, 7], 6))), "each instance once"),
        (altered().slice(1), "each instance once"),
        (altered().slice(0, 0), "at least one row"),
        (altered(verdict=pa.array(["sure"] * 18)), "verdict: expected open, certified"),
        (altered(witness=pa.nulls(18, pa.list_(pa.float32()))), "row 6: witness contradicts"),
        (altered(other=altered()["witness"]), "row 6: other contradicts"),
    ],
)
def test_files_that_nobody_writes_are_refused(tmp_path, table, said):
    with pytest.raises(RunFolderError, match=said):
        read_certificates(write(tmp_path / "c.parquet", table))
