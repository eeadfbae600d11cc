"""`reproduction.md`: what agrees with the paper, what does not, and what the run says of why."""

from __future__ import annotations

import jinja2
import pandas as pd

from rafair._version import __version__
from rafair.blocks.block_types import Cells, Tone
from rafair.blocks.markdown import as_markdown
from rafair.results.run_files import CLEAN
from rafair.study.config import Part
from rafair.study.drawing_counterparts import ALL, DRAWN
from rafair.study.formats import figure, signed
from rafair.study.frame_lookup import Row, distinct, means_by, rows_by, values_by
from rafair.study.paper_tables import budgets, comparison, mean_rates, table_note
from rafair.study.published import TABLE3, TABLE4, Published, published
from rafair.study.reproduction import Reproduction
from rafair.study.table_order import GOALS, MEAN, UNION, printed
from rafair.study.trajectories import GOAL_VERDICTS
from rafair.wording import joined

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
    return {
        **{name: as_markdown([cells]).strip() for name, cells in _tables(found).items()},
        "version": __version__,
        "config": config,
        "datasets": joined(config.datasets),
        "seeds": _seeds(config.seed, config.models),
        "note": table_note(tables["table3"], config),
        "far": _far(tables),
        "lower": _lower(tables["comparison"]),
        "broken": [claim.text for claim in found.claims if not claim.holds],
        "n_claims": len(found.claims),
        "still": _most_still(tables["quadrants"]),
        "unseen": _unseen(tables["drawing"]),
        "paper_fairness": {
            "clean": published(TABLE3, CLEAN, "r_if"),
            "outcome": published(TABLE3, UNION, "r_if"),
        },
        "dearest": _dearest(tables["cost"]),
        "most_zero": float(tables["cost"]["zero_gradient"].max()),
        "noticeable": NOTICEABLE,
        "warnings": found.warnings,
        "compas_features": _features(tables["networks"], "compas"),
        "noise": _noise(tables["table3"]),
        "alike": _alike(TABLE4),
        "figure": figure,
        "signed": signed,
        "printed": printed,
        "large": LARGE_DIFFERENCE,
        "union": UNION,
    }


def _tables(found: Reproduction) -> dict[str, Cells]:
    tables = found.tables
    return {
        "table3": mean_rates(tables["table3"]),
        "table4": mean_rates(tables["table4"]),
        "outcome": budgets(tables["epsilons"], MEAN, "outcome"),
        "robust": budgets(tables["epsilons"], MEAN, "robust"),
        "comparison": comparison(tables["comparison"]),
        "claims": _claims(found),
        "quadrants": _quadrants(tables["quadrants"]),
        "drawing": _drawing(tables["drawing"]),
        "cost": _cost(tables["cost"]),
        "zero": _zero(tables["cost"]),
        "networks": _networks(tables["networks"]),
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


def _claims(found: Reproduction) -> Cells:
    rows = [
        [claim.text, claim.source, "yes" if claim.holds else "no", claim.evidence]
        for claim in found.claims
    ]
    headers = ["statement", "made by", "holds here", "figures"]
    return Cells("", headers, rows, prose=True, tones={"no": Tone.WARNING})


def _quadrants(quadrants: pd.DataFrame) -> Cells:
    means = quadrants.groupby(["dataset", "goal"], sort=False, as_index=False).agg(
        share=("share", "mean"),
        sd=("share", "std"),
        still=("still", "mean"),
        moving=("share_of_moving", "mean"),
        n=("n", "sum"),
    )
    rows = [
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
    return Cells("", headers, rows, names=2)


def _most_still(quadrants: pd.DataFrame) -> dict[str, object]:
    means = means_by(quadrants, "dataset", "goal", value="still")
    dataset, goal = max(means, key=means.__getitem__)
    return {"dataset": dataset, "goal": GOAL_VERDICTS[goal], "share": means[dataset, goal]}


def _drawing(drawing: pd.DataFrame) -> Cells:
    asked = [ALL, *map(str, sorted(DRAWN, reverse=True))]
    cells = rows_by(drawing, "dataset", "rows", "drawn")
    lines = []
    for dataset in distinct(drawing, "dataset"):
        for rows, what in ((CLEAN, "clean rows"), (UNION, "RAFair's outcome rows")):
            shown = [cells[dataset, rows, drawn] for drawn in asked]
            lines.append([dataset, what, *(figure(cell["value"], cell["sd"]) for cell in shown)])
    headers = ["data set", "rows", "all asked", *(f"{name} drawn" for name in asked[1:])]
    return Cells("", headers, lines, names=2)


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


def _cost(cost: pd.DataFrame) -> Cells:
    asked = {
        kind: means_by(cost, "attack", "dataset", value=kind)
        for kind in ("gradient_rows", "prediction_rows")
    }
    datasets = distinct(cost, "dataset")
    rows = [
        [
            printed(attack),
            *(
                " + ".join(f"{count[attack, name]:,.0f}" for count in asked.values())
                for name in datasets
            ),
        ]
        for attack in distinct(cost, "attack")
    ]
    return Cells("", ["attack", *datasets], rows)


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


def _zero(cost: pd.DataFrame) -> Cells:
    own = cost[cost["attack"] == GOALS[0]]
    shares = values_by(own, "dataset", "model", value="zero_gradient")
    models = distinct(own, "model")
    rows = [
        [dataset, *(f"{shares[dataset, model]:.3f}" for model in models)]
        for dataset in distinct(own, "dataset")
    ]
    return Cells("", ["data set", *(f"seed {model}" for model in models)], rows)


def _networks(networks: pd.DataFrame) -> Cells:
    facts = rows_by(networks, "dataset")
    means = networks.groupby("dataset", sort=False)["test_accuracy"]
    spread, mean = means.std().to_dict(), means.mean().to_dict()
    rows = [
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
    headers = ["data set", "rows", "features", "counterparts", "test accuracy", "largest class"]
    return Cells("", headers, rows)


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
