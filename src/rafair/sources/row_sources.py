"""Where rows come from: a data set, a table in memory, or a file that is streamed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from rafair.datasets.loading import Dataset
from rafair.engine.progress import Progress
from rafair.engine.shards import cut
from rafair.models.classifier import Labels, Rows
from rafair.sources.stream_scan import Sample, Scan
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.data_doubts import doubts
from rafair.tabular.reading_options import AS_IT_IS, ReadAs
from rafair.tabular.schema import Schema
from rafair.tabular.streamed_table import TableFile
from rafair.tabular.table import Table

BLOCK_ROWS = 4096
"""Rows given at once, where all of them are gone through."""


@dataclass(frozen=True)
class Origin:
    """What rows were taken from.

    Args:
        rows: How many there are in all.
        sha256: The hash of all encoded rows and labels; of a file that is streamed, of its bytes.
        variant: Of a named data set its variant, else None.
        file: Of a user's own file its `name` and `sha256`, and how it was read, if that was said.
    """

    rows: int
    sha256: str
    variant: str | None = None
    file: Mapping[str, object] | None = None


class DataSource(Protocol):
    """Rows with their schema and true classes, wherever they come from."""

    @property
    def name(self) -> str:
        """What to call a run on them."""

    @property
    def schema(self) -> Schema:
        """The features of the rows."""

    @property
    def n_rows(self) -> int:
        """How many rows there are to choose from."""

    @property
    def origin(self) -> Origin:
        """What they were taken from."""

    @property
    def plan(self) -> Mapping[str, object]:
        """What decides the rows, as plain values."""

    @property
    def stream(self) -> TableFile | None:
        """The file whose rows are all judged, if they are not held in memory."""

    @property
    def table(self) -> Table:
        """The rows to audit; of a stream its sample, once it is gathered."""

    @property
    def outside(self) -> Mapping[str, int] | None:
        """Of a stream, how many numbers lie outside their feature's range, by column."""

    def gather(self, sample: Sample, folder: Path, key: str, progress: Progress) -> None:
        """Gets the rows ready; keeps in `folder`, under `key`, what need not be done twice.

        Args:
            sample: Which rows of a stream are wanted.
            folder: Where checkpoints go.
            key: What decides the results.
            progress: Where bars are shown.

        Raises:
            DataFileError: If a row is no good.
        """

    def blocks(self) -> Iterator[tuple[Rows, Labels]]:
        """All rows and their classes, block by block, in order."""

    def doubts(self) -> list[str]:
        """What a reader should know of a user's own table, where that is in memory."""


@dataclass(frozen=True)
class InMemory:
    """Rows that are held in memory.

    Args:
        table: The rows.
        origin: What they were taken from.
        plan: What decides them, as plain values.

    Example:
        >>> import rafair
        >>> data = InMemory.of_dataset(rafair.load_dataset("affairs"))
        >>> data.name, data.n_rows, data.origin.rows
        ('affairs', 1274, 6366)
    """

    table: Table
    origin: Origin
    plan: Mapping[str, object]

    @classmethod
    def of_dataset(cls, dataset: Dataset) -> InMemory:
        """The test split of a data set."""
        whole, variant = dataset.table, dataset.variant
        plan = {
            "dataset": dataset.name,
            "variant": variant,
            "sha256": whole.sha256,
            "table": dataset.test.sha256,
        }
        return cls(dataset.test, Origin(len(whole), whole.sha256, variant), plan)

    @classmethod
    def of_table(cls, table: Table) -> InMemory:
        """A table that a caller has."""
        return cls(table, Origin(len(table), table.sha256), {"table": table.sha256})

    @classmethod
    def of_file(cls, table: Table, path: Path, sha256: str, reading: ReadAs = AS_IT_IS) -> InMemory:
        """A table that was read whole from a file, of whose bytes this is the hash."""
        plan = {
            "table": table.sha256,
            "file": sha256,
            "schema": table.schema.model_dump(mode="json"),
        } | read_otherwise(reading)
        file = {"name": path.name, "sha256": sha256} | read_otherwise(reading)
        return cls(table, Origin(len(table), table.sha256, file=file), plan)

    @property
    def name(self) -> str:
        """What the table is called."""
        return self.table.name

    @property
    def schema(self) -> Schema:
        """The table's schema."""
        return self.table.schema

    @property
    def n_rows(self) -> int:
        """The table's rows."""
        return len(self.table)

    @property
    def stream(self) -> None:
        """None."""
        return

    @property
    def outside(self) -> None:
        """None: tables with such rows are refused, or told when they are read."""
        return

    def gather(self, sample: Sample, folder: Path, key: str, progress: Progress) -> None:
        """Nothing: the rows are there."""

    def blocks(self) -> Iterator[tuple[Rows, Labels]]:
        """The table, cut."""
        for part in cut(len(self.table), BLOCK_ROWS):
            yield (
                self.table.rows[part.start : part.stop],
                self.table.labels[part.start : part.stop],
            )

    def doubts(self) -> list[str]:
        """What a reader should know, unless the table is a named data set's."""
        return doubts(self.table) if self.origin.variant is None else []


@dataclass
class Streamed:
    """The rows of a file, which need not fit into memory.

    Args:
        stream: The file.
        sha256: The hash of its bytes.
        reading: What was said of how it is read.
    """

    stream: TableFile
    sha256: str
    reading: ReadAs = AS_IT_IS
    outside: Mapping[str, int] = field(default_factory=dict, init=False)
    _sample: Table | None = field(default=None, init=False)

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.stream.path.stem

    @property
    def schema(self) -> Schema:
        """The features that are read."""
        return self.stream.schema

    @property
    def n_rows(self) -> int:
        """The rows of the file."""
        return self.stream.rows

    @property
    def origin(self) -> Origin:
        """The file."""
        file = {"name": self.stream.path.name, "sha256": self.sha256}
        told = file | read_otherwise(self.reading)
        return Origin(self.stream.rows, self.sha256, file=told)

    @property
    def plan(self) -> Mapping[str, object]:
        """What decides the rows."""
        plan = {"file": self.sha256, "schema": self.schema.model_dump(mode="json")}
        return plan | read_otherwise(self.reading) | ({"own": True} if self.stream.own else {})

    @property
    def table(self) -> Table:
        """The sampled rows, once they are gathered."""
        assert self._sample is not None  # gathered before anybody asks
        return self._sample

    def gather(self, sample: Sample, folder: Path, key: str, progress: Progress) -> None:
        """Looks at every row of the file, and draws the sample."""
        self._sample, self.outside = Scan(self.stream, sample, folder, key, progress).go()

    def blocks(self) -> Iterator[tuple[Rows, Labels]]:
        """The file, read block by block."""
        reader = self.stream.reader()
        for part in cut(self.stream.rows, BLOCK_ROWS):
            block = self.stream.block(reader, part.start, part.stop)
            yield block.rows, block.labels

    def doubts(self) -> list[str]:
        """None: they need all rows at once."""
        return []


def read_otherwise(reading: ReadAs) -> dict[str, object]:
    """How a file was read, where somebody said so."""
    return {"reading": reading.facts} if reading.facts else {}


def some_table(data: DataSource) -> Table:
    """Rows to look at a model by: all that are in memory, or the first of a stream.

    Raises:
        DataFileError: If one of these is no good.
    """
    file = data.stream
    if file is None:
        return data.table
    n = min(file.rows, BLOCK_ROWS)
    numbers = file.block(file.reader(), 0, n).numbers  # which looks at each value
    return file.table(file.reader().read(0, n), numbers)


def dataset_section(data: DataSource) -> dict[str, object]:
    """The section `dataset` of `audit.json` and `harden.json`."""
    schema, counterparts, origin = data.schema, Counterparts.of(data.schema), data.origin
    domains = zip(schema.sensitive, counterparts.domains, strict=True)
    values = {name: [float(value) for value in domain] for name, domain in domains}
    return {
        "name": data.table.name,
        "variant": origin.variant,
        "rows": origin.rows,
        "audited_rows": len(data.table),
        "features": list(schema.names),
        "sensitive": {name: len(domain) for name, domain in values.items()},
        "domains": values,
        "counterparts_per_instance": counterparts.size,
        "label": schema.label,
        "classes": list(schema.classes),
        "schema": schema.model_dump(mode="json"),
        "sha256": origin.sha256,
        "streamed": data.stream is not None,
        "own": bool(data.stream and data.stream.own),
        "outside_range": dict(data.outside or {}),
        "file": dict(origin.file) if origin.file else None,
    }
