"""Small models and tables whose answers are known by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import torch
from torch import nn

from rafair.models.paper_network import fcnn
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.table import Table


def numeric(name: str, *, sensitive: int = 0, mutable: bool = True) -> Feature:
    """A feature on [0, 1], with `sensitive` evenly spaced values in its domain if not 0."""
    domain = tuple(np.linspace(0, 1, sensitive).tolist()) if sensitive else None
    return Feature(
        name=name,
        kind="numeric",
        minimum=0,
        maximum=1,
        sensitive=bool(sensitive),
        mutable=mutable,
        domain=domain,
    )


def table_of(rows: np.ndarray, labels: np.ndarray, features: tuple[Feature, ...]) -> Table:
    classes = tuple(f"class {i}" for i in range(max(2, int(labels.max()) + 1)))
    schema = Schema(features=features, label="y", classes=classes)
    frame = pd.DataFrame(rows.astype(np.float64), columns=list(schema.names))
    return Table(frame, labels.astype(np.int64), schema, "planted")


def random_table(
    n: int = 40,
    *,
    n_free: int = 3,
    domains: tuple[int, ...] = (3, 2),
    n_classes: int = 2,
    seed: int = 0,
) -> Table:
    """Uniform rows; sensitive values are drawn from their domains; labels are random."""
    generator = np.random.default_rng(seed)
    features = [numeric(f"x{i}") for i in range(n_free)]
    features += [numeric(f"s{i}", sensitive=size) for i, size in enumerate(domains)]
    free = generator.random((n, n_free), dtype=np.float32)
    bound = [generator.choice(np.linspace(0, 1, size), n) for size in domains]
    rows = np.column_stack([free, *bound])
    return table_of(rows, generator.integers(0, n_classes, n), tuple(features))


def mostly_right(table: Table, module: nn.Module, wrong: float = 0.1, seed: int = 0) -> Table:
    """The same rows with the labels that a network predicts, but for a share of them."""
    with torch.no_grad():
        predicted = module(torch.tensor(table.rows)).argmax(dim=1).numpy()
    swapped = np.random.default_rng(seed).random(len(predicted)) < wrong
    labels = np.where(swapped, 1 - predicted, predicted).astype(np.int64)
    return Table(table.frame, labels, table.schema, table.name)


def linear(weights: list[float], bias: float = 0.0) -> nn.Module:
    """A logistic model of two classes: z1 - z0 = w·x + b."""
    layer = nn.Linear(len(weights), 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.0] * len(weights), weights]))
        layer.bias.copy_(torch.tensor([0.0, bias]))
    return nn.Sequential(layer)


def network(n_features: int, n_classes: int = 2, seed: int = 0, scale: float = 3.0) -> nn.Module:
    """The paper's network with random weights, scaled and shifted so that classes do change."""
    made = fcnn(n_features, n_classes, seed=seed)
    with torch.no_grad():
        for layer in made:
            if isinstance(layer, nn.Linear):
                layer.weight.mul_(scale)
        somewhere = torch.rand(500, n_features, generator=torch.Generator().manual_seed(seed))
        made[-1].bias.sub_(made(somewhere).mean(dim=0))
    return made


class Smooth(nn.Module):
    """A network that the fast path for ReLU chains does not know."""

    def __init__(self, n_features: int, n_classes: int = 2, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.first = nn.Parameter(2 * torch.randn(n_features, 16, generator=generator))
        self.second = nn.Parameter(torch.randn(16, n_classes, generator=generator))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return torch.tanh((rows - 0.5) @ self.first) @ self.second


def brute_counterparts(row: np.ndarray, table: Table) -> np.ndarray:
    """All counterparts of an encoded row, by plain enumeration."""
    schema = table.schema
    columns = [schema.column(name) for name in schema.sensitive]
    domains = [np.float32(schema[name].domain) for name in schema.sensitive]
    made = []
    for values in itertools.product(*domains):
        other = row.copy()
        other[columns] = values
        made.append(other)
    if not any(np.array_equal(row, other) for other in made):
        made.append(row.copy())
    return np.array(made, np.float32)
