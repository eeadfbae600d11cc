"""The page of a reproduction says what its figures say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from rafair.study.config import Part, StudyConfig
from rafair.study.option_groups import PAPER_DATASETS
from rafair.study.published import METRICS, TABLE3, TABLE4
from rafair.study.reproduction import Reproduction
from rafair.study.reproduction_page import page_markdown

MODELS = (0, 1)
ATTACKS = ("rafair-tb", "rafair-ff", "rafair-fb", "rafair", "apgd", "noise")


def rates(table: dict[str, tuple[float, ...]], shift: float) -> pd.DataFrame:
    """The paper's own figures, shifted; noise stands between clean rows and the union."""
    rows = {name: row for name, row in table.items() if name in ("clean", *ATTACKS)}
    records = [
        {
            "dataset": dataset,
            "attack": attack,
            "metric": metric,
            "value": value + shift,
            "sd": 0.01,
            "paper": value if dataset == "mean" and attack != "noise" else None,
            "difference": shift if dataset == "mean" and attack != "noise" else None,
            "n": 400,
        }
        for dataset in ("mean", *PAPER_DATASETS)
        for attack, row in (rows | {"noise": (0.6,) * 7}).items()
        for metric, value in zip(METRICS, row, strict=True)
    ]
    return pd.DataFrame.from_records(records)


def per_set(records: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame.from_records(
        [
            {"dataset": dataset} | record
            for dataset in ("mean", *PAPER_DATASETS)
            for record in records
        ]
    )


def made_up(
    *,
    shift: float = 0.05,
    lower: bool = False,
    still: float = 0.2,
    few: float = 0.9,
    zero: float = 0.0,
    features: int = 9,
) -> Reproduction:
    tables = {
        "table3": rates(TABLE3, shift),
        "table4": rates(TABLE4, 0.0),
        "epsilons": per_set(
            [
                {"epsilon": e, "attack": a, "kind": kind, "value": 0.5, "sd": 0.1, "n": 400}
                for e in (0.05, 0.1, 0.2)
                for a in ATTACKS
                for kind in ("outcome", "robust")
            ]
        ),
        "comparison": per_set(
            [
                {"epsilon": e, "attack": "apgd", "difference": -0.1, "low": -0.2, "high": -0.05}
                | {"n": 400, "lower": lower}
                for e in (0.05, 0.1, 0.2)
            ]
        ),
        "quadrants": pd.DataFrame.from_records(
            [
                {"dataset": d, "model": m, "goal": g, "n": 100, "in_area": 60, "share": 0.6}
                | {"low": 0.5, "high": 0.7, "still": still, "share_of_moving": 0.7}
                for d in PAPER_DATASETS
                for m in MODELS
                for g in ATTACKS[:3]
            ]
        ),
        "drawing": per_set(
            [
                {"rows": rows, "drawn": drawn, "value": value, "sd": 0.1, "n": 400}
                for rows in ("clean", "rafair")
                for drawn, value in (("all", 0.7), ("4", few), ("12", few))
            ]
        ),
        "networks": pd.DataFrame.from_records(
            [
                {"dataset": d, "model": m, "rows": 45211, "features": features, "counterparts": 77}
                | {"test_accuracy": 0.85, "largest_class": 0.75}
                for d in PAPER_DATASETS
                for m in MODELS
            ]
        ),
        "cost": pd.DataFrame.from_records(
            [
                {"dataset": d, "model": m, "attack": a, "n": 200}
                | {"gradient_rows": 9000.0 if a == "rafair" else 0.0}
                | {"prediction_rows": 10.0, "seconds": 77.77, "zero_gradient": zero}
                for d in PAPER_DATASETS
                for m in MODELS
                for a in ATTACKS
            ]
        ),
    }
    return Reproduction(Part.ALL, StudyConfig(models=2), Path("/somewhere/out"), tables)


def unfolded(found: Reproduction) -> str:
    return " ".join(page_markdown(found).split())


@pytest.mark.parametrize(
    ("made", "said", "unsaid"),
    [
        ({"shift": 0.05}, "Every mean R-AF lies within 0.1 of the paper's", "the farthest first"),
        (
            {"shift": -0.2},
            "- Table 3, RAFair: 0.024 ± 0.010 here, 0.224 in the paper (−0.200)",
            "Every mean",
        ),
        ({"lower": False}, "No attack is lower than the union", "Lower than the union by more"),
        (
            {"lower": True},
            "- APGD at epsilon 0.2, on bank: −0.100 [−0.200, −0.050]",
            "No attack is lower than",
        ),
        ({"still": 0.25}, "25 %. A goal that moves two losses apart", "No instance stands still"),
        ({"still": 0.0}, "No instance stands still", "Instances that stand still"),
        ({"few": 0.9}, "Drawing 4 would report 0.900 instead of 0.700", "hardly matters"),
        ({"few": 0.705}, "Here that hardly matters: clean rows +0.005", "Drawing 4 would"),
        ({"zero": 0.0}, "vanishing gradients explain nothing here", "understate the risk"),
        ({"features": 9}, "COMPAS has 11 features in the paper, and 9 here", "| 11 |"),
        (
            {"features": 11},
            "| compas | 45,211 | 11 | 77 | 0.850 ± 0.000 | 0.750 |",
            "COMPAS has 11",
        ),
        ({"zero": 0.2}, "attacks that follow gradients understate the risk", "explain nothing"),
    ],
)
def test_the_text_follows_the_figures(made, said, unsaid):
    text = unfolded(made_up(**made))
    assert said in text
    assert unsaid not in text


def test_noise_is_a_yardstick():
    text = unfolded(made_up())
    assert "leave a mean R-AF of 0.650; clean rows have 0.768, RAFair's union 0.274" in text
    assert "from 10 rows (RAFair TB) to 9,010 (RAFair)." in text
    assert "Not below noise: RAFair TB, RAFair FB. Noise is counted" in text


def test_the_page_says_how_it_was_made_and_holds_no_path_and_no_seconds():
    text = page_markdown(made_up())
    assert "--models 2 --instances 200 --steps 20 --step-size 0.01 --epochs 50" in text
    assert "seeds 0 to 1" in text
    assert "somewhere" not in text
    assert "77.77" not in text
    assert "The paper prints one and the same row of figures for APGD, ACG, ADF and DICE" in text


def test_what_the_audits_warn_of_is_on_the_page_on_screen_and_in_the_document():
    found = made_up()
    quiet = page_markdown(found)
    found.warnings.append("credit, seed 0: the model predicts the same class for every row")
    page = page_markdown(found)
    assert "The audits warn:\n\n- credit, seed 0: the model predicts the same class" in page
    assert "The audits warn" not in quiet
    assert found.document["warnings"] == found.warnings
