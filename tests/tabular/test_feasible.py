import ctypes
import itertools

import numpy as np
import pandas as pd
import pytest

from planted_loans import loan_schema, loans
from rafair.errors import InputError
from rafair.tabular.encoding import MISSING, decode, encode
from rafair.tabular.feasible import FeasibleSet
from rafair.tabular.relations import parse_all
from rafair.tabular.schema import Feature, Schema


def schema_of(*features: Feature, relations: tuple[str, ...] = ()) -> Schema:
    return Schema(features=features, label="y", classes=("no", "yes"), relations=relations)


def whole(name: str, low: float, high: float, **rules) -> Feature:
    return Feature(name=name, kind="integer", minimum=low, maximum=high, **rules)


SMALL = schema_of(
    whole("a", 0, 12),
    whole("b", 2, 10, direction="increase_only"),
    Feature(name="c", kind="numeric", minimum=0, maximum=6, step=0.5, largest_change=1.5),
    Feature(name="d", kind="ordinal", levels=("l", "m", "n", "o", "p")),
    relations=("a + b <= 14", "2 * c >= a - b", "a - c >= 1"),
)


def points(schema: Schema, centre: pd.Series, epsilon: float) -> pd.DataFrame:
    """Every feasible row around a row, one by one."""
    choices = []
    for feature in schema.features:
        own = centre[feature.name]
        if feature.kind.is_number:
            grid = feature.grid or 1
            low, high = feature.minimum, feature.maximum
            values = np.arange(low, high + grid / 2, grid)
            reach = min(epsilon * (high - low), feature.largest_change or np.inf) + 1e-6
            near = values[np.abs(values - own) <= reach]
            choices.append(near[near >= own] if feature.direction == "increase_only" else near)
        else:
            levels = feature.levels
            place, last = levels.index(own), len(levels) - 1
            near = [v for k, v in enumerate(levels) if abs(k - place) / last <= epsilon + 1e-6]
            choices.append(near)
    rows = pd.DataFrame(itertools.product(*choices), columns=list(schema.names))
    held = np.ones(len(rows), bool)
    for relation in parse_all(schema):
        held &= relation.holds(rows)
    return rows[held]


def some_rows(schema: Schema, n: int, seed: int = 0) -> pd.DataFrame:
    """Random rows in which all relations hold."""
    draw = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "a": draw.integers(0, 13, 50 * n),
            "b": draw.integers(2, 11, 50 * n),
            "c": draw.integers(0, 13, 50 * n) / 2,
            "d": draw.choice(list("lmnop"), 50 * n),
        }
    )
    for relation in parse_all(schema):
        rows = rows[relation.holds(rows)]
    return rows.head(n).reset_index(drop=True)


def test_the_nearest_row_is_the_nearest_of_all_feasible_ones():
    clean = some_rows(SMALL, 60)
    centre = encode(clean, SMALL)
    box = FeasibleSet.of(SMALL, 0.3)
    draw = np.random.default_rng(1)
    shadow = box.project(centre + draw.normal(0, 0.3, centre.shape).astype(np.float32), centre)
    found = box.nearest(shadow, centre)
    solved = 0
    for row in range(len(clean)):
        every = encode(points(SMALL, clean.iloc[row], 0.3), SMALL)
        distances = np.abs(every.astype(np.float64) - shadow[row]).sum(axis=1)
        own = np.abs(found[row].astype(np.float64) - shadow[row]).sum()
        assert (every == found[row]).all(axis=1).any()  # it is one of them, bit by bit
        assert own <= distances.min() + 1e-6
        alone = box.grids.nearest(shadow[[row]], centre[[row]], *box._reach(centre[[row]]))
        solved += (alone != found[[row]]).any()
    assert solved > 10  # relations decided


def test_rows_are_what_their_raw_values_encode_to_bit_by_bit():
    table = loans(300)
    box = FeasibleSet.of(table.schema, 0.25)
    held = box.linked.holds(table.rows).all(axis=1)
    centre = table.rows[held][:60]
    draw = np.random.default_rng(0)
    shadow = box.project(centre + draw.normal(0, 0.2, centre.shape).astype(np.float32), centre)
    rows = box.nearest(shadow, centre)
    assert (rows != centre).any(axis=0).sum() >= 8
    again = encode(decode(rows, table.schema), table.schema)
    np.testing.assert_array_equal(again, rows)


def test_where_a_step_is_too_short_for_the_grid_the_shadow_still_gets_there():
    schema = schema_of(whole("years", 0, 10), whole("other", 0, 10))
    box = FeasibleSet.of(schema, 0.2)
    centre = shadow = np.float32([[0.5, 0.5]])
    seen = []
    for _ in range(20):
        shadow = box.project(shadow + np.float32([0.01, 0]), centre)
        seen.append(round(float(box.nearest(shadow, centre)[0, 0]), 3))
    assert seen[0] == 0.5
    assert {0.5, 0.6, 0.7} == set(seen)


def test_a_clean_value_off_the_grid_can_be_gone_back_to():
    schema = schema_of(whole("age", 0, 100))
    box = FeasibleSet.of(schema, 0.1)
    centre = np.float32([[0.375]])  # 37.5 years
    assert box.nearest(centre, centre)[0, 0] == centre[0, 0]
    assert box.nearest(np.float32([[0.39]]), centre)[0, 0] == np.float32(0.39)


def test_what_may_not_move_does_not():
    schema = schema_of(
        whole("a", 0, 10),
        whole("fixed", 0, 10, mutable=False),
        whole("lost", 0, 10, missing=True),
        whole("up", 0, 10, direction="increase_only"),
        whole("less", 0, 10),
        whole("more", 0, 10),
        Feature(name="s", kind="categorical", levels=("x", "y"), sensitive=True, domain=("x", "y")),
        relations=("more >= less", "lost <= a"),
    )
    box = FeasibleSet.of(schema, 0.5)
    broken = np.float32([[0.5, 0.5, MISSING, 0.5, 0.8, 0.2, 0]])
    shadow = np.float32([[0.91, 0.9, 0.4, 0.1, 0.1, 0.9, 1]])
    assert box.nearest(shadow, broken)[0].tolist() == [
        np.float32(v) for v in (0.9, 0.5, MISSING, 0.5, 0.8, 0.2, 0)
    ]
    assert box.broken(broken) == {"more >= less": 1}


@pytest.mark.parametrize("most", [0, 1, 2])
def test_so_many_categories_change_and_groups_as_a_whole(most):
    table = loans(50)
    box = FeasibleSet.of(table.schema, 0.2, max_category_changes=most)
    other = table.rows[::-1].copy()
    rows = box.nearest(other, table.rows)
    raw = decode(rows, table.schema)
    region = (raw[["north", "south", "west"]] == "yes").sum(axis=1)
    assert (region == 1).all()
    before = decode(table.rows, table.schema)
    was, now = (f[["north", "south", "west"]].to_numpy() for f in (before, raw))
    changed = (was != now).any(axis=1).astype(int)
    for name in ("job", "member"):
        changed += (before[name] != raw[name]).to_numpy()
    assert changed.max() == most
    assert not ((before["member"] == "yes") & (raw["member"] == "no")).any()


def test_where_nothing_can_move_the_line_says_so():
    schema = schema_of(Feature(name="grade", kind="ordinal", levels=("a", "b", "c")))
    with pytest.raises(InputError, match="less than a step of 'grade'"):
        FeasibleSet.of(schema, 0.2)


def test_features_too_coarse_for_epsilon_are_named():
    box = FeasibleSet.of(loan_schema(), {"score": 0.001, "income": 0.2, "job": 1})
    assert box.coarse == ("score",)


def test_a_relation_that_cannot_be_kept_leaves_its_features_alone():
    schema = schema_of(whole("a", 0, 10), whole("b", 0, 10), relations=("3 * a == 7 * b",))
    box = FeasibleSet.of(schema, 0.3)
    centre = np.float32([[0.7, 0.3]])
    assert box.nearest(np.float32([[0.9, 0.1]]), centre).tolist() == centre.tolist()


def test_the_solver_writes_nothing_to_stdout(capfd):
    table = loans(150)
    box = FeasibleSet.of(table.schema, 0.24)
    draw = np.random.default_rng(0)
    for _ in range(3):
        shadow = table.rows + draw.normal(0, 0.1, table.rows.shape).astype(np.float32)
        box.nearest(box.project(shadow, table.rows), table.rows)
    ctypes.CDLL(None).fflush(None)  # what it writes goes past Python
    assert capfd.readouterr().out == ""
