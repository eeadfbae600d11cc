"""A small file that would take gigabytes is refused by its footer."""

from __future__ import annotations

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commands import call
from rafair.engine.atomic_files import sha256_of
from rafair.engine.digest_json import sealed
from rafair.engine.parquet_size import check_size


def bomb(path, template, rows):
    """As many rows as wanted of what stands in a file's first, in a few bytes."""
    first = pq.read_table(template).slice(0, 1)
    once = first.take(pa.array([0] * 1_000_000))
    with pq.ParquetWriter(path, first.schema, compression="zstd") as writer:
        for _ in range(rows // len(once)):
            writer.write_table(once, row_group_size=len(once))


def test_runs_of_one_value_are_told_from_rows(tmp_path):
    table = pa.table({"a": pa.array(range(100_000)), "b": pa.array([1.5] * 100_000)})
    pq.write_table(table, tmp_path / "fine.parquet")
    check_size(tmp_path / "fine.parquet", 100_000)
    with pytest.raises(ValueError, match="expected 10 rows, found 100,000"):
        check_size(tmp_path / "fine.parquet", 10)
    wide = pa.table({f"c{i}": pa.array([0.0] * 1_000_000) for i in range(30)})
    pq.write_table(wide, tmp_path / "bomb.parquet", compression="zstd")
    with pytest.raises(ValueError, match=r"found 1,000,000 rows of 30 columns, 0\.2 GB"):
        check_size(tmp_path / "bomb.parquet")
    (tmp_path / "text.parquet").write_text("PAR1 no PAR1")
    with pytest.raises(ValueError, match="expected a whole Parquet file"):
        check_size(tmp_path / "text.parquet")


def test_a_bomb_in_a_run_ends_in_a_line(watched_plainly, tmp_path):
    run = shutil.copytree(watched_plainly, tmp_path / "run")
    rows = run / "adversarial.parquet"
    bomb(tmp_path / "bomb.parquet", rows, 4_000_000)
    shutil.move(tmp_path / "bomb.parquet", rows)
    document = json.loads((run / "audit.json").read_text())
    document["files"][rows.name] = sha256_of(rows)
    (run / "audit.json").write_text(json.dumps(sealed(document)))
    done = call("report", run)
    assert done.code == 2
    assert "adversarial.parquet': expected 360 rows, found 4,000,000" in done.err
