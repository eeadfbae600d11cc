"""The model and the rows of a finished audit, opened once more and known to be the same.

What a run's folder holds is opened there. A model of one's own is opened where it was by itself
only if its kind runs no code and asks nobody: else it has to be named again each time, since a
folder that came from elsewhere must not decide what runs here, or who is sent a token. Whatever it
is, its hash is compared before it is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.auditing.own_audit import Own, own_classifier
from rafair.auditing.own_data import OwnModelOnOwnData
from rafair.auditing.saved_models import open_saved
from rafair.datasets.loading import load_dataset
from rafair.engine.devices import check_device
from rafair.engine.files import sha256_of
from rafair.engine.progress import Progress
from rafair.engine.shards import cut
from rafair.errors import DataFileError, InputError, RunFolderError
from rafair.models.adapting import check_fits
from rafair.models.classifier import Classifier, Labels
from rafair.models.faithful import faithful
from rafair.models.http.options import HttpOptions
from rafair.models.kinds import kind_of_model
from rafair.models.model_file import check_hash
from rafair.models.model_options import ADDRESSES, ModelOptions
from rafair.models.saved_network import is_saved_network
from rafair.monitoring.references.judge import BLOCK_ROWS
from rafair.results.result import Audit
from rafair.tabular.encoding import Rows
from rafair.tabular.reading import read_table
from rafair.tabular.schema import Schema
from rafair.tabular.table_file import TableFile

IN_RUN = "run"
"""Says that a model's files lie in the run's folder."""


@dataclass(frozen=True)
class Named:
    """What a user names again, since the run's folder does not hold it.

    Args:
        model: The model: a file, `module.py:name`, the address of an endpoint, or a folder.
        data: The file that was audited.
        opening: How the model is opened.
        http: How a model behind HTTP is asked.
        max_queries: The most rows that a model without gradients may be asked about.
    """

    model: str | None = None
    data: Path | None = None
    opening: ModelOptions = field(default_factory=ModelOptions)
    http: HttpOptions = field(default_factory=HttpOptions)
    max_queries: int | None = None


NOTHING_NAMED = Named()


@dataclass(frozen=True)
class Split:
    """The rows of an audit's table, all of them, and the model.

    Args:
        classifier: The model.
        schema: The features of the rows, as the audit knew them.
        n: How many rows there are.
        blocks: Gives the encoded rows and their classes, block by block, in order.
        place: Where the model is opened again; plain values.
    """

    classifier: Classifier
    schema: Schema
    n: int
    blocks: Callable[[], Iterator[tuple[Rows, Labels]]]
    place: Mapping[str, Any]


def open_split(audit: Audit, named: Named, device: str, progress: Progress) -> Split:
    """Opens the model and the rows of a finished audit.

    Args:
        audit: The audit, verified.
        named: What its folder does not hold.
        device: Where a network computes.
        progress: Where bars are shown.

    Raises:
        InputError: If something has to be named that is not, or the other way round.
        DataFileError: If the data are not those of the audit.
        ModelError: If the model is gone, or not that of the audit.
    """
    data, model = audit.document["dataset"], audit.document["model"]
    check_device(device)
    if model.get("kind") is None:
        raise RunFolderError(
            f"'{audit.folder}': expected the audit of a model and of data that can be opened again "
            "(`rafair audit`), found one of objects that were handed to rafair.audit(...)"
        )
    if data.get("streamed"):
        split = _streamed(audit, named, device)
    elif data.get("file"):
        split = _own(audit, named)
    else:
        split = _of_dataset(audit, named, device, progress)
    _check_same(split.classifier, model["sha256"], named.model or str(audit.folder))
    return split


def open_again(
    folder: Path,
    schema: Schema,
    model: Mapping[str, Any],
    named: Named,
    device: str,
) -> Classifier:
    """Opens the model of a reference.

    Args:
        folder: The run's folder.
        schema: The features of the rows.
        model: The section `model` of the reference.
        named: What the folder does not hold.
        device: Where a network computes.

    Raises:
        InputError: If the model has to be named, and is not.
        ModelError: If it is gone, or another.
    """
    place = model["place"]
    if named.model is None and place["in"] == IN_RUN:
        opened, where = open_saved(folder, check_device(device))[0], str(folder)
    else:
        where = named.model or _harmless(place["in"])
        given = named.opening if named.model else ModelOptions(device=check_device(device))
        opened = _opened(where, replace(named, opening=given), schema, place, model["sha256"])
    _check_same(opened, model["sha256"], where)
    return opened


def _harmless(place: str) -> str:
    """Where a folder says that its model is, if to open that runs no code and asks nobody.

    Raises:
        InputError: If it might.
    """
    kind = kind_of_model(place)
    if not is_saved_network(place) and (kind is None or kind.acts):
        raise InputError(
            f"model: expected --model {place}, as when the reference was frozen: to open it "
            "may run its code or send it rows, which a run's folder does not decide"
        )
    return place


def _of_dataset(audit: Audit, named: Named, device: str, progress: Progress) -> Split:
    _refuse(named, "model", "data")
    data = audit.document["dataset"]
    dataset = load_dataset(data["name"], data["variant"], progress=progress)
    if dataset.table.sha256 != data["sha256"]:
        raise DataFileError(
            f"data set '{data['name']}': expected the rows that were audited, sha256 "
            f"{data['sha256']}, found {dataset.table.sha256}"
        )
    classifier, test = open_saved(audit.folder, device)[0], dataset.test
    check_fits(classifier, test.rows, len(audit.schema.classes))
    blocks = _in_memory(test.rows, test.labels)
    return Split(classifier, audit.schema, len(test), blocks, {"in": IN_RUN})


def _streamed(audit: Audit, named: Named, device: str) -> Split:
    _refuse(named, "model")
    data, path = audit.document["dataset"], _data(audit, named)
    _check_file(path, data["sha256"])
    file = TableFile.open(path, audit.schema)

    def blocks() -> Iterator[tuple[Rows, Labels]]:
        reader = file.reader()
        for shard in cut(file.rows, BLOCK_ROWS):
            block = file.block(reader, shard.start, shard.stop)
            yield block.rows, block.labels

    classifier = open_saved(audit.folder, device)[0]
    return Split(classifier, audit.schema, file.rows, blocks, {"in": IN_RUN})


def _own(audit: Audit, named: Named) -> Split:
    document, path = audit.document, _data(audit, named)
    if named.model is None:
        raise InputError(
            f"model: expected --model MODEL, the {document['model']['kind']} model "
            f"'{document['model']['name']}' that was audited and that '{audit.folder}' does not "
            "hold"
        )
    _check_file(path, document["dataset"]["file"]["sha256"])
    # the run's own schema, so that rows are encoded as they were
    table = read_table(path, schema=audit.schema, name=document["dataset"]["name"])
    if table.sha256 != document["dataset"]["sha256"]:
        raise DataFileError(
            f"'{path}': expected rows that are encoded as in the audit, sha256 "
            f"{document['dataset']['sha256']}, found {table.sha256}"
        )
    where = named.model
    told, digest = document["model"].get("options"), document["model"]["sha256"]
    named = replace(named, opening=_opening_of(told, named.opening))
    opened = _opened(where, named, audit.schema, told, digest)
    _check_same(opened, digest, where)
    classifier = faithful(opened, table.rows, audit.schema)
    kind, digest = document["model"]["kind"], document["dataset"]["file"]["sha256"]
    if kind == "http":  # whose answers would be kept in the run's folder
        check_fits(classifier, table.rows, len(table.schema.classes))
    else:
        pair = OwnModelOnOwnData(classifier, table, path, digest, kind)
        pair.begin(audit.folder, resumed=False)
    blocks = _in_memory(table.rows, table.labels)
    return Split(classifier, audit.schema, len(table), blocks, _place(named))


def _opened(
    model: str, named: Named, schema: Schema, told: Mapping[str, Any] | None, expected: str | None
) -> Classifier:
    """A model, once its file is known to be the one that was audited."""
    opening = replace(_opening_of(told, named.opening), expected=expected)
    own = Own(named.data or Path(), model, opening=opening, http=named.http)
    return own_classifier(own, schema, named.max_queries)


def _opening_of(told: Mapping[str, Any] | None, opening: ModelOptions) -> ModelOptions:
    """How a model was opened, and so decides, where a user does not say it again."""
    told, classes = told or {}, (told or {}).get("classes")
    return replace(
        opening,
        inputs=opening.inputs or told.get("inputs"),
        outputs=opening.outputs or told.get("outputs"),
        threshold=opening.threshold or told.get("threshold"),
        classes=opening.classes or (tuple(classes) if classes else None),
    )


def _place(named: Named) -> dict[str, Any]:
    """Where a model of one's own is, and how it was opened."""
    assert named.model is not None  # refused before
    there = not named.model.startswith(ADDRESSES) and Path(named.model).exists()
    place = str(Path(named.model).resolve()) if there else named.model
    return {"in": place, **named.opening.facts}


def _in_memory(
    rows: Rows, labels: NDArray[np.int64]
) -> Callable[[], Iterator[tuple[Rows, Labels]]]:
    def blocks() -> Iterator[tuple[Rows, Labels]]:
        for shard in cut(len(rows), BLOCK_ROWS):
            yield rows[shard.start : shard.stop], labels[shard.start : shard.stop]

    return blocks


def _refuse(named: Named, *names: str) -> None:
    for name in names:
        if (value := getattr(named, name)) is not None:
            raise InputError(
                f"{name}: expected only for a run whose folder does not hold it; got '{value}'"
            )


def _data(audit: Audit, named: Named) -> Path:
    if named.data is None:
        file = audit.document["dataset"].get("file") or {"name": "FILE"}
        raise InputError(
            f"data: expected --data {file['name']}, the file that was audited and that "
            f"'{audit.folder}' does not hold"
        )
    return named.data


def _check_file(path: Path, expected: str) -> None:
    try:
        found = sha256_of(path)
    except OSError as error:
        raise DataFileError(f"'{path}': cannot be read: {error.strerror}") from error
    if found != expected:
        raise DataFileError(
            f"'{path}': expected the file that was audited, sha256 {expected}, found {found}"
        )


def _check_same(classifier: Classifier, expected: str | None, where: str) -> None:
    check_hash(classifier.sha256 or "none", expected or "none", where)
