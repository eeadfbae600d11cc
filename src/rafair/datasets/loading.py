"""`load_dataset`: a named data set, from its files to a training and a test table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from rafair.arguments import check_name
from rafair.datasets.dataset_files import locate, read_checked
from rafair.datasets.downloading import fetch
from rafair.datasets.info import DatasetInfo, SourceFile, Variant
from rafair.datasets.registry import DATASETS
from rafair.engine.progress import SILENT, Progress

if TYPE_CHECKING:
    from rafair.tabular.table import Table


class Loader(Protocol):
    """What the module of a data set offers."""

    def read(self, contents: Mapping[str, bytes], variant: Variant) -> Table:
        """Makes a table of the files' unpacked bytes, by name."""


@dataclass(frozen=True)
class Dataset:
    """A data set, ready to train on and to audit.

    Args:
        name: What it is called.
        variant: Which features it was loaded with.
        table: All rows.
        train: The rows to train on.
        test: The rows to audit; all three have the same schema.
        info: Where it comes from, and what to know about it.
    """

    name: str
    variant: Variant
    table: Table
    train: Table
    test: Table
    info: DatasetInfo = field(repr=False)


def load_dataset(
    name: str = "affairs", variant: str = "clean", *, progress: Progress = SILENT
) -> Dataset:
    """Loads a data set from the folder `RAFAIR_DATA`, the user's cache, or its publisher.

    Args:
        name: One of `rafair.datasets.DATASETS`.
        variant: "clean" leaves out features that give the label away; "paper" has the paper's.
        progress: Where to show a download.

    Raises:
        UnknownNameError: If there is no such data set or variant.
        DataFileError: If a file is damaged or has another hash than it should.
        DownloadError: If a file is nowhere and cannot be fetched.

    Example:
        >>> dataset = load_dataset("affairs")
        >>> dataset.table
        Table('affairs': 6,366 rows, 8 features, sensitive: age, religious; label 'affairs': no
        affair, affair)
        >>> len(dataset.train), len(dataset.test)
        (5092, 1274)
    """
    info = DATASETS[check_name("data set", name, DATASETS)]
    chosen = Variant(check_name("variant", variant, list(Variant)))
    contents = {file.name: _contents(file, info, progress) for file in info.files}
    loader = cast(Loader, import_module(f"rafair.datasets.{name}"))
    table = loader.read(contents, chosen)
    train, test = _split(table, info.train_rows)
    return Dataset(name, chosen, table, train, test, info)


def _contents(file: SourceFile, info: DatasetInfo, progress: Progress) -> bytes:
    found = locate(file)
    if found.path is None:
        fetch(info.name, progress=progress)
        found = locate(file)
    assert found.path is not None  # fetch raises where it cannot put a file there
    return read_checked(found.path, file)


def _split(table: Table, train_rows: int | None) -> tuple[Table, Table]:
    import numpy as np

    if train_rows is None:
        train, test = table.split()
        return train, test.renumbered()
    rows = np.arange(len(table))
    return table.take(rows[:train_rows]), table.take(rows[train_rows:]).renumbered()
