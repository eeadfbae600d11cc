from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from rafair.errors import InputError
from rafair.results.group_names import band_names, unlike
from rafair.tabular.bands import MOST_EDGES, MOST_VALUES, check_edges, edges_of
from rafair.tabular.schema import Feature
from rafair.tabular.schema_inference import propose


def number(low: float, high: float, **more) -> Feature:
    return Feature(**{"name": "x", "kind": "numeric", "minimum": low, "maximum": high} | more)


@pytest.mark.parametrize(
    ("low", "high", "edges"),
    [
        (17, 90, [20, 30, 40, 50, 60, 70, 80]),
        (18, 96, [20, 30, 40, 50, 60, 70, 80, 90]),
        (0, 100, [20, 40, 60, 80]),
        (-50, 50, [-40, -20, 0, 20, 40]),
        (0.1, 0.7, [0.2, 0.3, 0.4, 0.5, 0.6]),
        (0, 99_999, [20_000, 40_000, 60_000, 80_000]),
    ],
)
def test_edges_are_round(low, high, edges):
    assert edges_of(number(low, high)) == tuple(edges)


def test_there_are_few_edges_in_any_range():
    generator = np.random.default_rng(0)
    ranges = 10 ** generator.uniform(-8, 8, (300, 2))
    for low, span in [*ranges, (-1e308, 2e308), (0, 5e-324), (1e16, 4.0)]:
        edges = edges_of(number(low, min(low + span, 1.7e308)))
        if edges is None:
            assert span < 1e-12 * low or span == 5e-324
            continue
        assert 1 <= len(edges) <= MOST_EDGES
        assert low < edges[0]
        assert edges[-1] < low + span
        assert list(edges) == sorted(set(edges))


def test_few_values_stand_by_themselves():
    assert edges_of(number(0, 1000, domain=tuple(range(MOST_VALUES)))) is None
    assert edges_of(number(0, 1000, domain=tuple(range(MOST_VALUES + 1)))) is not None
    assert edges_of(number(0, 9, kind="integer")) is None
    assert edges_of(number(0, 10, kind="integer")) == (2, 4, 6, 8)
    assert edges_of(number(3, 3)) is None
    assert edges_of(number(0, 3, bands=(1, 2), domain=(0, 1, 2, 3))) == (1, 2)


def test_edges_do_not_depend_on_the_domain_but_for_its_size():
    some, others = range(20, 40), [18, *range(50, 90)]
    assert edges_of(number(18, 90, domain=some)) == edges_of(number(18, 90, domain=others))


WRONG = {
    "none": ([], "expected one edge or more, got none"),
    "a text": ("25,45", "expected a list of numbers, got '25,45'"),
    "a number": (25, "expected a list of numbers, got 25"),
    "texts": (["25"], "expected finite numbers, got '25'"),
    "truth": ([True], "expected finite numbers, got True"),
    "nan": ([20, math.nan], "expected finite numbers, got nan"),
    "infinite": ([20, math.inf], "expected finite numbers, got inf"),
    "falling": ([45, 25], "expected ascending numbers, got 25 after 45"),
    "twice": ([25, 25], "expected ascending numbers, got 25 after 25"),
    "above": ([25, 90.5], "expected edges from 18 to 90, the feature's range, got 90.5"),
    "below": ([17, 25], "expected edges from 18 to 90, the feature's range, got 17"),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_edges_that_are_none(case):
    edges, words = case
    with pytest.raises(InputError, match="here: ") as caught:
        check_edges("here", edges, number(18, 90))
    assert str(caught.value) == f"here: {words}"


def test_a_schema_refuses_them_too():
    with pytest.raises(ValidationError, match="feature 'x': bands: expected edges from 18 to 90"):
        number(18, 90, bands=(25, 100))
    with pytest.raises(ValidationError, match="feature 'x': bands: expected a number"):
        Feature(name="x", kind="boolean", levels=(0, 1), bands=(0.5,))


def test_names_say_what_is_in_a_band():
    whole = number(17, 90, kind="integer")
    assert band_names(whole, [25, 26, 45]) == ["below 25", "25", "26 to 44", "45 and over"]
    assert band_names(whole, [17, 45]) == ["17 to 44", "45 and over"]
    assert band_names(whole, [30.5, 40]) == ["below 30.5", "30.5 up to 40", "40 and over"]
    large = number(0, 250_000, kind="integer")
    assert band_names(large, [50_000, 100_000])[1] == "50,000 to 99,999"
    fine = number(0, 10, unit="km")
    assert band_names(fine, [2.5, 2.504, 5]) == [
        "below 2.5", "2.5 up to 2.504", "2.504 up to 5", "5 and over"
    ]  # fmt: skip
    assert band_names(number(-1, 1), [0.0])[0] == "below 0"


def test_no_two_names_are_alike():
    names = ["a", "a", "a (2)", "a", "b", "a (2)"]
    assert unlike(names) == ("a", "a (2)", "a (2) (2)", "a (3)", "b", "a (2) (3)")


def test_a_proposed_schema_says_which_bands_there_will_be():
    ages = list(range(18, 66))
    frame = pd.DataFrame({"age": ages, "sex": ["f", "m"] * 24, "children": [0, 1, 2, 3] * 12})
    notes = propose(frame, None, ("age", "sex", "children")).notes
    said = "rates by group: bands = [20, 30, 40, 50, 60] unless you state other edges"
    assert said in notes["age"]
    assert not [n for name in ("sex", "children") for n in notes[name] if "bands" in n]
    assert not [n for n in propose(frame, None, ("sex",)).notes["age"] if "bands" in n]
