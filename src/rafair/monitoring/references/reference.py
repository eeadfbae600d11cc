"""The frozen reference: what a model did on the rows it was tested on, which streams are held to.

`reference.json` says all of it; `reference.parquet` holds one line for each row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from rafair._version import __version__
from rafair.arguments import check_real
from rafair.engine.files import write_synced
from rafair.engine.parquet_size import check_size
from rafair.engine.run_folder import check_contents
from rafair.engine.text_file import read_json, utf8
from rafair.errors import RunFolderError
from rafair.monitoring.references.judge_options import JudgeOptions
from rafair.monitoring.references.reference_rows import ReferenceRows
from rafair.tabular.schema import Schema

SCHEMA_VERSION = 1
REFERENCE, ROWS = "reference.json", "reference.parquet"
UNSEALED = ("id", "created")
"""What the id does not say."""
OF_THE_ACT = (*UNSEALED, "rafair_version")
"""What tells when and by what a reference was made, and not what it says."""


@dataclass(frozen=True)
class Reference:
    """What a watch compares with.

    Args:
        run: The audit it was frozen from: `name` of its folder, and `sha256` of its `audit.json`.
        dataset: `name`, `variant`, `rows`, `sha256`, `file` as in `audit.json`.
        schema: The features of rows, the label, and the classes.
        model: `name`, `kind`, `sha256`, and `place`: where it is opened again.
        judge: How rows are judged.
        alpha: The chance that a stream without drift ever raises an alarm.
        tolerance: How far a rate may lie below the reference's own lower bound.
        instances: How many rows were drawn; None for all.
        observed: By feature, the values seen, as `Observed.to_dict` gives them.
        rows: What is kept of each row.
        warnings: What a reader should know.
        created: When it was frozen; ISO, UTC.
        rafair_version: By what.
    """

    run: Mapping[str, Any]
    dataset: Mapping[str, Any]
    schema: Schema
    model: Mapping[str, Any]
    judge: JudgeOptions
    alpha: float
    tolerance: float
    instances: int | None
    observed: Mapping[str, Any]
    rows: ReferenceRows
    warnings: tuple[str, ...]
    created: str
    rafair_version: str = __version__

    @property
    def n(self) -> int:
        """How many rows it holds."""
        return len(self.rows)

    @property
    def conditions(self) -> tuple[str, ...]:
        """Under what rows are looked at."""
        return self.judge.conditions

    @cached_property
    def rates(self) -> dict[str, dict[str, Any]]:
        """By condition and metric, each rate with its counts and its 95 % interval."""
        return self.rows.rates()

    @cached_property
    def id(self) -> str:
        """The hash of all that it says, but for when it was frozen."""
        return _digest(self._content)

    def to_dict(self) -> dict[str, Any]:
        """The content of `reference.json`."""
        return {**self._content, "id": self.id, "created": self.created}

    def facts(self) -> dict[str, Any]:
        """What a history says of it, as plain values."""
        return {
            "id": self.id,
            "created": self.created,
            "run": self.run["name"],
            "dataset": self.dataset["name"],
            "variant": self.dataset["variant"],
            "model": self.model["name"],
            "model_sha256": self.model["sha256"],
            "n": self.n,
            "alpha": self.alpha,
            "tolerance": self.tolerance,
            "conditions": list(self.conditions),
            "probe": self.judge.to_dict(),
            "rates": self.rates,
            "warnings": list(self.warnings),
        }

    def says_the_same(self, other: Reference) -> bool:
        """Whether another says the same, whenever and by whatever version it was frozen."""
        return _without(self.to_dict(), OF_THE_ACT) == _without(other.to_dict(), OF_THE_ACT)

    @cached_property
    def _content(self) -> dict[str, Any]:
        return {
            "schema_version": SCHEMA_VERSION,
            "rafair_version": self.rafair_version,
            "run": dict(self.run),
            "dataset": dict(self.dataset),
            "model": dict(self.model),
            "alpha": self.alpha,
            "tolerance": self.tolerance,
            "instances": self.instances,
            "judge": self.judge.to_dict(),
            "n": self.n,
            "rates": self.rates,
            "observed": dict(self.observed),
            "warnings": list(self.warnings),
            "schema": self.schema.model_dump(mode="json"),
            "rows": {"sha256": self.rows.sha256},
        }

    def write(self, folder: Path) -> None:
        """Writes both files into a folder that is there."""
        pq.write_table(self.rows.to_table(), folder / ROWS)
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
        write_synced(folder / REFERENCE, utf8(text + "\n"))

    @classmethod
    def read(cls, folder: Path) -> Reference:
        """Reads what `write` wrote.

        Raises:
            RunFolderError: If there is none, it was altered or cut short, or it was written by
                another schema version.
        """
        path = folder / REFERENCE
        if not folder.parent.is_dir():
            raise RunFolderError(f"'{folder.parent}': expected a run folder, found none")
        document = _read_document(path)
        check_contents(folder.parent)
        try:
            _check_shapes(document)
            reference = cls._of(document, _read_rows(folder / ROWS, document))
            reference._check_rows(document, folder)
        except RunFolderError:
            raise
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise RunFolderError(f"'{path}': expected a reference written by rafair") from error
        return reference

    def _check_rows(self, document: Mapping[str, Any], folder: Path) -> None:
        """Refuses rows that are not those that the document tells of."""
        for what, said, found in (
            ("rows.sha256", document["rows"]["sha256"], self.rows.sha256),
            ("n", document["n"], self.n),
            ("rates", document["rates"], self.rates),
        ):
            if said != found:
                raise RunFolderError(
                    f"'{folder / ROWS}': altered or cut short: {what} is not what {REFERENCE} says"
                )

    @classmethod
    def _of(cls, document: Mapping[str, Any], rows: ReferenceRows) -> Reference:
        return cls(
            run=document["run"],
            dataset=document["dataset"],
            schema=Schema.model_validate(document["schema"]),
            model=document["model"],
            judge=JudgeOptions.from_dict(document["judge"]),
            alpha=document["alpha"],
            tolerance=document["tolerance"],
            instances=document["instances"],
            observed=document["observed"],
            rows=rows,
            warnings=tuple(document["warnings"]),
            created=document["created"],
            rafair_version=document["rafair_version"],
        )


SHAPES: dict[str, type | tuple[type, ...]] = {
    "run.name": str,
    "run.sha256": str,
    "dataset.name": str,
    "dataset.variant": (str, type(None)),
    "model.name": str,
    "model.place.in": str,
    "observed": dict,
    "warnings": list,
    "created": str,
    "rafair_version": str,
    "instances": (int, type(None)),
}
"""What nobody derives again, and yet is shown or used."""


def _check_shapes(document: Mapping[str, Any]) -> None:
    """Refuses values of kinds that no reference has.

    Raises:
        ValueError: If one is.
        LookupError: If one is missing.
        TypeError: If a section is none.
    """
    for place, kind in SHAPES.items():
        value: Any = document
        for name in place.split("."):
            value = value[name]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ValueError(place)
    if not all(isinstance(warning, str) for warning in document["warnings"]):
        raise ValueError("warnings")
    for name in ("alpha", "tolerance"):
        check_real(name, document[name], 0, 1, low_included=name == "tolerance")


def _read_document(path: Path) -> dict[str, Any]:
    """The content of `reference.json`, if it is what was written."""
    try:
        document = read_json(path)
    except OSError as error:
        raise RunFolderError(
            f"'{path}': expected a frozen reference: {error.strerror}; `rafair monitor init` makes "
            "one"
        ) from error
    except ValueError as error:
        raise RunFolderError(f"'{path}': altered or cut short: expected a JSON object") from error
    if not isinstance(document, dict):
        raise RunFolderError(f"'{path}': altered or cut short: expected a JSON object")
    version = document.get("schema_version")
    if version != SCHEMA_VERSION:
        raise RunFolderError(
            f"'{path}': expected schema_version {SCHEMA_VERSION}, found {version!r}; `rafair "
            "monitor init --force` freezes a reference with this version of rafair"
        )
    expected, found = document.get("id"), _digest(document)
    if expected != found:
        raise RunFolderError(
            f"'{path}': altered: its id is {expected!r}, its content gives {found}"
        )
    return document


def _read_rows(path: Path, document: Mapping[str, Any]) -> ReferenceRows:
    conditions = JudgeOptions.from_dict(document["judge"]).conditions
    try:
        check_size(path, document["n"])
        with pq.ParquetFile(path) as file:
            return ReferenceRows.of_table(file.read(), conditions)
    except (OSError, KeyError, ValueError) as error:  # pyarrow's own among them
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RunFolderError(f"'{path}': altered or cut short: {reason}") from error


def _digest(document: Mapping[str, Any]) -> str:
    sealed = _without(document, UNSEALED)
    text = json.dumps(sealed, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _without(document: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in names}
