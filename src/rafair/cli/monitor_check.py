"""`rafair monitor check`: one window of new rows."""

from __future__ import annotations

from typing import Annotated

import typer

from rafair.cli import model_options as models
from rafair.cli import monitor_options, options
from rafair.cli.console import TerminalProgress, print_result
from rafair.cli.groups import grouped
from rafair.cli.outputs import refuse_same

EPILOG = "Example:  rafair monitor check runs/affairs-1 --data new.csv --json -"
ALARM = 1


@grouped
def check(
    run: monitor_options.Watched,
    data: Annotated[
        str,
        typer.Option(
            metavar="FILE", help="CSV, Parquet or JSON lines; - for JSON lines on standard input."
        ),
    ],
    store: monitor_options.Store = None,
    id_column: monitor_options.IdColumn = None,
    label_column: monitor_options.LabelColumn = None,
    webhook: monitor_options.Webhook = None,
    least_judged: monitor_options.LeastJudged = 0.5,
    patience: monitor_options.Patience = "60s",
    model: models.AuditedModel = None,
    opening: models.Opening = models.UNSAID,
    max_queries: options.MaxQueries = None,
    threads: options.Threads = None,
    device: options.Device = "cpu",
    json: options.Json = None,
) -> None:
    """Looks at new rows as one window: exit code 1 if an alarm stands, else 0.

    Rows have the columns of the audit's table, an id if their labels come later, and the label if
    it is known. A file that was checked before is not counted again: its result is shown.
    """
    from rafair.blocks.terminal import render
    from rafair.monitoring.entry import Place, check_file
    from rafair.reports.monitor_text import window_blocks

    refuse_same("--json", json, data=data, weights=opening.weights, model=model, store=store)
    progress = TerminalProgress()
    place = Place(
        run,
        store,
        named=models.named(model, opening, device, max_queries=max_queries),
        id_column=id_column,
        label_column=label_column,
        patience=patience,
        webhook=webhook,
        least_judged=least_judged,
        threads=threads,
        device=device,
        say=progress.note,
        progress=progress,
    )
    result, facts = check_file(place, data)
    print_result(result.to_dict(), render(window_blocks(result, facts)), json)
    if result.alarms:
        raise typer.Exit(ALARM)
