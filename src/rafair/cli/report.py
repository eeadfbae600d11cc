"""`rafair report`: what a run found, for people to read, in several formats."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from rafair.cli import options

EPILOG = "Example:  rafair report runs/affairs-1 --format markdown --out report.md"


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run folder.")],
    format: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="html, markdown, csv (all cases) or model-card.  [default: by --out, else html]",
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|-",
            help="Where to write it; - for stdout.  [default: report.html, report.md, cases.csv "
            "or model-card.md in RUN]",
        ),
    ] = None,
    title: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="What the report is called.  [default: model and data]"),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Say first whether the run meets this policy of rafair gate."
        ),
    ] = None,
    json: options.Json = None,
) -> None:
    """Writes the report of a finished run.

    First derives the run's figures again from its files; a run that was altered is refused.
    """
    from rafair.cli.console import print_result
    from rafair.cli.outputs import refuse_same
    from rafair.reports.formats import format_of
    from rafair.reports.formats import report as write_report

    done = {"run": str(run), "format": format_of(format, None if out == "-" else out)}
    if out == "-":
        content = _content(run, done["format"], json, title, policy)
        print_result(done | {"path": "-", "bytes": len(content)}, content, json)
        return
    refuse_same("--out", out, policy=policy)
    path = write_report(run, format, out, title=title, policy=policy)
    size = path.stat().st_size
    said = f"The run's figures follow from its files. Report: {path} ({size:,} bytes)\n"
    print_result(done | {"path": str(path), "bytes": size}, said, json)


def _content(
    run: Path, format: str, json: str | None, title: str | None, policy: Path | None
) -> bytes:
    """The report for stdout.

    Raises:
        InputError: If the JSON is to go there as well.
    """
    from rafair.errors import InputError
    from rafair.reports.formats import report as write_report

    if json == "-":
        raise InputError("json: expected a file where --out is -, as stdout carries the report")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report"
        return write_report(run, format, path, title=title, policy=policy).read_bytes()
