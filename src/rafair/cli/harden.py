"""`rafair harden`: trains or wraps a model so that violations are harder to find, and judges it."""

from __future__ import annotations

from typing import Annotated

import typer

from rafair.cli import model_options as models
from rafair.cli import options
from rafair.cli.console import print_result, say_where
from rafair.cli.groups import grouped
from rafair.cli.outputs import refuse_same
from rafair.errors import InputError

EPILOG = "Example:  rafair harden --dataset affairs --epsilon 0.05 --out runs/hardened"


@grouped
def harden(
    dataset: options.AnyDataset = None,
    variant: options.AnyVariant = None,
    model: models.Model = None,
    data: models.Data = None,
    columns: models.Columns = models.UNTOLD,
    reading: models.Reading = models.AS_IT_IS,
    opening: models.Opening = models.UNSAID,
    method: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Trains anew: counterpart-adversarial, pgd-at, trades, augment, "
            "counterpart-logit-pairing. Wraps any model: consensus, benign.  "
            "[default: counterpart-adversarial]",
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="An option of the method, as steps=5; may be repeated."
        ),
    ] = None,
    epsilon: Annotated[
        float | None,
        typer.Option(
            metavar="SIZE",
            help="The largest change that training lets happen, as a share of each feature's "
            "range; judged as well, and told first.  [default: 0.05; of what wraps, that or the "
            "smallest of --epsilons]",
        ),
    ] = None,
    epochs: options.Epochs = None,
    batch: options.Batch = None,
    learning_rate: options.LearningRate = None,
    models_: Annotated[
        int | None,
        typer.Option(
            "--models", metavar="N", help="How many networks, each with its own seed.  [default: 1]"
        ),
    ] = None,
    seed: options.Seed = None,
    instances: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help="How many test rows are judged, or all.  [default: 200; of your own table all]",
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(metavar="N", help="Steps of each judge.  [default: 20]")
    ] = None,
    judges: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,NAME",
            help="The attacks that judge, or all.  [default: rafair,apgd,acg,eidig]",
        ),
    ] = None,
    epsilons: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE,SIZE",
            help="The largest changes that the judges may make.  [default: 0.02,0.05,0.1,0.2]",
        ),
    ] = None,
    perturbation: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What the judges try: paper (all codes move continuously) or feasible (only rows "
            "that could really happen).  [default: paper; of your own data feasible]",
        ),
    ] = None,
    certify: Annotated[
        bool,
        typer.Option(
            "--certify",
            help="Prove as well of which judged rows the properties hold for every perturbation, "
            "before and after.",
        ),
    ] = False,
    boxes: options.Boxes = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Refuse to begin anew. Without it too, the same command carries on where it was "
            "interrupted.",
        ),
    ] = False,
    threads: options.Threads = None,
    device: options.Device = "cpu",
    out: options.Out = None,
    force: options.Force = False,
    json: options.Json = None,
) -> None:
    """Hardens a model against violations of accuracy and fairness, and judges what that brought.

    Without options it trains the paper's network on the affairs data as usual and hardened. The
    judges are attacks that training did not use; they ask all counterparts.
    """
    from rafair.blocks.terminal import render
    from rafair.hardening.config import HardenConfig
    from rafair.hardening.entry import pairs_of
    from rafair.hardening.running import run_hardening
    from rafair.reports.hardening import blocks
    from rafair.reports.tradeoff import draw_tradeoff
    from rafair.results.hardening_record import hardening_of

    refuse_same(
        "--json", json, data=data, schema=columns.schema, model=model, weights=opening.weights
    )
    given = options.given(
        method=method,
        options=tuple(option) if option else None,
        models=models_,
        seed=seed,
        instances=instances,
        steps=steps,
        perturbation=perturbation,
        certify=certify or None,
        boxes=boxes,
    )
    if boxes is not None and not certify:
        raise InputError(f"boxes: expected with --certify, which it belongs to; got {boxes}")
    if epsilon is not None:
        given["epsilon"] = epsilon
    if judges is not None:
        given["judges"] = options.names("judges", judges)
    if epsilons is not None:
        given["epsilons"] = options.numbers("epsilons", epsilons)
    if data is not None:
        given = {"instances": None} | given
    config = HardenConfig(**given)
    means = options.means(out, force, threads, device)
    training = options.given(epochs=epochs, batch=batch, learning_rate=learning_rate)
    if model is not None:
        options.refuse_with("--model, whose own training options are taken", **training)
    of_data = {"dataset": dataset, "variant": variant}
    named = models.named(model, opening, device, data, columns, reading, **of_data)
    pairs = pairs_of(named, training, config, means)
    done = run_hardening(pairs, config, means, draw_tradeoff, resume=resume)
    print_result(done.document, render(blocks(hardening_of(done.document))), json)
    say_where(done.folder, json)
