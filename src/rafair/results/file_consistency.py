"""Whether the columns and rows of a run's Parquet files agree with each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rafair.errors import RunFolderError
from rafair.results.parquet_columns import by_attack, distinct, numbers, present
from rafair.results.run_files import VERDICT_NAMES
from rafair.verdicts import verdicts

Flags = NDArray[np.bool_]

VERDICT_COLUMNS = (
    "label",
    "prediction",
    "accurate",
    "fair",
    "verdict",
    "counterpart_prediction",
)
"""What tells the same twice: the label and the prediction whether a row is accurate, and so on."""

ROWS_AT_ONCE = 1 << 18


def batches(path: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Some columns of a Parquet file, some hundred thousand rows at a time.

    Raises:
        RunFolderError: If it is no Parquet file, or lacks one of the columns.
    """
    try:
        with pq.ParquetFile(path) as file:
            missing = [name for name in columns if name not in file.schema_arrow.names]
            if missing:
                raise RunFolderError(f"'{path}': expected a column '{missing[0]}', found none")
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=list(columns)):
                yield pa.Table.from_batches([batch])
    except (OSError, pa.ArrowException) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise RunFolderError(f"'{path}': expected a whole Parquet file: {reason}") from error


def check_columns(table: pa.Table, path: Path, first_row: int = 0) -> None:
    """Refuses rows whose verdict does not follow from their label and predictions.

    Args:
        table: Rows with `VERDICT_COLUMNS`.
        path: The file they are from.
        first_row: The number of the first of them in the file.

    Raises:
        RunFolderError: If a value is missing, or contradicts another; names the first row.
    """
    for name in VERDICT_COLUMNS[:-1]:
        if table[name].null_count:
            raise RunFolderError(f"'{path}': {name}: expected no missing value, found some")
    for name in ("accurate", "fair"):
        if table[name].type != pa.bool_():
            raise RunFolderError(
                f"'{path}': {name}: expected truth values, found {table[name].type}"
            )
    label, prediction = _array(table, "label"), _array(table, "prediction")
    accurate, fair = _array(table, "accurate"), _array(table, "fair")
    _refuse(accurate != (label == prediction), "accurate", "label and prediction", path, first_row)
    other = table["counterpart_prediction"]
    alone = ~present(other)
    _refuse(fair != alone, "fair", "counterpart_prediction", path, first_row)
    theirs = numbers(other, missing=-1)
    _refuse(theirs == prediction, "counterpart_prediction", "prediction", path, first_row)
    names, code = distinct(table["verdict"])
    place = {name: number for number, name in enumerate(VERDICT_NAMES)}
    told = np.array([place.get(name, -1) for name in names], np.int64)[code]
    _refuse(told != verdicts(accurate, fair), "verdict", "accurate and fair", path, first_row)


def check_rows(path: Path, *, stepwise: bool, epsilon: float | None = None) -> NDArray[np.int64]:
    """Refuses a file whose attacks are not of the same instances, step by step.

    Args:
        path: `adversarial.parquet` or `repaired.parquet`.
        stepwise: Whether each instance has all steps from the clean row on, rather than one row.
        epsilon: Of `curve.parquet`, the budget whose rows are looked at.

    Returns:
        Instance, label and steps of every attack: the instances, their labels and how many rows
        each has, as three rows; shape `(3, n)`.

    Raises:
        RunFolderError: If rows are missing, doubled, in another order, or of other labels.
    """
    columns = ["attack", "instance", "step", "label"]
    tables = list(batches(path, columns if epsilon is None else [*columns, "epsilon"]))
    table = pa.concat_tables(tables) if tables else None
    if table is not None and epsilon is not None:
        table = table.filter(pa.array(numbers(table["epsilon"]) == epsilon))
    if table is None or not len(table):
        raise RunFolderError(f"'{path}': expected at least one row, found none")
    arrays = [numbers(table[name]) for name in ("step", "instance", "label")]
    expected: NDArray[np.int64] | None = None
    for name, rows in by_attack(table).items():
        found = _instances(
            [array[rows] for array in arrays], f"'{path}': attack '{name}'", stepwise
        )
        if expected is not None and not np.array_equal(found, expected):
            raise RunFolderError(
                f"'{path}': attack '{name}': expected the instances, labels and steps of the "
                "attack before it, found others"
            )
        expected = found
    assert expected is not None  # there is a row, and so an attack
    return expected


def check_clean_rows(path: Path) -> None:
    """Refuses a file whose attacks do not begin at the same clean rows.

    Raises:
        RunFolderError: If an instance's clean verdict is another for another attack.
    """
    columns = ["attack", "instance", "step", "prediction", "fair"]
    table = pa.concat_tables(list(batches(path, columns)))
    is_clean = numbers(table["step"]) == 0
    seen = np.stack([numbers(table[column]) for column in ("prediction", "fair")])
    expected: Any = None
    for name, rows in by_attack(table).items():
        found = seen[:, rows[is_clean[rows]]]
        if expected is not None and not np.array_equal(found, expected):
            raise RunFolderError(
                f"'{path}': attack '{name}': step 0: expected the clean verdicts of the attack "
                "before it, found others"
            )
        expected = found


def _instances(arrays: Sequence[NDArray[Any]], where: str, stepwise: bool) -> NDArray[np.int64]:
    steps, instances, labels = arrays
    moments = int(steps.max()) + 1 if stepwise else 1
    n, rest = divmod(len(steps), moments)
    wanted = np.tile(np.arange(moments), n) if stepwise else steps
    if rest or not np.array_equal(steps, wanted):
        raise RunFolderError(f"{where}: expected steps 0 to {moments - 1} of every instance")
    first = instances[::moments]
    if not np.array_equal(instances, np.repeat(first, moments)) or len(np.unique(first)) != n:
        raise RunFolderError(f"{where}: expected every instance once, found some twice")
    if not np.array_equal(labels, np.repeat(labels[::moments], moments)):
        raise RunFolderError(f"{where}: expected one label for each instance, found several")
    return np.stack([first, labels[::moments], np.full(n, moments)]).astype(np.int64)


def _array(table: pa.Table, name: str) -> NDArray[Any]:
    return numbers(table[name])


def _refuse(wrong: Flags, name: str, others: str, path: Path, first_row: int) -> None:
    if wrong.any():
        row = first_row + int(wrong.argmax())
        raise RunFolderError(f"'{path}': row {row:,}: {name} contradicts {others}")
