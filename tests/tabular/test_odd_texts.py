"""Whatever texts look like, a proposal comes, or one line that says why not."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands import call
from rafair.errors import InputError, RafairWarning
from rafair.tabular.level_orders import likely_order
from rafair.tabular.schema_check import misfits
from rafair.tabular.schema_file import read_schema
from rafair.tabular.schema_inference import propose
from rafair.tabular.table import Table

KINDS = {
    "ranges of dotted numbers": ["1.2-3.4", "3.4-5.6", "5.6.7-8"],
    "addresses": ["10.0.0.1", "192.168.1.254", "::1"],
    "dates": ["2024-02-29", "29.02.2024", "2/29/24", "Feb 29, 2024", "2024-02-30"],
    "versions": ["1.10.2", "1.9", "v2", "1.10.2-rc1"],
    "masks": ["###-##-####", "***", "XXX-1234"],
    "empty": ["", " ", "\t", "\u00a0", "\u200b"],
    "pictures": ["😀", "👩‍👩‍👧", "🇩🇪", "é", "e\u0301"],
    "long": ["x" * 50_000, "y" * 50_000 + "1"],
    "thousands": ["1,000", "1.000,50", "1 000", "1'000", "12,34,567"],
    "cases": ["Low", "low", "LOW", "High"],
    "open bands": ["< 25", ">= 1.2.3", "≤ 1,2,3", "up to 1.2.", "-", "--1", "-.5"],
    "signs": ["+1", "-1", "−1", "1e5", "1E400", "-inf", "nan", "Infinity"],
    "digits of others": ["١٢٣", "一", "²", "½", "１２-１３"],
    "percent": ["5 %", "10%", "1.5.2 %"],
    "lines": ["a\nb", "a\r\nb", "a\u2028b", "\x1b[31m", "\x00"],
    "quotes": ['"', "'", "`", "\\", "{0}", "%s", "]]>"],
    "halves": ["\ud800", "a\udfffb"],
    "clock": ["12:30", "23:59:59", "1h 30m"],
    "numbers as texts": ["1", "1.0", "01", "0x10", "1_000"],
    "words of scales": ["none", "low", "Very  Low", "very_low"],
}


def frame(values: list[object], n: int = 24) -> pd.DataFrame:
    column = pd.Series(np.resize(np.array(values, dtype=object), n), dtype=object)
    others = {"sex": ["f", "m"] * (n // 2), "ok": ["no", "yes"] * (n // 2)}
    return pd.DataFrame({"x": column, **others})


def tried(whole: pd.DataFrame) -> None:
    """A proposal, also as a file, and a table; or a line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RafairWarning)
        for sensitive in ("sex", "x"):
            for label in ("ok", "x"):
                if label == sensitive:
                    continue
                for make in (
                    lambda s=sensitive, la=label: propose(whole, la, [s]).text(),
                    lambda s=sensitive, la=label: (
                        Table.from_frame(whole, label=la, sensitive=[s]).rows
                    ),
                ):
                    try:
                        make()
                    except InputError as error:
                        said = str(error)
                        assert "\n" not in said


@pytest.mark.parametrize("values", KINDS.values(), ids=KINDS)
def test_odd_texts_give_a_proposal_or_a_line(values):
    tried(frame(values))
    tried(frame([*values, None]))
    tried(frame(values, 2 * len(values)))


@pytest.mark.parametrize("values", KINDS.values(), ids=KINDS)
def test_what_is_proposed_for_odd_texts_is_read_again_and_fits(values, tmp_path):
    whole = frame(values)
    try:
        text = propose(whole, "ok", ["sex"]).text()
    except InputError:
        return
    (tmp_path / "schema.toml").write_text(text, encoding="utf-8")
    assert not misfits(whole, read_schema(tmp_path / "schema.toml"))


@pytest.mark.parametrize("values", KINDS.values(), ids=KINDS)
def test_a_file_of_odd_texts_gives_a_proposal_or_a_line(values, tmp_path):
    path = tmp_path / "people.csv"
    with path.open("w", encoding="utf-8", errors="replace", newline="") as target:
        frame(values).to_csv(target, index=False)
    done = call("schema", "infer", path, "--label", "ok", "--sensitive", "sex")
    assert done.code in (0, 2), done.err
    assert done.code == 0 or done.err.count("\n") == 1
    (tmp_path / "schema.toml").write_text(done.out, encoding="utf-8")
    if done.code == 0:
        checked = call("schema", "check", tmp_path / "schema.toml", path)
        assert checked.code == 0, checked.out + checked.err


ANY = st.text(max_size=12) | st.from_regex(r"[<>=≤ -]{0,3}\d*[.,]?\d*[.,\-:/ ]\d*[.,]?\d*[%x]?")
MIXED = st.one_of(
    ANY,
    st.sampled_from([value for values in KINDS.values() for value in values if len(value) < 99]),
)


@given(st.lists(MIXED, min_size=1, max_size=12))
@settings(max_examples=25, deadline=None)
def test_any_texts_give_a_proposal_or_a_line(values):
    tried(frame(list(values)))


@given(st.lists(ANY | st.integers() | st.floats() | st.booleans() | st.none(), max_size=8))
@settings(max_examples=20, deadline=None)
def test_any_mixture_gives_a_proposal_or_a_line(values):
    tried(frame([*values, 1]))


@pytest.mark.parametrize(
    ("levels", "order"),
    [
        (["1.2.3-4", "1.2.4-5"], None),
        (["1.10.2", "1.9"], None),
        (["1.5-2", "2-3", "0.5-1.5"], ["0.5-1.5", "1.5-2", "2-3"]),
        (["1,000-2,000", "< 1,000"], ["< 1,000", "1,000-2,000"]),
        (["10.0.0.1/8", "9.0.0.1/8"], None),
    ],
)
def test_only_numbers_order_bands(levels, order):
    assert likely_order(levels) == order


NUMBERS = st.floats() | st.integers() | st.sampled_from([0.0, 5e-324, 1e308, -1e308, 2**53, 0.1])


@given(st.lists(NUMBERS, min_size=1, max_size=30))
@settings(max_examples=25, deadline=None)
def test_any_numbers_give_a_proposal_or_a_line(values):
    tried(frame(list(values), 40))
