"""The frozen result of an audit."""

from __future__ import annotations

import json
import shutil
import weakref
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from rafair.blocks.terminal import WIDTH, as_text
from rafair.engine.atomic_files import sha256_of
from rafair.engine.digest_json import ALTERED, is_sealed
from rafair.engine.run_folder import check_contents
from rafair.engine.shards import cut
from rafair.engine.text_file import read_json
from rafair.errors import InputError, RunFolderError
from rafair.results.audit_options import AuditOptions
from rafair.results.audit_record import AuditRecord, record_of
from rafair.results.case_details import Case, find_cases
from rafair.results.first_screen import first_screen
from rafair.results.rate_names import PLACES, rates_of
from rafair.results.rates_by_group import groups_of
from rafair.results.run_files import ADVERSARIAL, AUDIT, REPAIRED, SCHEMA_VERSION, VERDICTS
from rafair.tabular.parquet_rows import BATCH_ROWS, RowReader
from rafair.tabular.schema import Schema
from rafair.verdicts import Verdict

if TYPE_CHECKING:
    import pandas as pd

    from rafair.blocks.block_types import Block

REST = ("Everything else: the method `show` · as a page: `rafair.report`",)
RATE = ("value", "count", "n", "low", "high")
SAME_COLUMN = {"whole": "clean", "repaired": "final"}
"""Kinds of rates that `Audit.to_frame` calls as `audit.json` does."""


class Audit:
    """A finished audit: its rates, its perturbed rows, and the cases it found.

    Printed, or shown in a notebook, it says in 30 lines what to know first; `show` prints the rest.

    Args:
        document: The content of `audit.json`.
        folder: The run folder.
        temporary: A folder around it that is removed when the audit is gone.

    Example:
        >>> import rafair
        >>> table = rafair.load_dataset("affairs").test
        >>> audit = rafair.audit(lambda rows: rows[:, :2], table, attacks=(), instances=50)
        >>> audit.record.clean.n
        50
    """

    def __init__(
        self,
        document: Mapping[str, Any],
        folder: Path,
        temporary: Path | None = None,
    ) -> None:
        self.document = document
        self.folder = folder
        if temporary:
            weakref.finalize(self, shutil.rmtree, temporary, ignore_errors=True)

    @classmethod
    def load(cls, folder: str | Path) -> Audit:
        """Reads a finished run folder.

        Raises:
            RunFolderError: If there is none, it was written by another schema version, or its
                `audit.json` was altered.
        """
        audit = cls.unchecked(folder)
        audit.check_document()
        return audit

    @classmethod
    def unchecked(cls, folder: str | Path) -> Audit:
        """Reads a finished run folder whose `audit.json` is compared with its digest later.

        Raises:
            RunFolderError: If there is none, it was written by another schema version, or holds
                something else than an audit writes.
        """
        folder = Path(folder)
        path = folder / AUDIT
        try:
            document = read_json(path)
            version = document["schema_version"]
        except OSError as error:
            raise RunFolderError(
                f"'{folder}': expected a finished run folder with {AUDIT}: {error.strerror}"
            ) from error
        except ValueError as error:
            raise RunFolderError(f"'{path}': expected JSON: {error}") from error
        except (KeyError, TypeError) as error:
            raise RunFolderError(f"'{path}': expected a JSON object with schema_version") from error
        check_contents(folder)
        if version != SCHEMA_VERSION:
            raise RunFolderError(
                f"'{path}': expected schema_version {SCHEMA_VERSION}, found {version!r}; run the "
                "audit again with this version of rafair"
            )
        audit = cls(document, folder)
        _ = audit.record  # which is of an audit, or this is where it is told
        return audit

    def check_document(self) -> None:
        """Checks that `audit.json` is still what the audit wrote, where it has a digest.

        Raises:
            RunFolderError: If it is not.
        """
        if not is_sealed(self.document):
            raise RunFolderError(f"'{self.folder / AUDIT}': {ALTERED}")

    def check_file(self, name: str) -> None:
        """Checks that a file of the run folder is still what the audit wrote.

        Raises:
            RunFolderError: If it is missing or has another hash than `audit.json` says.
        """
        path = self.folder / name
        if not path.is_file():
            raise RunFolderError(f"'{path}': expected a file of the run, found no such file")
        expected, found = self.record.files.get(name), sha256_of(path)
        if found != expected:
            raise RunFolderError(
                f"'{path}': altered or cut short: expected sha256 {expected}, found {found}"
            )

    @cached_property
    def record(self) -> AuditRecord:
        """The content of `audit.json` as types.

        Raises:
            RunFolderError: If it is none that an audit writes.
        """
        return record_of(self.document, self.folder / AUDIT)

    @property
    def schema(self) -> Schema:
        """The features of the audited table."""
        return self.record.dataset.schema

    @property
    def options(self) -> AuditOptions:
        """The options that it was run with.

        Raises:
            RunFolderError: If its `audit.json` does not tell all of them, or other ones.
        """
        try:
            return self.record.options
        except InputError as error:
            raise RunFolderError(f"'{self.folder / AUDIT}': {error}") from error
        except TypeError as error:
            raise RunFolderError(
                f"'{self.folder / AUDIT}': expected the options of an audit in its 'config'"
            ) from error

    @property
    def warnings(self) -> list[str]:
        """What a reader of the rates should know."""
        return list(self.record.warnings)

    @cached_property
    def adversarial(self) -> pd.DataFrame:
        """Every iterate of every attack: the content of `adversarial.parquet`."""
        return self._frame(ADVERSARIAL)

    @cached_property
    def repaired(self) -> pd.DataFrame:
        """Every repaired row: the content of `repaired.parquet`; empty if there was no repair."""
        return self._frame(REPAIRED)

    def verdicts(self) -> Iterator[pd.DataFrame]:
        """The verdicts of all rows of a file, some thousands at a time: `verdicts.parquet`.

        Nothing is given where the audited table was no file.
        """
        if VERDICTS in self.record.files and self.record.whole:
            path = self.folder / VERDICTS
            reader = RowReader(path, pq.read_schema(path).names)
            for part in cut(self.record.whole.rows, BATCH_ROWS):
                yield reader.read(part.start, part.stop).to_pandas()

    def cases(self, verdict: Verdict | str | None = None, limit: int | None = None) -> list[Case]:
        """Instances that were in a bad cell under some attack, the most telling first.

        Args:
            verdict: The cell, such as "true biased"; all three bad ones if None.
            limit: How many at the most; all if None.

        Raises:
            UnknownNameError: If there is no such verdict.
        """
        return find_cases(self.adversarial, self.schema, verdict, limit)

    def to_frame(self) -> pd.DataFrame:
        """Every rate of all instances in a row; of groups, `groups_frame` has them.

        Columns: stage, attack, kind, metric, value, count, n, low, high, and epsilon: the budget of
        certificates, and of rates below the largest; else missing.
        """
        import pandas as pd

        records = [
            {
                "stage": PLACES.get(name.kind, "attacks") or name.kind,
                "attack": name.attack or "",
                "kind": SAME_COLUMN.get(name.kind, name.kind) if name.metric else "",
                "metric": name.metric or name.kind,
                **rate.to_dict(),
                "epsilon": name.epsilon,
            }
            for name, rate in rates_of(self.record).items()
            if rate and name.kind != "model"
        ]
        return pd.DataFrame.from_records(records)

    def groups_frame(self) -> pd.DataFrame:
        """Every rate by sensitive group in a row.

        Columns: feature (or both of a pair), group, attack (empty for clean rows), kind ("clean" or
        "robust"), metric, value, count, n, low, high. Where nobody is in a group, n is 0 and the
        rest missing. Of runs that were made before these rates were, they are derived.

        Raises:
            RunFolderError: If the files that they must be derived from cannot be read.
        """
        import pandas as pd

        records = [
            {"feature": feature, "group": group, "attack": attack, "kind": kind, "metric": metric}
            | (rate.to_dict() if rate else {**dict.fromkeys(RATE), "n": 0})
            for feature, groups in groups_of(self.record, self.folder).groups.items()
            for group, section in groups.items()
            for kind, attack, rates in [
                ("clean", "", section.clean),
                *(("robust", name, rates) for name, rates in section.robust.items()),
            ]
            for metric, rate in rates.items()
        ]
        return pd.DataFrame.from_records(records)

    def to_json(self) -> str:
        """The content of `audit.json`."""
        return json.dumps(self.document, indent=2, ensure_ascii=False, allow_nan=False)

    def first_screen(self, rest: Sequence[str], width: int = WIDTH) -> list[Block]:
        """What to know first, as blocks that any output draws.

        Args:
            rest: Where all else is, a line each.
            width: The most characters of a line.
        """
        cases = self._cases_there()
        return first_screen(self.record, cases[0] if cases else None, rest, width)

    def show(self) -> None:
        """Prints all that was found: every table, many cases, and the options of the run."""
        from rafair.results.show_everything import everything

        print(as_text(everything(self)))

    def __str__(self) -> str:
        return as_text(self.first_screen(REST))

    def __repr__(self) -> str:
        name, n = self.record.dataset.name, self.record.clean.n
        return f"<Audit of '{name}': {n} instances, in '{self.folder}'>"

    def _repr_html_(self) -> str:
        from rafair.blocks.notebook import as_html

        return as_html(self.first_screen(REST))

    def _cases_there(self) -> list[Case]:
        """The most telling case; none where the run's rows are gone."""
        try:
            return self.cases(limit=1)
        except RunFolderError:
            return []

    def _frame(self, name: str) -> pd.DataFrame:
        path = self.folder / name
        if name not in self.record.files:
            import pandas as pd

            return pd.DataFrame()
        try:
            frame: pd.DataFrame = pq.read_table(path).to_pandas()
        except (OSError, pa.ArrowException) as error:
            reason = str(error).splitlines()[0]
            raise RunFolderError(f"'{path}': expected a whole Parquet file: {reason}") from error
        return frame
