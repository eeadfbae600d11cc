"""`rafair certify`: what is proven of every perturbation, not only of those that were tried."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rafair.cli import model_options as models
from rafair.cli import options
from rafair.cli.console import print_result, say_where, show_audit
from rafair.cli.groups import grouped
from rafair.cli.outputs import refuse_same

EPILOG = "Example:  rafair certify runs/affairs-1 --epsilons .01,.02,.05"
DIFFERS = 1

Again = Annotated[
    bool,
    typer.Option(
        "--check",
        help="Prove the run's certificate again and compare every verdict: exit code 1 where one "
        "differs.",
    ),
]
Epsilons = Annotated[
    str | None,
    typer.Option(
        metavar="SIZES",
        help="The largest changes to certify, as in .01,.02,.05.  [default: those of the run; of a "
        "saved model .01,.02,.05]",
    ),
]
Instances = Annotated[
    str | None,
    typer.Option(
        metavar="N",
        help="How many of the run's instances to certify, or all.  [default: all; of a saved model "
        "200]",
    ),
]


@grouped
def certify(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run folder, or a folder with a saved model.")
    ],
    model: models.AuditedModel = None,
    data: models.AuditedData = None,
    opening: models.Opening = models.UNSAID,
    epsilons: Epsilons = None,
    boxes: options.Boxes = None,
    instances: Instances = None,
    perturbation: options.Perturbation = None,
    seed: options.Seed = None,
    chunk_rows: options.ChunkRows = None,
    threads: options.Threads = None,
    device: options.Device = "cpu",
    engine: options.Engine = "serial",
    address: options.Address = None,
    workers: options.Workers = None,
    out: options.Out = None,
    force: options.Force = False,
    check: Again = False,
    json: options.Json = None,
) -> None:
    """Proves for which instances decisions stay right and equal under every perturbation.

    An attack shows what it found; a certificate holds for all perturbations and counterparts. What
    is proven goes into the run's own folder; of a saved model a run is made.
    """
    from rafair.auditing.certified_runs import certify_saved, prove_again
    from rafair.auditing.certify_options import CertifyOptions

    refuse_same("--json", json, data=data, model=model, weights=opening.weights)
    given = options.given(
        instances=instances,
        epsilons=epsilons,
        perturbation=perturbation,
        seed=seed,
        chunk_rows=chunk_rows,
    )
    executor = options.executor(engine, address, workers, device)
    means = options.means(out, force, threads, device, executor)
    named = models.named(model, opening, device, data)
    if check:
        asked = {"boxes": boxes, "out": out, "force": force or None, "json": json}
        options.refuse_with("--check, which asks what the run was asked", **given, **asked)
        _check(run, prove_again(run, means, named))
        return
    wanted = CertifyOptions(**options.given(boxes=boxes), instances=given.pop("instances", None))
    show_audit(certify_saved(run, given, wanted, means, named), json)


def _check(run: Path, difference: str | None) -> None:
    if difference is not None:
        say_where(f"{run}: {difference}", None, "Differs")
        raise typer.Exit(DIFFERS)
    print_result(None, "Every verdict was proven again.\n", None)
