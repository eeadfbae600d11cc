"""A table as a user would bring it, and models really trained on it by other libraries."""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

import rafair
from rafair.tabular.table import Table

ROWS = 600
SENSITIVE = ("age", "religious")


@cache
def people() -> pd.DataFrame:
    """Real answers in words and numbers, the last column the label; no gaps."""
    table = rafair.load_dataset("affairs").table.take(np.arange(ROWS) * 10)
    return table.frame.assign(affair=np.where(table.labels == 1, "yes", "no"))


def features() -> pd.DataFrame:
    return people().drop(columns="affair")


def pipeline(columns: pd.DataFrame | None = None) -> Pipeline:
    """A pipeline that takes the raw table."""
    taken = features() if columns is None else columns
    encoder = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
    )
    return make_pipeline(encoder, LogisticRegression(max_iter=500)).fit(taken, people()["affair"])


def network(table: Table) -> nn.Sequential:
    """A small network, trained on a table's encoded rows."""
    torch.manual_seed(0)
    made = nn.Sequential(nn.Linear(len(table.schema), 16), nn.Tanh(), nn.Linear(16, 2))
    rows, labels = torch.tensor(table.rows), torch.tensor(table.labels)
    optimiser = torch.optim.Adam(made.parameters(), 0.02)
    for _ in range(60):
        optimiser.zero_grad()
        nn.functional.cross_entropy(made(rows), labels).backward()
        optimiser.step()
    return made.eval()


def save_torchscript(module: nn.Module, path: Path, columns: int) -> None:
    """Saves a module as TorchScript, which torch would rather have us forget."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.trace(module, torch.zeros(1, columns)).save(path)


def write_people(folder: Path, frame: pd.DataFrame | None = None) -> Path:
    path = folder / "people.csv"
    (people() if frame is None else frame).to_csv(path, index=False)
    return path
