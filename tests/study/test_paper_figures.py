"""Figures: the instance they show, the areas they count, and that equal data give equal bytes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rafair.metrics.rates import rate
from rafair.study.paper_figures import draw_losses, draw_slopes
from rafair.study.table_order import GOALS
from rafair.study.trajectories import SLOPE_COLUMNS, quadrants_table, telling_instance

TF, TB, FF = "true fair", "true biased", "false fair"


def losses(verdicts: dict[int, list[str]], moves: bool = True) -> pd.DataFrame:
    """Made-up losses with the same verdicts for every goal."""
    records = []
    for goal in GOALS:
        for instance, cells in verdicts.items():
            for step, verdict in enumerate(cells):
                loss = 0.1 * step + instance if moves else 1.0
                records.append((goal, instance, step, loss, 2 * loss, verdict))
    columns = ["goal", "instance", "step", "loss", "counterpart_loss", "verdict"]
    return pd.DataFrame.from_records(records, columns=columns)


def test_the_first_true_fair_row_that_reaches_the_cell_is_shown():
    frame = losses({3: [TB, TB, FF], 5: [TF, TF, TF], 8: [TF, TB, FF], 9: [TF, FF, FF]})
    assert telling_instance(frame, "rafair-ff") == (8, 2)
    assert telling_instance(frame, "rafair-tb") == (8, 1)


def test_failing_that_the_first_true_fair_row_that_moves():
    frame = losses({3: [TB, TB, TB], 5: [TF, TF, TF]})
    assert telling_instance(frame, "rafair-ff") == (5, None)


def test_failing_that_the_first_row():
    assert telling_instance(losses({3: [TB, TB, FF]}), "rafair-ff") == (3, 2)
    assert telling_instance(losses({3: [TF, TF, TF]}, moves=False), "rafair-ff") == (3, None)


def slopes(rows: list[tuple[float, float, str]], goal: str = "rafair-tb") -> pd.DataFrame:
    records = [
        (0, goal, number, own, other, area) for number, (own, other, area) in enumerate(rows)
    ]
    return pd.DataFrame.from_records(records, columns=SLOPE_COLUMNS)


def test_quadrants_by_hand():
    frame = slopes([(-1, 1, TB), (-0.5, 2, TB), (1, 1, FF), (0, 0, ""), (0, 0.3, "")])
    (row,) = quadrants_table([("bank", frame)]).to_dict("records")
    wilson = rate(2, 5)
    assert row == {
        "dataset": "bank",
        "model": 0,
        "goal": "rafair-tb",
        "n": 5,
        "in_area": 2,
        "share": 0.4,
        "low": wilson.low,
        "high": wilson.high,
        "still": 0.2,
        "share_of_moving": 0.5,
    }


def test_where_all_stand_still_no_share_of_moving_exists():
    (row,) = quadrants_table([("bank", slopes([(0, 0, "")]))]).to_dict("records")
    assert (row["share"], row["still"], row["share_of_moving"]) == (0, 1, None)


@pytest.fixture
def drawn_twice(tmp_path):
    def draw(function, *arguments):
        first = function(*arguments, tmp_path / "first")
        second = function(*arguments, tmp_path / "second")
        assert [path.suffix for path in first] == [".svg", ".png"]
        for one, other in zip(first, second, strict=True):
            assert one.read_bytes() == other.read_bytes()
        assert sorted(tmp_path.iterdir()) == sorted([*first, *second])
        return first

    return draw


def test_losses_are_drawn_alike_twice(drawn_twice):
    frame = losses({3: [TF, TB, FF], 5: [TF, TF, TF]})
    vector, pixels = drawn_twice(draw_losses, frame, "RAFair on bank")
    assert pixels.read_bytes().startswith(b"\x89PNG")
    assert b"<dc:date>" not in vector.read_bytes()


def test_slopes_are_drawn_whatever_their_spread(drawn_twice):
    generator = np.random.default_rng(0)
    wide = generator.normal(size=(30, 2)) * 10.0 ** generator.integers(-6, 3, size=(30, 2))
    frame = slopes([(own, other, "") for own, other in wide])
    drawn_twice(draw_slopes, frame, dict.fromkeys(GOALS, "goal"), "Slopes")


def test_a_plane_without_points_is_drawn(drawn_twice):
    frame = slopes([(0.0, 0.0, "")])
    drawn_twice(draw_slopes, frame, dict.fromkeys(GOALS, "goal"), "Slopes")
