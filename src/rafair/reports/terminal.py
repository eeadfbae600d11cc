"""An audit for the terminal: facts, tables, and a few cases."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rafair.results.cases import Case
from rafair.results.cells import Cells
from rafair.results.facts import facts
from rafair.results.result import Audit
from rafair.results.summary import summary_of
from rafair.results.tables import tables
from rafair.verdicts import Verdict
from rafair.visible import shortened, visible

COLUMNS_WITH_ROOM = 7
LONGEST_NAME = 9
LENGTH_OF_INTERVAL = len("0.00–0.00")
BAD_CELLS = (Verdict.TRUE_BIASED, Verdict.FALSE_FAIR, Verdict.FALSE_BIASED)


def render_audit(audit: Audit) -> RenderableType:
    """Everything a person wants to see first."""
    parts: list[RenderableType] = [_facts(audit), _summary(audit)]
    parts += [_table(table) for table in tables(audit.record)]
    cases = telling_cases(audit)
    if cases:
        parts.append(Text("Cases", style="bold"))
        parts += [
            Padding(_case(case, number), (0, 0, 1, 2)) for number, case in enumerate(cases, 1)
        ]
    parts += [_text(f"Warning: {warning}", "yellow") for warning in audit.warnings]
    return Group(*parts)


def _summary(audit: Audit) -> RenderableType:
    """The verdict in words, each sentence on a line of its own."""
    first, *others = summary_of(audit.record, audit.folder)
    said = [_text(first, "bold"), *map(_text, others)]
    return Padding(Group(*said), (0, 0, 1, 0))


def telling_cases(audit: Audit) -> list[Case]:
    """The most telling case of each bad cell, of different instances where there are any."""
    chosen: list[Case] = []
    for verdict in BAD_CELLS:
        found = audit.cases(verdict, limit=len(BAD_CELLS))
        taken = {case.instance for case in chosen}
        chosen += [case for case in found if case.instance not in taken][:1] or found[:1]
    return chosen


def _facts(audit: Audit) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column()
    for key, value in facts(audit.record):
        grid.add_row(key, _text(value))
    return Padding(grid, (0, 0, 1, 0))


def _table(cells: Cells) -> RenderableType:
    # narrow enough for 80 columns; what still does not fit is folded, never cut off
    padding = 1 if len(cells.headers) <= COLUMNS_WITH_ROOM else 0
    table = Table(box=box.SIMPLE_HEAD, padding=(0, padding, 0, 0), show_edge=False)
    # a long name, one with options, is folded rather than figures cut off
    names = min(max(len(row[0]) for row in cells.rows), LONGEST_NAME * (1 + cells.dense))
    for number, header in enumerate(cells.headers):
        table.add_column(
            Text(header),
            justify="left" if number == 0 else "right",
            min_width=names if number == 0 else _least_width(cells, number),
            overflow="fold",
        )
    for name, *rates in cells.rows:
        shown = _text(name) if cells.dense else _broken(name)
        table.add_row(shown, *(_rate_cell(cell) for cell in rates))
    parts: list[RenderableType] = [Text(cells.title, style="bold"), table]
    if cells.note:
        parts.append(Text(cells.note, style="dim"))
    return Padding(Group(*parts), (0, 0, 1, 0))


def _least_width(cells: Cells, column: int) -> int:
    if not cells.dense:
        return LENGTH_OF_INTERVAL
    return max(len(row[column]) for row in cells.rows)


def _broken(name: str) -> Text:
    """A long name with its options on lines of their own, and so what it is a twin of."""
    shown = visible(name)
    if len(shown) > LONGEST_NAME:
        shown = shown.replace("/", "/\n", 1).replace(":", ":\n", 1).replace(",", ",\n")
    return Text(shown)


def _rate_cell(cell: str) -> Text:
    value, _, interval = cell.partition("\n")
    if not interval:
        return _text(value)
    return Text.assemble(visible(value), ("\n" + visible(interval), "dim"))


def _text(text: str, style: str = "") -> Text:
    """A text in which no control character acts on the terminal."""
    return Text(visible(text), style=style)


def _case(case: Case, number: int) -> RenderableType:
    grid = Table(box=None, padding=(0, 2, 0, 0), show_header=True, header_style="dim")
    headers: Sequence[str] = ("", "as it was", "perturbed", "counterpart")
    shown = 3 if case.counterpart is None else 4
    for header in headers[:shown]:
        grid.add_column(header)
    for name, before, after, other in case.rows:
        cells = [
            _text(shortened(name)),
            _text(shortened(before)),
            _text(shortened(after), "bold" if after != before else ""),
            _text(shortened(other), "bold" if other != after else ""),
        ]
        grid.add_row(*cells[:shown])
    heading = _text(f"{number}. {case.heading}", "bold")
    body = grid if case.rows else Text("(no change is visible in these units)")
    return Group(heading, Padding(body, (0, 0, 0, 3)), Padding(_text(case.summary), (0, 0, 0, 3)))
