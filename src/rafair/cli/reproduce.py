"""`rafair reproduce`: the paper's tables and figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rafair.cli import options
from rafair.cli.console import print_result, say_where

EPILOG = "Example:  rafair reproduce table3 --datasets credit"


def reproduce(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT", help="table3, table4, epsilons, figures, examples, or all of them."
        ),
    ],
    datasets: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,NAME",
            help="Which data sets.  [default: adult,bank,credit,compas]",
        ),
    ] = None,
    variant: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="clean (no feature gives the label away) or paper (the paper's features).  "
            "[default: paper]",
        ),
    ] = None,
    models: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Networks per data set, trained from seeds that follow each other.  [default: 1]",
        ),
    ] = None,
    instances: Annotated[
        str | None,
        typer.Option(metavar="N", help="How many test rows to attack, or all.  [default: 200]"),
    ] = None,
    steps: options.Steps = None,
    step_size: Annotated[
        float | None,
        typer.Option(
            metavar="SIZE",
            help="Length of a step, as a share of each feature's range.  [default: 0.01]",
        ),
    ] = None,
    epochs: options.Epochs = None,
    train_loss: options.TrainLoss = None,
    seed: options.Seed = None,
    figure_instances: Annotated[
        int | None,
        typer.Option(metavar="N", help="Test rows behind the figures.  [default: 100]"),
    ] = None,
    figure_steps: Annotated[
        int | None, typer.Option(metavar="N", help="Steps behind the figures.  [default: 50]")
    ] = None,
    threads: options.Threads = None,
    device: options.Device = "cpu",
    engine: options.Engine = "serial",
    address: options.Address = None,
    workers: options.Workers = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where everything goes.  [default: runs/reproduction]"),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace runs at DIR that had other options.")
    ] = False,
    json: options.Json = None,
) -> None:
    """Makes the paper's tables and figures again, and compares them with it.

    Networks and audits are ordinary run folders in DIR; given again, the command carries on.
    """
    from rafair.blocks.terminal import render
    from rafair.study.config import StudyConfig
    from rafair.study.reproduce import DEFAULT_OUT
    from rafair.study.reproduce import reproduce as run
    from rafair.study.terminal import blocks

    given = options.given(
        variant=variant,
        models=models,
        instances=instances,
        steps=steps,
        epochs=epochs,
        train_loss=train_loss,
        seed=seed,
        figure_instances=figure_instances,
        figure_steps=figure_steps,
    )
    if step_size is not None:
        given["step_size"] = step_size
    if datasets is not None:
        given["datasets"] = options.listed(datasets)
    config = StudyConfig(**given)
    executor = options.executor(engine, address, workers, device)
    means = options.means(out or DEFAULT_OUT, force, threads, device, executor)
    found = run(what, config, means)
    print_result(found.document, render(blocks(found)), json)
    say_where(found.out, json)
