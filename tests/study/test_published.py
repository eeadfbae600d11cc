"""The paper's figures as they were transcribed: do they fit each other?"""

from __future__ import annotations

import pytest

from rafair.study.published import METRICS, TABLE3, TABLE4, published

ROWS = [
    *(pytest.param(row, id=f"table 3 {name}") for name, row in TABLE3.items()),
    *(pytest.param(row, id=f"table 4 {name}") for name, row in TABLE4.items()),
]
THIRD_DIGIT = 0.0025  # the paper rounds each of up to four figures


@pytest.mark.parametrize("row", ROWS)
def test_cells_add_up(row):
    rates = dict(zip(METRICS, row, strict=True))
    cells = rates["tfr"] + rates["tbr"] + rates["ffr"] + rates["fbr"]
    assert cells == pytest.approx(1, abs=THIRD_DIGIT)
    assert rates["r_af"] == rates["tfr"]


@pytest.mark.parametrize("row", ROWS)
def test_accuracy_and_fairness_are_sums_of_cells(row):
    rates = dict(zip(METRICS, row, strict=True))
    if row == TABLE3["rafair"]:  # a union's accuracy is that of all its attacks at once
        assert rates["r_acc"] < rates["tfr"] + rates["tbr"]
        assert rates["r_if"] < rates["tfr"] + rates["ffr"]
        return
    assert rates["r_acc"] == pytest.approx(rates["tfr"] + rates["tbr"], abs=THIRD_DIGIT)
    assert rates["r_if"] == pytest.approx(rates["tfr"] + rates["ffr"], abs=THIRD_DIGIT)


def test_the_text_names_the_same_figures():
    # "only 22.4 %", "12.3 % improvement in TBR", "37.9 % improvement in FFR", "80.8 %"
    assert published(TABLE3, "rafair", "r_af") == 0.224
    gain = {
        metric: published(TABLE3, attack, metric) - published(TABLE3, "clean", metric)
        for attack, metric in (("rafair-tb", "tbr"), ("rafair-ff", "ffr"), ("rafair-ff", "r_acc"))
    }
    assert gain == pytest.approx({"tbr": 0.123, "ffr": 0.379, "r_acc": -0.513})
    assert published(TABLE4, "rafair", "tfr") == 0.808
    assert published(TABLE4, "clean", "tfr") is None
