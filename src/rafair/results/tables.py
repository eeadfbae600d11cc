"""The tables of a result, as text cells that any format can lay out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rafair.metrics.groups import LEAST_INSTANCES
from rafair.metrics.rounding import as_fraction
from rafair.results.options import Perturbation
from rafair.results.twins import is_union, twin
from rafair.visible import shortened, visible

COLUMNS = {
    "accuracy": "accuracy",
    "individual_fairness": "indiv. fairness",
    "accurate_fairness": "accurate fairness",
    "true_biased": "true biased",
    "false_fair": "false fair",
    "false_biased": "false biased",
}

MOST_GROUPS = 12
"""Rows that the groups of one feature may take."""


@dataclass(frozen=True)
class Cells:
    """One table.

    Args:
        title: What it shows.
        headers: Column names; the first column names the rows.
        rows: The cells; a rate is its value, a line break, and its interval.
        note: How to read it.
        dense: Whether cells are single lines and rows have names of the user's, which are not to
            be cut up.
    """

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    dense: bool = False


def facts(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The data, the model and the audit, a line each."""
    data, model = document["dataset"], document["model"]
    variant = f" ({data['variant']})" if data["variant"] else ""
    sensitive = " × ".join(
        f"{shortened(name)} ({count})" for name, count in data["sensitive"].items()
    )
    parameters = f", {model['parameters']:,} parameters" if model["parameters"] else ""
    return [
        (
            "Data",
            f"{shortened(data['name'])}{variant}: {data['rows']:,} rows, "
            f"{len(data['features'])} features; "
            f"{data['counterparts_per_instance']:,} counterparts each: {sensitive}",
        ),
        (
            "Model",
            f"{shortened(model['name'])}{parameters}; accuracy {_one_line(model['test_accuracy'])} "
            f"(n = {model['test_accuracy']['n']:,}, largest class "
            f"{as_fraction(model['majority']['value'])})",
        ),
        *([("Decides", decision_in_words(model))] if model.get("decision") else []),
        (
            "Audit",
            _budget(document),
        ),
    ]


def decision_in_words(model: Mapping[str, Any]) -> str:
    """How a model decides, and of what.

    Args:
        model: The section `model` of `audit.json`.

    Example:
        >>> decision_in_words({"input": "raw", "decision": {"rule": "threshold", "comparison": ">=",
        ...     "threshold": {"yes": 0.2}, "classes": ["no", "yes"]}})
        "for 'yes' where its score is >= 0.2; takes raw values"
    """
    decision = model["decision"]
    if decision["rule"] == "threshold":
        ((name, at),) = decision["threshold"].items()
        rule = f"for '{shortened(name)}' where its score is {decision['comparison']} {at:g}"
        more = len(decision["classes"]) > 2
        rule += ", else for the largest other score" if more else ""
    else:
        own = decision["rule"] == "own"
        rule = "as its own labels say" if own else "for the largest score"
    return f"{rule}; takes {'raw values' if model['input'] == 'raw' else 'encoded rows'}"


def _budget(document: Mapping[str, Any]) -> str:
    config, instances = document["config"], f"{document['clean']['n']:,} instances"
    if not document["attacks"]:
        return f"{instances}, clean rows only"
    kind = config.get("perturbation", Perturbation.PAPER)
    which = {"feasible": "feasible perturbations, ", "both": "both perturbations, "}.get(kind, "")
    return (
        f"{instances}, {which}{config['steps']} steps of {_sizes(config['step_size'])}, epsilon "
        f"{_sizes(config['epsilon'])}, seed {document['seed']}"
    )


def attacks_table(document: Mapping[str, Any]) -> Cells:
    """Clean rates, and those of each attack's outcome rows."""
    whole = document.get("whole")
    rows = [["all rows", *_cells(whole)]] if whole else []
    rows.append(["clean", *_cells(document["clean"])])
    if not document["attacks"]:
        return Cells("Clean rows", ["", *COLUMNS.values()], rows)
    rows += [[name, *_cells(attack["outcome"])] for name, attack in document["attacks"].items()]
    note = (
        "Attacked rows: each attack's outcome, the first step that reached its goal, else the last."
    )
    if whole:
        note = (
            f"All rows: verdicts of the file's {whole['rows']:,} rows as they are; below, of the "
            f"sample. {note}"
        )
    if any("final" not in attack for attack in document["attacks"].values()):
        note += (
            " A union counts an instance as accurate (fair) only if every attack left it so; its"
            " accuracy is therefore not the sum of two cells."
        )
    return Cells("Before and after perturbation", ["", *COLUMNS.values()], rows, note)


def robust_table(document: Mapping[str, Any]) -> Cells:
    """The shares of instances that held throughout, and those exposed at any step."""
    headers = ["", *(f"robust {name}" for name in list(COLUMNS.values())[:3])]
    headers += [f"ever {name}" for name in list(COLUMNS.values())[3:]]
    keys = list(COLUMNS)
    rows = [
        [
            name,
            *(_rate(attack["robust"][key]) for key in keys[:3]),
            *(_rate(attack["exposed"][key]) for key in keys[3:]),
        ]
        for name, attack in document["attacks"].items()
    ]
    note = (
        "Robust: no violation found within this budget, neither in the clean row nor at any step. "
        "Ever: at least one step in that cell."
    )
    note += "".join(_bits(name, attack) for name, attack in document["attacks"].items())
    return Cells("Over all steps", headers, rows, note)


def perturbations_table(document: Mapping[str, Any]) -> Cells:
    """The robust rates of attacks that were run under both perturbations, side by side."""
    keys = list(COLUMNS)[:3]
    headers = [""]
    for key in keys:
        headers += [f"robust {COLUMNS[key]}: paper", "feasible"]
    attacks = document["attacks"]
    rows = []
    for name, attack in attacks.items():
        if twin(name) not in attacks:
            continue
        pairs = zip(
            *([_rate(run["robust"][key]) for key in keys] for run in (attack, attacks[twin(name)])),
            strict=True,
        )
        rows.append([name, *(cell for pair in pairs for cell in pair)])
    changes = document["config"]["max_category_changes"]
    categories = "1 category" if changes == 1 else f"{changes} categories"
    note = (
        "Paper: codes of all features move continuously. Feasible: only rows that could really "
        f"happen: whole numbers and real levels, at most {categories} changed, the schema's rules "
        "kept."
    )
    return Cells("Under the paper's perturbations and under feasible ones", headers, rows, note)


def _bits(name: str, attack: Mapping[str, Any]) -> str:
    """How much the sensitive values decide, where an attack measures it."""
    measured = attack.get("discrimination_bits")
    if measured is None:
        return ""
    clean, largest = (measured[key]["min_entropy"] for key in ("clean", "largest"))
    return (
        f" Discrimination by sensitive values as {name} measures it, log2 of how many bins of "
        f"{measured['bin_width']:g} the counterparts' probabilities fall into: "
        f"{clean['value']:.2f} bits in clean rows, {largest['value']:.2f} in the worst step."
    )


def repairs_table(document: Mapping[str, Any]) -> Cells:
    """Rates after the repair of each attack's outcome rows."""
    rows = [
        [name, *_cells(repair["final"]), _rate(repair["corrected"])]
        for name, repair in document["repairs"].items()
    ]
    labels = document["config"]["labels"]
    note = (
        f"Benign perturbations of the outcome rows, guided by {labels} labels"
        + (" (not to be had where none are known)" if labels == "true" else "")
        + ". Corrected: of the rows that were not true fair, the share that became so."
    )
    if any("final" not in attack for attack in document["attacks"].values()):
        note += " A union's rows are those of the first goal that was reached, not its worst."
    return Cells("After the repair", ["", *COLUMNS.values(), "corrected"], rows, note)


def groups_table(document: Mapping[str, Any]) -> Cells:
    """Clean and robust accurate fairness by the values of each sensitive feature."""
    attacks = list(document["attacks"])
    attack = next((name for name in reversed(attacks) if is_union(name)), (attacks or [None])[-1])
    headers = ["", "n", "clean accurate fairness"]
    headers += [] if attack is None else [f"robust, {attack}"]
    rows: list[list[str]] = []
    for feature in _single_features(document):
        rows.append([with_unit(feature, document), *[""] * (len(headers) - 1)])
        rows += _rows_of_groups(document["groups"][feature], attack, len(headers))
    found = [
        _largest(document, kind, attack)
        for kind, there in (("clean", True), ("robust", attack is not None))
        if there
    ]
    note = "By people's own values; pairs of features and other rates are in audit.json. "
    note += " ".join(found) if any(found) else NO_GAP
    return Cells("Accurate fairness by group", headers, rows, note, dense=True)


NO_GAP = f"No feature has two groups of at least {LEAST_INSTANCES} instances to be compared."


def _single_features(document: Mapping[str, Any]) -> list[str]:
    # they stand before all pairs, so no name of a pair can be theirs
    return list(document["groups"])[: len(document["dataset"]["sensitive"])]


def with_unit(feature: str, document: Mapping[str, Any]) -> str:
    """A feature's name as a heading: "age (years)"; a pair's is left as it is."""
    units = {f["name"]: f["unit"] for f in document["dataset"]["schema"]["features"]}
    shown = shortened(feature)
    return f"{shown} ({shortened(units[feature])})" if units.get(feature) else shown


def _rows_of_groups(
    groups: Mapping[str, Any], attack: str | None, width: int
) -> Iterator[list[str]]:
    """The groups with somebody in them; of many the largest, and the others in one line."""
    there = [name for name, group in groups.items() if group["n"]]
    shown = there
    if len(there) > MOST_GROUPS:
        shown = sorted(there, key=lambda name: -groups[name]["n"])[: MOST_GROUPS - 1]
    for name in there:
        if name in shown:
            group = groups[name]
            rates = [group["clean"], *([group["robust"][attack]] if attack else [])]
            cells = [_one_line(rate["accurate_fairness"]) for rate in rates]
            yield [f"  {shortened(name)}", f"{group['n']:,}", *cells]
    if len(there) > len(shown):
        others = sum(groups[name]["n"] for name in there if name not in shown)
        row = [f"  {len(there) - len(shown):,} smaller groups", f"{others:,}"]
        yield [*row, *[""] * (width - len(row))]


def _largest(document: Mapping[str, Any], kind: str, attack: str | None) -> str:
    """The largest gap in accurate fairness between groups of one feature, in a sentence."""
    gaps = {}
    for feature in _single_features(document):
        section = document["gaps"][feature]
        gaps[feature] = (section["clean"] if kind == "clean" else section["robust"][attack])[
            "accurate_fairness"
        ]
    gaps = {feature: gap for feature, gap in gaps.items() if gap is not None}
    if not gaps:
        return ""
    feature = max(gaps, key=lambda name: gaps[name]["value"])
    gap, groups = gaps[feature], document["groups"][feature]
    rates = []
    for name in (gap["lowest"], gap["highest"]):
        section = groups[name]["clean"] if kind == "clean" else groups[name]["robust"][attack]
        rates.append(f"{shortened(name)} has {as_fraction(section['accurate_fairness']['value'])}")
    what = "Largest gap of clean rows" if kind == "clean" else f"Under {attack}"
    return f"{what}: {_one_line(gap)}, of {shortened(feature)}: {', '.join(rates)}."


def cost_table(document: Mapping[str, Any]) -> Cells:
    """What each attack asked the model, per instance."""
    n = max(document["clean"]["n"], 1)
    rows = [
        [
            name,
            f"{attack['gradient_rows'] / n:,.1f}",
            f"{attack['prediction_rows'] / n:,.1f}",
            *([f"{attack['queries'] / n:,.1f}"] if "queries" in attack else []),
            f"{attack['seconds']:,.1f}",
        ]
        for name, attack in document["attacks"].items()
    ]
    limit = document["config"].get("max_gradient_rows")
    note = "Rows asked for per instance; seconds for all. The clean rows are predicted once for all"
    note += " attacks, on the account of the first."
    if limit is not None:
        note += f" At most {limit:,} gradient rows were allowed for each instance and attack, of "
        note += "which a union has several."
    headers = ["", "gradient rows", "prediction rows", "seconds"]
    if document["config"].get("black_box"):
        headers.insert(-1, "queries")
        note += " Queries: distinct rows that the model was really asked about."
    return Cells("What it cost", headers, rows, note)


def tables(document: Mapping[str, Any]) -> list[Cells]:
    """All tables that have something to show."""
    shown = [attacks_table(document)]
    if document["config"].get("perturbation") == Perturbation.BOTH:
        shown.insert(0, perturbations_table(document))
    if document["attacks"]:
        shown.append(robust_table(document))
    if "groups" in document:
        shown.append(groups_table(document))
    if document["repairs"]:
        shown.append(repairs_table(document))
    if len(document["attacks"]) > 1:
        shown.append(cost_table(document))
    return shown


def as_text(cells: Cells) -> str:
    r"""The table in plain characters; a cell's lines stand below each other.

    Example:
        >>> print(as_text(Cells("Rates", ["", "true biased"], [["clean", "0.1\n0.0–0.2"]])))
        Rates
                   true
                 biased
        clean       0.1
                0.0–0.2
    """
    lines = [[header.replace(" ", "\n") for header in cells.headers], *cells.rows]
    lines = [["\n".join(map(visible, cell.split("\n"))) for cell in line] for line in lines]
    widths = [
        max(len(part) for line in lines for part in line[column].split("\n"))
        for column in range(len(cells.headers))
    ]
    text = [cells.title]
    for line in lines:
        parts = [cell.split("\n") for cell in line]
        for number in range(max(map(len, parts))):
            shown = [part[number] if number < len(part) else "" for part in parts]
            first, *others = zip(shown, widths, strict=True)
            row = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
            text.append("  ".join(row).rstrip())
    return "\n".join(text)


def _cells(rates: Mapping[str, Any]) -> list[str]:
    return [_rate(rates[key]) for key in COLUMNS]


def _rate(rate: Mapping[str, Any] | None) -> str:
    if rate is None:
        return "–"
    low, high = (as_fraction(rate[key], 2) for key in ("low", "high"))
    return f"{as_fraction(rate['value'])}\n{low}–{high}"


def _one_line(rate: Mapping[str, Any] | None) -> str:
    if rate is None:
        return "–"
    value, low, high = (as_fraction(rate[key]) for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def _sizes(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {size:g}" for name, size in value.items())
    return f"{value:g}"
