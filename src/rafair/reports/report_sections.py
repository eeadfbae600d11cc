"""The parts of a report as blocks, in their order: what every format draws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rafair.blocks.block_types import Block, Facts, Folded, Heading, Picture, Said, Tone
from rafair.reports.dot_charts import picture
from rafair.reports.first_half_page import First, flow_tables, found, met
from rafair.reports.flow_drawing import drawing
from rafair.reports.report_contents import PARTS, Chart, Contents
from rafair.reports.static_cases import cases_table
from rafair.results.first_screen import MEANING
from rafair.sanitize import shortened

OPEN_FEATURES = 4
"""How many pictures of other features are open from the start; the rest unfold."""

NO_CASE = "No violation was found within this budget, so there is no case to show."
FIRST_CASES = (
    "A case is an instance in a bad cell under attack, at the first step at which it was found "
    "there; those that were true fair before come first, those that were in this very cell before "
    "come last. Values: as it was → perturbed; the counterpart differs only in sensitive features."
)


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Args:
        key: Its key in `PARTS`, which the page has as its anchor.
        title: What stands above it.
        blocks: What is in it.
    """

    key: str
    title: str
    blocks: Sequence[Block]


def sections(contents: Contents) -> list[Section]:
    """All parts that have something to say."""
    attacked = len(contents.rates) > 1  # else of the rows as they are alone
    proven = [contents.proven] if contents.proven else []
    proven_figures = contents.proven_figures
    blocks: dict[str, list[Block]] = {
        "verdict": list(_verdict(contents.first, contents.warnings)),
        "rates": [*contents.rates],
        "budgets": _noted(contents.budgets, "budgets"),
        "proven": [*_noted(proven, "proven"), *([proven_figures] if proven_figures else [])],
        "groups": list(_groups(contents)),
        "where": list(_where(contents)),
        "moved": _pictures([contents.moved] if contents.moved else [], "moved"),
        "cases": list(_cases(contents)),
        "audited": [Facts(contents.facts), *contents.tables],
        "repeat": [Said([contents.repeat], copied=True), Facts(contents.manifest)],
        "reading": [Facts(contents.reading)],
    }
    titles = PARTS if attacked else PARTS | {"rates": "Rows as they are"}
    return [Section(key, titles[key], blocks[key]) for key in PARTS if blocks.get(key)]


def _pictures(charts: Sequence[Chart], key: str) -> list[Block]:
    return [picture(chart, f"{key}-{number}") for number, chart in enumerate(charts, 1)]


def _noted(charts: Sequence[Chart], key: str) -> list[Block]:
    """Pictures below the note that all of them have."""
    notes = list(dict.fromkeys(chart.note for chart in charts))
    if len(notes) != 1:
        return _pictures(charts, key)
    bare = [replace(chart, note="") for chart in charts]
    return [Said(notes, Tone.QUIET), *_pictures(bare, key)]


def _verdict(first: First, warnings: Sequence[str]) -> Iterator[Block]:
    yield Said([first.sentence], Tone.STRONG)
    if first.decision:
        yield Heading(f"Policy: {met(first.decision)}", 3)
        findings = first.decision.findings
        yield Facts([(found(one), f"{one.title}: {one.sentence}") for one in findings])
    in_cells, *ways = flow_tables(first.flows)
    means = [f"{cell}: {meaning}" for cell, meaning in MEANING.items()]
    rows = [[said, *row[1:]] for said, row in zip(means, in_cells.rows, strict=True)]
    figures = [replace(in_cells, title="", rows=rows), *ways]
    flows = drawing(first.flows, "flow")
    yield Picture(in_cells.title, figures, first.flows_note, drawing=flows)
    yield Said([*first.hardest, *first.caveats])
    yield Heading(PARTS["steps"], 3)
    yield Said(["RUN is the folder of this run."])
    yield Facts(first.steps, copied=True)
    if warnings:
        yield Heading("Warnings", 3)
        yield Said(warnings, Tone.WARNING, listed=True)


def _groups(contents: Contents) -> Iterator[Block]:
    yield from _noted(contents.groups, "groups")
    if contents.gaps:
        yield contents.gaps
    if contents.pairs:
        named = ", ".join(shortened(chart.title) for chart in contents.pairs)
        bare = [replace(chart, note="") for chart in contents.pairs]
        yield Folded(f"Pairs of sensitive features: {named}", _pictures(bare, "pairs"))
    if contents.features_missing and not contents.features:
        yield Said([f"Features that are not sensitive: {contents.features_missing}"], Tone.QUIET)


def _where(contents: Contents) -> Iterator[Block]:
    if not contents.features:
        return
    yield Said([contents.features_note], Tone.QUIET)
    yield Said([contents.features_missing] if contents.features_missing else [])
    pictures = _pictures(contents.features, "where")
    yield from pictures[:OPEN_FEATURES]
    if more := pictures[OPEN_FEATURES:]:
        yield Folded(f"{len(more)} more {'feature' if len(more) == 1 else 'features'}", more)


def _cases(contents: Contents) -> Iterator[Block]:
    """The first cases, for formats that have no table of all of them."""
    cases = contents.cases
    if not len(cases):
        yield Said([NO_CASE])
        return
    table = cases_table(cases)
    yield Said([f"The {len(table.rows)} most telling of {cases.counted}. {FIRST_CASES}"])
    yield table
