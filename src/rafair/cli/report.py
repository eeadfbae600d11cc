"""`rafair report`: what a run found, for people to read, in several formats."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rafair.cli import shared_options
from rafair.cli.typer_options import grouped
from rafair.options import group, option

EPILOG = "Example:  rafair report runs/affairs-1 --format markdown --out report.md"


@group
class Output(shared_options.Shown):
    """What is written, and where."""

    format: str | None = option(
        None, "html, markdown, csv (all cases) or model-card.", "NAME", said="by --out, else html"
    )
    out: str | None = option(
        None,
        "Where to write it; - for stdout.",
        "FILE|-",
        said="report.html, report.md, cases.csv or model-card.md in RUN",
    )
    title: str | None = option(None, "What the report is called.", "TEXT", said="model and data")
    policy: Path | None = option(
        None, "Say first whether the run meets this policy of rafair gate.", "FILE"
    )


@grouped
def report(run: shared_options.FinishedRun, output: Output) -> None:
    """Writes the report of a finished run.

    First derives the run's figures again from its files; a run that was altered is refused.
    """
    from rafair.cli.console import print_result
    from rafair.cli.output_files import refuse_same
    from rafair.reports.report_formats import format_of
    from rafair.reports.report_formats import report as write_report

    format, out, json = output.format, output.out, output.json
    done = {"run": str(run), "format": format_of(format, None if out == "-" else out)}
    if out == "-":
        content = _content(run, done["format"], output)
        print_result(done | {"path": "-", "bytes": len(content)}, content, json)
        return
    refuse_same("out", out, policy=output.policy)
    path = write_report(run, format, out, title=output.title, policy=output.policy)
    size = path.stat().st_size
    said = f"The run's figures follow from its files. Report: {path} ({size:,} bytes)\n"
    print_result(done | {"path": str(path), "bytes": size}, said, json)


def _content(run: Path, format: str, output: Output) -> bytes:
    """The report for stdout.

    Raises:
        InputError: If the JSON is to go there as well.
    """
    from rafair.errors import InputError
    from rafair.reports.report_formats import report as write_report

    if output.json == "-":
        raise InputError("json: expected a file where `out` is -, as stdout carries the report")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report"
        return write_report(
            run, format, path, title=output.title, policy=output.policy
        ).read_bytes()
