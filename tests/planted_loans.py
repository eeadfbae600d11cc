"""Loans made up to hold every rule of a schema at once: grids, directions, groups, relations."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rafair.tabular.schema import Feature, Schema
from rafair.tabular.table import Table

JOBS = ("clerk", "farmer", "nurse", "teacher")
REGIONS = ("north", "south", "west")


def loan_schema() -> Schema:
    features = (
        Feature(name="income", kind="integer", minimum=0, maximum=5000, step=50),
        Feature(name="housing_debt", kind="integer", minimum=0, maximum=3000),
        Feature(name="start_year", kind="integer", minimum=2000, maximum=2020),
        Feature(
            name="end_year", kind="integer", minimum=2000, maximum=2030, direction="increase_only"
        ),
        Feature(name="rate", kind="numeric", minimum=0.5, maximum=9.5, step=0.25),
        Feature(name="balance", kind="numeric", minimum=-100, maximum=900, largest_change=90.5),
        Feature(
            name="grade", kind="ordinal", levels=tuple("abcdefghij"), direction="decrease_only"
        ),
        Feature(name="score", kind="integer", minimum=0, maximum=100, largest_change=7),
        Feature(name="job", kind="categorical", levels=JOBS),
        Feature(
            name="member", kind="boolean", levels=("no", "yes"), direction="increase_only"
        ),
        *(
            Feature(name=name, kind="boolean", levels=("no", "yes"), group="region")
            for name in REGIONS
        ),
        Feature(name="town", kind="integer", minimum=1, maximum=9, mutable=False),
        Feature(
            name="gender", kind="categorical", levels=("f", "m"), sensitive=True, domain=("f", "m")
        ),
        Feature(
            name="age", kind="integer", minimum=18, maximum=24, sensitive=True,
            domain=(18, 20, 22, 24),
        ),
    )  # fmt: skip
    relations = (
        "housing_debt <= 0.4 * income",
        "end_year >= start_year",
        "start_year + score <= 2100",
    )
    return Schema(features=features, label="late", classes=("no", "yes"), relations=relations)


def loans(n: int = 200, seed: int = 0) -> Table:
    """Random loans, some of which break a relation from the start."""
    draw = np.random.default_rng(seed)
    income = draw.integers(0, 101, n) * 50
    start = draw.integers(2000, 2021, n)
    region = draw.integers(0, 3, n)
    frame = pd.DataFrame(
        {
            "income": income,
            "housing_debt": np.minimum((income * draw.uniform(0.2, 0.42, n)).astype(int), 3000),
            "start_year": start,
            "end_year": start + draw.integers(0, 4, n),
            "rate": 0.5 + 0.25 * draw.integers(0, 37, n),
            "balance": np.round(draw.uniform(-100, 900, n), 2),
            "grade": draw.choice(list("abcdefghij"), n),
            "score": draw.integers(50, 96, n),
            "job": draw.choice(JOBS, n),
            "member": draw.choice(("no", "yes"), n),
            **{name: np.where(region == place, "yes", "no") for place, name in enumerate(REGIONS)},
            "town": draw.integers(1, 10, n),
            "gender": draw.choice(("f", "m"), n),
            "age": draw.choice((18, 20, 22, 24), n),
        }
    )
    risk = frame["housing_debt"] / 1000 - income / 4000 + (frame["job"] == "farmer")
    risk += (frame["south"] == "yes") * 0.5 + draw.normal(0, 0.3, n)
    labels = (risk > risk.median()).to_numpy().astype(np.int64)
    return Table(frame, labels, loan_schema(), "loans")
