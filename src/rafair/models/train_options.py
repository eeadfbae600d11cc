"""The options of training a network, group by group as commands share them."""

from __future__ import annotations

from dataclasses import dataclass

from rafair.engine.option_groups import Seeded
from rafair.options import option


@dataclass(frozen=True)
class Trained:
    """How long a network is trained."""

    epochs: int = option(50, "Passes over the training rows.", "N", low=1, high=10_000)


@dataclass(frozen=True)
class Stepped(Trained):
    """How a network is trained, whatever training follows."""

    batch: int = option(128, "Rows per step of Adam.", "N", low=1, high=1_000_000)
    learning_rate: float = option(0.001, "Step size of Adam.", "NUMBER", high=1)


@dataclass(frozen=True)
class Followed:
    """What training follows."""

    loss: str = option(
        "cross-entropy",
        "What training follows: cross-entropy or mse.",
        "NAME",
        typed="--train-loss",
    )


@dataclass(frozen=True)
class OfPaper(Followed, Trained):
    """How the paper's network is trained for an audit of it."""


@dataclass(frozen=True)
class Training(Seeded, Followed, Stepped):
    """How a network is trained on its own."""
