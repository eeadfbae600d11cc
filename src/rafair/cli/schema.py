"""`rafair schema`: a first schema of a table of one's own, and whether a table is what one says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rafair.cli.console import TerminalProgress, print_result
from rafair.cli.shared_options import Shown
from rafair.cli.typer_options import grouped
from rafair.engine.text_file import utf8
from rafair.errors import InputError
from rafair.option_values import listed
from rafair.tabular.reading_options import ReadAs

if TYPE_CHECKING:
    from rafair.tabular.schema_check import Misfit

MOST_LINES = 100
MISFITS = 2

app = typer.Typer(
    help="Describes a table of one's own: kinds, ranges, levels, what may change and how.",
    epilog="Example:  rafair schema infer loans.csv --label paid --sensitive age,sex > schema.toml",
    invoke_without_command=True,
    rich_markup_mode=None,
)


@app.callback()
def _group(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="CSV, TSV, JSON lines (also .gz), Parquet, Feather or Excel."
    ),
]


@app.command(
    epilog="Example:  rafair schema infer loans.csv --label paid --sensitive age,sex > schema.toml"
)
@grouped
def infer(
    file: File,
    reading: ReadAs,
    output: Shown,
    label: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column with the true class.")
    ] = None,
    sensitive: Annotated[
        str,
        typer.Option(metavar="A,B", help="The columns whose change must not change the decision."),
    ] = "",
    immutable: Annotated[
        str, typer.Option(metavar="A,B", help="The columns that no perturbation moves.")
    ] = "",
) -> None:
    """Proposes a schema of a file, with comments that say what was seen and what to decide."""
    from rafair.tabular.schema_inference import propose_file

    proposal = propose_file(file, label, listed(sensitive), listed(immutable), reading)
    missing = [*([] if label else ["label"]), *([] if listed(sensitive) else ["sensitive"])]
    if missing:
        TerminalProgress().note(
            f"not said: --{' and --'.join(missing)}; the schema has a commented line for each"
        )
    document = {
        "label": proposal.label,
        "classes": list(proposal.classes),
        "features": [feature.model_dump(mode="json") for feature in proposal.features],
        "notes": proposal.notes,
        "left_out": list(proposal.left_out),
        "relations": list(proposal.relations),
    }
    print_result(document, utf8(proposal.text()), output.json)


@app.command(epilog="Example:  rafair schema check schema.toml loans.csv")
@grouped
def check(
    schema: Annotated[
        Path, typer.Argument(metavar="SCHEMA", help="A schema file; see `rafair schema infer`.")
    ],
    file: File,
    reading: ReadAs,
    output: Shown,
    label: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="The label column, if the schema does not name it."),
    ] = None,
) -> None:
    """Names every value of a file that its schema does not allow, by row and column.

    Ends with exit code 2 if there are any. Rows are numbered from 0.
    """
    from rafair.tabular.data_doubts import alike_names
    from rafair.tabular.frame_file import read_frame
    from rafair.tabular.schema_check import extra_columns, misfits
    from rafair.tabular.schema_file import read_schema

    if file.suffix == ".toml" and schema.suffix != ".toml":
        raise InputError(f"'{schema}': expected a schema file, which comes first, then the table")
    described = read_schema(schema, label)
    frame = read_frame(file, described, reading)
    found = misfits(frame, described)
    extra = extra_columns(frame.columns, described)
    if extra:
        TerminalProgress().note(f"columns that the schema does not speak of: {', '.join(extra)}")
    doubts = alike_names(described)
    for doubt in doubts:
        TerminalProgress().note(doubt)
    document = {
        "rows": len(frame),
        "misfits": [asdict(misfit) for misfit in found],
        "extra_columns": extra,
        "doubts": doubts,
    }
    print_result(document, "".join(f"{line}\n" for line in _lines(found, len(frame))), output.json)
    if found:
        raise typer.Exit(MISFITS)


def _lines(found: list[Misfit], n_rows: int) -> Iterator[str]:
    yield from map(str, found[:MOST_LINES])
    if len(found) > MOST_LINES:
        yield f"... and {len(found) - MOST_LINES:,} more"
    if not found:
        yield f"all {n_rows:,} rows are as the schema says"
