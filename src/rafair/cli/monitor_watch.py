"""`rafair monitor watch`: window after window, until it is stopped."""

from __future__ import annotations

from typing import Annotated

import typer

from rafair.cli import shared_options
from rafair.cli.console import TerminalProgress
from rafair.cli.output_files import json_output, refuse_inside
from rafair.cli.stop_signals import stopping
from rafair.cli.typer_options import grouped
from rafair.cli.window_lines import Lines
from rafair.monitoring.option_groups import Cutting, Taken
from rafair.options import Given, group, option

EPILOG = "Example:  rafair monitor watch runs/affairs-1 inbox/ --window-rows 500"
ALARM = 1


@group
class Watching(Cutting, Taken):
    """How a stream is watched."""


@group
class Added(shared_options.Shown):
    """Where windows are written besides."""

    json: str | None = option(
        None,
        "Add each window to a file as a line of JSON, or - for stdout.",
        "FILE",
        callback=json_output,
    )


@grouped
def watch(
    run: shared_options.WatchedRun,
    source: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER|-", help="A folder that files come into, or - for JSON lines on stdin."
        ),
    ],
    asked: Given[Watching],
    again: Given[shared_options.ModelAgain],
    judging: shared_options.Judging,
    output: Added,
) -> None:
    """Watches a stream, window after window, until it is stopped; goes on after a restart.

    Exit code 1 if a window of this run had an alarm, else 0; 130 after Ctrl-C.
    """
    from rafair.monitoring.entry import Place, Stream, watch_stream

    refuse_inside("json", output.json, source)
    output.spare(again, store=asked.values.get("store"))
    place = Place(
        run=run,
        named=shared_options.named(again, judging.device, max_queries=judging.max_queries),
        threads=judging.threads,
        device=judging.device,
        say=TerminalProgress().note,
        **asked.of(Taken),
    )
    stream = Stream(source, **asked.of(Cutting))
    with stopping() as stop, Lines(output.json) as lines:
        alarmed = watch_stream(place, stream, lines.tell, stop)
    if stop.interrupted:
        raise KeyboardInterrupt
    if alarmed:
        raise typer.Exit(ALARM)
