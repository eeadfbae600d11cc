"""Fair's survey on extramarital affairs, which comes with statsmodels."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from rafair.datasets.dataset_columns import Described, decoded, make_table
from rafair.datasets.info import Variant
from rafair.tabular.table import Table

OCCUPATIONS = {
    1: "student",
    2: "farming or unskilled",
    3: "white-collar",
    4: "teacher, nurse, artist or skilled",
    5: "managerial or business",
    6: "professional with advanced degree",
}
# the meanings of the codes, in their order, as statsmodels documents them
LEVELS = {
    "rate_marriage": {1: "very poor", 2: "poor", 3: "fair", 4: "good", 5: "very good"},
    "religious": {1: "not", 2: "mildly", 3: "fairly", 4: "strongly"},
    "educ": {
        9: "grade school",
        12: "high school",
        14: "some college",
        16: "college graduate",
        17: "some graduate school",
        20: "advanced degree",
    },
    "occupation": OCCUPATIONS,
    "occupation_husb": OCCUPATIONS,
}


def read(contents: Mapping[str, bytes], variant: Variant) -> Table:
    """Reads the data that statsmodels bundles; both variants are alike.

    Example:
        >>> read({}, Variant.CLEAN).schema["religious"].levels
        ('not', 'mildly', 'fairly', 'strongly')
    """
    # imported here: statsmodels takes half a second to load
    from statsmodels.datasets import fair

    raw: pd.DataFrame = fair.load_pandas().data
    frame = raw.drop(columns="affairs")
    for column, levels in LEVELS.items():
        frame[column] = decoded(frame[column], levels)
    return make_table(
        "affairs",
        frame,
        raw["affairs"] > 0,
        Described(
            label="affairs",
            classes=("no affair", "affair"),
            sensitive=("age", "religious"),
            levels={column: tuple(levels.values()) for column, levels in LEVELS.items()},
            units={"age": "years", "yrs_married": "years"},
            # codes of answers such as "5 or more", which stands for 5.5
            steps={"yrs_married": 0.5, "children": 0.5},
        ),
    )
