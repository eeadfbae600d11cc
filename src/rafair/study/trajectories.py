"""How the losses of instances and their counterparts move under each of RAFair's goals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from rafair.analysis.areas import NO_AREA, areas
from rafair.analysis.slopes import median_slopes
from rafair.metrics.rates import rate
from rafair.results.record_reader import Reader
from rafair.results.run_files import ADVERSARIAL
from rafair.study.figure_cache import remembered
from rafair.study.planned_runs import Done
from rafair.study.table_order import GOALS
from rafair.verdicts import Verdict

GOAL_VERDICTS = {goal: Verdict.named(goal.rpartition("-")[2]) for goal in GOALS}
LOSS_COLUMNS = ["goal", "instance", "step", "loss", "counterpart_loss", "verdict"]
SLOPE_COLUMNS = ["model", "goal", "instance", "slope", "counterpart_slope", "area"]


def losses_of(one: Done) -> pd.DataFrame:
    """The losses of every instance at every step, for each goal.

    Returns:
        Columns `goal`, `instance`, `step`, `loss`, `counterpart_loss` and `verdict`.
    """
    columns = ["attack", *LOSS_COLUMNS[1:]]
    frame: pd.DataFrame = pq.read_table(one.audit.folder / ADVERSARIAL, columns=columns).to_pandas()
    frame = frame.rename(columns={"attack": "goal"}).astype({"goal": str, "verdict": str})
    return frame.sort_values(["goal", "instance", "step"], kind="stable")[LOSS_COLUMNS]


def slopes_table(one: Done, out: Path) -> pd.DataFrame:
    """The slope of each instance's loss and of its counterpart's, for each goal.

    Returns:
        Columns `model`, `goal`, `instance`, `slope`, `counterpart_slope` (change of loss per
        step) and `area` ("true fair" and so on; empty on an axis).
    """
    kept = remembered(out, "slopes", one, _derive_slopes, _read)
    frame = pd.DataFrame(vars(kept))
    codes = areas(frame["slope"].to_numpy(), frame["counterpart_slope"].to_numpy())
    frame["area"] = ["" if code == NO_AREA else str(Verdict(code)) for code in codes]
    return frame.assign(model=one.trial.seed)[SLOPE_COLUMNS]


@dataclass(frozen=True)
class _Slopes:
    """A line for each goal and instance, column by column."""

    goal: list[str]
    instance: list[int]
    slope: list[float]
    counterpart_slope: list[float]


_read = Reader(_Slopes)


def _derive_slopes(one: Done) -> _Slopes:
    losses = losses_of(one)
    found = _Slopes([], [], [], [])
    for goal in GOALS:
        of_goal = losses[losses["goal"] == goal]
        each = of_goal["instance"].unique()
        shape = (len(each), -1)
        found.slope.extend(median_slopes(of_goal["loss"].to_numpy().reshape(shape)).tolist())
        found.counterpart_slope.extend(
            median_slopes(of_goal["counterpart_loss"].to_numpy().reshape(shape)).tolist()
        )
        found.goal.extend([goal] * len(each))
        found.instance.extend(each.tolist())
    return found


def quadrants_table(slopes: Sequence[tuple[str, pd.DataFrame]]) -> pd.DataFrame:
    """The share of instances in their goal's area, by data set, network and goal.

    Args:
        slopes: The data set's name and what `slopes_table` gave, for each network.

    Returns:
        Columns `dataset`, `model`, `goal`, `n`, `in_area` (a count), `share` of all instances with
        its Wilson interval `low` to `high`, `still` (the share that did not move: both slopes are
        zero, so they lie in no area), and `share_of_moving`.
    """
    records = []
    for dataset, frame in slopes:
        for (model, goal), own in frame.groupby(["model", "goal"], sort=False):
            inside = int((own["area"] == str(GOAL_VERDICTS[str(goal)])).sum())
            still = int(((own["slope"] == 0) & (own["counterpart_slope"] == 0)).sum())
            share = rate(inside, len(own))
            assert share is not None
            moving = rate(inside, len(own) - still)
            records.append(
                {
                    "dataset": dataset,
                    "model": model,
                    "goal": goal,
                    "n": len(own),
                    "in_area": inside,
                    "share": share.value,
                    "low": share.low,
                    "high": share.high,
                    "still": still / len(own),
                    "share_of_moving": moving.value if moving else None,
                }
            )
    return pd.DataFrame.from_records(records)


def telling_instance(losses: pd.DataFrame, goal: str) -> tuple[int, int | None]:
    """The instance that a goal's panel shows, and the first step at which it is in the goal's cell.

    It is the one with the smallest row number that starts true fair and reaches the cell; failing
    that, the smallest that starts true fair and whose loss moves; failing that, the smallest. The
    step is None where the cell is not reached.
    """
    own = losses[losses["goal"] == goal]
    instances = own["instance"].unique()
    verdicts = own["verdict"].to_numpy().reshape(len(instances), -1)
    loss = own["loss"].to_numpy().reshape(len(instances), -1)
    starts = verdicts[:, 0] == str(Verdict.TRUE_FAIR)
    there = verdicts[:, 1:] == str(GOAL_VERDICTS[goal])
    for eligible in (starts & there.any(axis=1), starts & (np.ptp(loss, axis=1) > 0)):
        if eligible.any():
            place = int(np.flatnonzero(eligible)[0])
            step = int(there[place].argmax()) + 1 if there[place].any() else None
            return int(instances[place]), step
    return int(instances[0]), int(there[0].argmax()) + 1 if there[0].any() else None
