"""Statlog German Credit, its codes replaced by what UCI says they mean."""

from __future__ import annotations

import io
from collections.abc import Mapping

import pandas as pd

from rafair.datasets.dataset_columns import Described, decoded, make_table
from rafair.datasets.info import Variant
from rafair.tabular.table import Table

COLUMNS = (
    "status",
    "duration",
    "credit_history",
    "purpose",
    "credit_amount",
    "savings",
    "employment",
    "installment_rate",
    "personal_status",
    "other_debtors",
    "residence_since",
    "property",
    "age",
    "other_installment_plans",
    "housing",
    "existing_credits",
    "job",
    "people_liable",
    "telephone",
    "foreign_worker",
    "class",
)
# "none" and "unknown" stand below the amounts of an ordered level
ORDERED: dict[str, dict[str, str]] = {
    "status": {
        "A14": "no checking account",
        "A11": "checking < 0 DM",
        "A12": "checking 0 to 200 DM",
        "A13": "checking >= 200 DM or salary paid in",
    },
    "savings": {
        "A65": "no or unknown savings",
        "A61": "savings < 100 DM",
        "A62": "savings 100 to 500 DM",
        "A63": "savings 500 to 1000 DM",
        "A64": "savings >= 1000 DM",
    },
    "employment": {
        "A71": "unemployed",
        "A72": "employed < 1 year",
        "A73": "employed 1 to 4 years",
        "A74": "employed 4 to 7 years",
        "A75": "employed >= 7 years",
    },
    "job": {
        "A171": "unemployed or unskilled, non-resident",
        "A172": "unskilled, resident",
        "A173": "skilled or official",
        "A174": "manager, self-employed or highly qualified",
    },
}
# in the order of their codes, which says nothing else
NOMINAL: dict[str, dict[str, str]] = {
    "credit_history": {
        "A30": "no credits, or all paid back",
        "A31": "all credits here paid back",
        "A32": "paid back duly till now",
        "A33": "delays in the past",
        "A34": "critical, or credits elsewhere",
    },
    "purpose": {
        "A40": "new car",
        "A41": "used car",
        "A42": "furniture",
        "A43": "radio or television",
        "A44": "domestic appliances",
        "A45": "repairs",
        "A46": "education",
        "A48": "retraining",
        "A49": "business",
        "A410": "other purpose",
    },
    "personal_status": {
        "A91": "divorced, separated (women: or married)",
        "A92": "divorced, separated (women: or married)",
        "A93": "single",
        "A94": "married or widowed",
    },
    "other_debtors": {"A101": "none", "A102": "co-applicant", "A103": "guarantor"},
    "property": {
        "A121": "real estate",
        "A122": "building society savings or life insurance",
        "A123": "car or other",
        "A124": "no or unknown property",
    },
    "other_installment_plans": {"A141": "bank", "A142": "stores", "A143": "none"},
    "housing": {"A151": "rent", "A152": "own", "A153": "for free"},
}
YES_NO_CODES: dict[str, dict[str, str]] = {
    "telephone": {"A191": "no", "A192": "yes"},
    "foreign_worker": {"A202": "no", "A201": "yes"},
}
GENDERS = {"A91": "male", "A92": "female", "A93": "male", "A94": "male"}


def read(contents: Mapping[str, bytes], variant: Variant) -> Table:
    """Reads `german.data`; both variants are alike.

    Args:
        contents: The file's bytes.
        variant: Ignored.
    """
    raw = pd.read_csv(io.BytesIO(contents["german.data"]), sep=" ", names=list(COLUMNS))
    frame = raw.drop(columns="class")
    frame.insert(
        COLUMNS.index("personal_status") + 1, "gender", decoded(raw["personal_status"], GENDERS)
    )
    for column, levels in (ORDERED | NOMINAL | YES_NO_CODES).items():
        frame[column] = decoded(raw[column], levels)
    return make_table(
        "credit",
        frame,
        raw["class"] == 1,
        Described(
            label="credit_risk",
            classes=("bad", "good"),
            sensitive=("gender", "age"),
            levels={
                column: tuple(dict.fromkeys(levels.values()))
                for column, levels in (ORDERED | NOMINAL).items()
            },
            nominal=NOMINAL,
            units={"duration": "months", "credit_amount": "DM", "age": "years"},
        ),
    )
