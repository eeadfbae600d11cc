"""The model and the data of a finished audit, opened once more and known to be the same.

What a run's folder holds is opened there. All else has to be named again each time, since a folder
that came from elsewhere must not decide what runs here, or who is sent a token. Whatever it is, its
hash is compared before it is opened.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rafair.datasets.loading import load_dataset
from rafair.engine.progress import SILENT, Progress
from rafair.errors import DataFileError, InputError, RunFolderError
from rafair.models.classifier import Classifier
from rafair.models.decision_agreement import faithful
from rafair.models.model_file import check_hash
from rafair.models.model_folder import DESCRIPTION
from rafair.models.model_options import ModelOptions, SaidOptions
from rafair.results.audit_result import Audit
from rafair.sources.network_sources import SavedNetwork
from rafair.sources.opened_model import OpenedModel
from rafair.sources.row_sources import DataSource, InMemory, Streamed, some_table
from rafair.sources.source import ModelSource, Source
from rafair.sources.user_named import Named, hash_of, open_classifier
from rafair.tabular.column_roles import Roles
from rafair.tabular.large_tables import open_own
from rafair.tabular.reading_options import ReadAs
from rafair.tabular.schema import Schema
from rafair.tabular.streamed_table import TableFile
from rafair.tabular.table_from_file import read_own


def open_finished(audit: Audit, named: Named, progress: Progress = SILENT) -> Source:
    """Opens the model and the data of a finished audit.

    Args:
        audit: The audit, verified.
        named: What its folder does not hold.
        progress: Where bars are shown.

    Raises:
        InputError: If something has to be named that is not, or the other way round.
        DataFileError: If the data are not those of the audit.
        ModelError: If the model is gone, or not that of the audit.
    """
    data, model = audit.record.dataset, audit.record.model
    if model.kind is None:
        raise RunFolderError(
            f"'{audit.folder}': expected the audit of a model and of data that can be opened again "
            "(`rafair audit`), found one of objects that were handed to rafair.audit(...)"
        )
    in_file, in_folder = bool(data.file or data.streamed), holds_model(audit)
    if not in_file:
        _refuse(named, "data")
    if in_folder:
        _refuse(named, "model")
    lacking = {}
    if in_file and named.data is None:
        lacking["data"] = f"{data.file.name if data.file else 'FILE'}, the file"
    if not in_folder and named.model is None:
        lacking["model"] = f"the {model.kind} model '{model.name}'"
    if lacking:
        (name, what), *more = lacking.items()
        raise InputError(
            f"{name}: expected {what} that was audited and that '{audit.folder}' does not hold"
            + "".join(f"; and `{name}`: {what}" for name, what in more)
        )
    rows = _data(audit, named, progress)
    return Source(_model(audit, named, rows), rows)


def holds_model(audit: Audit) -> bool:
    """Whether the run's folder holds the network that was audited."""
    return DESCRIPTION in audit.record.files


def open_known(named: Named, schema: Schema, told: SaidOptions, expected: str | None) -> Classifier:
    """Opens a model by its name, once its file is known to be the one that was audited.

    Args:
        named: The model.
        schema: The features of the rows that it is asked about.
        told: How it was opened then, which is what counts where a user does not say it again.
        expected: Its hash; None for one that has none.

    Raises:
        ModelError: If it is gone, or another.
    """
    assert named.model is not None  # who asks has looked
    opening = replace(opened_as(told, named.opening), expected=expected)
    opened = open_classifier(replace(named, opening=opening), schema)
    check_same(opened, expected, named.model)
    return opened


def opened_as(told: SaidOptions, opening: ModelOptions) -> ModelOptions:
    """How a model was opened, and so decides, where a user does not say it again."""
    return replace(
        opening,
        inputs=opening.inputs or told.inputs,
        outputs=opening.outputs or told.outputs,
        threshold=opening.threshold or told.threshold,
        classes=opening.classes or (tuple(told.classes) if told.classes else None),
    )


def check_same(classifier: Classifier, expected: str | None, where: str) -> None:
    """Refuses a model that is not the one that was audited.

    Raises:
        ModelError: If it is another.
    """
    check_hash(classifier.sha256 or "none", expected or "none", where)


def _model(audit: Audit, named: Named, data: DataSource) -> ModelSource:
    model = audit.record.model
    if holds_model(audit):
        saved = SavedNetwork(audit.folder, named.opening.device)
        check_same(saved.stand_in(data), model.sha256, str(audit.folder))
        return saved
    opened = open_known(named, data.schema, model.options, model.sha256)
    classifier = faithful(opened, some_table(data).rows, data.schema)
    return OpenedModel(classifier, model.kind, opened_as(model.options, named.opening).said.facts)


def _data(audit: Audit, named: Named, progress: Progress) -> DataSource:
    data = audit.record.dataset
    if data.streamed:
        path = _file(named, data.sha256, progress)
        if not data.own:
            return Streamed(TableFile.open(path, audit.schema), data.sha256)
        reading = ReadAs.of(data.file.reading if data.file else None)
        file = open_own(path, audit.schema, Roles(), reading, scales=False)
        return Streamed(file, data.sha256, reading)
    if data.file is None:
        dataset = load_dataset(data.name, data.variant or "", progress=progress)
        if dataset.table.sha256 != data.sha256:
            raise DataFileError(
                f"data set '{data.name}': expected the rows that were audited, sha256 "
                f"{data.sha256}, found {dataset.table.sha256}"
            )
        return InMemory.of_dataset(dataset)
    path = _file(named, data.file.sha256, progress)
    # the run's own schema, so that rows are encoded as they were
    reading = ReadAs.of(data.file.reading)
    table = read_own(path, Roles(), audit.schema, data.name, reading, scaled=False)
    if table.sha256 != data.sha256:
        raise DataFileError(
            f"'{path}': expected rows that are encoded as in the audit, sha256 {data.sha256}, "
            f"found {table.sha256}"
        )
    return InMemory.of_file(table, path, data.file.sha256, reading)


def _file(named: Named, expected: str, progress: Progress) -> Path:
    """The file that was audited, named again and known to be the same."""
    assert named.data is not None  # refused before
    found = hash_of(named.data, progress)
    if found != expected:
        raise DataFileError(
            f"'{named.data}': expected the file that was audited, sha256 {expected}, found {found}"
        )
    return named.data


def _refuse(named: Named, *names: str) -> None:
    for name in names:
        if (value := getattr(named, name)) is not None:
            raise InputError(
                f"{name}: expected only for a run whose folder does not hold it; got '{value}'"
            )
