"""A table so small that all its feasible rows can be enumerated, in its own units and encoded."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from rafair.models.raw_inputs import raw_frame
from rafair.tabular.encoding import encode
from rafair.tabular.schema import Feature, Schema

ROWS = 300


def schema(n_classes: int = 2, *, missing: bool = True) -> Schema:
    """Numbers on grids, one of them derived; levels with and without an order; two sensitive."""
    features = (
        Feature(name="age", kind="integer", minimum=0, maximum=5, missing=missing),
        Feature(name="pay", kind="numeric", minimum=-1, maximum=1, step=0.5),
        Feature(name="hours", kind="integer", minimum=0, maximum=3),
        Feature(name="total", kind="numeric", minimum=-1, maximum=4, derive="pay + hours"),
        Feature(name="job", kind="categorical", levels=("a", "b", "c", "d")),
        Feature(name="rating", kind="ordinal", levels=(1, 2, 5), mutable=False),
        Feature(
            name="sex",
            kind="categorical",
            levels=("f", "m", "x"),
            sensitive=True,
            domain=("f", "m", "x"),
        ),
        Feature(name="old", kind="integer", minimum=0, maximum=2, sensitive=True, domain=(0, 1, 2)),
    )
    return Schema(features=features, label="y", classes=("no", "yes", "maybe")[:n_classes])


@cache
def people(n_classes: int = 2, *, missing: bool = True) -> tuple[pd.DataFrame, np.ndarray]:
    """Raw rows, and labels that depend on all of their columns."""
    generator = np.random.default_rng(n_classes)
    made = pd.DataFrame(
        {
            "age": generator.integers(0, 6, ROWS).astype(float),
            "pay": generator.integers(-2, 3, ROWS) / 2,
            "hours": generator.integers(0, 4, ROWS),
            "job": generator.choice(list("abcd"), ROWS),
            "rating": generator.choice([1, 2, 5], ROWS),
            "sex": generator.choice(list("fmx"), ROWS),
            "old": generator.integers(0, 3, ROWS),
        }
    )
    made.insert(3, "total", made["pay"] + made["hours"])
    if missing:
        made.loc[generator.random(ROWS) < 0.2, "age"] = np.nan
    known = schema(n_classes, missing=missing)
    made = raw_frame(encode(made, known), known)
    score = made["age"].fillna(2.5) + 2 * made["pay"] - made["hours"] + (made["job"] == "b") * 2
    score += (made["rating"] > 1) * 1.0 - (made["job"] == "d") * 1.0 + 0.5 * made["old"]
    score += 0.7 * (made["sex"] == "m") + generator.normal(size=ROWS)
    ends = np.quantile(score, np.arange(1, n_classes) / n_classes)
    return made, np.array(known.classes)[np.searchsorted(ends, score)]


def encoded(n_classes: int = 2, *, missing: bool = True) -> np.ndarray:
    """The rows, encoded."""
    return encode(people(n_classes, missing=missing)[0], schema(n_classes, missing=missing))
