"""`rafair monitor report`: what was watched so far, as a page."""

from __future__ import annotations

from pathlib import Path

from rafair.cli import shared_options
from rafair.cli.console import TerminalProgress, print_result, say_where
from rafair.cli.output_files import page_output, refuse_same
from rafair.cli.typer_options import grouped
from rafair.monitoring.option_groups import Keeping
from rafair.options import group, option

EPILOG = "Example:  rafair monitor report runs/affairs-1 --out watch.html"


@group
class Output(shared_options.Shown):
    """Where the page goes."""

    out: str | None = option(
        None, "The page.", "FILE", said="RUN/monitor/monitor.html", callback=page_output
    )


@grouped
def report(run: shared_options.WatchedRun, keeping: Keeping, output: Output) -> None:
    """Writes a page with the rates over time, their intervals, and the alarms.

    It may be written while a watch is running.
    """
    from rafair.blocks.terminal import render
    from rafair.engine.run_folder import MONITOR
    from rafair.monitoring.finished_windows import Kept, history_at
    from rafair.reports.monitor_page import MONITOR_REPORT, write_monitor_page
    from rafair.reports.monitor_text import state_blocks

    refuse_same("json", output.json, out=output.out, store=keeping.store)
    refuse_same("out", output.out, store=keeping.store)
    history = history_at(Kept(run, **vars(keeping), say=TerminalProgress().note))
    page = Path(output.out) if output.out is not None else run / MONITOR / MONITOR_REPORT
    write_monitor_page(history, page)
    print_result(
        history.to_dict() if output.json else {}, render(state_blocks(history)), output.json
    )
    say_where(page, output.json, "Page")
