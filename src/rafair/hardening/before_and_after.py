"""The models before and after hardening, a pair for each seed, and their folders."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn, Protocol

import numpy as np

from rafair.datasets.loading import Dataset
from rafair.engine.digest_json import read_sealed, write_sealed
from rafair.engine.job import digest
from rafair.engine.progress import Progress
from rafair.engine.thread_pool import Workers
from rafair.errors import InputError, ModelError
from rafair.hardening.config import HardenConfig
from rafair.hardening.registry import TRAINING, WRAPPING, Method
from rafair.hardening.training_checkpoint import Checkpoint
from rafair.hardening.training_loop import Hardening
from rafair.models.classifier import Classifier
from rafair.models.model_folder import (
    DESCRIPTION,
    Hardened,
    export_if_unknown,
    load_model,
    save_model,
)
from rafair.models.training import TrainConfig, train
from rafair.results.hardening_record import SavedModel
from rafair.sources.network_sources import SavedNetwork, copy_model, is_trained, train_and_save
from rafair.sources.row_sources import DataSource
from rafair.sources.saved_models import open_saved, wrapped
from rafair.sources.source import Source
from rafair.sources.user_named import Named
from rafair.sources.wrapped_models import save_own

OWN = "after"
"""The folder of a model of one's own in its wrapper."""

WORK = "work"
"""What only the work in progress needs, below its folder."""


@dataclass(frozen=True)
class Pair:
    """One model before and after.

    Args:
        before: As ordinary training gave it, or as it came.
        after: Hardened.
        ordinary: Seconds of ordinary training; None where it was not trained here.
        hardened: Seconds of hardening; None where nothing is trained.
        stopped_after_epoch: The last good epoch, where the loss broke down.
        said: What a first look at the model before tells a reader.
        saved: Of a model of one's own, what was saved of it.
    """

    before: Classifier
    after: Classifier
    ordinary: float | None = None
    hardened: float | None = None
    stopped_after_epoch: int | None = None
    said: tuple[str, ...] = ()
    saved: SavedModel | None = None


class Pairs(Protocol):
    """Where the models come from."""

    @property
    def data(self) -> DataSource:
        """The rows that are judged, all of them in memory."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """One for each pair."""

    @property
    def training(self) -> dict[str, object] | None:
        """How networks are trained, their seeds aside; None where they are not."""

    @property
    def plan(self) -> dict[str, object]:
        """What decides the models, as plain values."""

    @property
    def identified(self) -> bool:
        """Whether equal plans mean the same models for sure, so that work may be carried on."""

    def make(self, seed: int, folder: Path, progress: Progress) -> Pair:
        """Makes the pair of a seed, and keeps it in `folder`; what is there already is taken."""


@dataclass(frozen=True)
class FreshPairs:
    """The paper's network on a named data set, trained as usual and hardened.

    Args:
        dataset: Its training split is learnt.
        config_of_training: How both are trained, but for the seed.
        config: What is asked.
        data: The rows that are judged.
        saved: The network before, where there is one already.
        device: Where networks compute.
    """

    dataset: Dataset
    config_of_training: TrainConfig
    config: HardenConfig
    data: DataSource
    saved: SavedNetwork | None = None
    device: str = "cpu"

    @property
    def seeds(self) -> tuple[int, ...]:
        """Those asked for; of a saved network its own."""
        return (self.config_of_training.seed,) if self.saved else self.config.seeds

    @property
    def training(self) -> dict[str, object]:
        """Epochs, batch, learning rate, loss."""
        values = self.config_of_training.to_dict()
        return {name: value for name, value in values.items() if name != "seed"}

    @property
    def plan(self) -> dict[str, object]:
        """What decides the models."""
        whole = self.dataset.table
        return {
            "training": self.training,
            "saved": Source(self.saved, self.data).plan if self.saved else None,
            "dataset": self.dataset.name,
            "variant": str(self.dataset.variant),
            "sha256": whole.sha256,
            "test": self.data.table.sha256,
        }

    @property
    def identified(self) -> bool:
        """True: training gives the same networks again."""
        return True

    def make(self, seed: int, folder: Path, progress: Progress) -> Pair:
        """Trains, or wraps, unless that is done."""
        training = replace(self.config_of_training, seed=seed)
        before, after = folder / f"before-{seed}", folder / f"after-{seed}"
        for each in (before, after):
            each.mkdir(parents=True, exist_ok=True)
        ordinary = self._before(before, training, progress)
        self._after(before, after, training, folder, progress)
        for each in (before, after):
            export_if_unknown(each)
        opened, description = open_saved(after, self.device)
        hardened = description.hardened
        return Pair(
            open_saved(before, self.device)[0],
            opened,
            ordinary,
            _time(folder, after.name),
            hardened.stopped_after_epoch if hardened else None,
        )

    def _before(self, before: Path, training: TrainConfig, progress: Progress) -> float | None:
        """The network before; returns the seconds of its training."""
        if self.saved:
            copy_model(self.saved.source, before)
            return None
        if not is_trained(before, self.dataset, training):
            if (before / DESCRIPTION).exists():  # the last file to be written
                progress.note(f"'{before}': the network was altered or cut short: trained again")
            # a process pays for its first steps of training, which says nothing of the method
            train(self.dataset.train.take(np.arange(2)), TrainConfig(epochs=1))
            seconds = train_and_save(before, self.dataset, training, progress)
            _keep_time(before.parent, before.name, seconds)
        return _time(before.parent, before.name)

    def _after(
        self, before: Path, after: Path, training: TrainConfig, folder: Path, progress: Progress
    ) -> None:
        method, found = self.config.made, _hardened(after)
        told = Hardened(method=method.name, epsilon=self.config.at, options=method.options)
        if found and found.model_copy(update={"stopped_after_epoch": None}) == told:
            return
        if (after / DESCRIPTION).exists():
            progress.note(f"'{after}': the network was altered or cut short: hardened again")
        if not method.training:
            network = load_model(before)[0]
        else:
            key = digest(
                {"plan": self.plan, "config": self.config.to_dict(), "seed": training.seed}
            )
            keeper = Checkpoint(folder / WORK / f"training-{training.seed}", key, progress)
            hardening = Hardening(method.training, self.config.at, training)
            network, state = hardening.train(self.dataset.train, keeper=keeper, progress=progress)
            _keep_time(folder, after.name, state.seconds)
            stopped = state.epoch if state.broken else None
            told = told.model_copy(update={"stopped_after_epoch": stopped})
        save_model(
            after,
            network,
            dataset=self.dataset.name,
            variant=self.dataset.variant,
            dataset_sha256=self.dataset.table.sha256,
            schema=self.dataset.table.schema,
            training=training.to_dict(),
            hardened=told,
            wrapper=method.wrapper,
        )


@dataclass(frozen=True)
class OwnPair:
    """A model as it came, and the same in a wrapper, which is saved.

    Args:
        source: The model and the rows.
        method: The wrapping method.
        named: The model as it was named.

    Raises:
        InputError: If the method trains.
        ModelError: If the model is wrapped already.
    """

    source: Source
    method: Method
    named: Named

    def __post_init__(self) -> None:
        if self.named.wraps is not None:
            refuse_wrapped(str(self.named.model), self.named.wraps.wrapper.kind)
        if self.method.training:
            refuse_training(self.source.stand_in(), self.method.name)

    @property
    def data(self) -> DataSource:
        """The rows that are judged."""
        return self.source.data

    @property
    def seeds(self) -> tuple[int, ...]:
        """One, as there is one model."""
        return (0,)

    @property
    def training(self) -> None:
        """None: the model is taken as it is."""
        return

    @property
    def plan(self) -> dict[str, object]:
        """What decides the model."""
        return self.source.plan

    @property
    def identified(self) -> bool:
        """Whether the model's hash says all of it."""
        return self.source.model.identified

    def make(self, seed: int, folder: Path, progress: Progress) -> Pair:
        """Asks the model about a few rows, twice, wraps it, and saves that.

        Raises:
            ModelError: If it does not fit the table, or answers otherwise the second time.
        """
        (folder / WORK).mkdir(parents=True, exist_ok=True)
        self.source.begin(folder / WORK, resumed=False)
        before = self.source.stand_in()
        with Workers() as workers:
            said = self.source.look(before, workers, np.arange(self.data.n_rows))
        after = wrapped(before, self.data.schema, self.method.wrapper)
        told = Hardened(method=self.method.name, options=self.method.options)
        dataset = self.data.plan.get("dataset")
        assert self.method.wrapper is not None  # refused before
        saved = save_own(
            folder / OWN,
            str(self.named.model),
            self.named.opening,
            (before, after),
            self.data.schema,
            told,
            self.method.wrapper,
            None if dataset is None else (str(dataset), str(self.data.origin.variant)),
        )
        return Pair(before, after, said=tuple(said), saved=SavedModel(OWN, saved.needs()))


def refuse_training(classifier: Classifier, method: str) -> None:
    """Says which methods work with a model that rafair did not train.

    Raises:
        InputError: Always.
    """
    works = [name for name in WRAPPING if classifier.differentiable or name != "benign"]
    kind = "of one's own" if classifier.differentiable else "without gradients"
    raise InputError(
        f"method '{method}': expected a network that rafair trained on a data set, which it trains "
        f"anew; for model '{classifier.name}', one {kind}: {', '.join(works)} ("
        f"{', '.join(TRAINING)} train)"
    )


def refuse_wrapped(where: str, kind: str) -> NoReturn:
    """Refuses a model that is wrapped already.

    Raises:
        ModelError: Always.
    """
    raise ModelError(f"'{where}': expected a model without a wrapper, found one in '{kind}'")


def check_saved(folder: Path) -> TrainConfig:
    """How a saved network was trained, and so will be again.

    Raises:
        ModelError: If it is wrapped already, or its description does not tell its training.
    """
    _, description = load_model(folder)
    if description.wrapper is not None:
        refuse_wrapped(str(folder), description.wrapper.kind)
    try:
        return TrainConfig(**description.training)
    except (TypeError, InputError) as error:
        raise ModelError(
            f"'{folder}': expected the options of its training in {DESCRIPTION}"
        ) from error


def _hardened(folder: Path) -> Hardened | None:
    """How a network that is wholly there was hardened."""
    try:
        return load_model(folder)[1].hardened
    except ModelError:
        return None


def _keep_time(folder: Path, name: str, seconds: float) -> None:
    (folder / WORK).mkdir(parents=True, exist_ok=True)
    write_sealed(folder / WORK / f"{name}.json", {"seconds": seconds})


def _time(folder: Path, name: str) -> float | None:
    """How long a training took; None where nobody knows."""
    try:
        content = read_sealed(folder / WORK / f"{name}.json")
        return float(content["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
