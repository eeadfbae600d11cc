"""Means and standard deviations over networks, by hand."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from rafair.study.network_averages import averaged


def frame(values: dict[tuple[str, int], float]) -> pd.DataFrame:
    records = [
        {"dataset": dataset, "model": model, "metric": "tfr", "value": value, "n": 10}
        for (dataset, model), value in values.items()
    ]
    return pd.DataFrame.from_records(records)


def test_two_sets_and_two_networks():
    found = averaged(
        frame({("a", 0): 0.1, ("b", 0): 0.3, ("a", 1): 0.2, ("b", 1): 0.8}), ["metric"]
    )
    assert found["dataset"].tolist() == ["mean", "a", "b"]
    assert found["n"].tolist() == [40, 20, 20]
    # the means of the two networks are 0.2 and 0.5
    assert found["value"].tolist() == pytest.approx([0.35, 0.15, 0.55])
    assert found["sd"].tolist() == pytest.approx(
        [0.3 / math.sqrt(2), 0.1 / math.sqrt(2), 0.5 / math.sqrt(2)]
    )


def test_a_single_network_has_no_spread():
    found = averaged(frame({("a", 0): 0.1, ("b", 0): 0.3}), ["metric"])
    assert found["value"].tolist() == pytest.approx([0.2, 0.1, 0.3])
    assert found["sd"].isna().all()
