"""`reproduction.md`: what agrees with the paper, what does not, and what the run says of why."""

from __future__ import annotations

import jinja2
import pandas as pd

from rafair._version import __version__
from rafair.results.run_files import CLEAN
from rafair.study.config import Part
from rafair.study.drawing_counterparts import ALL, DRAWN
from rafair.study.formats import as_markdown, figure, signed
from rafair.study.layout import (
    PRINTED_METRICS,
    budget_lines,
    comparison_lines,
    joined,
    mean_lines,
    table_note,
)
from rafair.study.lookup import Row, distinct, means_by, rows_by, values_by
from rafair.study.order import GOALS, MEAN, UNION, printed
from rafair.study.published import TABLE3, TABLE4, Published, published
from rafair.study.reproduction import Reproduction
from rafair.study.trajectories import GOAL_VERDICTS

TEMPLATE = "reproduction.md.jinja"
NOISE = "noise"
LARGE_DIFFERENCE = 0.1
"""A difference from the paper's figure above this is named in the text."""
NOTICEABLE = 0.01


def page_markdown(found: Reproduction) -> str:
    """The page of a whole reproduction; holds neither paths nor dates nor seconds."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("rafair.study"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown, not HTML
    )
    text: str = environment.get_template(TEMPLATE).render(_content(found))
    return text


def _content(found: Reproduction) -> dict[str, object]:
    config, tables = found.config, found.tables
    headers = ["attack", "", *PRINTED_METRICS.values()]
    return {
        "version": __version__,
        "config": config,
        "datasets": joined(config.datasets),
        "seeds": _seeds(config.seed, config.models),
        "table3": as_markdown(headers, mean_lines(tables["table3"]), names=2),
        "table4": as_markdown(headers, mean_lines(tables["table4"]), names=2),
        "note": table_note(tables["table3"], config),
        "far": _far(tables),
        "outcome": as_markdown(*budget_lines(tables["epsilons"], MEAN, "outcome")),
        "robust": as_markdown(*budget_lines(tables["epsilons"], MEAN, "robust")),
        "comparison": as_markdown(*comparison_lines(tables["comparison"])),
        "lower": _lower(tables["comparison"]),
        "claims": _claims(found),
        "broken": [claim.text for claim in found.claims if not claim.holds],
        "n_claims": len(found.claims),
        "quadrants": as_markdown(*_quadrants(tables["quadrants"]), names=2),
        "still": _most_still(tables["quadrants"]),
        "drawing": as_markdown(*_drawing(tables["drawing"]), names=2),
        "unseen": _unseen(tables["drawing"]),
        "paper_fairness": {
            "clean": published(TABLE3, CLEAN, "r_if"),
            "outcome": published(TABLE3, UNION, "r_if"),
        },
        "cost": as_markdown(*_cost(tables["cost"])),
        "dearest": _dearest(tables["cost"]),
        "zero": as_markdown(*_zero(tables["cost"]), names=1),
        "most_zero": float(tables["cost"]["zero_gradient"].max()),
        "noticeable": NOTICEABLE,
        "warnings": found.warnings,
        "networks": as_markdown(*_networks(tables["networks"])),
        "compas_features": _features(tables["networks"], "compas"),
        "noise": _noise(tables["table3"]),
        "alike": _alike(TABLE4),
        "figure": figure,
        "signed": signed,
        "printed": printed,
        "large": LARGE_DIFFERENCE,
        "union": UNION,
    }


def _seeds(first: int, models: int) -> str:
    return f"seed {first}" if models == 1 else f"seeds {first} to {first + models - 1}"


def _alike(table: Published) -> list[str]:
    """Attacks for which the paper prints the same figures throughout."""
    rows: dict[tuple[float, ...], list[str]] = {}
    for attack, figures in table.items():
        rows.setdefault(figures, []).append(printed(attack))
    return [joined(names) for names in rows.values() if len(names) > 1]


def _far(tables: dict[str, pd.DataFrame]) -> list[Row]:
    """Means of R-AF far from the paper's, the farthest first, with the figures of both."""
    both = pd.concat(
        [tables[str(part)].assign(table=part[-1]) for part in (Part.TABLE3, Part.TABLE4)]
    )
    own = both[(both["dataset"] == MEAN) & (both["metric"] == "r_af")]
    own = own[own["difference"].abs() > LARGE_DIFFERENCE]
    ordered = own.assign(size=own["difference"].abs()).sort_values("size", ascending=False)
    return ordered.to_dict("records")


def _lower(comparison: pd.DataFrame) -> list[Row]:
    """Where an attack leaves fewer instances true fair than the union, beyond the interval."""
    own = comparison[comparison["lower"].astype(bool)]
    return own.to_dict("records")


def _claims(found: Reproduction) -> str:
    lines = [
        [claim.text, claim.source, "yes" if claim.holds else "**no**", claim.evidence]
        for claim in found.claims
    ]
    return as_markdown(["statement", "made by", "holds here", "figures"], lines, names=4)


def _quadrants(quadrants: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    means = quadrants.groupby(["dataset", "goal"], sort=False, as_index=False).agg(
        share=("share", "mean"),
        sd=("share", "std"),
        still=("still", "mean"),
        moving=("share_of_moving", "mean"),
        n=("n", "sum"),
    )
    lines = [
        [
            row["dataset"],
            str(GOAL_VERDICTS[row["goal"]]),
            f"{row['n']:,}",
            figure(row["share"], row["sd"]),
            figure(row["moving"]),
            figure(row["still"]),
        ]
        for row in means.to_dict("records")
    ]
    headers = ["data set", "goal", "n", "in the goal's area", "of those that move", "stand still"]
    return headers, lines


def _most_still(quadrants: pd.DataFrame) -> dict[str, object]:
    means = means_by(quadrants, "dataset", "goal", value="still")
    dataset, goal = max(means, key=means.__getitem__)
    return {"dataset": dataset, "goal": GOAL_VERDICTS[goal], "share": means[dataset, goal]}


def _drawing(drawing: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    asked = [ALL, *map(str, sorted(DRAWN, reverse=True))]
    cells = rows_by(drawing, "dataset", "rows", "drawn")
    lines = []
    for dataset in distinct(drawing, "dataset"):
        for rows, what in ((CLEAN, "clean rows"), (UNION, "RAFair's outcome rows")):
            shown = [cells[dataset, rows, drawn] for drawn in asked]
            lines.append([dataset, what, *(figure(cell["value"], cell["sd"]) for cell in shown)])
    return ["data set", "rows", "all asked", *(f"{name} drawn" for name in asked[1:])], lines


def _unseen(drawing: pd.DataFrame) -> dict[str, float]:
    """Mean individual fairness of clean rows and outcomes with all counterparts, and with 4."""
    means = values_by(drawing[drawing["dataset"] == MEAN], "rows", "drawn")
    few = str(min(DRAWN))
    return {
        "clean": means[CLEAN, ALL],
        "clean_few": means[CLEAN, few],
        "outcome": means[UNION, ALL],
        "outcome_few": means[UNION, few],
    }


def _cost(cost: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    asked = {
        kind: means_by(cost, "attack", "dataset", value=kind)
        for kind in ("gradient_rows", "prediction_rows")
    }
    datasets = distinct(cost, "dataset")
    lines = [
        [
            printed(attack),
            *(
                " + ".join(f"{rows[attack, name]:,.0f}" for rows in asked.values())
                for name in datasets
            ),
        ]
        for attack in distinct(cost, "attack")
    ]
    return ["attack", *datasets], lines


def _dearest(cost: pd.DataFrame) -> dict[str, object]:
    """The attacks that ask for the fewest and for the most rows, and how many."""
    rows = means_by(
        cost.assign(rows=cost["gradient_rows"] + cost["prediction_rows"]), "attack", value="rows"
    )
    cheapest, dearest = min(rows, key=rows.__getitem__), max(rows, key=rows.__getitem__)
    return {
        "cheapest": printed(cheapest),
        "least": rows[cheapest],
        "name": printed(dearest),
        "most": rows[dearest],
    }


def _zero(cost: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    own = cost[cost["attack"] == GOALS[0]]
    shares = values_by(own, "dataset", "model", value="zero_gradient")
    models = distinct(own, "model")
    lines = [
        [dataset, *(f"{shares[dataset, model]:.3f}" for model in models)]
        for dataset in distinct(own, "dataset")
    ]
    return ["data set", *(f"seed {model}" for model in models)], lines


def _networks(networks: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    facts = rows_by(networks, "dataset")
    means = networks.groupby("dataset", sort=False)["test_accuracy"]
    spread, mean = means.std().to_dict(), means.mean().to_dict()
    lines = [
        [
            dataset,
            f"{row['rows']:,}",
            f"{row['features']}",
            f"{row['counterparts']:,}",
            figure(mean[dataset], spread[dataset]),
            figure(row["largest_class"]),
        ]
        for dataset, row in facts.items()
    ]
    return ["data set", "rows", "features", "counterparts", "test accuracy", "largest class"], lines


def _features(networks: pd.DataFrame, dataset: str) -> int | None:
    row = rows_by(networks, "dataset").get(dataset)
    return None if row is None else int(row["features"])


def _noise(table3: pd.DataFrame) -> dict[str, object] | None:
    """Mean R-AF of clean rows, of noise and of the union; None without noise."""
    own = table3[(table3["dataset"] == MEAN) & (table3["metric"] == "r_af")]
    values = values_by(own, "attack")
    if NOISE not in values:
        return None
    attacks = [name for name in values if name not in (CLEAN, NOISE)]
    return {
        "clean": values[CLEAN],
        "value": values[NOISE],
        "union": values[UNION],
        "weaker": [printed(name) for name in attacks if values[name] >= values[NOISE]],
    }
