"""`rafair repair`: the repair alone, of the perturbed rows of a saved run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rafair.cli import options
from rafair.cli.console import show_audit

EPILOG = "Example:  rafair repair runs/affairs-1 --labels consensus"


def repair(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder with perturbed rows.")],
    steps: options.Steps = None,
    step_size: options.StepSize = None,
    epsilon: options.Epsilon = None,
    perturbation: options.Perturbation = None,
    max_category_changes: options.MaxCategoryChanges = None,
    bands: options.Bands = None,
    max_queries: options.MaxQueries = None,
    loss: options.Loss = None,
    labels: options.Labels = None,
    chunk_rows: options.ChunkRows = None,
    threads: options.Threads = None,
    device: options.Device = "cpu",
    engine: options.Engine = "serial",
    address: options.Address = None,
    workers: options.Workers = None,
    out: options.Out = None,
    force: options.Force = False,
    json: options.Json = None,
) -> None:
    """Repairs the perturbed rows of a saved run, and writes a new run folder with both.

    Options that are not given are those of the run.
    """
    from rafair.auditing.entry import repair_saved

    overrides = options.given(
        steps=steps,
        step_size=step_size,
        epsilon=epsilon,
        perturbation=perturbation,
        max_category_changes=max_category_changes,
        bands=bands,
        max_queries=max_queries,
        loss=loss,
        labels=labels,
        chunk_rows=chunk_rows,
    )
    executor = options.executor(engine, address, workers, device)
    means = options.means(out, force, threads, device, executor)
    result = repair_saved(run, overrides, means)
    show_audit(result, json)
