"""`rafair monitor report`: what was watched so far, as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rafair.cli import monitor_options, options
from rafair.cli.console import TerminalProgress, print_result, say_where
from rafair.cli.outputs import page_output, refuse_same

EPILOG = "Example:  rafair monitor report runs/affairs-1 --out watch.html"


def report(
    run: monitor_options.Watched,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            callback=page_output,
            help="The page.  [default: RUN/monitor/monitor.html]",
        ),
    ] = None,
    store: monitor_options.Store = None,
    patience: monitor_options.Patience = "60s",
    json: options.Json = None,
) -> None:
    """Writes a page with the rates over time, their intervals, and the alarms.

    It may be written while a watch is running.
    """
    from rafair.blocks.terminal import render
    from rafair.engine.run_folder import MONITOR
    from rafair.monitoring.kept import Kept, history_at
    from rafair.reports.monitor_page import MONITOR_REPORT, write_monitor_page
    from rafair.reports.monitor_text import state_blocks

    refuse_same("--json", json, out=out, store=store)
    refuse_same("--out", out, store=store)
    history = history_at(Kept(run, store, patience=patience, say=TerminalProgress().note))
    page = Path(out) if out is not None else run / MONITOR / MONITOR_REPORT
    write_monitor_page(history, page)
    print_result(history.to_dict() if json else {}, render(state_blocks(history)), json)
    say_where(page, json, "Page")
