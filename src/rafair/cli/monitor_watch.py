"""`rafair monitor watch`: window after window, until it is stopped."""

from __future__ import annotations

from typing import Annotated

import typer

from rafair.cli import model_options as models
from rafair.cli import monitor_options, options
from rafair.cli.console import TerminalProgress
from rafair.cli.groups import grouped
from rafair.cli.lines import Lines
from rafair.cli.outputs import json_output, refuse_inside, refuse_same
from rafair.cli.stopping import stopping

EPILOG = "Example:  rafair monitor watch runs/affairs-1 inbox/ --window-rows 500"
ALARM = 1


@grouped
def watch(
    run: monitor_options.Watched,
    source: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER|-", help="A folder that files come into, or - for JSON lines on stdin."
        ),
    ],
    window_rows: Annotated[
        int, typer.Option(metavar="N", help="Rows or labels that close a window.")
    ] = 500,
    window_time: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="The time that closes a window, as 90s, 15m, 1h or 1d.  [default: no limit]",
        ),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Read what is there, close the last window, and end.")
    ] = False,
    poll: Annotated[
        str, typer.Option(metavar="TIME", help="How often the folder is looked into.")
    ] = "1s",
    settle: Annotated[
        str,
        typer.Option(
            metavar="TIME", help="For how long a file must not change to be taken as it is."
        ),
    ] = "5s",
    number_rows: Annotated[
        bool,
        typer.Option(
            "--number-rows",
            help="Of standard input: take rows without an id; sent again, they count again.",
        ),
    ] = False,
    metrics_port: Annotated[
        int | None, typer.Option(metavar="PORT", help="Where Prometheus is answered.")
    ] = None,
    metrics_address: Annotated[
        str, typer.Option(metavar="ADDRESS", help="The interface that does so.")
    ] = "127.0.0.1",
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
    json: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            callback=json_output,
            help="Add each window to a file as a line of JSON, or - for stdout.",
        ),
    ] = None,
) -> None:
    """Watches a stream, window after window, until it is stopped; goes on after a restart.

    Exit code 1 if a window of this run had an alarm, else 0; 130 after Ctrl-C.
    """
    from rafair.monitoring.entry import Place, Stream, watch_stream

    refuse_inside("--json", json, source)
    refuse_same("--json", json, weights=opening.weights, model=model, store=store)
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
        say=TerminalProgress().note,
    )
    stream = Stream(
        source,
        window_rows,
        window_time,
        once=once,
        poll=poll,
        settle=settle,
        number_rows=number_rows,
        metrics_port=metrics_port,
        metrics_address=metrics_address,
    )
    with stopping() as stop, Lines(json) as lines:
        alarmed = watch_stream(place, stream, lines.tell, stop)
    if stop.interrupted:
        raise KeyboardInterrupt
    if alarmed:
        raise typer.Exit(ALARM)
