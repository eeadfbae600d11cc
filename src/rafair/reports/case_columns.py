"""All cases of a run column by column, in the order and with the content of `find_cases`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rafair.auditing.cases import show
from rafair.auditing.columns import ADVERSARIAL, REPAIRED
from rafair.auditing.stored_rows import Numbers, StoredRows, columns_of, repaired_rows
from rafair.auditing.telling import telling_rows
from rafair.reports.contents import NONE, CaseTable, Codes, Column, FeatureColumns
from rafair.tabular.schema import Feature, Schema
from rafair.verdicts import Verdict

CELLS = [str(verdict) for verdict in Verdict]


def case_table(folder: Path, schema: Schema, stored: StoredRows) -> CaseTable:
    """Every case of a run.

    Only columns that are shown are read, one at a time; texts are made of distinct values alone.

    What the repair made is given where it is known of this very row: the repair starts from an
    attack's outcome row, so a case has repaired values if its row is the outcome row of its attack
    and instance. A case that the same attack met on the way to another cell has none.

    Args:
        folder: The run folder.
        schema: The features.
        stored: Whose each row of `adversarial.parquet` is.

    Raises:
        RunFolderError: If the run's rows cannot be read.
    """
    rows, clean = telling_rows(stored)
    return _Columns(folder, schema, stored, rows, clean).table()


class _Columns:
    """Makes columns of the rows of cases; `rows`, `clean` and `mended` have shape `(cases,)`."""

    def __init__(
        self, folder: Path, schema: Schema, stored: StoredRows, rows: Numbers, clean: Numbers
    ) -> None:
        self._schema, self._stored = schema, stored
        self._rows, self._clean = rows, clean
        self._adversarial, self._repaired = folder / ADVERSARIAL, folder / REPAIRED
        self._repairs = repaired_rows(folder)
        self._mended = _repairs_of(stored, self._repairs, rows)

    def table(self) -> CaseTable:
        """All columns."""
        stored, rows, clean = self._stored, self._rows, self._clean
        other = self._numbers("counterpart_prediction", rows, missing=NONE)
        alone = other == NONE
        return CaseTable(
            instance=stored.instance[rows],
            step=stored.step[rows],
            attack=_column("attack", stored.attacks, stored.attack[rows]),
            verdict=_column("verdict", CELLS, stored.verdict[rows]),
            before=_column("before", CELLS, stored.verdict[clean]),
            label=self._class("label", self._numbers("label", rows)),
            clean_prediction=self._class("clean_prediction", self._numbers("prediction", clean)),
            prediction=self._class("prediction", self._numbers("prediction", rows)),
            counterpart_prediction=self._class("counterpart_prediction", other),
            repaired_prediction=self._class("repaired_prediction", self._repaired_prediction()),
            repaired_verdict=_column("repaired_verdict", CELLS, self._repaired_verdict()),
            features=[self._feature(feature, alone) for feature in self._schema.features],
        )

    def _class(self, name: str, codes: NDArray[Any]) -> Column:
        return _column(name, self._schema.classes, codes)

    def _numbers(self, name: str, rows: Numbers, missing: int = 0) -> Numbers:
        column = columns_of(self._adversarial, [name])[name]
        values: Numbers = pc.fill_null(column, missing).to_numpy()[rows]
        return values

    def _repaired_prediction(self) -> NDArray[Any]:
        if self._repairs is None:
            return self._mended
        column = columns_of(self._repaired, ["prediction"])["prediction"].to_numpy()
        return np.where(self._mended == NONE, NONE, column[self._mended])

    def _repaired_verdict(self) -> NDArray[Any]:
        if self._repairs is None:
            return self._mended
        return np.where(self._mended == NONE, NONE, self._repairs.verdict[self._mended])

    def _feature(self, feature: Feature, alone: NDArray[np.bool_]) -> FeatureColumns:
        raw = f"raw.{feature.name}"
        column = columns_of(self._adversarial, [raw])[raw]
        parts = [column.take(pa.array(self._clean)), column.take(pa.array(self._rows))]
        if feature.sensitive:
            of_other = f"counterpart.{feature.name}"
            compared = self._rows[~alone]
            parts.append(columns_of(self._adversarial, [of_other], compared)[of_other])
        else:
            parts.append(parts[1].filter(pa.array(~alone)))
        there = self._mended != NONE
        if there.any():
            parts.append(columns_of(self._repaired, [raw], self._mended[there])[raw])
        texts, (clean, perturbed, other, *repairs) = _coded(feature, parts)
        counterpart = np.full(len(self._rows), NONE, np.int32)
        counterpart[~alone] = other
        repaired = np.full(len(self._rows), NONE, np.int32)
        if repairs:
            repaired[there] = repairs[0]
        return FeatureColumns(
            name=feature.name,
            sensitive=feature.sensitive,
            texts=texts,
            clean=clean,
            perturbed=perturbed,
            counterpart=counterpart,
            repaired=repaired,
            is_number=feature.kind.is_number,
            unit=feature.unit,
        )


def _repairs_of(stored: StoredRows, repairs: StoredRows | None, rows: Numbers) -> Numbers:
    """For each row the number of the repaired row that was made of it; `NONE` where none was."""
    made_of = np.full(len(stored), NONE, np.int64)
    for attack in repairs.attacks if repairs else []:
        outcomes = stored.outcomes(attack)
        if not len(outcomes):
            continue  # a union's rows are its members'
        assert repairs is not None
        repaired = repairs.of(attack)
        known = repairs.instance[repaired]
        order = np.argsort(known)
        place = np.searchsorted(known[order], stored.instance[outcomes])
        made_of[outcomes] = repaired[order][place]
    return made_of[rows]


def _column(name: str, texts: Sequence[str], codes: NDArray[Any]) -> Column:
    return Column(name, list(texts), codes.astype(np.int32))


def _coded(feature: Feature, parts: Sequence[Any]) -> tuple[list[str], list[Codes]]:
    """The distinct texts of some columns, in the feature's order, and each column's codes."""
    columns = [_plain(part) for part in parts]
    values, codes = _distinct(pa.concat_arrays(columns))
    shown = [show(feature, value) for value in values]
    rank = _order(feature, values)
    texts = list(dict.fromkeys(shown[index] for index in rank))
    place = {text: number for number, text in enumerate(texts)}
    recoded = np.array([place[text] for text in shown], np.int32)[codes]
    ends = np.cumsum([len(column) for column in columns])[:-1]
    return texts, list(np.split(recoded, ends))


def _plain(column: Any) -> pa.Array:
    """One array, of numbers or of texts."""
    joined = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(joined, pa.ChunkedArray):  # no chunk at all
        joined = pa.concat_arrays(joined.chunks) if joined.chunks else pa.array([], joined.type)
    is_text = pa.types.is_dictionary(joined.type)
    return joined.dictionary_decode() if is_text else joined


def _distinct(array: pa.Array) -> tuple[list[Any], NDArray[np.int64]]:
    coded = array.dictionary_encode(null_encoding="encode")
    values: list[Any] = coded.dictionary.to_pylist()
    codes: NDArray[np.int64] = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return values, codes


def _order(feature: Feature, values: Sequence[Any]) -> list[int]:
    """Numbers rise, levels come as the schema lists them, what is missing is last."""
    levels = {str(level): number for number, level in enumerate(feature.levels or ())}

    def key(index: int) -> tuple[bool, float]:
        value = values[index]
        if value is None or value != value:
            return True, 0.0
        return False, float(value) if feature.kind.is_number else levels.get(value, len(levels))

    return sorted(range(len(values)), key=key)
