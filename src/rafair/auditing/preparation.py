"""Where the model of an audit comes from: handed in, saved earlier, or trained on the spot."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rafair.auditing.first_look import first_look
from rafair.auditing.saved_models import open_saved
from rafair.auditing.subject import Subject
from rafair.datasets.loading import Dataset
from rafair.engine.files import copy_file
from rafair.engine.progress import Progress
from rafair.engine.workers import Workers
from rafair.errors import ModelError
from rafair.models.adapting import check_fits
from rafair.models.classifier import Classifier
from rafair.models.network import fcnn
from rafair.models.storage import (
    DESCRIPTION,
    ONNX,
    WEIGHTS,
    export_if_unknown,
    load_model,
    save_model,
)
from rafair.models.torch_module import TorchClassifier
from rafair.models.training import TrainConfig, train
from rafair.tabular.schema import Schema
from rafair.tabular.table import Table
from rafair.tabular.table_file import TableFile

NETWORK = "fcnn"


class Preparation(Protocol):
    """Gets the subject of an audit ready."""

    @property
    def name(self) -> str:
        """What to call the run."""

    @property
    def schema(self) -> Schema:
        """The features of the rows."""

    @property
    def n_rows(self) -> int:
        """How many rows there are to choose from."""

    @property
    def file(self) -> TableFile | None:
        """The file whose rows are all judged, if the rows are those of a file."""

    @property
    def table(self) -> Table:
        """The rows to audit; of a file its sample, once it is gathered."""

    @property
    def plan(self) -> dict[str, Any]:
        """What decides the subject, as plain values."""

    @property
    def identified(self) -> bool:
        """Whether equal plans mean the same model for sure, so that work may be carried on."""

    def check(self) -> None:
        """Refuses, before any folder is made, a model that does not fit the rows.

        Raises:
            ModelError: If it does not.
        """

    def begin(self, folder: Path, *, resumed: bool) -> None:
        """Gets the model ready once `folder` is there, `resumed` if an earlier run left it.

        Raises:
            ModelError: If the model does not fit the rows.
        """

    def look(self, asked: Classifier, workers: Workers, instances: NDArray[np.int64]) -> list[str]:
        """Looks at what the model answers to the table, and says what a reader should know.

        Raises:
            ModelError: If its classes are in another order.
        """

    def gather(self, folder: Path, key: str, progress: Progress) -> None:
        """Gets the rows ready; keeps in `folder`, under `key`, what need not be done twice."""

    def stand_in(self) -> Classifier:
        """A classifier that costs what the real one will cost."""

    def subject(self, folder: Path, progress: Progress) -> Subject:
        """Makes the subject, and stores in `folder` what belongs to it."""


class WithTable:
    """What is known of rows that are in memory from the start."""

    @property
    def file(self) -> TableFile | None:
        """None."""
        return None

    @property
    def name(self: _HasTable) -> str:
        """What the table is called."""
        return self.table.name

    @property
    def schema(self: _HasTable) -> Schema:
        """The table's schema."""
        return self.table.schema

    @property
    def n_rows(self: _HasTable) -> int:
        """The table's rows."""
        return len(self.table)

    def check(self: _HasTable) -> None:
        """Asks the model about a few rows."""
        check_fits(self.stand_in(), self.table.rows, len(self.table.schema.classes))

    def begin(self, folder: Path, *, resumed: bool) -> None:
        """Nothing: the model is there."""

    def look(self, asked: Classifier, workers: Workers, instances: NDArray[np.int64]) -> list[str]:
        """Nothing: it is known how a network of ours is asked, and how it decides."""
        return []

    def gather(self, folder: Path, key: str, progress: Progress) -> None:
        """Nothing: the rows are there."""


class _HasTable(Protocol):
    @property
    def table(self) -> Table: ...

    def stand_in(self) -> Classifier: ...


@dataclass(frozen=True)
class GivenModel(WithTable):
    """A classifier and a table that the caller has.

    Args:
        classifier: The model.
        table: The rows to audit.
        options: What the caller says of the model, as plain values.
    """

    classifier: Classifier
    table: Table
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def plan(self) -> dict[str, Any]:
        """What decides the subject, as far as it can be told from outside."""
        return {"model": self.classifier.sha256, "table": self.table.sha256}

    @property
    def identified(self) -> bool:
        """False: what a caller's code computes does not show in its parameters."""
        return False

    def look(self, asked: Classifier, workers: Workers, instances: NDArray[np.int64]) -> list[str]:
        """What its answers to the table tell of it."""
        return first_look(asked, self.table, workers, instances)

    def stand_in(self) -> Classifier:
        """The model itself."""
        return self.classifier

    def subject(self, folder: Path, progress: Progress) -> Subject:
        """The model and the table as they are; nothing is stored."""
        rows, sha256 = len(self.table), self.table.sha256
        return Subject(self.classifier, self.table, None, rows, sha256, options=self.options)


@dataclass(frozen=True)
class SavedModel(WithTable):
    """A network that rafair saved, audited on a data set's test split.

    Args:
        source: The folder with the model's files.
        dataset: The data set.
        device: Where the network computes.

    Raises:
        ModelError: If the model does not fit the data set.
    """

    source: Path
    dataset: Dataset
    device: str = "cpu"

    @property
    def table(self) -> Table:
        """The test split."""
        return self.dataset.test

    @property
    def identified(self) -> bool:
        """True: the hash of a network that rafair saved says all of it."""
        return True

    @property
    def plan(self) -> dict[str, Any]:
        """What decides the subject."""
        _, description = load_model(self.source)
        return {**description.plan, **_data_plan(self.dataset)}

    def stand_in(self) -> Classifier:
        """The network itself, in its wrapper if it has one.

        Raises:
            ModelError: If the network was made for other columns than the data set has.
        """
        classifier, description = open_saved(self.source, self.device)
        ours, theirs = self.dataset.table.schema, description.table
        if ours.names != theirs.names or ours.classes != theirs.classes:
            raise ModelError(
                f"'{self.source}': expected a model for {self.dataset.name} "
                f"({self.dataset.variant}, {len(ours)} features), found one for "
                f"{description.dataset} ({description.variant}, {len(theirs)} features)"
            )
        return classifier

    def subject(self, folder: Path, progress: Progress) -> Subject:
        """The network; its files are copied, so that the run folder is complete."""
        copy_model(self.source, folder)
        return _on_test_split(self.stand_in(), self.dataset)


@dataclass(frozen=True)
class FreshNetwork(WithTable):
    """The paper's network, trained for this audit.

    Args:
        dataset: The data set: its training split is learnt, its test split is audited.
        training: How to train.
        device: Where the trained network computes.
    """

    dataset: Dataset
    training: TrainConfig
    device: str = "cpu"

    @property
    def table(self) -> Table:
        """The test split."""
        return self.dataset.test

    @property
    def identified(self) -> bool:
        """True: training gives the same network again."""
        return True

    @property
    def plan(self) -> dict[str, Any]:
        """What decides the subject."""
        return {"training": self.training.to_dict(), **_data_plan(self.dataset)}

    def stand_in(self) -> Classifier:
        """The same network, untrained."""
        schema = self.table.schema
        network = fcnn(len(schema), len(schema.classes), seed=self.training.seed)
        return TorchClassifier(network, device=self.device, name=NETWORK)

    def subject(self, folder: Path, progress: Progress) -> Subject:
        """Trains and saves the network, unless an interrupted run has done so."""
        if is_trained(folder, self.dataset, self.training):
            export_if_unknown(folder)
        else:
            if (folder / DESCRIPTION).exists():  # the last file to be written
                progress.note(f"'{folder}': the network was altered or cut short: trained again")
            train_and_save(folder, self.dataset, self.training, progress)
        return _on_test_split(self.load(folder), self.dataset)

    def load(self, folder: Path) -> Classifier:
        """The network that was saved in `folder`."""
        return TorchClassifier(load_model(folder)[0], device=self.device, name=NETWORK)


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


def _description(dataset: Dataset, training: TrainConfig) -> dict[str, Any]:
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


def _data_plan(dataset: Dataset) -> dict[str, Any]:
    return {
        "dataset": dataset.name,
        "variant": dataset.variant,
        "sha256": dataset.table.sha256,
        "table": dataset.test.sha256,
    }


def _on_test_split(classifier: Classifier, dataset: Dataset) -> Subject:
    whole = dataset.table
    rows, sha256 = len(whole), whole.sha256
    return Subject(classifier, dataset.test, dataset.variant, rows, sha256, kind="rafair")
