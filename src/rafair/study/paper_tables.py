"""Tables 3 and 4, and those of the budgets, as blocks, and their pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from rafair.blocks.block_types import Block, Cells, Heading, Said, Strong
from rafair.blocks.latex import as_latex
from rafair.blocks.markdown import as_markdown
from rafair.study.config import Part, StudyConfig
from rafair.study.formats import ROUNDING, figure, is_known, signed
from rafair.study.frame_lookup import Row, distinct, rows_by
from rafair.study.table_order import MEAN, printed

PRINTED_METRICS = {
    "r_acc": "R-ACC",
    "r_if": "R-IF",
    "r_af": "R-AF",
    "tfr": "TFR",
    "tbr": "TBR",
    "ffr": "FFR",
    "fbr": "FBR",
}
TITLES = {
    Part.TABLE3: "Table 3: clean seeds, and their rows under each attack",
    Part.TABLE4: "Table 4: each attack's rows after benign perturbations",
}


def mean_rates(table: pd.DataFrame, title: str = "", note: str = "") -> Cells:
    """Per attack a line of means, one with the paper's figures, one with the differences."""
    own = table[table["dataset"] == MEAN]
    rows: list[list[str]] = []
    rates = rows_by(own, "attack", "metric")
    for attack in distinct(own, "attack"):
        cells = [rates[attack, metric] for metric in PRINTED_METRICS]
        rows.append([printed(attack), "here", *map(_figure, cells)])
        if is_known(cells[0]["paper"]):
            rows.append(["", "paper", *(figure(cell["paper"]) for cell in cells)])
        if is_known(cells[0]["difference"]):
            rows.append(["", "difference", *(signed(cell["difference"]) for cell in cells)])
    return Cells(title, ["attack", "", *PRINTED_METRICS.values()], rows, note, names=2)


def _of_dataset(table: pd.DataFrame, dataset: str) -> Cells:
    """Per attack a line with its rates on one data set."""
    own = table[table["dataset"] == dataset]
    rates = rows_by(own, "attack", "metric")
    rows = [
        [printed(attack), *(_figure(rates[attack, metric]) for metric in PRINTED_METRICS)]
        for attack in distinct(own, "attack")
    ]
    return Cells(dataset, ["attack", *PRINTED_METRICS.values()], rows)


def table_note(table: pd.DataFrame, config: StudyConfig) -> str:
    """What a reader of a table should know."""
    means = table[table["dataset"] == MEAN]
    networks = "1 network" if config.models == 1 else f"{config.models} networks"
    spread = "" if config.models == 1 else ", ± the standard deviation from network to network"
    rates = rows_by(means, "attack", "metric")
    kept = [
        printed(name)
        for name in distinct(means, "attack")
        if not is_known(rates[name, "tfr"]["value"])  # witnesses alone: no row stands for it
    ]
    witnesses = f" Of {' and '.join(kept)}: the share that held throughout." if kept else ""
    compared = (
        ""
        if config.is_comparable
        else " The paper's figures are means over adult, bank, credit and compas: they are shown, "
        "not compared."
    )
    return (
        f"Means over {', '.join(config.datasets)}, {networks} each{spread}; every figure counts "
        f"{int(means['n'].iloc[0]):,} instances in all. Each attack is counted by one row per "
        "instance: the first step that reached what it is after, else the last. For the union an "
        "instance is accurate (individually fair) if the rows of all three goals are, so R-ACC is "
        f"not TFR + TBR.{witnesses}{compared}"
    )


def _rates(table: pd.DataFrame, config: StudyConfig) -> dict[str, Cells]:
    """The means, then each data set, by the ends of their labels."""
    whole = mean_rates(table, "All data sets", table_note(table, config))
    return {"": whole} | {f"-{name}": _of_dataset(table, name) for name in config.datasets}


def rates_markdown(part: Part, table: pd.DataFrame, config: StudyConfig) -> str:
    """A table of rates as a Markdown page."""
    return as_markdown([Heading(TITLES[part], 1), *_rates(table, config).values()])


def rates_latex(part: Part, table: pd.DataFrame, config: StudyConfig) -> str:
    """A table of rates for LaTeX; needs the package booktabs."""
    about = TITLES[part].partition(": ")[2]
    parts = ["% needs \\usepackage{booktabs}"]
    for end, cells in _rates(table, config).items():
        title = f"{about[0].upper()}{about[1:]}: {cells.title}"
        parts.append(as_latex(replace(cells, title=title), f"tab:{part}{end}"))
    return "\n\n".join(parts) + "\n"


def budgets(table: pd.DataFrame, dataset: str, kind: str) -> Cells:
    """A line per attack: accurate fairness at each epsilon, the lowest marked."""
    own = table[(table["dataset"] == dataset) & (table["kind"] == kind)]
    cells = rows_by(own, "attack", "epsilon")
    epsilons = sorted(distinct(own, "epsilon"))
    lowest = {at: min(c["value"] for (_, e), c in cells.items() if e == at) for at in epsilons}
    rows: list[list[str]] = []
    for attack in distinct(own, "attack"):
        row = [printed(attack)]
        for epsilon in epsilons:
            cell = cells[attack, epsilon]
            text = _figure(cell)
            row.append(Strong(text) if cell["value"] <= lowest[epsilon] + ROUNDING else text)
        rows.append(row)
    return Cells("", [kind, *(f"{epsilon:g}" for epsilon in epsilons)], rows)


def comparison(table: pd.DataFrame, dataset: str = MEAN) -> Cells:
    """A line per attack: how far it is from the union at each epsilon."""
    own = table[table["dataset"] == dataset]
    cells = rows_by(own, "attack", "epsilon")
    epsilons = sorted(distinct(own, "epsilon"))
    rows = [
        [printed(attack), *(_gap(cells[attack, epsilon]) for epsilon in epsilons)]
        for attack in distinct(own, "attack")
    ]
    return Cells("", ["attack minus RAFair", *(f"{epsilon:g}" for epsilon in epsilons)], rows)


def budgets_markdown(table: pd.DataFrame, compared: pd.DataFrame, config: StudyConfig) -> str:
    """The budgets as a Markdown page."""
    return as_markdown([*_budget_blocks(table, compared, config)])


def _budget_blocks(
    table: pd.DataFrame, compared: pd.DataFrame, config: StudyConfig
) -> Iterator[Block]:
    yield Heading("Accurate fairness at three budgets", 1)
    yield Said(
        [
            f"{config.steps} steps of {config.step_size:g} at every budget epsilon; the lowest "
            "figure of a column is bold. Outcome counts the row an attack is counted by (as R-AF "
            "in Table 3), robust the clean row and every step."
        ]
    )
    for dataset in (MEAN, *config.datasets):
        yield Heading("Mean over data sets" if dataset == MEAN else dataset)
        yield from (budgets(table, dataset, kind) for kind in ("outcome", "robust"))
        yield comparison(compared, dataset)
    yield Said(
        [
            "Differences are of outcome rows, instance by instance, with a normal 95 % interval; "
            "below zero, an attack leaves fewer instances true fair than RAFair's union. Bold: "
            "beyond the interval."
        ]
    )


def _figure(cell: Row) -> str:
    return figure(cell["value"], cell["sd"])


def _gap(cell: Row) -> str:
    text = f"{signed(cell['difference'])} [{signed(cell['low'])}, {signed(cell['high'])}]"
    return Strong(text) if cell["lower"] else text
