"""`rafair repair`: the repair alone, of the perturbed rows of a saved run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rafair.cli import model_options as models
from rafair.cli import options
from rafair.cli.console import show_audit
from rafair.cli.groups import grouped
from rafair.cli.outputs import refuse_same

EPILOG = "Example:  rafair repair runs/affairs-1 --labels consensus"


@grouped
def repair(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder with perturbed rows.")],
    model: models.AuditedModel = None,
    data: models.AuditedData = None,
    opening: models.Opening = models.UNSAID,
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

    refuse_same("--json", json, data=data, model=model, weights=opening.weights)
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
    named = models.named(model, opening, device, data)
    result = repair_saved(run, overrides, means, named)
    show_audit(result, json)
