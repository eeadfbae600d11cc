"""Bank Marketing: phone calls of a Portuguese bank."""

from __future__ import annotations

import io
from collections.abc import Mapping

import pandas as pd

from rafair.datasets.dataset_columns import Described, make_table
from rafair.datasets.info import Variant
from rafair.tabular.table import Table

LEVELS = {
    "education": ("unknown", "primary", "secondary", "tertiary"),
    "month": ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
}
UNITS = {
    "age": "years",
    "balance": "euros",
    "duration": "seconds",
    "campaign": "calls",
    "pdays": "days",
    "previous": "calls",
}


def read(contents: Mapping[str, bytes], variant: Variant) -> Table:
    """Reads `bank-full.csv`.

    Args:
        contents: The file's bytes.
        variant: `clean` drops `duration`, which is known only after the call.
    """
    raw = pd.read_csv(io.BytesIO(contents["bank-full.csv"]), sep=";")
    dropped = ["y"] if variant is Variant.PAPER else ["y", "duration"]
    return make_table(
        "bank",
        raw.drop(columns=dropped),
        raw["y"] == "yes",
        Described(
            label="y",
            classes=("no", "yes"),
            sensitive=("age",),
            levels=LEVELS,
            units=UNITS,
        ),
    )
