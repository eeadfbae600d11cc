"""ProPublica's COMPAS data, in the form that identifies nobody."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping

import pandas as pd

from rafair.datasets.dataset_columns import YES_NO, Described, decoded, make_table
from rafair.datasets.info import Variant
from rafair.errors import RafairWarning
from rafair.tabular.table import Table

CLEAN = (
    "age",
    "race",
    "gender",
    "decile_score",
    "priors_count",
    "days_b_screening_arrest",
    "c_charge_degree",
    "v_decile_score",
)
LEAKING = ("is_recid",)
ONLY_IN_OFFICIAL = ("is_violent_recid", "jail_days")
FLAGS = ("is_recid", "is_violent_recid")


def read(contents: Mapping[str, bytes], variant: Variant) -> Table:
    """Reads the minimised file, or what `minimise_compas` made of the publisher's.

    Args:
        contents: The file's bytes.
        variant: `paper` adds columns that give the label away.

    Warns:
        RafairWarning: If the file lacks some of the paper's features.
    """
    data = contents["compas-scores-two-years.csv"]
    raw = pd.read_csv(io.BytesIO(data), keep_default_na=False, na_values=[""])
    raw = _filtered(raw).rename(columns={"sex": "gender"})
    features = CLEAN if variant is Variant.CLEAN else _of_paper(raw)
    frame = raw[list(features)].astype({"days_b_screening_arrest": "int64"})
    frame["c_charge_degree"] = decoded(
        frame["c_charge_degree"], {"F": "felony", "M": "misdemeanor"}
    )
    for flag in frame.columns.intersection(list(FLAGS)):
        frame[flag] = decoded(frame[flag], dict(enumerate(YES_NO)))
    return make_table(
        "compas",
        frame,
        raw["two_year_recid"] == 1,
        Described(
            label="two_year_recid",
            classes=("no", "yes"),
            sensitive=("age", "race", "gender"),
            units={
                "age": "years",
                "priors_count": "priors",
                "days_b_screening_arrest": "days",
                "jail_days": "days",
            },
        ),
    )


def _filtered(raw: pd.DataFrame) -> pd.DataFrame:
    """The rows that ProPublica's analysis keeps, for the reasons its notebook gives."""
    kept = (
        raw["days_b_screening_arrest"].between(-30, 30)
        & (raw["is_recid"] != -1)
        & (raw["c_charge_degree"] != "O")
        & (raw["score_text"] != "N/A")
    )
    return raw[kept]


def _of_paper(raw: pd.DataFrame) -> tuple[str, ...]:
    if set(ONLY_IN_OFFICIAL) <= set(raw.columns):
        return (*CLEAN, *LEAKING, *ONLY_IN_OFFICIAL)
    warnings.warn(
        "compas: 9 of the paper's 11 features, since the minimised file lacks is_violent_recid "
        "and jail days; the publisher's file has them (rafair data show compas says where)",
        RafairWarning,
        stacklevel=4,
    )
    return (*CLEAN, *LEAKING)
