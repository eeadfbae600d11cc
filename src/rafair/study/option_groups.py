"""The options of a reproduction of the paper."""

from __future__ import annotations

from collections.abc import Sequence

import rafair.option_values as typed
from rafair.datasets.option_groups import OfDataset
from rafair.engine.option_groups import Seeded
from rafair.models.train_options import Trained
from rafair.options import group, option, redeclared
from rafair.results.audit_option_groups import MOST_INSTANCES, Stepped

PAPER_DATASETS = ("adult", "bank", "credit", "compas")
MOST_MODELS = 1000
LEAST_FIGURE_STEPS = 2  # a slope takes three points


@group
class Reproducing(Seeded, Trained, Stepped):
    """What a reproduction is asked."""

    datasets: Sequence[str] = option(
        PAPER_DATASETS,
        "Which data sets.",
        "NAME,NAME",
        said=",".join(PAPER_DATASETS),
        read=lambda _, text: typed.listed(text),
    )
    variant: str = redeclared(OfDataset, "variant", "paper")
    models: int = option(
        1,
        "Networks per data set, trained from seeds that follow each other.",
        "N",
        low=1,
        high=MOST_MODELS,
    )
    instances: int | None = option(
        200,
        "How many test rows to attack, or all.",
        "N",
        low=1,
        high=MOST_INSTANCES,
        read=typed.count_or_all,
    )
    step_size: float = option(
        0.01, "Length of a step, as a share of each feature's range.", "SIZE", high=1
    )
    figure_instances: int = option(
        100, "Test rows behind the figures.", "N", low=1, high=MOST_INSTANCES
    )
    figure_steps: int = option(
        50, "Steps behind the figures.", "N", low=LEAST_FIGURE_STEPS, high=10_000
    )
