"""Two passes over a file before any work on it: are all rows good, and which are sampled?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rafair.engine.checkpoints import Checkpoints, Content
from rafair.engine.progress import Progress
from rafair.engine.shards import cut
from rafair.engine.text_file import read_json
from rafair.tabular.parquet_rows import BATCH_ROWS
from rafair.tabular.row_batches import Batch
from rafair.tabular.stream_sampling import ClusterFit, Numbers, StratifiedDraw
from rafair.tabular.streamed_table import TableFile
from rafair.tabular.table import Table

CHECKED, DRAWN = "checked", "drawn"
FOUND, RAW = "found.json", "raw.parquet"


@dataclass(frozen=True)
class Sample:
    """Which rows of a file are wanted, of all that are looked at.

    Args:
        size: How many.
        seed: Decides which.
        chosen: Their numbers, ascending, where they are known.
    """

    size: int
    seed: int
    chosen: Numbers | None = None


@dataclass(frozen=True)
class Scan:
    """The passes over one file; each is stored when it is done, and not done twice.

    Args:
        file: The file.
        sample: Which rows are wanted.
        folder: Where checkpoints go.
        key: What decides the results.
        progress: Where bars are shown.
    """

    file: TableFile
    sample: Sample
    folder: Path
    key: str
    progress: Progress

    def go(self) -> tuple[Table, dict[str, int]]:
        """Does what is not done yet.

        Returns:
            The sampled rows, and by column how many numbers lie outside their feature's range.

        Raises:
            DataFileError: If a row of the file is no good; says which, and why.
        """
        checked = read_json(self._once(CHECKED, self._check) / FOUND)
        drawn = self._once(DRAWN, lambda: self._draw(np.array(checked["centres"])))
        numbers = np.array(read_json(drawn / FOUND), np.int64)
        return self.file.table(pq.read_table(drawn / RAW), numbers), checked["outside"]

    def _once(self, name: str, do: Callable[[], dict[str, Content]]) -> Path:
        """Where the result of a pass is."""
        stored = Checkpoints(self.folder / name, cut(self.file.rows, self.file.rows), self.key)
        dropped = stored.drop_unusable()
        if dropped:
            self.progress.note(dropped)
        for shard in stored.missing():
            stored.store(shard, do())
        return stored.folders()[0]

    def _check(self) -> dict[str, Content]:
        """Looks at every value, and fits the clusters."""
        fit, outside = ClusterFit(), Counter[str]()

        def look(block: Batch) -> None:
            fit.add(block.numbers, block.rows)
            outside.update({name: int(moved.sum()) for name, moved in block.outside.items()})

        self._each_block("checking all rows", look)
        found: dict[str, object] = {"centres": fit.centres().tolist(), "outside": dict(outside)}
        return {FOUND: found}

    def _draw(self, centres: Any) -> dict[str, Content]:
        """Draws from the clusters, and reads the drawn rows."""
        if self.sample.chosen is not None:
            return {FOUND: self.sample.chosen.tolist(), RAW: self._rows(self.sample.chosen)}
        draw = StratifiedDraw(centres, self.sample.size, self.sample.seed)
        self._each_block("drawing a sample", lambda block: draw.add(block.numbers, block.rows))
        numbers = draw.numbers()
        return {FOUND: numbers.tolist(), RAW: self._rows(numbers)}

    def _each_block(self, description: str, look: Callable[[Batch], None]) -> None:
        reader = self.file.reader()
        with self.progress.task(description, self.file.rows, "rows") as task:
            for shard in cut(self.file.rows, BATCH_ROWS):
                look(self.file.block(reader, shard.start, shard.stop))
                task.advance(len(shard))

    def _rows(self, numbers: Numbers) -> pa.Table:
        reader = self.file.reader()
        # copied: a slice would keep all that was read with it
        rows = [reader.read(int(n), int(n) + 1).take(pa.array([0])) for n in numbers]
        self.file.check_unchanged()
        return pa.concat_tables(rows).combine_chunks()
