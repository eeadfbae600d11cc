"""Census Income (Adult): UCI's two files, the training rows first."""

from __future__ import annotations

import io
from collections.abc import Mapping

import pandas as pd

from rafair.datasets.dataset_columns import Described, decoded, make_table
from rafair.datasets.info import Variant
from rafair.tabular.table import Table

COLUMNS = (
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education-num",
    "marital-status",
    "occupation",
    "relationship",
    "race",
    "gender",
    "capital-gain",
    "capital-loss",
    "hours-per-week",
    "native-country",
    "income",
)
FEATURES = (
    "education-num",
    "capital-gain",
    "capital-loss",
    "hours-per-week",
    "workclass",
    "education",
    "marital-status",
    "occupation",
    "relationship",
    "native-country",
    "age",
    "race",
    "gender",
)
WORKCLASSES = {
    "Private": "private",
    "Self-emp-not-inc": "self-employed",
    "Self-emp-inc": "self-employed",
    "Federal-gov": "federal government",
    "State-gov": "state or local government",
    "Local-gov": "state or local government",
    "Without-pay": "without pay",
}
MARITAL = {
    "Married-civ-spouse": "married",
    "Married-spouse-absent": "married",
    "Married-AF-spouse": "married",
    "Divorced": "divorced, separated or widowed",
    "Separated": "divorced, separated or widowed",
    "Widowed": "divorced, separated or widowed",
    "Never-married": "never married",
}
EDUCATION = (
    "Preschool",
    "1st-4th",
    "5th-6th",
    "7th-8th",
    "9th",
    "10th",
    "11th",
    "12th",
    "HS-grad",
    "Some-college",
    "Assoc-voc",
    "Assoc-acdm",
    "Bachelors",
    "Masters",
    "Prof-school",
    "Doctorate",
)
COUNTRIES = {
    "North and Central America": (
        "United-States",
        "Canada",
        "Mexico",
        "Guatemala",
        "El-Salvador",
        "Honduras",
        "Nicaragua",
        "Cuba",
        "Dominican-Republic",
        "Haiti",
        "Jamaica",
        "Puerto-Rico",
        "Trinadad&Tobago",
        "Outlying-US(Guam-USVI-etc)",
    ),
    "Asia": (
        "Cambodia",
        "China",
        "Hong",
        "India",
        "Iran",
        "Japan",
        "Laos",
        "Philippines",
        "Taiwan",
        "Thailand",
        "Vietnam",
    ),
    "Europe": (
        "England",
        "France",
        "Germany",
        "Greece",
        "Holand-Netherlands",
        "Hungary",
        "Ireland",
        "Italy",
        "Poland",
        "Portugal",
        "Scotland",
        "Yugoslavia",
    ),
    "South": ("South",),  # a value of its own in the data, documented nowhere
    "South America": ("Columbia", "Ecuador", "Peru"),
}
REGIONS = {country: region for region, countries in COUNTRIES.items() for country in countries}


def read(contents: Mapping[str, bytes], variant: Variant) -> Table:
    """Reads `adult.data` and `adult.test`, in this order; both variants are alike.

    Args:
        contents: The two files' bytes.
        variant: Ignored.
    """
    parts = [_rows(contents["adult.data"]), _rows(contents["adult.test"])]
    raw = pd.concat(parts, ignore_index=True)
    raw["workclass"] = decoded(raw["workclass"], WORKCLASSES)
    raw["marital-status"] = decoded(raw["marital-status"], MARITAL)
    raw["native-country"] = decoded(raw["native-country"], REGIONS)
    return make_table(
        "adult",
        raw[list(FEATURES)],
        raw["income"].str.rstrip(".") == ">50K",  # labels end in a dot in adult.test
        Described(
            label="income",
            classes=("<=50K", ">50K"),
            sensitive=("age", "race", "gender"),
            levels={"education": EDUCATION},
            units={
                "age": "years",
                "capital-gain": "dollars",
                "capital-loss": "dollars",
                "hours-per-week": "hours",
            },
        ),
    )


def _rows(data: bytes) -> pd.DataFrame:
    frame = pd.read_csv(
        io.BytesIO(data),
        names=list(COLUMNS),
        skipinitialspace=True,
        comment="|",  # adult.test starts with a line of that kind
    )
    return frame[~(frame == "?").any(axis=1)]
