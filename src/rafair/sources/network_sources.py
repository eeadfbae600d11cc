"""The paper's network as the model of an audit: trained for it, or saved earlier."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from rafair.datasets.loading import Dataset
from rafair.engine.atomic_files import copy_file
from rafair.engine.progress import Progress
from rafair.engine.thread_pool import Workers
from rafair.errors import ModelError
from rafair.models.classifier import Classifier
from rafair.models.fit_to_table import check_fits
from rafair.models.model_folder import (
    DESCRIPTION,
    ONNX,
    WEIGHTS,
    export_if_unknown,
    load_model,
    save_model,
)
from rafair.models.paper_network import fcnn
from rafair.models.saved_network import check_codes
from rafair.models.torch_module import TorchClassifier
from rafair.models.training import TrainConfig, train
from rafair.sources.row_sources import DataSource
from rafair.sources.saved_models import open_saved
from rafair.tabular.table import Table

NETWORK = "fcnn"


class _Ours:
    """What is known of every network of ours: how it is asked, how it decides, what it is."""

    kind: ClassVar[str] = "rafair"
    options: ClassVar[Mapping[str, object]] = {}
    identified: ClassVar[bool] = True

    def begin(self, table: Table, folder: Path, *, resumed: bool) -> None:
        """Nothing: the model is there."""

    def look(
        self, asked: Classifier, table: Table, workers: Workers, instances: NDArray[np.int64]
    ) -> list[str]:
        """Nothing."""
        return []


@dataclass(frozen=True)
class FreshNetwork(_Ours):
    """The paper's network, trained for this audit.

    Args:
        dataset: The data set whose training split is learnt.
        training: How to train.
        device: Where the trained network computes.
    """

    dataset: Dataset
    training: TrainConfig
    device: str = "cpu"

    @property
    def plan(self) -> Mapping[str, object]:
        """What decides the network: training gives the same one again."""
        return {"training": self.training.to_dict()}

    def stand_in(self, data: DataSource) -> Classifier:
        """The same network, untrained."""
        schema = data.schema
        network = fcnn(len(schema), len(schema.classes), seed=self.training.seed)
        return TorchClassifier(network, device=self.device, name=NETWORK)

    def check(self, table: Table) -> None:
        """Nothing: it is made for its own data set's rows."""

    def ready(self, data: DataSource, folder: Path, progress: Progress) -> Classifier:
        """Trains and saves the network, unless an interrupted run has done so."""
        if is_trained(folder, self.dataset, self.training):
            export_if_unknown(folder)
        else:
            if (folder / DESCRIPTION).exists():  # the last file to be written
                progress.note(f"'{folder}': the network was altered or cut short: trained again")
            train_and_save(folder, self.dataset, self.training, progress)
        return self.load(folder)

    def load(self, folder: Path) -> Classifier:
        """The network that was saved in `folder`."""
        return TorchClassifier(load_model(folder)[0], device=self.device, name=NETWORK)


@dataclass(frozen=True)
class SavedNetwork(_Ours):
    """A network that rafair saved.

    Args:
        source: The folder with the model's files.
        device: Where the network computes.
    """

    source: Path
    device: str = "cpu"

    @property
    def plan(self) -> Mapping[str, object]:
        """What decides the network: the hash of its weights, and its description."""
        return load_model(self.source)[1].plan

    def stand_in(self, data: DataSource) -> Classifier:
        """The network itself, in its wrapper if it has one.

        Raises:
            ModelError: If the network was made for other columns, codes or classes.
        """
        classifier, description = open_saved(self.source, self.device)
        check_codes(self.source, description.table, data.schema)
        return classifier

    def check(self, table: Table) -> None:
        """Asks the network about a few rows."""
        check_fits(open_saved(self.source, self.device)[0], table.rows, len(table.schema.classes))

    def ready(self, data: DataSource, folder: Path, progress: Progress) -> Classifier:
        """The network; its files are copied, so that the run folder is complete."""
        copy_model(self.source, folder)
        return self.stand_in(data)


def copy_model(source: Path, folder: Path) -> None:
    """Copies a saved network; makes its ONNX file again where nothing tells its hash."""
    with_onnx = (source / ONNX).is_file()
    for name in (WEIGHTS, *([ONNX] if with_onnx else []), DESCRIPTION):
        copy_file(source / name, folder / name)
    export_if_unknown(folder)


def train_and_save(
    folder: Path, dataset: Dataset, training: TrainConfig, progress: Progress
) -> float:
    """Trains the paper's network on a data set and writes the model's three files.

    Returns:
        How many seconds the training took.
    """
    begun = time.perf_counter()
    network = train(dataset.train, training, progress=progress)
    seconds = time.perf_counter() - begun
    save_model(
        folder,
        network,
        dataset=dataset.name,
        variant=dataset.variant,
        dataset_sha256=dataset.table.sha256,
        schema=dataset.table.schema,
        training=training.to_dict(),
    )
    return seconds


def is_trained(folder: Path, dataset: Dataset, training: TrainConfig) -> bool:
    """Whether `folder` holds the very network that this training would give."""
    try:
        _, description = load_model(folder)
    except ModelError:
        return False
    expected = _description(dataset, training)
    found = description.model_dump(mode="json")
    return {key: found[key] for key in expected} == expected


def _description(dataset: Dataset, training: TrainConfig) -> dict[str, object]:
    """What the description of a network says of how it came about, as plain values."""
    return {
        "dataset": dataset.name,
        "variant": str(dataset.variant),
        "dataset_sha256": dataset.table.sha256,
        "table": dataset.table.schema.model_dump(mode="json"),
        "training": training.to_dict(),
        "hardened": None,
        "wrapper": None,
    }
