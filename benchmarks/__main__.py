"""`make bench`: how near the sweeps over counterparts come to a matrix product of the same run.

Operations are counted as forward and input-gradient products of the network's layers, two per
multiplication and addition, for every counterpart of every instance: what plain enumeration needs.
Products and sweeps are measured in turn, several times, and the median of the ratios is told: the
machine's own speed drifts.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table as RichTable
from torch import nn

import rafair
from rafair.engine.shards import INSTANCES_PER_SHARD
from rafair.engine.workers import Workers, available_cores
from rafair.errors import RafairError
from rafair.models.losses import CrossEntropy
from rafair.models.network import fcnn
from rafair.models.torch_module import TorchClassifier
from rafair.search.sweep import Sweep, suitable_chunk_rows
from rafair.tabular.counterparts import Counterparts

PRODUCT = 2048
INSTANCES = 200
ROUNDS = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", nargs="+", default=["adult", "compas", "credit", "affairs"])
    parser.add_argument("--chunk-rows", nargs="+", type=int, default=[None])
    parser.add_argument("--threads", type=int, default=available_cores())
    options = parser.parse_args()
    console = Console(width=110, highlight=False)
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
        console.print(f"This machine is busy (load {os.getloadavg()[0]:.1f}): expect noise.")
    console.print(
        f"{options.threads} threads; float32 product {PRODUCT}x{PRODUCT}, {ROUNDS} rounds in turn"
    )
    table = RichTable("data", "chunk", "I(v)", "product GFLOP/s", "gradient sweep", "verdict sweep")
    for name in options.datasets:
        for chunk_rows in options.chunk_rows:
            row = sweeps(name, chunk_rows, options.threads)
            if row:
                table.add_row(*row)
    console.print(table)
    console.print("A sweep's figure is its share of the product's operations per second (median).")
    console.print(audit_line(options.datasets[0]))


def sweeps(name: str, chunk_rows: int | None, threads: int) -> list[str] | None:
    """One line: both sweeps of a data set as shares of the product's rate."""
    try:
        test = rafair.load_dataset(name).test
    except RafairError as error:
        print(f"{name} left out: {error}", file=sys.stderr)
        return None
    network = fcnn(test.rows.shape[1])
    rows, labels = test.rows[:INSTANCES], test.labels[:INSTANCES]
    counterparts = Counterparts.of(test.schema)
    chunk_rows = chunk_rows or suitable_chunk_rows(counterparts.size * INSTANCES_PER_SHARD)
    forward = 2 * sum(layer.weight.numel() for layer in network if isinstance(layer, nn.Linear))
    operations = forward * counterparts.size * len(rows)
    product, gradient, verdict = [], [], []
    for _ in range(ROUNDS):
        product.append(2 * PRODUCT**3 / seconds_of_product(threads))
        with Workers(threads) as workers:
            sweep = Sweep(
                TorchClassifier(network), counterparts, CrossEntropy(), workers, 0, chunk_rows
            )
            gradient.append(2 * operations / seconds(sweep.observe, rows, labels))
            verdict.append(operations / seconds(sweep.judge, rows, labels))
    shares = [
        statistics.median(np.array(rates) / np.array(product)) for rates in (gradient, verdict)
    ]
    return [
        name,
        str(chunk_rows),
        str(counterparts.size),
        f"{statistics.median(product) / 1e9:.0f}",
        *(f"{share:.2f}" for share in shares),
    ]


def seconds_of_product(threads: int) -> float:
    """The best of a few products with all threads, as a floor should be."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    a, b = torch.randn(PRODUCT, PRODUCT), torch.randn(PRODUCT, PRODUCT)
    best = min(seconds(lambda: a @ b) for _ in range(4))
    torch.set_num_threads(before)
    return best


def seconds(work: Callable[..., object], *arguments: object) -> float:
    begun = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - begun


def audit_line(name: str) -> str:
    """Time and peak memory of a whole audit as a user runs it, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        program = "from rafair.cli.main import main; main()"
        arguments = ["audit", "--dataset", name, "--out", str(Path(folder) / "run")]
        spent = seconds(
            lambda: subprocess.run(
                [sys.executable, "-c", program, *arguments], check=True, capture_output=True
            )
        )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return f"rafair audit --dataset {name}: {spent:.0f} s, peak memory {peak:,.0f} MiB"


if __name__ == "__main__":
    main()
