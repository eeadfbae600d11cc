"""`rafair data`: which data sets there are, what is in them, and how to get them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from rafair.blocks.block_types import Block, Cells, Heading, Said, Tone
from rafair.blocks.terminal import render
from rafair.cli.console import TerminalProgress, print_result
from rafair.cli.shared_options import Shown
from rafair.cli.typer_options import grouped
from rafair.datasets.dataset_summaries import (
    FileFacts,
    KnownDataset,
    LoadedDataset,
    describe,
    overview,
    whereabouts,
)
from rafair.datasets.downloading import fetch as fetch_files
from rafair.datasets.info import Variant
from rafair.datasets.loading import load_dataset
from rafair.tabular.schema import Feature, Kind

SHOWN_VALUES = 10

app = typer.Typer(
    help="Which data sets there are, what is in them, and how to get them.",
    epilog="Example:  rafair data show affairs",
    invoke_without_command=True,
    rich_markup_mode=None,
)


@app.callback()
def _group(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


Name = Annotated[str, typer.Argument(metavar="NAME", help="The data set; see `rafair data list`.")]


@app.command("list", epilog="Example:  rafair data list --json -")
@grouped
def list_(output: Shown) -> None:
    """Lists the data sets, and whether their files are here."""
    entries = overview()
    print_result([asdict(entry) for entry in entries], render(_overview(entries)), output.json)


@app.command(epilog="Example:  rafair data show bank --variant paper")
@grouped
def show(
    output: Shown,
    name: Name = "affairs",
    variant: Annotated[
        Variant, typer.Option(help="clean: without features that give the label away.")
    ] = Variant.CLEAN,
) -> None:
    """Shows one data set: features, classes, problems, source."""
    found = describe(load_dataset(name, variant, progress=TerminalProgress()))
    print_result(found.to_dict(), render(_description(found)), output.json)


@app.command(epilog="Example:  rafair data fetch adult")
@grouped
def fetch(
    name: Name,
    output: Shown,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="A mirror's copy of the archive or file.")
    ] = None,
) -> None:
    """Fetches the files of a data set, unless they are here already."""
    fetch_files(name, url=url, progress=TerminalProgress())
    files = whereabouts(name)
    print_result([asdict(file) for file in files], render([_whereabouts(files)]), output.json)


def _overview(entries: list[KnownDataset]) -> list[Block]:
    headers = ("data set", "rows", "features", "sensitive (values)", "I(v)", "paper", "files")
    rows = [
        [
            entry.name,
            f"{entry.rows:,}",
            " / ".join(map(str, dict.fromkeys(entry.features.values()))),
            _counted(entry.sensitive),
            f"{entry.counterparts_per_instance:,}",
            _of_paper(entry),
            _place(entry.files),
        ]
        for entry in entries
    ]
    return [Cells("", headers, rows, prose=True), Said(_overview_notes(entries), Tone.QUIET)]


def _overview_notes(entries: list[KnownDataset]) -> list[str]:
    missing = [entry.name for entry in entries if _place(entry.files) == "missing"]
    notes = [
        "I(v): counterparts of each instance, itself included · features: clean / paper variant",
        "paper: which of these figures the paper's Table 2 has otherwise; same: none",
    ]
    if missing:
        notes.append(
            f"missing: {', '.join(missing)}. Get one with `rafair data fetch {missing[0]}`, or set "
            "RAFAIR_DATA to a folder that holds its files."
        )
    return notes


def _counted(values: dict[str, int]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in values.items())


def _of_paper(entry: KnownDataset) -> str:
    paper = entry.paper
    if paper is None:
        return "–"
    other = {n: c for n, c in paper.sensitive.items() if c != entry.sensitive[n]}
    if paper.rows != entry.rows:
        other = {"rows": paper.rows} | other
    return _counted(other) or "same"


def _place(files: list[FileFacts]) -> str:
    places = {str(file.place) for file in files}
    return "missing" if "missing" in places else ", ".join(sorted(places))


def _description(found: LoadedDataset) -> list[Block]:
    label = found.label
    title = f"{found.title}  {found.name}, {found.variant} variant"
    return [
        Said([title], Tone.STRONG),
        Said([f"class 1 ({label.classes[1]}): {label.meaning}"]),
        _balance(found),
        _features(found.features),
        _domains(found),
        Heading("Known problems"),
        Said([f"• {problem}" for problem in found.problems]),
        Heading("Source"),
        Said(_source(found)),
    ]


def _balance(found: LoadedDataset) -> Cells:
    parts = [found.classes[part] for part in ("whole", "train", "test")]
    rows = [
        [name, *(f"{part[name].count:,} ({part[name].share:.1%})" for part in parts)]
        for name in found.label.classes
    ]
    rows.append(["all", *(f"{rows:,}" for rows in found.rows.values())])
    return Cells("", ("class", "whole", "train", "test"), rows, dense=True)


def _features(features: Sequence[Feature]) -> Cells:
    rows = [[one.name, str(one.kind), _values(one), _role(one)] for one in features]
    return Cells("", ("feature", "kind", "range or levels", "role"), rows, prose=True)


def _role(feature: Feature) -> str:
    return "sensitive" if feature.sensitive else "" if feature.mutable else "fixed"


def _values(feature: Feature) -> str:
    if feature.levels is None:
        return f"{feature.minimum:,g} to {feature.maximum:,g} {feature.unit}".rstrip()
    between = " → " if feature.kind is Kind.ORDINAL else " | "
    return between.join(map(str, feature.levels))


def _domains(found: LoadedDataset) -> Cells:
    domains = {
        feature.name: [_plain(value) for value in feature.domain or ()]
        for feature in found.features
        if feature.sensitive
    }
    rows = [[name, f"{len(one)}", _abbreviated(one)] for name, one in domains.items()]
    together = f"{found.counterparts_per_instance:,}"
    rows.append(["together", together, "counterparts of each instance"])
    return Cells("", ("sensitive", "values", "domain"), rows, prose=True)


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _abbreviated(values: list[str]) -> str:
    if len(values) <= SHOWN_VALUES:
        return ", ".join(values)
    return f"{', '.join(values[:6])}, … {', '.join(values[-3:])}"


def _source(found: LoadedDataset) -> list[str]:
    lines = [found.citation, found.source, f"Licence: {found.licence}"]
    for file in found.files:
        lines.append(f"{file.name}: {file.place} {file.path or ''}".rstrip())
        words = ("sha256", *["    or"] * len(file.sha256))
        lines += [f"  {word} {digest}" for word, digest in zip(words, file.sha256, strict=False)]
    return [*lines, f"encoded rows and labels: sha256 {found.sha256}"]


def _whereabouts(files: list[FileFacts]) -> Cells:
    rows = [[file.name, str(file.place), file.path or "comes with rafair"] for file in files]
    return Cells("", ("file", "place", "path"), rows, prose=True)
