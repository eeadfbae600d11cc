"""The ways in: harden on a data set by name, a saved network, or a model of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rafair.auditing.entry import saved_model
from rafair.auditing.own_audit import Own, own_pair
from rafair.auditing.run import Means
from rafair.datasets.loading import load_dataset
from rafair.engine.devices import check_device
from rafair.errors import InputError
from rafair.hardening.config import HardenConfig
from rafair.hardening.pairs import FreshPairs, OwnPair, check_saved
from rafair.models.training import TrainConfig


def fresh_pairs(
    name: str, variant: str, training: dict[str, Any], config: HardenConfig, means: Means
) -> FreshPairs:
    """Networks that are trained on a named data set, as usual and hardened.

    Args:
        name: The data set.
        variant: Its variant.
        training: Options of `TrainConfig` that differ from the defaults, but for the seed.
        config: What is asked.
        means: How and where.
    """
    ordinary = TrainConfig(**training, seed=config.seed)
    dataset = load_dataset(name, variant, progress=means.progress)
    return FreshPairs(dataset, ordinary, config, device=check_device(means.device))


def saved_pairs(
    source: Path, name: str | None, variant: str | None, config: HardenConfig, means: Means
) -> FreshPairs:
    """A network that rafair saved; a method that trains trains it anew, as it was trained.

    Raises:
        ModelError: If there is no saved network, or it is wrapped already.
    """
    saved = saved_model(source, name, variant, means)
    training = check_saved(saved, config)
    return FreshPairs(saved.dataset, training, config, saved, saved.device)


def own_pairs(own: Own, config: HardenConfig, means: Means) -> OwnPair:
    """A model of one's own on a table of one's own, for methods that wrap.

    Raises:
        InputError: If the method trains, the table or the model is no good, or they do not fit.
    """
    if config.models != 1:
        raise InputError(
            f"models: expected 1 with --model, which is one model, got {config.models}"
        )
    return OwnPair(own_pair(own, None, means), config.made)
