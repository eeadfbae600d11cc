"""`rafair monitor`: a watch in production over a stream of rows."""

from __future__ import annotations

import typer

from rafair.cli import monitor_check, monitor_init, monitor_report, monitor_watch

app = typer.Typer(
    help="Watches a deployed model: tells when it becomes less accurate, less fair, or both.",
    epilog="Example:  rafair monitor init runs/affairs-1",
    invoke_without_command=True,
    rich_markup_mode=None,
)
for command in (monitor_init, monitor_check, monitor_watch, monitor_report):
    name = command.__name__.rpartition("_")[2]
    app.command(name, epilog=command.EPILOG)(getattr(command, name))


@app.callback()
def _group(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
