"""Streams of rows for tests of the watch: files of a real data set, in any format and order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from rafair.tabular.table import Table


def frame_of(table: Table, rows: np.ndarray | None = None, *, label: bool = True) -> pd.DataFrame:
    """Raw rows with ids and the names of their classes, as a stream has them."""
    chosen = np.arange(len(table)) if rows is None else rows
    frame = table.frame.iloc[chosen].reset_index(drop=True)
    frame.insert(0, "id", [f"r{number}" for number in range(len(chosen))])
    if label:
        frame["label"] = [table.schema.classes[code] for code in table.labels[chosen]]
    return frame


def write_stream(frame: pd.DataFrame, path: Path) -> Path:
    """Writes rows in the format that the name says."""
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_parquet(path)
    return path


def write_folder(frame: pd.DataFrame, folder: Path, files: int) -> Path:
    """Writes rows as several files of all three formats in turn."""
    folder.mkdir()
    endings = (".csv", ".jsonl", ".parquet")
    for number, part in enumerate(np.array_split(np.arange(len(frame)), files)):
        name = f"day{number}{endings[number % 3]}"
        write_stream(frame.iloc[part], folder / name)
    return folder
