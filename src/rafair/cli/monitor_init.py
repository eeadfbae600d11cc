"""`rafair monitor init`: freezes what a model was like, for a watch to compare with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rafair.cli import model_options as models
from rafair.cli import monitor_options, options
from rafair.cli.console import TerminalProgress, print_result
from rafair.cli.outputs import refuse_same

EPILOG = "Example:  rafair monitor init runs/affairs-1"


def init(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run folder.")],
    data: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The audit's table, if that was one of your own."),
    ] = None,
    model: monitor_options.Model = None,
    weights: models.Weights = None,
    model_input: models.ModelInput = None,
    model_output: models.ModelOutput = None,
    threshold: models.Threshold = None,
    model_classes: models.ModelClasses = None,
    trust: models.Trust = None,
    trust_pickle: models.TrustPickle = False,
    trust_torchscript: models.TrustTorchscript = False,
    protocol: models.Protocol = None,
    batch_rows: models.BatchRows = None,
    concurrency: models.Concurrency = None,
    timeout: models.Timeout = None,
    retries: models.Retries = None,
    token_env: models.TokenEnv = None,
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
            metavar="NAMES", help="noise,rafair, one of them, or none.  [default: noise,rafair]"
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
    from rafair.monitoring.history import reference_facts
    from rafair.monitoring.references.freezing import FreezeOptions, freeze
    from rafair.reports.monitor_text import render_reference

    refuse_same("--json", json, data=data, weights=weights, model=model)
    given = options.given(
        alpha=alpha, tolerance=tolerance, steps=steps, epsilon=epsilon, instances=instances
    )
    if probes == "none":
        options.refuse_with("--probes none", epsilon=epsilon, steps=steps)
    if probes is not None:
        given["probes"] = () if probes == "none" else options.names("probes", probes)
    said = models.said(
        weights=weights,
        inputs=model_input,
        outputs=model_output,
        threshold=threshold,
        classes=model_classes,
        trust=trust,
        trust_pickle=trust_pickle or None,
        trust_torchscript=trust_torchscript or None,
        protocol=protocol,
        batch_rows=batch_rows,
        concurrency=concurrency,
        timeout_s=timeout,
        retries=retries,
        token_env=token_env,
    )
    reference = freeze(
        run,
        FreezeOptions(**given),
        monitor_options.named(model, data, said, device, max_queries),
        threads=threads,
        device=device,
        force=force,
        progress=TerminalProgress(),
    )
    facts = reference_facts(reference)
    print_result(facts, render_reference(facts), json)
