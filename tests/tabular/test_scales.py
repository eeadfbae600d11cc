"""What epsilon is a share of: the usual spread of one's own data, which outliers do not stretch."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import rafair
from rafair.auditing.audit_setup import AuditConfig
from rafair.errors import InputError
from rafair.tabular.feasible import FeasibleSet
from rafair.tabular.perturbation import PerturbationSet, per_feature
from rafair.tabular.scales import usual_spread
from rafair.tabular.schema import Feature, Schema


def loans(n: int = 400) -> pd.DataFrame:
    """Loans with an outlier, a column that is mostly zero, and one of few whole numbers."""
    draw = np.random.default_rng(0)
    savings = draw.integers(0, 2_000, n)
    savings[0] = 100_000
    gain = np.where(draw.random(n) < 0.9, 0, draw.integers(1_000, 5_000, n))
    frame = {"savings": savings, "gain": gain, "children": draw.integers(0, 4, n)}
    frame |= {"sex": draw.choice(["f", "m"], n), "paid": draw.choice(["no", "yes"], n)}
    return pd.DataFrame(frame)


def test_an_outlier_or_many_zeros_do_not_decide_the_scale():
    frame = loans()
    schema = rafair.Table.from_frame(frame, label="paid", sensitive=["sex"]).schema
    some = frame["gain"][frame["gain"] > 0]
    for name, values in (("savings", frame["savings"]), ("gain", some)):
        low, high = np.quantile(values, [0.05, 0.95])
        assert schema[name].scale == pytest.approx(high - low, rel=1e-5)
    assert schema["savings"].scale < 2_000
    assert schema["sex"].scale is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0] * 9, None),
        ([np.nan, 1.0, np.inf], None),
        ([0.0] * 99 + [1.0], 1.0),  # a truth value in numbers: its range
        ([0.0] * 98 + [4.0, 5.0], 0.9),
        ([1.0, 1.0, 1.0, 2.0, 3.0], 0.9),
    ],
)
def test_columns_of_few_values_have_a_scale_where_anything_differs(values, expected):
    assert usual_spread(np.array(values)) == (
        expected if expected is None else pytest.approx(expected)
    )


def test_epsilon_is_a_share_of_the_scale_and_whole_numbers_always_move():
    table = rafair.Table.from_frame(loans(), label="paid", sensitive=["sex"])
    schema = table.schema
    box = FeasibleSet.of(schema, 0.05)
    moves = dict(zip(schema.names, box.epsilon, strict=True))
    savings = schema["savings"]
    span = savings.maximum - savings.minimum
    assert moves["savings"] * span == pytest.approx(0.05 * savings.scale, rel=1e-5)
    assert moves["children"] * 3 == pytest.approx(1)
    assert not box.coarse
    config = AuditConfig(epsilon=0.05, step_size=0.005)
    sizes = dict(zip(schema.names, config.budget(schema, feasible=True).step_size, strict=True))
    assert sizes["savings"] / moves["savings"] == pytest.approx(0.1, rel=1e-4)
    assert sizes["children"] / moves["children"] == pytest.approx(0.1, rel=1e-4)


def test_a_stated_scale_counts_and_the_largest_change_stays_a_cap(tmp_path):
    frame = loans()
    frame.to_csv(tmp_path / "loans.csv", index=False)
    schema = rafair.infer_schema(frame, label="paid", sensitive=["sex"])
    stated = {"savings": {"scale": 400.0, "largest_change": 8.0}, "gain": {"scale": 1e9}}
    features = tuple(f.model_copy(update=stated.get(f.name, {})) for f in schema.features)
    schema = schema.model_copy(update={"features": features})
    table = rafair.read_table(tmp_path / "loans.csv", schema=schema)
    assert table.schema["savings"].scale == 400
    assert table.schema["children"].scale is not None
    centre = table.rows[5:6]
    lower, upper = FeasibleSet.of(table.schema, 0.05).bounds(centre)
    spans = np.array([100_000 - frame["savings"].min(), frame["gain"].max(), 3])
    moved = ((upper - lower)[0, :3] * spans).tolist()
    assert moved[0] == pytest.approx(16, abs=0.1)  # 8 either way, although .05 of 400 are 20
    assert upper[0, 1] == 1  # never beyond the range


def test_the_named_data_sets_keep_their_ranges():
    schema = rafair.load_dataset("affairs").test.schema
    assert not schema.own
    assert set(per_feature("epsilon", 0.2, schema).tolist()) == {np.float32(0.2)}


def test_levels_in_order_move_one_level_at_least():
    grade = Feature(name="grade", kind="ordinal", levels=("a", "b", "c", "d"), scale=3)
    schema = Schema(features=(grade,), label="y", classes=("no", "yes"))
    assert PerturbationSet.of(schema, 0.02).epsilon[0] == pytest.approx(1 / 3)


@pytest.mark.parametrize("scale", ["0", "-1", "nan", '"wide"'])
def test_a_scale_that_is_none_is_refused_in_one_line(scale, tmp_path):
    text = 'label = "y"\nclasses = ["a", "b"]\n[[feature]]\nname = "x"\nkind = "integer"\n'
    path = tmp_path / "schema.toml"
    path.write_text(f"{text}minimum = 0\nmaximum = 9\nscale = {scale}\n")
    with pytest.raises(InputError, match=r"feature 'x'.*scale"):
        rafair.read_schema(path)


def test_what_an_outlier_puts_out_of_reach_is_named():
    """Within a range of a billion, single precision tells no two months apart."""
    frame = loans().assign(months=[1e9, *range(1, 400)])
    table = rafair.Table.from_frame(frame.astype({"months": int}), label="paid", sensitive=["sex"])
    assert FeasibleSet.of(table.schema, 0.01).coarse == ("months",)


def test_a_table_of_categories_alone_is_ones_own_too():
    frame = pd.DataFrame({"class": ["first", "crew"] * 20, "sex": ["f", "m"] * 20})
    frame["lived"] = ["no", "yes"] * 20
    table = rafair.Table.from_frame(frame, label="lived", sensitive=["sex"])
    assert table.schema.own
    options = {"attacks": ("noise",), "steps": 1, "labels": None}
    audit = rafair.audit(lambda rows: np.zeros((len(rows), 2)), table, **options)
    assert audit.options.perturbation == "feasible"
    assert audit.options.epsilons == (0.01, 0.02, 0.05)
