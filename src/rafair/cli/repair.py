"""`rafair repair`: the repair alone, of the perturbed rows of a saved run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rafair.cli import shared_options
from rafair.cli.console import show_audit
from rafair.cli.typer_options import grouped
from rafair.options import Given
from rafair.results.audit_option_groups import Repairing

EPILOG = "Example:  rafair repair runs/affairs-1 --labels consensus"


@grouped
def repair(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder with perturbed rows.")],
    again: Given[shared_options.Again],
    asked: Given[Repairing],
    running: shared_options.Running,
    output: shared_options.Output,
) -> None:
    """Repairs the perturbed rows of a saved run, and writes a new run folder with both.

    Options that are not given are those of the run.
    """
    from rafair.auditing.entry import repair_saved

    output.spare(again)
    means = running.means(output)
    named = shared_options.named(again, running.device)
    show_audit(repair_saved(run, asked.values, means, named), output.json)
