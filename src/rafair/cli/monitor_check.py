"""`rafair monitor check`: one window of new rows."""

from __future__ import annotations

from typing import Annotated

import typer

from rafair.cli import shared_options
from rafair.cli.console import TerminalProgress, print_result
from rafair.cli.typer_options import grouped
from rafair.monitoring.option_groups import Taken
from rafair.options import Given

EPILOG = "Example:  rafair monitor check runs/affairs-1 --data new.csv --json -"
ALARM = 1


@grouped
def check(
    run: shared_options.WatchedRun,
    data: Annotated[
        str,
        typer.Option(
            metavar="FILE", help="CSV, Parquet or JSON lines; - for JSON lines on standard input."
        ),
    ],
    taken: Given[Taken],
    again: Given[shared_options.ModelAgain],
    judging: shared_options.Judging,
    output: shared_options.Shown,
) -> None:
    """Looks at new rows as one window: exit code 1 if an alarm stands, else 0.

    Rows have the columns of the audit's table, an id if their labels come later, and the label if
    it is known. A file that was checked before is not counted again: its result is shown.
    """
    from rafair.blocks.terminal import render
    from rafair.monitoring.entry import Place, check_file
    from rafair.reports.monitor_text import window_blocks

    output.spare(again, data=data, store=taken.values.get("store"))
    progress = TerminalProgress()
    place = Place(
        run=run,
        named=shared_options.named(again, judging.device, max_queries=judging.max_queries),
        threads=judging.threads,
        device=judging.device,
        say=progress.note,
        progress=progress,
        **taken.values,
    )
    result, facts = check_file(place, data)
    print_result(result.to_dict(), render(window_blocks(result, facts)), output.json)
    if result.alarms:
        raise typer.Exit(ALARM)
