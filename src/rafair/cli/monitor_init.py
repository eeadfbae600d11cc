"""`rafair monitor init`: freezes what a model was like, for a watch to compare with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rafair.cli import model_options as models
from rafair.cli import options
from rafair.cli.console import TerminalProgress, print_result
from rafair.cli.groups import grouped
from rafair.cli.outputs import refuse_same
from rafair.monitoring.probes import DEFAULT, PROBES

EPILOG = "Example:  rafair monitor init runs/affairs-1"


@grouped
def init(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run folder.")],
    data: models.AuditedData = None,
    model: models.AuditedModel = None,
    opening: models.Opening = models.UNSAID,
    max_queries: options.MaxQueries = None,
    alpha: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="The chance that a stream without drift ever shows an alarm.  [default: 0.05]",
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="A loss that no alarm is wanted for.  [default: 0.01]"),
    ] = None,
    probes: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help=f"{','.join(sorted(PROBES))}, one of them, or none.  "
            f"[default: {','.join(DEFAULT)}]",
        ),
    ] = None,
    epsilon: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="The largest change of a probe, as a share of each feature's range, or "
            "NAME=SIZE,NAME=SIZE.  [default: 0.02]",
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(metavar="N", help="Steps of each probe.  [default: 3]")
    ] = None,
    instances: Annotated[
        str | None,
        typer.Option(metavar="N", help="How many rows to freeze, or all.  [default: all]"),
    ] = None,
    threads: options.Threads = None,
    device: options.Device = "cpu",
    force: Annotated[
        bool,
        typer.Option("--force", help="Move another reference aside, with what was watched by it."),
    ] = False,
    json: options.Json = None,
) -> None:
    """Freezes what a model was like on the whole test split of a finished audit.

    Of an audit of your own model or table, name them again.
    """
    from rafair.blocks.terminal import render
    from rafair.monitoring.history import reference_facts
    from rafair.monitoring.references.freezing import FreezeOptions, freeze
    from rafair.reports.monitor_text import reference_blocks

    refuse_same("--json", json, data=data, weights=opening.weights, model=model)
    given = options.given(
        alpha=alpha, tolerance=tolerance, steps=steps, epsilon=epsilon, instances=instances
    )
    if probes == "none":
        options.refuse_with("--probes none", epsilon=epsilon, steps=steps)
    if probes is not None:
        given["probes"] = () if probes == "none" else options.names("probes", probes)
    reference = freeze(
        run,
        FreezeOptions(**given),
        models.named(model, opening, device, data, max_queries=max_queries),
        threads=threads,
        device=device,
        force=force,
        progress=TerminalProgress(),
    )
    facts = reference_facts(reference)
    print_result(facts.to_dict(), render(reference_blocks(facts)), json)
