"""A reproduction as blocks: the means of Tables 3 and 4, and what holds."""

from __future__ import annotations

from dataclasses import replace

from rafair.blocks.block_types import Block, Cells, Said, Tone, warnings
from rafair.study.config import Part
from rafair.study.formats import figure, is_known
from rafair.study.frame_lookup import Row, distinct, rows_by
from rafair.study.paper_tables import PRINTED_METRICS, TITLES, budgets
from rafair.study.reproduction import Reproduction
from rafair.study.table_order import MEAN, printed

ANSWERS = {"yes": Tone.GOOD, "no": Tone.WARNING}


def blocks(found: Reproduction) -> list[Block]:
    """The tables that were asked for, the claims they bear on, and the files."""
    rates = [part for part in (Part.TABLE3, Part.TABLE4) if str(part) in found.tables]
    parts = [_rates(found, part) for part in rates]
    if "epsilons" in found.tables:
        shown = budgets(found.tables["epsilons"], MEAN, "outcome")
        parts.append(replace(shown, title="Mean R-AF by budget epsilon", dense=True))
    if found.claims:
        rows = [(_answer(one.holds), f"{one.text} ({one.evidence})") for one in found.claims]
        parts.append(Cells("Statements", ("", ""), rows, prose=True, tones=ANSWERS))
    names = ", ".join(path.name for path in found.files if path.suffix not in (".svg", ".png"))
    drawn = sum(path.suffix == ".svg" for path in found.files)
    figures = f", and {drawn} figures as SVG and PNG" if drawn else ""
    return [*parts, Said([f"Files: {names}{figures}"], Tone.QUIET), warnings(found.warnings)]


def _answer(holds: bool) -> str:
    return "yes" if holds else "no"


def _rates(found: Reproduction, part: Part) -> Cells:
    means = found.tables[str(part)]
    means = means[means["dataset"] == MEAN]
    rates = rows_by(means, "attack", "metric")
    rows = [
        [printed(attack), *(_cell(rates[attack, metric]) for metric in PRINTED_METRICS)]
        for attack in distinct(means, "attack")
    ]
    means_of = f"Means over {', '.join(found.config.datasets)}"
    note = f"{means_of}; below them, the paper's own figures, over its four data sets."
    return Cells(TITLES[part], ["", *PRINTED_METRICS.values()], rows, note)


def _cell(rate: Row) -> str:
    value, paper = figure(rate["value"]), rate["paper"]
    return f"{value}\n{figure(paper)}" if is_known(paper) else value
