"""A saved network on a file: verdicts of all rows, and an ordinary audit of a sample of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.auditing.config import AuditConfig
from rafair.auditing.judging import rows_per_shard
from rafair.auditing.preparation import copy_model
from rafair.auditing.run import Means, run_audit
from rafair.auditing.saved_models import open_saved
from rafair.auditing.scanning import Scan
from rafair.auditing.subject import Subject
from rafair.engine.devices import check_device
from rafair.engine.files import sha256_of
from rafair.engine.progress import Progress
from rafair.engine.workers import Workers
from rafair.errors import DataFileError, InputError
from rafair.models.classifier import Classifier
from rafair.models.storage import load_model, model_folder
from rafair.results.result import Audit
from rafair.search.sweep import suitable_chunk_rows
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.schema import Schema
from rafair.tabular.table import Table
from rafair.tabular.table_file import TableFile

MOST_SAMPLED = 100_000
"""Rows of a sample: it is held in memory, with all that attacks find."""


def audit_file(
    source: Path, path: Path, label: str | None, options: dict[str, Any], means: Means
) -> Audit:
    """Audits a saved network on the rows of a Parquet file, in the data's own units.

    Args:
        source: The folder with the network; its `model.json` says what the columns are.
        path: The file.
        label: Its label column; the one the network was trained with if None.
        options: Options of `AuditConfig` that differ from the defaults.
        means: How and where.

    Raises:
        InputError: If the file is no table for the network, or an option is out of range.
        IncompleteError: If results cannot be stored; what was done is kept.
    """
    if means.out is not None and means.out.resolve() == path.resolve():
        raise InputError(f"out: expected another place than the data, got '{means.out}'")
    source = model_folder(source)
    _, description = load_model(source)
    file = TableFile.open(path, description.table, label)
    config = _fitted(AuditConfig(**options), file, means.device, given="instances" in options)
    preparation = SavedModelOnFile(
        source, file, _hash(file, means.progress), config, check_device(means.device)
    )
    if file.ignored:
        means.progress.note(f"'{path}': columns that are not needed: {', '.join(file.ignored)}")
    return run_audit(preparation, config, means)


def _fitted(config: AuditConfig, file: TableFile, device: str, *, given: bool) -> AuditConfig:
    """The options with what depends on the file filled in."""
    if not given:
        config = replace(config, instances=min(config.instances or file.rows, file.rows))
    if (config.instances or file.rows) > min(MOST_SAMPLED, file.rows):
        most = min(MOST_SAMPLED, file.rows)
        why = "held in memory at once" if most == MOST_SAMPLED else "of the file"
        raise InputError(
            f"instances: expected at most {most:,} rows, {why}; got {config.instances or 'all'} "
            f"(verdicts are given for all {file.rows:,} rows of '{file.path}' in any case)"
        )
    if config.chunk_rows is None:
        # one shape for all rows and for the sample: a row must get one verdict
        counterparts = Counterparts.of(file.schema).size
        rows = min(file.rows, rows_per_shard(counterparts))
        config = replace(config, chunk_rows=suitable_chunk_rows(rows * counterparts, device))
    return config


def _hash(file: TableFile, progress: Progress) -> str:
    megabytes = file.stamp[0] / 1e6
    try:
        with progress.task("hashing the file", megabytes, "MB") as task:
            return sha256_of(file.path, lambda read: task.advance(read / 1e6))
    except OSError as error:
        raise DataFileError(f"'{file.path}': cannot be read: {error.strerror}") from error


@dataclass
class SavedModelOnFile:
    """A network that rafair saved, audited on a file.

    Args:
        source: The folder with the model's files.
        file: The file.
        sha256: The hash of its bytes.
        config: How it is audited.
        device: Where the network computes.
    """

    source: Path
    file: TableFile
    sha256: str
    config: AuditConfig
    device: str = "cpu"
    _sample: Table | None = field(default=None, init=False)
    _outside: dict[str, int] = field(default_factory=dict, init=False)

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.file.path.stem

    @property
    def schema(self) -> Schema:
        """The features that the network takes."""
        return self.file.schema

    @property
    def n_rows(self) -> int:
        """The rows of the file."""
        return self.file.rows

    @property
    def table(self) -> Table:
        """The sampled rows, once they are gathered."""
        assert self._sample is not None  # gathered before anybody asks
        return self._sample

    @property
    def identified(self) -> bool:
        """True: the hashes of the network and of the file say all of them."""
        return True

    @property
    def plan(self) -> dict[str, Any]:
        """What decides the subject."""
        _, description = load_model(self.source)
        schema = self.schema.model_dump(mode="json")
        return {**description.plan, "file": self.sha256, "schema": schema}

    def check(self) -> None:
        """Nothing: the rows are not read yet."""

    def begin(self, folder: Path, *, resumed: bool) -> None:
        """Nothing: the model is there."""

    def look(self, asked: Classifier, workers: Workers, instances: NDArray[np.int64]) -> list[str]:
        """Nothing: it is known how a network of ours is asked, and how it decides."""
        return []

    def gather(self, folder: Path, key: str, progress: Progress) -> None:
        """Looks at every row of the file, and draws the sample.

        Raises:
            DataFileError: If a row is no good.
        """
        size = self.config.instances or self.file.rows
        scan = Scan(self.file, size, self.config.seed, folder, key, progress)
        self._sample, self._outside = scan.go()

    def stand_in(self) -> Classifier:
        """The network itself, in its wrapper if it has one."""
        return open_saved(self.source, self.device)[0]

    def subject(self, folder: Path, progress: Progress) -> Subject:
        """The network, with the sample; its files are copied, so that the folder is complete."""
        copy_model(self.source, folder)
        return Subject(
            self.stand_in(),
            self.table,
            None,
            self.file.rows,
            self.sha256,
            outside=self._outside,
            kind="rafair",
            file={"name": self.file.path.name, "sha256": self.sha256},
        )
