"""A reproduction for the terminal: the means of Tables 3 and 4, and what holds."""

from __future__ import annotations

import pandas as pd
from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rafair.study.config import Part
from rafair.study.formats import figure, is_known
from rafair.study.layout import PRINTED_METRICS, TITLES
from rafair.study.lookup import Row, distinct, rows_by, values_by
from rafair.study.order import MEAN, printed
from rafair.study.reproduction import Reproduction


def render_reproduction(found: Reproduction) -> RenderableType:
    """The tables that were asked for, the claims they bear on, and the files."""
    parts: list[RenderableType] = []
    shown = [part for part in (Part.TABLE3, Part.TABLE4) if str(part) in found.tables]
    parts += [_rates(found, part) for part in shown]
    if "epsilons" in found.tables:
        parts.append(_budgets(found.tables["epsilons"]))
    if found.claims:
        parts.append(_claims(found))
    names = ", ".join(path.name for path in found.files if path.suffix not in (".svg", ".png"))
    drawn = sum(path.suffix == ".svg" for path in found.files)
    figures = f", and {drawn} figures as SVG and PNG" if drawn else ""
    parts.append(Text(f"Files: {names}{figures}", style="dim"))
    parts += [Text(f"Warning: {warning}", style="yellow") for warning in found.warnings]
    return Group(*parts)


def _rates(found: Reproduction, part: Part) -> RenderableType:
    means = found.tables[str(part)]
    means = means[means["dataset"] == MEAN]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("")
    for name in PRINTED_METRICS.values():
        table.add_column(name, justify="right")
    rates = rows_by(means, "attack", "metric")
    for attack in distinct(means, "attack"):
        cells = [rates[attack, metric] for metric in PRINTED_METRICS]
        table.add_row(printed(attack), *map(_cell, cells))
    means_of = f"Means over {', '.join(found.config.datasets)}"
    note = f"{means_of}; below them, the paper's own figures, over its four data sets."
    title = Text(TITLES[part], style="bold")
    return Padding(Group(title, table, Text(note, style="dim")), (0, 0, 1, 0))


def _budgets(budgets: pd.DataFrame) -> RenderableType:
    own = budgets[(budgets["dataset"] == MEAN) & (budgets["kind"] == "outcome")]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    epsilons = sorted(distinct(own, "epsilon"))
    table.add_column("")
    for epsilon in epsilons:
        table.add_column(f"{epsilon:g}", justify="right")
    values = values_by(own, "attack", "epsilon")
    for attack in distinct(own, "attack"):
        table.add_row(printed(attack), *(figure(values[attack, epsilon]) for epsilon in epsilons))
    title = Text("Mean R-AF by budget epsilon", style="bold")
    return Padding(Group(title, table), (0, 0, 1, 0))


def _claims(found: Reproduction) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column(min_width=3)
    table.add_column(overflow="fold")
    for claim in found.claims:
        answer = Text("yes", style="green") if claim.holds else Text("no", style="yellow bold")
        table.add_row(answer, Text.assemble(claim.text, (f" ({claim.evidence})", "dim")))
    return Padding(Group(Text("Statements", style="bold"), table), (0, 0, 1, 0))


def _cell(rate: Row) -> Text:
    value, paper = figure(rate["value"]), rate["paper"]
    return Text.assemble(value, (f"\n{figure(paper)}", "dim")) if is_known(paper) else Text(value)
