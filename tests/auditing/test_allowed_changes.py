"""How far features may move, in their own units, and on which of them most depends."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import rafair
from rafair.results.allowed_changes_text import moves_in_words
from rafair.results.audit_record import LargestMove
from rafair.tabular.schema import Feature, Schema


@pytest.fixture(scope="module")
def audited():
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "height": draw.normal(170, 8, 300).round(1),
            "income": draw.integers(1_000, 5_000, 300),
            "age": draw.integers(20, 60, 300),
        }
    )
    frame["ok"] = (frame["income"] + draw.normal(0, 500, 300) > 3_000).astype(int)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(frame[["height", "income", "age"]], frame["ok"])
    table = rafair.Table.from_frame(frame, label="ok", sensitive=["age"])
    options = {"attacks": ("noise",), "steps": 2, "labels": None, "instances": 40}
    return frame, rafair.audit(model, table, **options)


def test_what_decides_comes_first_and_in_its_own_unit(audited):
    frame, result = audited
    moves = result.record.moves
    assert list(moves) == ["income", "height"]
    assert moves["income"].effect > 5 * moves["height"].effect
    spread = np.subtract(*np.percentile(frame["income"], [95, 5]))
    assert moves["income"].by == np.floor(0.05 * spread)
    assert result.document["config"]["scale"]["income"] == pytest.approx(spread, rel=1e-5)
    shown = float(f"{moves['income'].by:.3g}")
    assert f"at most: income ± {shown:,.12g}, height ± 1" in str(result)


def test_whoever_counts_queries_is_not_asked():
    table = rafair.load_dataset("affairs").test
    calls = []

    def model(rows):
        calls.append(len(rows))
        return rows[:, :2]

    options = {"attacks": ("noise",), "steps": 1, "labels": None, "instances": 20}
    limited = rafair.audit(model, table, max_queries=10_000, **options)
    assert {move.effect for move in limited.record.moves.values()} == {None}
    assert list(limited.record.moves) == [
        name for name in table.schema.names if not table.schema[name].sensitive
    ]


def test_at_most_five_are_named():
    features = tuple(Feature(name=f"x{i}", kind="numeric", minimum=0, maximum=1) for i in range(7))
    schema = Schema(features=features, label="y", classes=("no", "yes"))
    moves = {feature.name: LargestMove(0.05, 0.1) for feature in features}
    told = moves_in_words(moves, schema)
    assert told == "x0 ± 0.05, x1 ± 0.05, x2 ± 0.05, x3 ± 0.05, x4 ± 0.05, and 2 more features"


def test_what_has_a_size_is_named_before_categories():
    pay = Feature(name="pay", kind="numeric", minimum=0, maximum=9, unit="EUR")
    job = Feature(name="job", kind="categorical", levels=("a", "b"))
    schema = Schema(features=(job, pay), label="y", classes=("no", "yes"))
    moves = {"job": LargestMove(None, 0.5), "pay": LargestMove(0.25, 0.1)}
    assert moves_in_words(moves, schema) == "pay ± 0.25 EUR, job to another level"
