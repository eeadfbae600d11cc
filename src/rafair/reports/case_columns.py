"""All cases of a run column by column, in the order and with the content of `find_cases`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.reports.report_contents import NONE, CaseTable, Codes, Column, FeatureColumns
from rafair.results.adversarial_rows import StoredRows, repaired_rows
from rafair.results.case_details import show
from rafair.results.case_selection import telling_rows
from rafair.results.parquet_columns import Numbers, columns_of, distinct, names_of, numbers
from rafair.results.run_files import ADVERSARIAL, REPAIRED
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
            smallest_epsilon=self._smallest_epsilon(),
        )

    def _class(self, name: str, codes: NDArray[Any]) -> Column:
        return _column(name, self._schema.classes, codes)

    def _numbers(self, name: str, rows: Numbers, missing: int = 0) -> Numbers:
        column = columns_of(self._adversarial, [name])[name]
        values: Numbers = numbers(column, missing)[rows]
        return values

    def _smallest_epsilon(self) -> NDArray[np.float64] | None:
        name = "smallest_epsilon"
        if name not in names_of(self._adversarial):
            return None
        found: NDArray[np.float64] = numbers(columns_of(self._adversarial, [name])[name])
        return found[self._rows]

    def _repaired_prediction(self) -> NDArray[Any]:
        if self._repairs is None:
            return self._mended
        column = columns_of(self._repaired, ["prediction"])["prediction"]
        column = numbers(column)
        return np.where(self._mended == NONE, NONE, column[self._mended])

    def _repaired_verdict(self) -> NDArray[Any]:
        if self._repairs is None:
            return self._mended
        return np.where(self._mended == NONE, NONE, self._repairs.verdict[self._mended])

    def _feature(self, feature: Feature, alone: NDArray[np.bool_]) -> FeatureColumns:
        raw = f"raw.{feature.name}"
        column = columns_of(self._adversarial, [raw])[raw]
        parts = [(column, self._clean), (column, self._rows)]
        compared = self._rows[~alone]
        if feature.sensitive:
            of_other = f"counterpart.{feature.name}"
            parts.append((columns_of(self._adversarial, [of_other])[of_other], compared))
        else:
            parts.append((column, compared))
        there = self._mended != NONE
        if there.any():
            parts.append((columns_of(self._repaired, [raw])[raw], self._mended[there]))
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


def _coded(feature: Feature, parts: Sequence[tuple[Any, Numbers]]) -> tuple[list[str], list[Codes]]:
    """The distinct texts of some rows of columns, in the feature's order, and each part's codes."""
    columns = list({id(column): column for column, _ in parts}.values())
    values, codes = distinct(*columns)
    starts = np.cumsum([0, *map(len, columns)])
    begin = {id(column): start for column, start in zip(columns, starts[:-1], strict=True)}
    chosen = [codes[begin[id(column)] + rows] for column, rows in parts]
    used = np.unique(np.concatenate(chosen))
    shown = {int(code): show(feature, values[code]) for code in used}
    rank = _order(feature, {code: values[code] for code in shown})
    texts = list(dict.fromkeys(shown[code] for code in rank))
    place = {text: number for number, text in enumerate(texts)}
    recoded = np.zeros(len(values), np.int32)
    for code, text in shown.items():
        recoded[code] = place[text]
    return texts, [recoded[some] for some in chosen]


def _order(feature: Feature, values: Mapping[int, Any]) -> list[int]:
    """Numbers rise, levels come as the schema lists them, what is missing is last."""
    levels = {str(level): number for number, level in enumerate(feature.levels or ())}

    def key(index: int) -> tuple[bool, float]:
        value = values[index]
        if value is None or value != value:
            return True, 0.0
        return False, float(value) if feature.kind.is_number else levels.get(value, len(levels))

    return sorted(values, key=key)
