"""`python -m benchmarks.proofs MODELS`: what verdicts cost with proofs, against the size of I(v).

Five features of a data set are made sensitive, ordered ones with finer domains, until there are as
many counterparts as wanted. For each number of them: how many boxes were bounded, how many points
were looked at one by one, and how many of these had to be predicted; `--check` compares with
enumeration, and times both.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table as RichTable
from torch import nn

import rafair
from rafair.certify.counterpart_proofs import Proofs
from rafair.engine.thread_pool import Workers
from rafair.models.losses import CrossEntropy
from rafair.models.model_folder import load_model
from rafair.models.torch_module import TorchClassifier
from rafair.search.counterpart_evaluator import CHUNK_ROWS, CounterpartEvaluator
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.encoding import Rows
from rafair.tabular.table import Table

SENSITIVE = {
    "adult": ("age", "race", "gender", "education-num", "hours-per-week"),
    "bank": ("age", "job", "marital", "balance", "education"),
    "compas": ("age", "race", "gender", "decile_score", "priors_count"),
    "credit": ("age", "gender", "duration", "credit_amount", "employment"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, help="a folder with <data set>-0 for each data set")
    parser.add_argument("--datasets", nargs="+", default=list(SENSITIVE))
    parser.add_argument("--instances", type=int, default=50, help="the first of the test split")
    parser.add_argument("--sizes", nargs="+", type=float, default=[10.0**e for e in range(2, 8)])
    parser.add_argument("--consensus", action="store_true", help="decide the consensus as well")
    parser.add_argument("--check", action="store_true", help="compare with enumeration")
    options = parser.parse_args()
    columns = ["data", "I(v)", "boxes", "worst row", "points", "predicted"]
    table = RichTable(*columns, "fair", *(["time"] if options.check else []))
    for name in options.datasets:
        test = rafair.load_dataset(name, "paper").test
        network, _ = load_model(options.models / f"{name}-0")
        rows = test.rows[: options.instances]
        for size in options.sizes:
            counterparts = widened(test, SENSITIVE[name], size)
            row = cost(network, counterparts, rows, options.consensus, options.check)
            table.add_row(name, f"{counterparts.size:,}", *row)
    console = Console(width=110, highlight=False)
    console.print(table)
    console.print("Means over instances. Time: CPU seconds of proofs over those of sweeps.")


def widened(table: Table, names: tuple[str, ...], size: float) -> Counterparts:
    """About `size` counterparts by the features `names`; categories keep their own values."""
    features = {name: table.schema[name] for name in names}
    columns = sorted(table.schema.column(name) for name in names)
    fixed = {
        table.schema.column(name): np.unique(table.rows[:, table.schema.column(name)])
        for name, feature in features.items()
        if feature.kind in ("categorical", "ordinal", "boolean")
    }
    share = size / np.prod([len(values) for values in fixed.values()])
    steps = max(2, round(share ** (1 / (len(columns) - len(fixed)))))
    fine = np.linspace(0, 1, steps, dtype=np.float32)
    return Counterparts(columns, [fixed.get(column, fine) for column in columns])


class Enumeration(CounterpartEvaluator):
    """A sweep that never takes verdicts from proofs."""

    def _proofs(self) -> None:
        return None


def cost(
    network: nn.Sequential, counterparts: Counterparts, rows: Rows, consensus: bool, check: bool
) -> list[str]:
    """One line: boxes and points per instance, and what they save."""
    classifier = TorchClassifier(network)
    with Workers(1) as workers:
        proofs = Proofs.of(classifier, counterparts, workers, CHUNK_ROWS)
        assert proofs is not None
        own = proofs.predict(rows)
        begun = time.process_time()
        settled = proofs.settle(rows, own, consensus=consensus)
        taken = time.process_time() - begun
        assert settled.done.all()
        means = settled.boxes.mean(), settled.boxes.max(), settled.points.mean()
        line = [*(f"{value:,.0f}" for value in means), f"{settled.predicted.mean():.1f}"]
        line.append(f"{settled.fair.mean():.2f}")
        if check:
            sweep = Enumeration(
                classifier, counterparts, CrossEntropy(), workers, chunk_rows=CHUNK_ROWS
            )
            begun = time.process_time()
            seen = sweep.judge(rows, np.zeros(len(rows), np.int64))
            line.append(f"{taken / (time.process_time() - begun):.3f}")
            names = ["fair", "disagreeing", "disagreeing_prediction", *["consensus"] * consensus]
            for name in names:
                assert np.array_equal(getattr(settled, name), getattr(seen, name)), name
        return line


if __name__ == "__main__":
    main()
