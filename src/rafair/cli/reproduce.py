"""`rafair reproduce`: the paper's tables and figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from rafair.cli import shared_options
from rafair.cli.console import print_result, say_where
from rafair.cli.typer_options import grouped
from rafair.models.train_options import Followed
from rafair.options import Given, group, option
from rafair.study.option_groups import Reproducing

EPILOG = "Example:  rafair reproduce table3 --datasets credit"


@group
class Output(shared_options.Output):
    """Where everything goes."""

    out: Path | None = option(None, "Where everything goes.", "DIR", said="runs/reproduction")
    force: bool = option(False, "Replace runs at DIR that had other options.")


@grouped
def reproduce(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT", help="table3, table4, epsilons, figures, examples, or all of them."
        ),
    ],
    asked: Given[Reproducing],
    following: Given[Followed],
    running: shared_options.Running,
    output: Output,
) -> None:
    """Makes the paper's tables and figures again, and compares them with it.

    Networks and audits are ordinary run folders in DIR; given again, the command carries on.
    """
    from rafair.blocks.terminal import render
    from rafair.study.config import StudyConfig
    from rafair.study.paper_reproduction import DEFAULT_OUT
    from rafair.study.paper_reproduction import reproduce as run
    from rafair.study.reproduction_blocks import blocks

    config = StudyConfig(**asked.values, train_loss=following.values.get("loss", Followed.loss))
    means = running.means(replace(output, out=output.out or DEFAULT_OUT))
    found = run(what, config, means)
    print_result(found.document, render(blocks(found)), output.json)
    say_where(found.out, output.json)
