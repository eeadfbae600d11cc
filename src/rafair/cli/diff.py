"""`rafair diff`: what changed between two audits, rate by rate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType

from rafair.cli import shared_options
from rafair.cli.console import print_result
from rafair.cli.output_files import STDOUT, format_shown
from rafair.cli.typer_options import grouped
from rafair.engine.text_file import utf8
from rafair.options import group, option

if TYPE_CHECKING:
    from rafair.gating.run_differences import Comparison

EPILOG = "Example:  rafair diff runs/affairs-1 runs/affairs-2"
FORMATS = ("text", "markdown", "json")


@group
class Output(shared_options.Shown):
    """How differences are told."""

    format: str | None = option(None, "text, markdown, or json (as --json -).", "NAME", said="text")
    everything: bool = option(
        False, "Every rate, not only the main ones and what changed.", typed="--all"
    )


@grouped
def diff(
    first: Annotated[Path, typer.Argument(metavar="FIRST", help="A finished run folder.")],
    second: Annotated[Path, typer.Argument(metavar="SECOND", help="Another, of the same data.")],
    output: Output,
) -> None:
    """Shows what changed between two audits of the same data, rate by rate.

    Differences are the second's rate minus the first's. Exit code 0 whatever they are.
    """
    from rafair.gating.run_differences import diff as compare

    json = output.json
    shown = format_shown(output.format, json, FORMATS)
    comparison = compare(first, second)
    document = comparison.to_dict()
    if shown != "json":
        print_result(document, _readable(comparison, shown, output.everything), json)
        return
    if json not in (None, STDOUT):
        print_result(document, None, json)
    print_result(document, None, STDOUT)


def _readable(comparison: Comparison, shown: str, everything: bool) -> RenderableType | bytes:
    from rafair.blocks.block_types import Heading
    from rafair.gating.difference_tables import blocks

    if shown == "markdown":
        from rafair.blocks.markdown import as_markdown

        title = Heading("What changed between two audits")
        return utf8(as_markdown([title, *blocks(comparison, everything=everything)]))
    from rafair.blocks.terminal import render

    return render(blocks(comparison, everything=everything))
