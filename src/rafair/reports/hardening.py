"""A hardening for the terminal: what was gained, and the table before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rafair.hardening.gains import summary
from rafair.results.record import DecisionRule
from rafair.results.tables import decision_in_words
from rafair.visible import visible

CONSTANT = "AF, R-AF of the largest class"
"""What a model reaches that names it for every row."""

SHORT = {"accuracy": "R-ACC", "individual_fairness": "R-IF", "accurate_fairness": "R-AF"}
CLEAN = {"accuracy": "accuracy", "individual_fairness": "IF", "accurate_fairness": "AF"}


def render_hardening(document: Mapping[str, Any]) -> RenderableType:
    """Everything a person wants to see first."""
    sentences = [Text(visible(sentence)) for sentence in summary(document)]
    parts: list[RenderableType] = [Padding(Group(*sentences), (0, 0, 1, 0)), _table(document)]
    parts.append(Text(_note(document), style="dim"))
    spent = _spent(document)
    if spent:
        parts.append(Text(spent, style="dim"))
    if document.get("model"):
        model = document["model"]
        rule = decision_in_words(DecisionRule(**model["decision"]), model["input"])
        decides = f"The model decides {rule}."
        parts.append(Text(visible(decides), style="dim"))
    if document["dataset"].get("file"):
        parts.append(
            Text("The wrapped model is not saved: it is the file's, wrapped.", style="dim")
        )
    parts += [
        Text(visible(f"Warning: {warning}"), style="yellow") for warning in document["warnings"]
    ]
    return Group(*parts)


def lines(document: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Every rate of the table: its name, before, after."""
    before, after = document["before"], document["after"]
    where = "all rows" if document["dataset"].get("file") else "test split"
    found = [
        (f"{name} ({where})", before["test"][key], after["test"][key])
        for name, key in (("accuracy", "accuracy"), ("balanced acc.", "balanced_accuracy"))
    ]
    found += [(name, before["clean"][key], after["clean"][key]) for key, name in CLEAN.items()]
    for epsilon in before["robust"]:
        found += [
            (f"{name} at {epsilon}", before["robust"][epsilon][key], after["robust"][epsilon][key])
            for key, name in SHORT.items()
        ]
    return found


def _table(document: Mapping[str, Any]) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), show_edge=False)
    for name in ("", "before", "after", "change"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    trained = f"{document['epsilon']:g}"
    for name, before, after in lines(document):
        last = name.startswith(("balanced", "AF", "R-AF"))
        style = "bold" if name == f"R-AF at {trained}" else ""
        change = f"{after['value'] - before['value']:+.3f}".replace("-", "−")
        cells = [name, figure(before), figure(after), change]
        table.add_row(*(Text(cell, style=style) for cell in cells), end_section=last)
    constant = f"{document['checks']['majority']['robust_accurate_fairness']:.3f}"
    table.add_row(CONSTANT, constant, constant, "")
    return Padding(table, (0, 0, 1, 0))


def figure(rate: Mapping[str, Any]) -> str:
    """A rate with its spread between networks, or with its interval where there is one network.

    Example:
        >>> figure({"value": 0.5, "sd": 0.02, "low": 0.4, "high": 0.6})
        '0.500 ± 0.020'
    """
    if rate["sd"] is not None:
        return f"{rate['value']:.3f} ± {rate['sd']:.3f}"
    return f"{rate['value']:.3f} [{rate['low']:.2f}, {rate['high']:.2f}]"


def _note(document: Mapping[str, Any]) -> str:
    judges, networks = document["judges"], len(document["seeds"])
    spread = (
        f"means ± standard deviation of {networks} networks"
        if networks > 1
        else "one model, 95 % intervals over the instances"
    )
    trains = document["method"]["kind"] == "training"
    at = f", epsilon {document['epsilon']:g}" if trains else ""
    return (
        f"Method {document['method']['name']}{at}: "
        f"{document['method']['says']}. Judged on {judges['instances']:,} instances by "
        f"{_joined(judges['attacks'])}, {judges['steps']} steps each, all counterparts asked; "
        f"{spread}. A robust rate counts the instances of which no violation was found within "
        "this budget."
    )


def _spent(document: Mapping[str, Any]) -> str:
    seconds = [one["seconds"] for one in document["each"]]
    if any(one["ordinary"] is None or one["hardened"] is None for one in seconds):
        return ""
    ordinary = sum(one["ordinary"] for one in seconds)
    hardened = sum(one["hardened"] for one in seconds)
    return (
        f"Training took {ordinary:.1f} s as usual, {hardened:.1f} s hardened "
        f"({hardened / max(ordinary, 1e-9):.1f} times)."
    )


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
