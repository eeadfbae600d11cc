"""Rules between columns are found where they hold, and not where only chance has them hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rafair.tabular.schema import Schema
from rafair.tabular.schema_check import misfits
from rafair.tabular.schema_file import read_schema
from rafair.tabular.schema_inference import propose

N = 400


def loans() -> pd.DataFrame:
    draws = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "income": draws.integers(10, 200, N) * 100,
            "loan": draws.integers(5, 300, N) * 1000,
            "price": draws.integers(50, 400, N) * 1000,
            "height": draws.integers(150, 200, N),
            "weight kg": draws.integers(45, 120, N),
            "start": draws.integers(1990, 2020, N),
            "owns": draws.integers(0, 2, N),
        }
    )
    frame["rent"], frame["food"], frame["rest"] = draws.integers(1, 60, (3, N))
    return frame.assign(sex=draws.choice(["f", "m"], N), paid=draws.choice(["no", "yes"], N))


RULES = {
    "loan / price": lambda f: (f["loan"] / f["price"]).round(2),
    "loan / price ": lambda f: f["loan"] / f["price"],
    "100 * loan / income": lambda f: (100 * f["loan"] / f["income"]).round(1),
    "income / 12": lambda f: (f["income"] / 12).round(2),
    "12 * income": lambda f: 12 * f["income"],
    "rent + food": lambda f: f["rent"] + f["food"],
    "rent + food + rest": lambda f: f["rent"] + f["food"] + f["rest"],
    "rent * food": lambda f: f["rent"] * f["food"],
    "10000 * `weight kg` / (height * height)": lambda f: (
        f["weight kg"] / (f["height"] / 100) ** 2
    ).round(1),
}


@pytest.mark.parametrize("text", RULES)
@pytest.mark.parametrize("gaps", [False, True])
def test_formulas_are_found_and_hold_of_the_table(text, gaps, tmp_path):
    frame = loans()
    if gaps:
        frame = frame.mask(np.random.default_rng(1).random(frame.shape) < 0.02)
        frame["paid"] = loans()["paid"]
    frame["x"] = RULES[text](frame)
    proposal = propose(frame, "paid", ["sex"])
    derived = {feature.name: feature for feature in proposal.features if feature.derive}
    assert {name: one.derive for name, one in derived.items()} == {"x": text.strip()}
    assert any("in all 400 rows" in note for note in proposal.notes["x"])
    (tmp_path / "schema.toml").write_text(proposal.text())
    assert not misfits(frame, read_schema(tmp_path / "schema.toml"))


def test_what_nearly_holds_is_a_comment():
    frame = pd.concat([loans()] * 5, ignore_index=True)
    frame["x"] = (frame["loan"] / frame["price"]).round(2)
    frame.loc[7, "x"] += 0.3
    proposal = propose(frame, "paid", ["sex"])
    assert not any(feature.derive for feature in proposal.features)
    assert "loan / price but for 1 of 2,000 rows: mistakes?" in " ".join(proposal.notes["x"])


def test_two_rules_that_share_columns_are_both_found():
    frame = loans()
    frame["two"] = frame["rent"] + frame["food"]
    frame["three"] = frame["rent"] + frame["food"] + frame["rest"]
    found = {f.name: f.derive for f in propose(frame, "paid", ["sex"]).features if f.derive}
    assert found == {"two": "rent + food", "three": "rent + food + rest"}


def test_nothing_follows_from_a_sensitive_column_and_what_is_immutable_follows_nothing():
    frame = loans().assign(x=lambda f: f["rent"] + f["food"])
    for options in ({"sensitive": ["rent", "x"]}, {"immutable": ["rent", "food", "x"]}):
        options = {"sensitive": ["sex"]} | options
        assert not any(feature.derive for feature in propose(frame, "paid", **options).features)


def test_orders_are_found_where_chance_would_break_them():
    frame = loans()
    draws = np.random.default_rng(2)
    frame["end"] = frame["start"] + draws.integers(0, 9, N)
    frame["last"] = frame["end"] + draws.integers(0, 9, N)
    proposal = propose(frame, "paid", ["sex"])
    assert set(proposal.relations) == {"start <= end", "end <= last"}  # and so start <= last
    assert "start <= end in all rows; by chance, " in " ".join(proposal.notes["start"])
    frame = pd.concat([frame] * 5, ignore_index=True)
    frame.loc[9, "end"] = 1980
    proposal = propose(frame, "paid", ["sex"])
    assert "start <= end" not in proposal.relations
    assert "start <= end but for 1 of 2,000 rows" in " ".join(proposal.notes["start"])


def test_implications_are_told():
    frame = loans()
    frame["worth"] = frame["owns"] * np.random.default_rng(3).integers(1, 100, N)
    notes = propose(frame, "paid", ["sex"]).notes
    zero = int((frame["owns"] == 0).sum())
    assert f"where it is 0, 'worth' is 0 in all {zero} rows" in " ".join(notes["owns"])
    frame["job"] = np.random.default_rng(4).choice(["cook", "smith", "clerk", "fisher"], N)
    frame["code"] = frame["job"].map({"cook": 3, "smith": 1, "clerk": 7, "fisher": 2})
    notes = propose(frame, "paid", ["sex"]).notes
    assert "each of 4 values stands with one value of 'code' alone" in " ".join(notes["job"])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rows", [12, 40, 400])
def test_chance_is_told_for_no_rule(seed, rows):
    draws = np.random.default_rng(seed)
    columns = {f"u{i}": draws.integers(0, 2 + i, rows) for i in range(8)}
    columns |= {f"v{i}": draws.random(rows).round(1 + i % 3) for i in range(6)}
    columns |= {f"w{i}": draws.exponential(10.0**i, rows).round(2) for i in range(4)}
    columns |= {"one": np.ones(rows), "zeros": (draws.random(rows) < 0.02) * 7.0}
    proposal = propose(pd.DataFrame(columns))
    assert not any(feature.derive for feature in proposal.features)
    assert proposal.relations == ()
    told = " ".join(note for notes in proposal.notes.values() for note in notes)
    assert "stands with" not in told
    assert "where it is" not in told


def test_rules_are_found_in_many_rows():
    draws = np.random.default_rng(0)
    n, m = 100_000, 28
    frame = pd.DataFrame(draws.integers(1, 10**6, (n, m)).cumsum(axis=1) % 999_983)
    frame.columns = [f"x{i}" for i in range(m)]
    frame["ratio"] = (frame["x1"] / (frame["x2"] + 1)).round(2)
    frame["x3"] = frame["x1"] + draws.integers(0, 10**5, n)
    frame["sum"] = frame["x4"] + frame["x5"] + frame["x6"]
    proposal = propose(frame.assign(ok=draws.integers(0, 2, n)), "ok", ["x0"])
    assert proposal.relations == ("x1 <= x3",)
    assert {f.name: f.derive for f in proposal.features if f.derive} == {"sum": "x4 + x5 + x6"}
    schema = Schema(
        features=proposal.features, label="ok", classes=("0", "1"), relations=proposal.relations
    )
    assert schema["sum"].derive


def test_a_ratio_of_single_precision_is_the_one_that_follows():
    """As Stata and R export it: the loan and the price are what people agreed on."""
    draws = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"loan": draws.integers(20, 400, 300), "price": draws.integers(30, 900, 300)}
    )
    frame["share"] = (frame["loan"] / frame["price"]).astype(np.float32).astype(float)
    frame["ok"] = draws.integers(0, 2, 300)
    derived = {f.name: f.derive for f in propose(frame, "ok").features if f.derive}
    assert derived == {"share": "loan / price"}
