from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rafair.datasets.dataset_columns import Described, decoded, make_table
from rafair.errors import InputError
from rafair.tabular.schema import Kind

FRAME = pd.DataFrame(
    {
        "age": [30, 20, 40],
        "weight": [50.5, 70.0, 60.0],
        "pay": ["mid", "low", "mid"],
        "team": ["b", "a", "b"],
        "smokes": ["no", "yes", "no"],
        "city": ["Rom", "Ulm", "Rom"],
    }
)


def make(frame=FRAME):
    return make_table(
        "people",
        frame,
        frame["age"] > 25,
        Described(
            label="older",
            classes=("young", "old"),
            sensitive=("age", "pay", "city"),
            levels={"pay": ("low", "mid", "high"), "team": ("b", "a")},
            nominal=("team",),
            units={"age": "years"},
        ),
    )


def test_kinds_levels_and_units():
    schema = make().schema
    assert [feature.kind for feature in schema.features] == [
        Kind.INTEGER,
        Kind.NUMERIC,
        Kind.ORDINAL,
        Kind.CATEGORICAL,
        Kind.BOOLEAN,
        Kind.CATEGORICAL,
    ]
    assert schema["age"].unit == "years"
    assert schema["pay"].levels == ("low", "mid", "high")
    assert schema["team"].levels == ("b", "a")
    assert schema["smokes"].levels == ("no", "yes")
    assert schema["city"].levels == ("Rom", "Ulm")


def test_domains_are_the_values_seen_in_order():
    schema = make().schema
    assert schema["age"].domain == (20, 30, 40)
    assert schema["pay"].domain == ("low", "mid")
    assert schema["city"].domain == ("Rom", "Ulm")
    assert schema["team"].domain is None


def test_rows_and_labels():
    table = make()
    assert table.labels.tolist() == [1, 0, 1]
    assert table.rows[:, 2].tolist() == [0.5, 0.0, 0.5]
    assert table.rows.dtype == np.float32


def test_a_code_without_a_meaning_does_not_pass():
    coded = FRAME.assign(team=decoded(FRAME["team"], {"a": "A"}))
    with pytest.raises(InputError, match="column 'team', row 0: expected a finite value"):
        make(coded)
