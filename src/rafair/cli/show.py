"""`rafair show`: all that a finished run found, for the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EPILOG = "Example:  rafair show runs/affairs-1"


def show(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run folder.")],
) -> None:
    """Shows all that an audit found: every table, many cases, and the options of the run."""
    from rafair.blocks.terminal import render
    from rafair.cli.console import print_result
    from rafair.results.audit_result import Audit
    from rafair.results.show_everything import everything

    print_result(None, render(everything(Audit.load(run))), None)
