"""The whole report as GitHub-flavoured Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rafair.blocks.markdown import block, cells_parts, code, escaped, named, table
from rafair.engine.files import writing
from rafair.engine.text_file import write_text
from rafair.reports.contents import (
    NONE,
    PARTS,
    Bar,
    CaseTable,
    Column,
    Contents,
    FeatureColumns,
    Picture,
)
from rafair.reports.first import First, flow_tables, found, met
from rafair.results.first_screen import MEANING

MOST_CASES = 50
MOST_COLUMNS = 3
"""So many rates stand beside each other, more below each other."""


def write_markdown(contents: Contents, path: Path) -> None:
    """Writes the report with its first 50 cases.

    Raises:
        StorageError: If the disk is full.
        InputError: If the folder may not be written to.
    """
    with writing(path) as target:
        write_text(target, as_markdown(contents))


def as_markdown(contents: Contents) -> str:
    """The report's text."""
    return "\n\n".join(_parts(contents)) + "\n"


def _parts(contents: Contents) -> Iterator[str]:
    yield f"# {named(contents.title)}"
    yield _heading("verdict")
    yield from _first(contents.first)
    if contents.warnings:
        yield "### Warnings"
        yield "\n".join(f"- {escaped(warning)}" for warning in contents.warnings)
    yield f"## {contents.rates_title}"
    for cells in contents.rates:
        yield from cells_parts(cells)
    for picture in contents.budgets:
        yield from picture_parts(picture, 2)
    if contents.proven:
        yield from picture_parts(contents.proven, 2)
    if contents.proven_figures:
        yield from cells_parts(contents.proven_figures)
    if contents.groups:
        yield _heading("groups")
        yield escaped(contents.groups[0].note)
        for picture in (*contents.groups, *contents.pairs):
            yield from picture_parts(picture, 3, noted=False)
    if contents.gaps:
        yield from cells_parts(contents.gaps)
    yield from _features(contents)
    if contents.moved:
        yield from picture_parts(contents.moved, 2)
    yield from _cases(contents.cases)
    yield _heading("audited")
    yield _list(contents.facts)
    for cells in contents.tables:
        yield from cells_parts(cells)
    yield _heading("repeat")
    yield block(contents.repeat)
    yield table(
        ["", ""], [[escaped(name), _value(value)] for name, value in contents.manifest], right=False
    )
    yield _heading("reading")
    yield _list(contents.reading)


def _first(first: First) -> Iterator[str]:
    yield f"**{escaped(first.sentence)}**"
    if first.decision:
        yield f"### Policy: {met(first.decision)}"
        yield "\n".join(
            f"- **{found(finding)}** {escaped(f'{finding.title}: {finding.sentence}')}"
            for finding in first.decision.findings
        )
    in_cells, *ways = flow_tables(first.flows)
    means = [f"{cell}: {meaning}" for cell, meaning in MEANING.items()]
    yield table(
        list(in_cells.headers),
        [[said, *row[1:]] for said, row in zip(means, in_cells.rows, strict=True)],
    )
    if first.flows_note:
        yield escaped(first.flows_note)
    for cells in ways:
        yield from cells_parts(cells)
    yield from map(escaped, (*first.hardest, *first.caveats))
    yield f"### {PARTS['steps']}"
    yield "\n".join(f"- {does}: {code(command)}" for does, command in first.steps)


def _heading(part: str) -> str:
    return f"## {PARTS[part]}"


def _features(contents: Contents) -> Iterator[str]:
    if contents.unlike:
        yield escaped(contents.unlike)
    if not contents.features:
        return
    yield _heading("where")
    yield escaped(contents.features_note)
    if contents.features_missing:
        yield escaped(contents.features_missing)
    for picture in contents.features:
        yield from picture_parts(picture, 3)


def _list(pairs: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"- **{escaped(name)}**: {escaped(value)}" for name, value in pairs)


def _value(value: str) -> str:
    """Hashes in a fixed font, so that no forge takes them for commits."""
    is_hash = len(value) == 64 and value.isalnum()
    return code(value) if is_hash else escaped(value)


def picture_parts(picture: Picture, level: int, noted: bool = True) -> Iterator[str]:
    """A picture as tables under a heading.

    Args:
        picture: The rates.
        level: The heading's level.
        noted: Whether the picture's note stands there too.
    """
    yield f"{'#' * level} {named(picture.title)}"
    if noted and picture.note:
        yield escaped(picture.note)
    labels = [[bar.label for bar in bars] for _, bars in picture.groups]
    many = len(picture.groups) > MOST_COLUMNS and len(labels[0]) > MOST_COLUMNS
    if many or any(one != labels[0] for one in labels):
        for heading, bars in picture.groups:
            yield table(
                [named(heading), "share", "95 % interval", "count"],
                [[named(bar.label), *_three(bar)] for bar in bars],
            )
    elif len(picture.groups) > 1 and len(labels[0]) <= MOST_COLUMNS:
        yield table(
            ["", *map(named, labels[0])],
            [[named(heading), *map(_one, bars)] for heading, bars in picture.groups],
        )
    else:
        yield table(
            ["", *(named(heading) for heading, _ in picture.groups)],
            [
                [named(label), *(_one(bars[row]) for _, bars in picture.groups)]
                for row, label in enumerate(labels[0])
            ],
        )


def _three(bar: Bar) -> list[str]:
    if bar.rate is None:
        return ["–", "–", bar.instead or "–"]
    return list(bar.told)


def _one(bar: Bar) -> str:
    if bar.rate is None:
        return bar.instead or "–"
    share, interval, count = _three(bar)
    return f"**{share}** ({interval}; {count})"


def _cases(cases: CaseTable) -> Iterator[str]:
    yield _heading("cases")
    if not len(cases):
        yield "No violation was found within this budget, so there is no case to show."
        return
    shown = min(MOST_CASES, len(cases))
    yield (
        f"The {shown} most telling of {cases.counted}. A case is an instance in a bad cell under "
        "attack, at the first step at which it was found there; those that were true fair before "
        "come first, those that were in this very cell before come last. Values: as it was → "
        "perturbed; the counterpart differs only in sensitive features."
    )
    yield table(
        ["row", "found by", "cell", "true class", "predicted", "changed", "counterpart"],
        [_case(cases, number) for number in range(shown)],
        right=False,
    )


def _case(cases: CaseTable, number: int) -> list[str]:
    verdict, before = _text(cases.verdict, number), _text(cases.before, number)
    was = "as it was already" if verdict == before else f"was {before}"
    return [
        f"{cases.instance[number]}",
        f"{named(_text(cases.attack, number))}, step {cases.step[number]}",
        f"{verdict} ({was})",
        named(_text(cases.label, number)),
        _arrow(_text(cases.clean_prediction, number), _text(cases.prediction, number)),
        "<br>".join(_changes(cases.features, number)) or "(too little to be seen)",
        "<br>".join(_counterpart(cases, number)),
    ]


def _changes(features: Sequence[FeatureColumns], number: int) -> Iterator[str]:
    for feature in features:
        clean, after = feature.clean[number], feature.perturbed[number]
        if clean != after:
            yield f"{named(feature.name)}: {_arrow(feature.texts[clean], feature.texts[after])}"


def _counterpart(cases: CaseTable, number: int) -> Iterator[str]:
    prediction = cases.counterpart_prediction
    if prediction.codes[number] == NONE:
        yield "all agree"
        return
    yield f"predicted {named(_text(prediction, number))}"
    for feature in cases.features:
        other, own = feature.counterpart[number], feature.perturbed[number]
        if feature.sensitive and other != own:
            yield f"{named(feature.name)}: {_arrow(feature.texts[own], feature.texts[other])}"


def _arrow(before: str, after: str) -> str:
    return f"{named(before)} → {named(after)}"


def _text(column: Column, number: int) -> str:
    code_ = column.codes[number]
    return "" if code_ == NONE else column.texts[code_]
