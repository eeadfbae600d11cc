"""A section for a model card: each figure of a run beside the rules that ask for such evidence."""

from __future__ import annotations

from collections.abc import Iterator

from rafair.blocks.block_types import Block, Cells, Facts, Heading, Said, Tone
from rafair.blocks.markdown import as_markdown
from rafair.reports.regulatory_clauses import CLAUSES, FIGURES, FRAMEWORKS, NOT_SHOWN
from rafair.reports.report_contents import Contents

MEASURED = (
    "Measured: whether decisions stay right, and equal for people who differ only in sensitive "
    "features, when inputs are perturbed."
)
WEIGHED = (
    "Each figure is evidence to be weighed under the clauses beside it. None of them says that a "
    "clause is met."
)


def as_model_card(contents: Contents) -> str:
    """The section as Markdown."""
    return as_markdown(list(_blocks(contents)))


def _blocks(contents: Contents) -> Iterator[Block]:
    yield Heading("Robust accurate fairness")
    yield Said([f"{contents.title}, with rafair. {MEASURED}", *contents.summary])
    yield Facts(contents.facts)
    yield Heading("Evidence, and which rules ask for its kind", 3)
    yield Said([WEIGHED])
    rows = [
        [one.name, contents.evidence.get(one.key, ""), *("; ".join(of) for of in one.clauses)]
        for one in FIGURES
    ]
    headers = ["figure", "in this run", *(framework.name for framework in FRAMEWORKS)]
    yield Cells("", headers, rows, prose=True)
    yield Heading("What the figures do not show", 3)
    yield Said(NOT_SHOWN, listed=True)
    if contents.warnings:
        yield Heading("Warnings of the run", 3)
        yield Said(contents.warnings, Tone.WARNING, listed=True)
    yield Heading("What the clauses ask for, in our words", 3)
    for one in FRAMEWORKS:
        yield Heading(one.name, 4)
        yield Said([f"{one.citation}. {one.remark}"])
        asked = [clause for clause in CLAUSES if clause.framework == one.name]
        yield Facts([(clause.place, clause.asks) for clause in asked])
    yield Heading("To repeat the run", 3)
    yield Said([contents.repeat], copied=True)
