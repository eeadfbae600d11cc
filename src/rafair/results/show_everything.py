"""Everything that an audit found, as blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rafair.blocks.block_types import Block, Card, Facts, Heading, Said, Tone, warnings
from rafair.errors import RunFolderError
from rafair.results.case_details import Case
from rafair.results.result_tables import moves_table, tables
from rafair.results.run_facts import facts
from rafair.results.verdict_text import summary, summary_of
from rafair.verdicts import BAD

if TYPE_CHECKING:
    from rafair.results.audit_result import Audit

HEADERS = ("", "as it was", "perturbed", "counterpart")
MOST_CASES = 10
"""So many cases are shown of each cell."""


def everything(audit: Audit) -> list[Block]:
    """The verdict in words, warnings, facts, all tables, and the most telling cases."""
    return list(_blocks(audit))


def _blocks(audit: Audit) -> Iterator[Block]:
    first, *others = _said(audit)
    yield Said([first], Tone.STRONG)
    yield warnings(audit.warnings)
    yield Said(others)
    yield Facts(facts(audit.record))
    if moves := moves_table(audit.record):
        yield moves
    yield from tables(audit.record)
    yield Heading("Options")
    yield Facts([(name, _option(value)) for name, value in audit.record.config.items()])
    yield from _cases(audit)


def _said(audit: Audit) -> list[str]:
    """The verdict in words; without what was moved where the run's rows are gone."""
    try:
        return summary_of(audit.record, audit.folder)
    except RunFolderError:
        return summary(audit.record)


def _option(value: object) -> str:
    """An option as a person reads it; of none, a dash."""
    if isinstance(value, list | tuple):
        return ", ".join(map(_option, value)) or "–"
    return "–" if value is None else str(value)


def _cases(audit: Audit) -> Iterator[Block]:
    cases = [case for cell in sorted(BAD) for case in audit.cases(cell, limit=MOST_CASES)]
    if cases:
        yield Heading("Cases")
    for number, case in enumerate(cases, 1):
        yield _card(case, number)


def _card(case: Case, number: int) -> Card:
    shown = 3 if case.counterpart is None else len(HEADERS)
    rows = [row[:shown] for row in case.rows]
    said = case.summary if rows else f"No change is visible in these units. {case.summary}"
    return Card(f"{number}. {case.heading}", HEADERS[:shown], rows, said)
