"""Figures 2 to 9: their files, their data beside them, and what to write below them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from rafair.blocks.block_types import Cells, Heading, Picture
from rafair.blocks.markdown import as_markdown
from rafair.engine.text_file import write_whole
from rafair.study.formats import frame_csv
from rafair.study.frame_lookup import rows_by
from rafair.study.paper_figures import draw_losses, draw_slopes
from rafair.study.planned_runs import Done
from rafair.study.table_order import GOALS, printed
from rafair.study.trajectories import (
    GOAL_VERDICTS,
    losses_of,
    quadrants_table,
    slopes_table,
    telling_instance,
)

NUMBERS = {"bank": (2, 3), "adult": (4, 7), "compas": (5, 8), "credit": (6, 9)}
"""The paper's numbers of a data set's two figures: losses, slopes."""


@dataclass(frozen=True)
class Drawn:
    """What was drawn.

    Args:
        quadrants: The shares of instances in their goal's area.
        captions: Per figure its file's name and what to write below it.
        files: Everything that was written.
    """

    quadrants: pd.DataFrame
    captions: list[tuple[str, str]]
    files: list[Path]


def draw_all(done: Sequence[Done], out: Path) -> Drawn:
    """Draws the figures of every data set, from its first network; counts areas for all networks.

    Args:
        done: The audits behind the figures.
        out: The reproduction's folder.
    """
    captions: list[tuple[str, str]] = []
    files: list[Path] = []
    counted: list[tuple[str, pd.DataFrame]] = []
    for dataset in dict.fromkeys(one.trial.dataset for one in done):
        own = [one for one in done if one.trial.dataset == dataset]
        slopes = pd.concat([slopes_table(one, out) for one in own], ignore_index=True)
        counted.append((dataset, slopes))
        for caption, made in (
            _losses(dataset, own[0], out),
            _slopes(dataset, slopes, own[0].trial.seed, out),
        ):
            captions.append(caption)
            files += made
    quadrants = quadrants_table(counted)
    files.append(write_whole(out / "quadrants.csv", frame_csv(quadrants)))
    files.append(write_whole(out / "figures.md", _figures_page(captions, quadrants)))
    return Drawn(quadrants, captions, files)


def file_name(dataset: str, kind: str) -> str:
    """The name of a figure's files, without ending.

    Example:
        >>> file_name("bank", "loss"), file_name("credit", "slopes"), file_name("affairs", "loss")
        ('figure2-bank-loss', 'figure9-credit-slopes', 'figure-affairs-loss')
    """
    numbers = NUMBERS.get(dataset)
    number = "" if numbers is None else numbers[0 if kind == "loss" else 1]
    return f"figure{number}-{dataset}-{kind}"


def _losses(dataset: str, one: Done, out: Path) -> tuple[tuple[str, str], list[Path]]:
    base = out / file_name(dataset, "loss")
    losses = losses_of(one)
    data = write_whole(_beside(base, ".csv"), frame_csv(losses))
    drawn = draw_losses(losses, f"RAFair on {dataset}", base)
    return (base.name, _loss_caption(dataset, one, losses)), [*drawn, data]


def _loss_caption(dataset: str, one: Done, losses: pd.DataFrame) -> str:
    config = one.trial.config
    panels = []
    for goal in GOALS:
        row, step = telling_instance(losses, goal)
        reached = f"in its goal's cell at step {step}" if step else "never in its goal's cell"
        panels.append(f"{GOAL_VERDICTS[goal]}, row {row:,} ({reached})")
    return (
        f"Loss of an instance and of its chosen counterpart on {dataset}, {config.steps} steps of "
        f"{config.step_size:g}: {'; '.join(panels)}. Each panel shows the test row with the "
        "smallest number that starts true fair and reaches its goal's cell (failing that, that "
        f"starts true fair and moves). Network of seed {one.trial.seed}."
    )


def _slopes(
    dataset: str, slopes: pd.DataFrame, seed: int, out: Path
) -> tuple[tuple[str, str], list[Path]]:
    base = out / file_name(dataset, "slopes")
    data = write_whole(_beside(base, ".csv"), frame_csv(slopes))
    first = slopes[slopes["model"] == seed]
    counts = rows_by(quadrants_table([(dataset, first)]), "goal")
    legend = {
        goal: f"{printed(goal)}: {counts[goal]['in_area']} of {counts[goal]['n']} in the "
        f"{GOAL_VERDICTS[goal]} area, {100 * counts[goal]['still']:.0f} % stand still"
        for goal in GOALS
    }
    drawn = draw_slopes(first, legend, f"Slopes of losses on {dataset}", base)
    caption = (
        f"Median regression slopes of the losses of {counts[GOALS[0]]['n']} instances of "
        f"{dataset} and of their counterparts on the step, symmetric logarithmic scales. "
        + ". ".join(legend.values())
        + f". Instances that stand still have two slopes of zero and are not drawn. Network of "
        f"seed {seed}."
    )
    return (base.name, caption), [*drawn, data]


def _beside(base: Path, ending: str) -> Path:
    return base.with_name(base.name + ending)


def _figures_page(captions: Sequence[tuple[str, str]], quadrants: pd.DataFrame) -> str:
    shown = [Picture(name, note=caption, file=f"{name}.svg") for name, caption in captions]
    return as_markdown([Heading("Figures", 1), *shown, _quadrants(quadrants)])


def _quadrants(quadrants: pd.DataFrame) -> Cells:
    """A line per data set, network and goal."""
    headers = ["data set", "network", "goal", "n", "in the goal's area", "stand still"]
    rows = [
        [
            str(row["dataset"]),
            str(row["model"]),
            str(GOAL_VERDICTS[row["goal"]]),
            f"{row['n']:,}",
            f"{row['share']:.2f} [{row['low']:.2f}, {row['high']:.2f}]",
            f"{row['still']:.2f}",
        ]
        for row in quadrants.to_dict("records")
    ]
    return Cells("Shares in the goal's area", headers, rows, names=3)
