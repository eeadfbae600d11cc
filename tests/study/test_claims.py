"""Statements follow the figures: turned round, the answers turn."""

from __future__ import annotations

import pandas as pd
import pytest

from rafair.study.claims import Claim, area_claims, budget_claims, rate_claims, repair_claims
from rafair.study.published import METRICS, TABLE3, TABLE4

PAPERS = ("adult", "bank", "credit", "compas")


def rates(rows: dict[str, tuple[float, ...]]) -> pd.DataFrame:
    records = [
        {"dataset": "mean", "attack": attack, "metric": metric, "value": value}
        for attack, figures in rows.items()
        for metric, value in zip(METRICS, figures, strict=True)
    ]
    return pd.DataFrame.from_records(records)


def answers(claims: object) -> dict[str, bool]:
    found: list[Claim] = list(claims)
    assert all(claim.evidence for claim in found)
    return {claim.text: claim.holds for claim in found}


def test_the_paper_s_own_tables_hold_what_the_paper_says():
    assert set(answers(rate_claims(rates(TABLE3))).values()) == {True}
    found = answers(repair_claims(rates(TABLE4)))
    assert set(found.values()) == {True}


def changed(table: dict, attack: str, metric: str, value: float) -> pd.DataFrame:
    frame = rates(table)
    frame.loc[(frame["attack"] == attack) & (frame["metric"] == metric), "value"] = value
    return frame


@pytest.mark.parametrize(
    ("attack", "metric", "value", "words"),
    [
        ("apgd", "r_acc", 0.3, "leaves a lower R-ACC"),
        ("adf", "r_if", 0.4, "lower R-IF"),
        ("acg", "r_af", 0.1, "lower R-AF"),
        ("rafair-ff", "tbr", 0.4, "raises TBR"),
        ("rafair-tb", "tbr", 0.1, "raises TBR"),
        ("rafair-tb", "ffr", 0.5, "raises FFR"),
        ("rafair-ff", "fbr", 0.3, "raises FBR"),
        ("rafair-tb", "r_acc", 0.8, "does not lower R-ACC"),
    ],
)
def test_one_figure_of_table_3_turns_one_answer(attack, metric, value, words):
    found = answers(rate_claims(changed(TABLE3, attack, metric, value)))
    assert [text for text, holds in found.items() if not holds] == [
        text for text in found if words in text
    ]


@pytest.mark.parametrize(
    ("attack", "metric", "value", "words"),
    [
        ("rafair-fb", "tfr", 0.4, "most rows"),
        ("dice", "ffr", 0.2, "most frequent"),
        ("dice", "tfr", 0.7, "less often"),
    ],
)
def test_one_figure_of_table_4_turns_one_answer(attack, metric, value, words):
    found = answers(repair_claims(changed(TABLE4, attack, metric, value)))
    assert [text for text, holds in found.items() if not holds] == [
        text for text in found if words in text
    ]


def budgets(apgd: tuple[float, float, float]) -> pd.DataFrame:
    values = {"rafair-ff": (0.4, 0.3, 0.2), "rafair": (0.4, 0.3, 0.2), "apgd": apgd}
    records = [
        {"dataset": "mean", "epsilon": epsilon, "attack": attack, "kind": "outcome", "value": value}
        for attack, figures in values.items()
        for epsilon, value in zip((0.05, 0.1, 0.2), figures, strict=True)
    ]
    return pd.DataFrame.from_records(records)


def comparison(high: float) -> pd.DataFrame:
    row = {"dataset": "mean", "epsilon": 0.2, "attack": "apgd", "difference": -0.02}
    return pd.DataFrame([row | {"low": -0.04, "high": high, "n": 9, "lower": high < 0}])


@pytest.mark.parametrize(
    ("apgd", "high", "expected"),
    [
        ((0.4, 0.31, 0.2), 0.01, [True, True, True]),
        ((0.4 - 1e-12, 0.31, 0.2), 0.01, [True, True, True]),  # rounding is no difference
        ((0.39, 0.31, 0.2), 0.01, [False, True, True]),
        ((0.41, 0.29, 0.2), 0.01, [True, False, True]),
        ((0.41, 0.31, 0.1), -0.01, [True, True, False]),
    ],
)
def test_budgets(apgd, high, expected):
    found = answers(budget_claims(budgets(apgd), comparison(high)))
    assert list(found.values()) == expected


def quadrants(share: dict[str, float]) -> pd.DataFrame:
    records = [
        {"dataset": dataset, "model": model, "goal": goal, "share": value + 0.1 * model - 0.05}
        for goal, value in share.items()
        for dataset in PAPERS
        for model in (0, 1)
    ]
    return pd.DataFrame.from_records(records)


def test_areas():
    shares = {"rafair-tb": 0.51, "rafair-ff": 0.79, "rafair-fb": 0.49}
    assert list(answers(area_claims(quadrants(shares))).values()) == [True, True, False, False]
    shares = {"rafair-tb": 0.5, "rafair-ff": 0.81, "rafair-fb": 0.9}
    assert list(answers(area_claims(quadrants(shares))).values()) == [False, True, True, True]
