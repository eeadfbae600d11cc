"""The frozen reference: what a model did on the rows it was tested on, which streams are held to.

`reference.json` says all of it; `reference.parquet` holds one line for each row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path

import pyarrow.parquet as pq

from rafair.engine.atomic_files import write_synced
from rafair.engine.parquet_size import check_size
from rafair.engine.run_folder import check_contents
from rafair.engine.text_file import read_json, utf8
from rafair.errors import RunFolderError
from rafair.metrics.rates import Rate
from rafair.monitoring.references.reference_record import Frozen, ReferenceRecord, reference_of
from rafair.monitoring.references.reference_rows import ReferenceRows
from rafair.results.derived_rates import plain

SCHEMA_VERSION = 1
REFERENCE, ROWS = "reference.json", "reference.parquet"
UNSEALED = ("id", "created")
"""What the id does not say."""


@dataclass(frozen=True, kw_only=True)
class Reference(Frozen):
    """What a watch compares with.

    Args:
        rows: What is kept of each row.
    """

    rows: ReferenceRows

    @property
    def n(self) -> int:
        """How many rows it holds."""
        return len(self.rows)

    @property
    def conditions(self) -> tuple[str, ...]:
        """Under what rows are looked at."""
        return self.judge.conditions

    @cached_property
    def rates(self) -> dict[str, dict[str, Rate]]:
        """By condition and metric, each rate with its counts and its 95 % interval."""
        return self.rows.rates()

    def sealed(self) -> Reference:
        """The same, with the hash of all that it says but for when it was frozen as its id."""
        return replace(self, id=_digest(self.to_dict()))

    def to_dict(self) -> dict[str, object]:
        """The content of `reference.json`."""
        return {
            "schema_version": SCHEMA_VERSION,
            "rafair_version": self.rafair_version,
            "run": plain(self.run),
            "dataset": plain(self.dataset),
            "model": plain(self.model) | {"place": self.model.place.to_dict()},
            "alpha": self.alpha,
            "tolerance": self.tolerance,
            "instances": self.instances,
            "judge": plain(self.judge),
            "n": self.n,
            "rates": plain(self.rates),
            "observed": plain(self.observed),
            "warnings": list(self.warnings),
            "schema": self.schema.model_dump(mode="json"),
            "rows": {"sha256": self.rows.sha256},
            "id": self.id,
            "created": self.created,
        }

    def write(self, folder: Path) -> None:
        """Writes both files into a folder that is there."""
        pq.write_table(self.rows.to_table(), folder / ROWS)
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
        write_synced(folder / REFERENCE, utf8(text + "\n"))

    @classmethod
    def read(cls, folder: Path) -> Reference:
        """Reads what `write` wrote; its id is that which was written, whatever is known by now.

        Raises:
            RunFolderError: If there is none, it was altered or cut short, or it was written by
                another schema version.
        """
        path = folder / REFERENCE
        if not folder.parent.is_dir():
            raise RunFolderError(f"'{folder.parent}': expected a run folder, found none")
        document = _read_document(path)
        check_contents(folder.parent)
        record = reference_of(document, path)
        said = {field.name: getattr(record, field.name) for field in fields(Frozen)}
        reference = cls(**said, rows=_read_rows(folder / ROWS, record))
        reference._check_rows(record, folder)
        return reference

    def _check_rows(self, record: ReferenceRecord, folder: Path) -> None:
        """Refuses rows that are not those that the document tells of."""
        for what, said, found in (
            ("rows.sha256", record.rows.sha256, self.rows.sha256),
            ("n", record.n, self.n),
            ("rates", record.rates, plain(self.rates)),
        ):
            if said != found:
                raise RunFolderError(
                    f"'{folder / ROWS}': altered or cut short: {what} is not what {REFERENCE} says"
                )


def _read_document(path: Path) -> Mapping[str, object]:
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


def _read_rows(path: Path, record: ReferenceRecord) -> ReferenceRows:
    try:
        check_size(path, record.n)
        with pq.ParquetFile(path) as file:
            return ReferenceRows.of_table(file.read(), record.judge.conditions)
    except (OSError, KeyError, ValueError) as error:  # pyarrow's own among them
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RunFolderError(f"'{path}': altered or cut short: {reason}") from error


def _digest(document: Mapping[str, object]) -> str:
    sealed = {key: value for key, value in document.items() if key not in UNSEALED}
    text = json.dumps(sealed, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
