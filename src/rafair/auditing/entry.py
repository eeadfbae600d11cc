"""Public functions of audits: of a model you have, a data set by name, or a saved run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rafair.auditing.attack_outcomes import Stored
from rafair.auditing.audit_run import run_audit
from rafair.auditing.audit_setup import AuditConfig
from rafair.auditing.certify_options import CertifyOptions, certifying
from rafair.auditing.default_options import options_for
from rafair.datasets.loading import load_dataset
from rafair.engine.devices import check_device
from rafair.engine.executors import engine_named
from rafair.engine.job import Document, Job
from rafair.engine.option_groups import Engined, Placed
from rafair.engine.progress import SILENT, Progress
from rafair.engine.run_folder import RunFolder
from rafair.engine.run_settings import RunSettings
from rafair.engine.thread_pool import Workers
from rafair.errors import InputError, RunFolderError
from rafair.metrics.rates import Rate, share
from rafair.models.decision_agreement import faithful
from rafair.models.model_folder import export_if_unknown, model_folder
from rafair.models.model_options import ModelAsked, ModelOptions
from rafair.models.models_in_memory import open_live
from rafair.models.prediction import predict
from rafair.models.training import TrainConfig
from rafair.options import part_of, takes
from rafair.repairs.benign_perturbation import LABELS
from rafair.results.audit_option_groups import Auditing, Proven
from rafair.results.audit_result import Audit
from rafair.results.run_files import ADVERSARIAL, AUDIT, CURVE
from rafair.search.counterpart_evaluator import CHUNK_ROWS
from rafair.sources.finished_run import open_finished
from rafair.sources.network_sources import FreshNetwork, is_trained
from rafair.sources.opened_model import OpenedModel
from rafair.sources.row_sources import InMemory
from rafair.sources.source import Source
from rafair.sources.user_named import NOTHING_NAMED, Named, of_device, open_source
from rafair.tabular.table import Table


@dataclass(frozen=True)
class Audited(Proven, Auditing, ModelAsked, Engined, Placed):
    """What `audit` takes; what is None where a default suits the rows is not said."""

    model: Any
    table: Table
    instances: int | None = field(default=None, kw_only=True)
    out: str | Path | None = field(default=None, kw_only=True)  # type: ignore[assignment]
    progress: Progress = field(default=SILENT, kw_only=True)

    @property
    def given(self) -> dict[str, Any]:
        """The options of `AuditConfig`."""
        values = part_of(self, Auditing)
        attacks = self.attacks
        values["attacks"] = (attacks,) if isinstance(attacks, str) else tuple(attacks)
        return {n: v for n, v in values.items() if v is not None or n not in BY_ROWS}


BY_ROWS = ("step_size", "epsilon", "epsilons", "perturbation")


@takes(Audited)
def audit(asked: Audited) -> Audit:  # noqa: D417  # `takes` gives it the fields as parameters
    """Audits a classifier for robust accurate fairness on a table.

    Args:
        model: A torch module that maps encoded rows `(n, d)` to logits `(n, c)`; a Python function
            that does the same, which gives no gradients; a fitted classifier or pipeline of
            scikit-learn, XGBoost or LightGBM, which is asked about the table's own values and
            judged by its own `predict`; or a rafair classifier. It is left as it is.
        table: The rows to audit, with their schema and true classes.
        instances: How many rows to sample (stratified by cluster); None takes all.
        out: A run folder to keep; by default nothing is kept once the result is gone.
        perturb_sensitive: Whether perturbations may move sensitive features as well.
        progress: Where to show bars and notes.

    Returns:
        The frozen result; print it, or ask it for `to_frame()`, `to_json()`, `cases()`.

    Raises:
        InputError: If an option is out of range or the model does not fit the table.
        ClusterError: If no cluster answers at the address, or it goes away.

    Example:
        >>> import rafair
        >>> data = rafair.load_dataset("affairs")
        >>> network = rafair.train(data.train, rafair.TrainConfig(epochs=1))
        >>> result = rafair.audit(network, data.test, instances=20, steps=2)
        >>> list(result.record.attacks)
        ['rafair-tb', 'rafair-ff', 'rafair-fb', 'strongest', 'rafair']
    """
    table = asked.table
    if not isinstance(table, Table):
        raise InputError(
            f"table: expected a rafair.Table, such as Table.from_frame makes, got "
            f"{type(table).__name__}"
        )
    rows = InMemory.of_table(table)
    config = options_for(rows, asked.given, asked.device)
    means = RunSettings(
        out=None if asked.out is None else Path(asked.out),
        force=asked.force,
        threads=asked.threads,
        device=check_device(asked.device),
        command="rafair.audit(...)",
        progress=asked.progress,
        executor=engine_named(asked.engine, asked.address, asked.workers, asked.device),
        temporary=asked.out is None,
    )
    options = ModelOptions.of(part_of(asked, ModelAsked), asked.device)
    classifier = open_live(asked.model, table.schema, options)
    source = Source(
        OpenedModel(faithful(classifier, table.rows, table.schema), options=options.said.facts),
        rows,
    )
    certify = CertifyOptions(boxes=asked.boxes) if asked.certify else None
    return run_audit(source, config, means, certify=certify)


def audit_named(
    named: Named,
    options: dict[str, Any],
    means: RunSettings,
    training: TrainConfig | None = None,
    certify: CertifyOptions | None = None,
) -> Audit:
    """Audits a model that a user names, on data that a user names.

    Args:
        named: Both.
        options: Options of `AuditConfig` that differ from the defaults.
        means: How and where.
        training: How a network is trained where no model is named.
        certify: What is to be proven once the attacks are done, if anything.

    Raises:
        InputError: If the data or the model is no good, they do not fit together, or an option is
            out of range.
        IncompleteError: If results cannot be stored, or the model is gone; what was done is kept.
    """
    config = AuditConfig(**options)  # refused before anything is read
    if certify:
        certifying(config)
    named.check_place(means.out)
    limited = replace(named, max_queries=options.get("max_queries"))
    source = open_source(of_device(limited, means.device), training, means.progress)
    config = options_for(source.data, options, means.device)
    return run_audit(source, config, means, certify=certify)


def repair_saved(
    source: Path, overrides: dict[str, Any], means: RunSettings, named: Named = NOTHING_NAMED
) -> Audit:
    """Repairs the outcome rows of a finished run, and writes a new run folder with both.

    Args:
        source: The run folder.
        overrides: Options of `AuditConfig` that differ from that run's.
        means: How and where.
        named: What the folder does not hold: a model and data of one's own.

    Raises:
        RunFolderError: If the run has no attacked rows, or they are not as it wrote them.
        InputError: If something has to be named that is not, or is not what was audited.
    """
    earlier = Audit.load(source)
    if not earlier.record.attacks:
        raise RunFolderError(f"'{source}': expected a run with attacked rows to repair, found none")
    config = AuditConfig.of(earlier.options)
    config = replace(config, labels=config.labels or LABELS[0])
    for name in (ADVERSARIAL, CURVE):
        if name in earlier.record.files:
            earlier.check_file(name)
    stored = Stored(earlier, earlier.adversarial)
    config = overridden(config, _with_old_bands(config, overrides))
    return run_audit(_again(earlier, named, config, means), config, means, stored)


def _again(earlier: Audit, named: Named, config: AuditConfig, means: RunSettings) -> Source:
    """The model and the data of a finished run."""
    named.check_place(means.out)
    limited = replace(named, max_queries=config.max_queries)
    return open_finished(earlier, of_device(limited, means.device), means.progress)


def attack_saved(
    source: Path, overrides: dict[str, Any], means: RunSettings, named: Named = NOTHING_NAMED
) -> Audit:
    """Attacks the model of a finished run, or a saved network, again, without repair.

    Args:
        source: A run folder, or a folder with a saved model.
        overrides: Options of `AuditConfig` that differ from that run's, or from the defaults.
        means: How and where.
        named: What the folder does not hold: a model and data of one's own.

    Raises:
        ModelError: If the folder holds no saved model and no run.
        RunFolderError: If it was written by another schema version.
        InputError: If something has to be named that is not, or is not what was audited.
    """
    folder = model_folder(source)
    if not is_run(folder):
        if named.model is not None or named.data is not None:
            raise RunFolderError(
                f"'{source}': expected a run, whose model or data are named again, found no "
                "audit.json; `rafair audit` takes a model and data"
            )
        return audit_named(Named(model=str(folder)), {"labels": None} | overrides, means)
    earlier = Audit.load(folder)
    config = AuditConfig.of(earlier.options)
    config = overridden(config, {"labels": None} | _with_old_bands(config, overrides))
    return run_audit(_again(earlier, named, config, means), config, means)


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run, rather than of a saved model alone."""
    try:
        return (folder / AUDIT).exists()
    except OSError:  # no name that a folder may have
        return False


def train_dataset(
    name: str, variant: str, training: TrainConfig, means: RunSettings
) -> TrainedNetwork:
    """Trains the paper's network on a data set and saves it.

    Returns:
        Where it is and how well it does: folder, name, parameters, data set, test accuracy.
    """
    dataset = load_dataset(name, variant, progress=means.progress)
    network, data = FreshNetwork(dataset, training), InMemory.of_dataset(dataset)
    plan = Source(network, data).plan

    def find(folder: Path, _: str) -> Document | None:
        return plan if is_trained(folder, dataset, training) else None

    def work(folder: RunFolder) -> Document:
        network.ready(data, folder.partial, means.progress)
        return plan

    job = Job("network", f"{name}-model", plan, means, find)
    done = job.done_before() or job.do(work, lambda _, folder: export_if_unknown(folder))
    return _trained(done.folder, network, means)


@dataclass(frozen=True)
class TrainedNetwork:
    """What there is to say of a trained network."""

    folder: str
    name: str
    parameters: int | None
    dataset: str
    variant: str
    test_accuracy: Rate | None
    sha256: str | None
    training: dict[str, object]


def _trained(folder: Path, network: FreshNetwork, means: RunSettings) -> TrainedNetwork:
    dataset = network.dataset
    classifier = network.load(folder)
    with Workers(means.threads) as workers:
        predictions = predict(classifier, dataset.test.rows, workers, CHUNK_ROWS)
    return TrainedNetwork(
        folder=str(folder),
        name=classifier.name,
        parameters=classifier.n_parameters,
        dataset=dataset.name,
        variant=str(dataset.variant),
        test_accuracy=share(predictions == dataset.test.labels),
        sha256=classifier.sha256,
        training=network.training.to_dict(),
    )


def overridden(config: AuditConfig, overrides: dict[str, Any]) -> AuditConfig:
    """That run's options but for new ones, and for what followed from those in their place."""
    steps, budgets = {"steps", "step_size"} & overrides.keys(), {"epsilon", "epsilons"}
    following = dict[str, Any]()
    if budgets & overrides.keys() or (steps and config.epsilon == config.default_epsilon):
        following |= dict.fromkeys(budgets)
    if (steps or budgets & overrides.keys()) and config.step_size == config.following:
        following["step_size"] = None
    return replace(config, **following | overrides)


def _with_old_bands(config: AuditConfig, overrides: dict[str, Any]) -> dict[str, Any]:
    """Keeps that run's bands of the features that get no new ones."""
    if "bands" not in overrides:
        return overrides
    return overrides | {"bands": {**(config.bands or {}), **overrides["bands"]}}
