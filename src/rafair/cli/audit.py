"""`rafair audit`: from a data set and a network to a verdict, the cases, and their repair."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rafair.cli import options
from rafair.cli.console import show_audit
from rafair.errors import InputError

EPILOG = "Example:  rafair audit --dataset affairs --instances 100 --out runs/first"


def audit(
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="affairs, adult, credit, bank or compas.  [default: affairs]"
        ),
    ] = None,
    variant: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="clean (no feature gives the label away) or paper.  [default: clean]",
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="A folder with a model saved by rafair.  [default: train a new one]"
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A Parquet file with the columns of --model, in the data's own units: verdicts of "
            "all its rows, attacks on a sample of them.",
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="The label column of --data: names of classes, or their codes.  "
            "[default: as in the model's data]",
        ),
    ] = None,
    attack: options.Attack = None,
    instances: options.Instances = None,
    steps: options.Steps = None,
    step_size: options.StepSize = None,
    epsilon: options.Epsilon = None,
    budget: options.Budget = None,
    black_box: options.BlackBox = None,
    max_queries: options.MaxQueries = None,
    k: options.K = None,
    loss: options.Loss = None,
    train_loss: options.TrainLoss = None,
    epochs: options.Epochs = None,
    labels: options.Labels = None,
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
    """Audits a network: clean rates, rates under attack, the cases, and their repair.

    Without options it trains the paper's network on the affairs data and audits that.
    """
    from rafair.auditing.config import AuditConfig
    from rafair.auditing.entry import audit_dataset, audit_saved
    from rafair.auditing.file_audit import audit_file
    from rafair.models.training import TrainConfig

    given = options.given(
        attacks=attack,
        instances=instances,
        steps=steps,
        step_size=step_size,
        epsilon=epsilon,
        budget=budget,
        black_box=black_box,
        max_queries=max_queries,
        k=k,
        loss=loss,
        labels=labels,
        seed=seed,
        chunk_rows=chunk_rows,
    )
    config = AuditConfig(**given)
    training = TrainConfig(**options.given(epochs=epochs, loss=train_loss), seed=config.seed)
    executor = options.executor(engine, address, workers, device)
    means = options.means(out, force, threads, device, executor)
    if model is not None:
        options.refuse_with(
            "--model, which is trained already", epochs=epochs, train_loss=train_loss
        )
    if data is not None:
        options.refuse_with("--data, a file of its own", dataset=dataset, variant=variant)
        if model is None:
            raise InputError("data: expected with --model, whose columns the file has")
        result = audit_file(model, data, label, given, means)
    elif label is not None:
        raise InputError(f"label: expected with --data, whose column it is; got '{label}'")
    elif model is not None:
        result = audit_saved(model, dataset, variant, config, means)
    else:
        result = audit_dataset(dataset or "affairs", variant or "clean", training, config, means)
    show_audit(result, json)
