"""The verdicts of all rows of a file: shards of blocks, one table, and counts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rafair.auditing.adversarial_file import verdict_table
from rafair.auditing.attack_shard import COUNTERS
from rafair.auditing.audit_setup import AuditConfig
from rafair.auditing.evaluation import Company, Inquiry, evaluate
from rafair.auditing.row_estimate import Cost, describe, measure_rate
from rafair.engine.atomic_files import writing
from rafair.engine.checkpoints import Checkpoints, Content
from rafair.engine.progress import Progress
from rafair.engine.shards import Advance, Executor, Shard, cut
from rafair.engine.text_file import read_json
from rafair.engine.thread_pool import Workers
from rafair.errors import DataFileError, IncompleteError
from rafair.metrics.rates import Rate
from rafair.metrics.verdict_rates import confusion_of_counts
from rafair.models.classifier import Classifier
from rafair.results.run_files import VERDICTS
from rafair.sources.source import count_answers
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.parquet_rows import BATCH_ROWS
from rafair.tabular.row_batches import Batch
from rafair.tabular.schema import Schema
from rafair.tabular.streamed_table import TableFile
from rafair.verdicts import Verdict, verdicts

COMPUTED_ROWS = 1 << 21
"""Rows that the model is asked about for one shard: some seconds of work, whatever |I|."""

LEAST_ROWS, MOST_ROWS = 512, 65_536
"""Rows of the file in one shard: not so few that files become many, nor so many that they must
all be held at once."""


def rows_per_shard(counterparts: int) -> int:
    """How many rows of a file are judged between two checkpoints; depends on nothing else.

    Example:
        >>> rows_per_shard(24), rows_per_shard(740), rows_per_shard(11_000)
        (65536, 2048, 512)
    """
    suitable = 1 << (max(COMPUTED_ROWS // counterparts, 1).bit_length() - 1)
    return min(max(suitable, LEAST_ROWS), MOST_ROWS)


@dataclass(frozen=True)
class FileJudge:
    """Gives verdicts of blocks of rows; can be sent to other processes.

    Args:
        classifier: What is audited.
        schema: The features of the rows.
        config: How.
    """

    classifier: Classifier
    schema: Schema
    config: AuditConfig

    def __call__(self, part: Batch, workers: Workers, advance: Advance) -> dict[str, Content]:
        """Asks about a part's rows and all their counterparts.

        Args:
            part: The rows.
            workers: The open pool of threads.
            advance: Told how many of the part's rows were done.

        Returns:
            By name the files to be stored.
        """
        begun = time.perf_counter()
        total = int(Counterparts.of(self.schema).counts(part.rows).sum())
        told = _per_row(advance, len(part.rows), total)
        inquiry = Inquiry(self.classifier, self.schema, self.config, workers, told)
        found = evaluate(inquiry, Company(part.rows, part.labels))
        told(total - found.asked)  # what proofs made needless is done as well
        table = verdict_table(part.numbers, part.labels, part.rows, found.clean, self.schema)
        spent = {"seconds": time.perf_counter() - begun, "prediction_rows": found.asked}
        return {VERDICTS: table, COUNTERS: spent}


def _per_row(advance: Advance, rows: int, counterparts: int) -> Advance:
    """Turns counterparts done into rows done, so that all of them add up to `rows`."""
    done = told = 0

    def on_counterparts(more: int) -> None:
        nonlocal done, told
        done += more
        advance(done * rows // counterparts - told)
        told = done * rows // counterparts

    return on_counterparts


@dataclass
class Whole:
    """Counts over all rows of a file.

    Args:
        answers: How many rows of each class were predicted to be of each; `(c, c)`, true classes
            in rows.
        cells: How many rows there are of each verdict; `(4,)`.
        seconds: What the verdicts took.
        prediction_rows: What the model was asked about.
    """

    answers: NDArray[np.int64]
    cells: NDArray[np.int64]
    seconds: float = 0.0
    prediction_rows: int = 0

    @classmethod
    def empty(cls, n_classes: int) -> Whole:
        """Counts of no rows."""
        return cls(np.zeros((n_classes, n_classes), np.int64), np.zeros(len(Verdict), np.int64))

    def add(self, table: pa.Table, counters: Mapping[str, float]) -> None:
        """Adds a shard's verdicts and what they cost."""
        labels, predictions = table["label"].to_numpy(), table["prediction"].to_numpy()
        self.answers += count_answers(labels, predictions, len(self.answers))
        codes = verdicts(table["accurate"].to_numpy(), table["fair"].to_numpy())
        self.cells += np.bincount(codes, minlength=len(Verdict))
        self.seconds += counters["seconds"]
        self.prediction_rows += int(counters["prediction_rows"])

    def section(self) -> dict[str, int | float | Rate | None]:
        """The section `whole` of `audit.json`."""
        return {
            "rows": int(self.cells.sum()),
            **confusion_of_counts(self.cells),
            "seconds": self.seconds,
            "prediction_rows": self.prediction_rows,
        }


@dataclass(frozen=True)
class Judging:
    """The verdicts of a file under way.

    Args:
        judge: Gives them.
        file: The file.
        folder: Where checkpoints go.
        key: What decides the verdicts besides the rows.
        workers: The open pool of threads.
    """

    judge: FileJudge
    file: TableFile
    folder: Path
    key: str
    workers: Workers

    def go(self, executor: Executor, progress: Progress) -> None:
        """Does what is not stored yet.

        Raises:
            IncompleteError: If the file has changed or can no longer be read, or a verdict cannot
                be stored; what was done is kept.
        """
        dropped = self._checkpoints.drop_unusable()
        if dropped:
            progress.note(dropped)
        missing = self._checkpoints.missing()
        if not missing:
            return
        self._announce(missing, executor.cores(self.workers), progress)
        left = sum(map(len, missing))
        with progress.task("judging all rows", left, "rows") as task:
            parts = self._parts(missing)
            for shard, files in executor.map(self.judge, parts, self.workers, task.advance):
                self._checkpoints.store(shard, files)

    def merge(self, folder: Path) -> Whole:
        """Writes `verdicts.parquet` into a folder, and counts what is in it."""
        whole = Whole.empty(len(self.file.schema.classes))
        with writing(folder / VERDICTS) as path:
            writer: pq.ParquetWriter | None = None
            for table in self._gathered(whole):
                writer = writer or pq.ParquetWriter(path, table.schema)
                writer.write_table(table)
            if writer:
                writer.close()
        return whole

    def _gathered(self, whole: Whole) -> Iterator[pa.Table]:
        """The shards' tables, small ones together, counted on the way."""
        waiting: list[pa.Table] = []
        for folder in self._checkpoints.folders():
            table = pq.read_table(folder / VERDICTS)
            whole.add(table, read_json(folder / COUNTERS))
            waiting.append(table)
            if sum(map(len, waiting)) >= BATCH_ROWS:
                yield pa.concat_tables(waiting)
                waiting = []
        if waiting:
            yield pa.concat_tables(waiting)

    @cached_property
    def _checkpoints(self) -> Checkpoints:
        size = rows_per_shard(Counterparts.of(self.file.schema).size)
        return Checkpoints(self.folder, cut(self.file.rows, size), self.key)

    def _parts(self, missing: list[Shard]) -> Iterator[tuple[Shard, Batch]]:
        reader = self.file.reader()
        for shard in missing:
            try:
                block = self.file.block(reader, shard.start, shard.stop)
            except DataFileError as error:
                raise IncompleteError(
                    f"{error}; it could be read before: what was done is kept, and the same "
                    "command again carries on"
                ) from error
            yield shard, block

    def _announce(self, missing: list[Shard], cores: int, progress: Progress) -> None:
        """Says what is ahead, at the rate of a short probe."""
        file, judge = self.file, self.judge
        sweep = judge.config.sweep(judge.classifier, judge.schema, self.workers, lambda rows: None)
        some = file.block(file.reader(), 0, min(file.rows, 8 * sweep.chunk_rows))
        rate = measure_rate(sweep, some.rows, some.labels, differentiate=False)
        rate *= cores / self.workers.threads
        rows = sum(map(len, missing))
        cost = Cost(rows * sweep.counterparts.size, {}, {})
        shards = len(self._checkpoints.shards)
        done = shards - len(missing)
        again = f"; carrying on where it was left, {done} of {shards} parts done" if done else ""
        progress.note(
            f"verdicts of {rows:,} rows of '{file.path.name}', {describe(cost, rate, cores)}{again}"
        )
