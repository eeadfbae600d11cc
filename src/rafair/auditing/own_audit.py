"""From the names of a table and of a model that nobody here trained to an audit of the two."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rafair.auditing.config import AuditConfig
from rafair.auditing.file_audit import audit_file
from rafair.auditing.own_data import OwnModelOnOwnData
from rafair.auditing.run import Means, run_audit
from rafair.auditing.saved_models import open_saved_for
from rafair.engine.devices import check_device
from rafair.engine.files import sha256_of
from rafair.errors import DataFileError, InputError
from rafair.models.asked_once import AskedOnce
from rafair.models.classifier import Classifier
from rafair.models.faithful import faithful
from rafair.models.http.endpoint import open_endpoint
from rafair.models.http.options import HttpOptions
from rafair.models.kinds import kind_of_model
from rafair.models.model_options import ADDRESSES, ModelOptions
from rafair.models.opening import open_model
from rafair.models.saved_network import is_saved_network
from rafair.models.storage import load_model, model_folder
from rafair.results.options import Perturbation
from rafair.results.result import Audit
from rafair.tabular.reading import read_table
from rafair.tabular.schema import Schema
from rafair.tabular.schema_file import read_schema
from rafair.tabular.table import Table


@dataclass(frozen=True)
class Own:
    """What a user names.

    Args:
        data: The table, in a CSV or Parquet file.
        model: The model: a file, `module.py:name`, or the address of an endpoint.
        label: The label column; the schema's own if None.
        sensitive: The sensitive columns; those of the schema if there are none.
        schema: A schema file; if None, the schema is inferred from the table.
        opening: How the model is opened.
        http: How a model behind HTTP is asked.
    """

    data: Path
    model: str
    label: str | None = None
    sensitive: tuple[str, ...] = ()
    schema: Path | None = None
    opening: ModelOptions = field(default_factory=ModelOptions)
    http: HttpOptions = field(default_factory=HttpOptions)

    @property
    def kind(self) -> str:
        """What the model is opened as."""
        if is_saved_network(self.model):
            return "rafair"
        found = kind_of_model(self.model, weights=self.opening.weights is not None)
        return found.name if found else "torch"


def audit_data(own: Own, options: dict[str, Any], means: Means) -> Audit:
    """Audits a model on a file: as a stream if both are rafair's own format, else in memory.

    Args:
        own: What is audited.
        options: Options of `AuditConfig` that differ from the defaults.
        means: How and where.

    Raises:
        InputError: If the file or the model is no good, or they do not fit together.
        IncompleteError: If results cannot be stored, or the model is gone; what was done is kept.
    """
    network = is_saved_network(own.model) and own.opening.threshold is None
    if network and not (own.sensitive or own.schema or own.data.suffix.lower() == ".csv"):
        return audit_file(Path(own.model), own.data, own.label, options, means)
    return audit_own(own, options, means)


def audit_own(own: Own, options: dict[str, Any], means: Means) -> Audit:
    """Audits a user's model on all rows of a user's table, or on a sample of them.

    Args:
        own: What is audited.
        options: Options of `AuditConfig` that differ from the defaults.
        means: How and where.

    Raises:
        InputError: If the table, the schema or the model is no good, or they do not fit together.
        IncompleteError: If results cannot be stored, or the model is gone; what was done is kept.
    """
    config = AuditConfig(**{"instances": None, "perturbation": Perturbation.FEASIBLE} | options)
    return run_audit(own_pair(own, config.max_queries, means), config, means)


def own_pair(own: Own, max_queries: int | None, means: Means) -> OwnModelOnOwnData:
    """Reads the table and opens the model that a user names.

    Args:
        own: What the user names.
        max_queries: The most rows that a model behind HTTP may be asked about.
        means: Where the model computes, and where results go.

    Raises:
        InputError: If the table, the schema or the model is no good, or they do not fit together.
    """
    _check_place(own, means)
    check_device(means.device)
    table = own_table(own)
    return OwnModelOnOwnData(
        faithful(own_classifier(own, table.schema, max_queries), table.rows, table.schema),
        table,
        own.data,
        _hash(own.data),
        own.kind,
        own.opening.facts,
    )


def own_table(own: Own) -> Table:
    """Reads the table that a user names.

    Raises:
        InputError: If the file or the schema is no good, or label or sensitive columns are missing.
    """
    schema = read_schema(own.schema, own.label) if own.schema else None
    if schema is None and is_saved_network(own.model):
        schema = load_model(model_folder(Path(own.model)))[1].table
    if schema is None and own.label is None:
        raise InputError(
            "label: expected --label COLUMN, the column with the true classes, or --schema with one"
        )
    if schema is None and not own.sensitive:
        raise InputError(
            "sensitive: expected --sensitive COLUMN,COLUMN, whose change must not change the "
            "decision, or --schema with some"
        )
    return read_table(
        own.data, label=own.label, sensitive=own.sensitive, schema=schema, name=own.data.stem
    )


def own_classifier(own: Own, schema: Schema, max_queries: int | None) -> Classifier:
    """Opens the model that a user names, for rows that are encoded by `schema`.

    Args:
        own: What the user names.
        schema: The features of the rows, and the classes.
        max_queries: The most rows that a model behind HTTP may be asked about.

    Raises:
        InputError: If there is no such model, or it is not to be trusted.
    """
    if is_saved_network(own.model):
        _refuse_options(own)
        return open_saved_for(Path(own.model), schema, own.opening.device, own.opening.threshold)
    if own.model.startswith(ADDRESSES):
        opened = open_endpoint(own.model, schema, own.opening, own.http)
        return AskedOnce(opened, max_queries=max_queries)
    return open_model(own.model, schema, own.opening)


def _refuse_options(own: Own) -> None:
    """Refuses to be told what a network that rafair saved tells itself."""
    opening = own.opening
    said = {
        "model_input": opening.inputs,
        "model_output": opening.outputs,
        "model_classes": opening.classes,
    }
    for name, value in said.items():
        if value is not None:
            raise InputError(
                f"{name}: expected with a model that others made; the network in '{own.model}' "
                "says so itself"
            )


def _check_place(own: Own, means: Means) -> None:
    if means.out is None:
        return
    for what, path in (("data", own.data), ("model", Path(own.model)), ("schema", own.schema)):
        if path is not None and means.out.resolve() == path.resolve():
            raise InputError(f"out: expected another place than the {what}, got '{means.out}'")


def _hash(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise DataFileError(f"'{path}': cannot be read: {error.strerror}") from error
