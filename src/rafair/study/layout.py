"""Tables 3 and 4, and that of the budgets, laid out in lines for Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from rafair.study.config import Part, StudyConfig
from rafair.study.formats import ROUNDING, as_latex, as_markdown, figure, is_known, signed
from rafair.study.lookup import Row, distinct, rows_by
from rafair.study.order import MEAN, printed

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
Lines = list[list[str]]


def mean_lines(table: pd.DataFrame) -> Lines:
    """Per attack a line of means, one with the paper's figures, one with the differences."""
    means = table[table["dataset"] == MEAN]
    lines: Lines = []
    rates = rows_by(means, "attack", "metric")
    for attack in distinct(means, "attack"):
        cells = [rates[attack, metric] for metric in PRINTED_METRICS]
        lines.append([printed(attack), "here", *map(_figure, cells)])
        if is_known(cells[0]["paper"]):
            lines.append(["", "paper", *(figure(cell["paper"]) for cell in cells)])
        if is_known(cells[0]["difference"]):
            lines.append(["", "difference", *(signed(cell["difference"]) for cell in cells)])
    return lines


def dataset_lines(table: pd.DataFrame, dataset: str) -> Lines:
    """Per attack a line with its rates on one data set."""
    own = table[table["dataset"] == dataset]
    rates = rows_by(own, "attack", "metric")
    return [
        [printed(attack), *(_figure(rates[attack, metric]) for metric in PRINTED_METRICS)]
        for attack in distinct(own, "attack")
    ]


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


def rates_markdown(part: Part, table: pd.DataFrame, config: StudyConfig) -> str:
    """A table of rates as a Markdown page: the means, then each data set."""
    headers = ["attack", "", *PRINTED_METRICS.values()]
    parts = [
        f"# {TITLES[part]}",
        table_note(table, config),
        as_markdown(headers, mean_lines(table), names=2),
    ]
    for dataset in config.datasets:
        lines = dataset_lines(table, dataset)
        parts += [f"## {dataset}", as_markdown(["attack", *PRINTED_METRICS.values()], lines)]
    return "\n\n".join(parts) + "\n"


def rates_latex(part: Part, table: pd.DataFrame, config: StudyConfig) -> str:
    """A table of rates for LaTeX: the means, then each data set; needs the package booktabs."""
    headers = ["attack", "", *PRINTED_METRICS.values()]
    title = TITLES[part].partition(": ")[2]
    name = str(part)
    parts = [
        as_latex(
            headers,
            mean_lines(table),
            caption=f"{title[0].upper()}{title[1:]}. {table_note(table, config)}",
            label=f"tab:{name}",
            names=2,
        )
    ]
    parts += [
        as_latex(
            ["attack", *PRINTED_METRICS.values()],
            dataset_lines(table, dataset),
            caption=f"{title[0].upper()}{title[1:]}: {dataset}.",
            label=f"tab:{name}-{dataset}",
        )
        for dataset in config.datasets
    ]
    return "\n\n".join(["% needs \\usepackage{booktabs}", *parts]) + "\n"


def budget_lines(table: pd.DataFrame, dataset: str, kind: str) -> tuple[list[str], Lines]:
    """Headers and a line per attack: accurate fairness at each epsilon, the lowest marked."""
    own = table[(table["dataset"] == dataset) & (table["kind"] == kind)]
    cells = rows_by(own, "attack", "epsilon")
    epsilons = sorted(distinct(own, "epsilon"))
    lowest = {at: min(c["value"] for (_, e), c in cells.items() if e == at) for at in epsilons}
    lines = []
    for attack in distinct(own, "attack"):
        line = [printed(attack)]
        for epsilon in epsilons:
            cell = cells[attack, epsilon]
            text = _figure(cell)
            line.append(f"**{text}**" if cell["value"] <= lowest[epsilon] + ROUNDING else text)
        lines.append(line)
    return ["attack", *(f"{epsilon:g}" for epsilon in epsilons)], lines


def comparison_lines(table: pd.DataFrame, dataset: str = MEAN) -> tuple[list[str], Lines]:
    """Headers and a line per attack: how far it is from the union at each epsilon."""
    own = table[table["dataset"] == dataset]
    cells = rows_by(own, "attack", "epsilon")
    epsilons = sorted(distinct(own, "epsilon"))
    lines = [
        [printed(attack), *(_gap(cells[attack, epsilon]) for epsilon in epsilons)]
        for attack in distinct(own, "attack")
    ]
    return ["attack minus RAFair", *(f"{epsilon:g}" for epsilon in epsilons)], lines


def budgets_markdown(table: pd.DataFrame, comparison: pd.DataFrame, config: StudyConfig) -> str:
    """The budgets as a Markdown page."""
    parts = [
        "# Accurate fairness at three budgets",
        f"{config.steps} steps of {config.step_size:g} at every budget epsilon; the lowest figure "
        "of a column is bold. *Outcome* counts the row an attack is counted by (as R-AF in Table "
        "3), *robust* the clean row and every step.",
    ]
    for dataset in (MEAN, *config.datasets):
        title = "Mean over data sets" if dataset == MEAN else dataset
        parts.append(f"## {title}")
        for kind in ("outcome", "robust"):
            headers, lines = budget_lines(table, dataset, kind)
            parts.append(as_markdown([kind, *headers[1:]], lines))
        headers, lines = comparison_lines(comparison, dataset)
        parts.append(as_markdown(headers, lines))
    parts.append(
        "Differences are of outcome rows, instance by instance, with a normal 95 % interval; below "
        "zero, an attack leaves fewer instances true fair than RAFair's union. Bold: beyond the "
        "interval."
    )
    return "\n\n".join(parts) + "\n"


def _figure(cell: Row) -> str:
    return figure(cell["value"], cell["sd"])


def _gap(cell: Row) -> str:
    text = f"{signed(cell['difference'])} [{signed(cell['low'])}, {signed(cell['high'])}]"
    return f"**{text}**" if cell["lower"] else text


def joined(names: Iterable[str]) -> str:
    """Names in a sentence.

    Example:
        >>> joined(["a", "b", "c"])
        'a, b and c'
    """
    names = list(names)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
