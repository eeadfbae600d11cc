"""Public functions of hardening: a data set by name, a saved network, or your own model."""

from __future__ import annotations

from typing import Any

from rafair.datasets.loading import load_dataset
from rafair.engine.run_settings import RunSettings
from rafair.errors import InputError
from rafair.hardening.before_and_after import FreshPairs, OwnPair, Pairs, check_saved
from rafair.hardening.config import HardenConfig
from rafair.models.training import TrainConfig
from rafair.sources.network_sources import SavedNetwork
from rafair.sources.row_sources import InMemory
from rafair.sources.user_named import (
    DEFAULT_DATASET,
    Named,
    dataset_of,
    hash_of,
    of_device,
    open_source,
    own_table,
)


def pairs_of(
    named: Named, training: dict[str, Any], config: HardenConfig, means: RunSettings
) -> Pairs:
    """The models before and after, of what a user names.

    Args:
        named: The model and the data; without a model a network is trained on the data set.
        training: Options of `TrainConfig` that differ from the defaults, but for the seed.
        config: What is asked.
        means: How and where.

    Raises:
        InputError: If the method trains and the model is another's, the data or the model is no
            good, or they do not fit.
        ModelError: If there is no such model, or it is wrapped already.
    """
    named = of_device(named, means.device)
    device = named.opening.device
    named.check_place(means.out)
    if named.model is None and named.data is None:
        dataset = load_dataset(
            named.dataset or DEFAULT_DATASET, named.variant or "clean", progress=means.progress
        )
        ordinary = TrainConfig(**training, seed=config.seed)
        return FreshPairs(dataset, ordinary, config, InMemory.of_dataset(dataset), device=device)
    if config.models != 1:
        raise InputError(
            f"models: expected 1 with `model`, which is one model, got {config.models}"
        )
    trains = config.made.training is not None
    if named.saved and named.opening.threshold is None and (named.data is None or trains):
        return _saved_pairs(named, config, means, device)
    return OwnPair(open_source(named, progress=means.progress, whole=True), config.made, named)


def _saved_pairs(named: Named, config: HardenConfig, means: RunSettings, device: str) -> FreshPairs:
    """A network that rafair saved; a method that trains trains it anew, as it was trained."""
    dataset, folder = dataset_of(named, means.progress)
    training = check_saved(folder)
    data = InMemory.of_dataset(dataset)
    if named.data is not None:
        table = own_table(named)
        if table.schema.sensitive != dataset.table.schema.sensitive:
            raise InputError(
                f"sensitive: expected {', '.join(dataset.table.schema.sensitive)}, as in the data "
                f"that the network is trained on, got {', '.join(table.schema.sensitive)}"
            )
        data = InMemory.of_file(table, named.data, hash_of(named.data), named.reading)
    saved = SavedNetwork(folder, device)
    saved.stand_in(data)  # which refuses rows with other codes
    return FreshPairs(dataset, training, config, data, saved, device)
