"""Trains the networks and does the audits of a reproduction, each unless it is done already."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rafair.auditing.audit_run import run_audit
from rafair.auditing.entry import train_dataset
from rafair.auditing.row_estimate import Cost
from rafair.datasets.loading import Dataset, load_dataset
from rafair.engine.combined_progress import WholeProgress
from rafair.engine.devices import check_device
from rafair.engine.progress import Progress
from rafair.engine.run_settings import RunSettings
from rafair.errors import InputError, RafairWarning
from rafair.results.audit_result import Audit
from rafair.sources.network_sources import SavedNetwork, is_trained
from rafair.sources.row_sources import InMemory
from rafair.sources.source import Source
from rafair.study.config import StudyConfig
from rafair.study.planned_audits import Purpose, Trial
from rafair.tabular.counterparts import Counterparts


@dataclass(frozen=True)
class Done:
    """A trial and what came of it.

    Args:
        trial: The trial.
        audit: The finished audit.
        data: The data set that was audited.
    """

    trial: Trial
    audit: Audit
    data: Dataset


def load_all(config: StudyConfig, progress: Progress) -> dict[str, Dataset]:
    """Loads the data sets, and checks that they have enough rows.

    Raises:
        InputError: If more instances are asked for than a test split has.
    """
    loaded = {
        name: load_dataset(name, config.variant, progress=progress) for name in config.datasets
    }
    for option in ("instances", "figure_instances"):
        asked = getattr(config, option)
        for name, data in loaded.items():
            if asked is not None and asked > len(data.test):
                raise InputError(
                    f"{option}: expected at most {len(data.test):,}, the test rows of '{name}', "
                    f"got {asked:,}"
                )
    return loaded


def run_trials(
    trials: Sequence[Trial], data: dict[str, Dataset], config: StudyConfig, means: RunSettings
) -> list[Done]:
    """Does all trials in order; those that are done already only have to be read.

    Args:
        trials: What to do.
        data: The data sets, by name.
        config: How networks are trained.
        means: `out` is the reproduction's folder; `force` replaces runs of other options.

    Raises:
        RunFolderError: If a folder holds another run, and `force` is not set.
    """
    assert means.out is not None
    work = _Work(data, config, means, means.out)
    rows = [work.rows_of(trial) for trial in trials]
    networks = list(dict.fromkeys((trial.dataset, trial.seed) for trial in trials))
    lessons = {network: work.lessons(*network) for network in networks}
    total = sum(rows) + sum(lessons.values())
    to_train = sum(not work.is_trained(*network) for network in networks)
    means.progress.note(
        f"audits: {len(trials)}, of networks: {len(networks)}, still to be trained: {to_train}; up "
        f"to {total / 1e6:,.1f} million rows to compute, less what is done already in '{means.out}'"
    )
    done = []
    with means.progress.task("reproducing", total, "rows") as bar:
        whole = WholeProgress(bar)
        for trial, share in zip(trials, rows, strict=True):
            network = (trial.dataset, trial.seed)
            with whole.part(lessons.pop(network, 0.0)):
                work.train(trial, whole)
            with whole.part(share):
                done.append(Done(trial, work.audit(trial, whole), data[trial.dataset]))
    return done


@dataclass(frozen=True)
class _Work:
    data: dict[str, Dataset]
    config: StudyConfig
    means: RunSettings
    out: Path

    def rows_of(self, trial: Trial) -> float:
        """The most rows that a trial computes."""
        test = self.data[trial.dataset].test
        instances = trial.config.instances or len(test)
        counterparts = instances * Counterparts.of(test.schema).size
        return float(Cost.of(instances, counterparts, trial.config).total)

    def lessons(self, dataset: str, seed: int) -> float:
        """The rows that training computes, one pass after the other."""
        return float(self.config.training(seed).epochs * len(self.data[dataset].train))

    def is_trained(self, dataset: str, seed: int) -> bool:
        """Whether this very network is there."""
        folder = self.out / Trial(Purpose.TABLES, dataset, seed, 0, self.config.attacking(0)).model
        return is_trained(folder, self.data[dataset], self.config.training(seed))

    def train(self, trial: Trial, progress: Progress) -> None:
        """Trains and saves the network, unless it is there."""
        if self.is_trained(trial.dataset, trial.seed):
            return
        training = self.config.training(trial.seed)
        means = replace(self.means, out=self.out / trial.model, progress=progress)
        with warnings.catch_warnings():
            # what there is to say of the data was said when it was loaded first
            warnings.simplefilter("ignore", RafairWarning)
            train_dataset(trial.dataset, self.config.variant, training, means)

    def audit(self, trial: Trial, progress: Progress) -> Audit:
        """Audits the saved network, unless this very audit is there, whatever `force` says."""
        data = self.data[trial.dataset]
        saved = Source(
            SavedNetwork(self.out / trial.model, check_device(self.means.device)),
            InMemory.of_dataset(data),
        )
        means = replace(self.means, out=self.out / trial.folder, progress=progress, keep=True)
        return run_audit(saved, trial.config, means)
