"""`rafair attack`: attacks alone, on the model of a saved run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rafair.cli import model_options as models
from rafair.cli import options
from rafair.cli.console import show_audit
from rafair.cli.groups import grouped
from rafair.cli.outputs import refuse_same

EPILOG = "Example:  rafair attack runs/affairs-1 --attack rafair-ff --steps 50"


@grouped
def attack(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run folder, or a folder with a saved model.")
    ],
    model: models.AuditedModel = None,
    data: models.AuditedData = None,
    opening: models.Opening = models.UNSAID,
    attack: options.Attack = None,
    instances: options.Instances = None,
    steps: options.Steps = None,
    step_size: options.StepSize = None,
    epsilon: options.Epsilon = None,
    epsilons: options.Epsilons = None,
    perturbation: options.Perturbation = None,
    max_category_changes: options.MaxCategoryChanges = None,
    bands: options.Bands = None,
    budget: options.Budget = None,
    black_box: options.BlackBox = None,
    max_queries: options.MaxQueries = None,
    k: options.K = None,
    loss: options.Loss = None,
    seed: options.Seed = None,
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
    """Attacks the model of a saved run, without training and without repair.

    Options that are not given are those of the run, where it is one.
    """
    from rafair.auditing.entry import attack_saved

    refuse_same("--json", json, data=data, model=model, weights=opening.weights)
    overrides = options.given(
        attacks=attack,
        instances=instances,
        steps=steps,
        step_size=step_size,
        epsilon=epsilon,
        epsilons=epsilons,
        perturbation=perturbation,
        max_category_changes=max_category_changes,
        bands=bands,
        budget=budget,
        black_box=black_box,
        max_queries=max_queries,
        k=k,
        loss=loss,
        seed=seed,
        chunk_rows=chunk_rows,
    )
    executor = options.executor(engine, address, workers, device)
    means = options.means(out, force, threads, device, executor)
    named = models.named(model, opening, device, data)
    result = attack_saved(run, overrides, means, named)
    show_audit(result, json)
