"""The model and the rows that a reference is frozen from, and the model of one that was frozen.

A model of one's own is opened where it was by itself only if its kind runs no code and asks nobody:
else it has to be named again each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rafair.engine.devices import check_device
from rafair.engine.progress import Progress
from rafair.errors import InputError
from rafair.models.classifier import Classifier, Labels
from rafair.models.fit_to_table import check_fits
from rafair.models.model_kinds import kind_of_model
from rafair.models.model_options import ADDRESSES, ModelOptions
from rafair.models.saved_network import is_saved_network
from rafair.monitoring.references.reference_record import IN_RUN, FrozenModel, ModelPlace
from rafair.results.audit_result import Audit
from rafair.sources.finished_run import (
    check_same,
    holds_model,
    open_finished,
    open_known,
    opened_as,
)
from rafair.sources.row_sources import some_table
from rafair.sources.saved_models import open_saved
from rafair.sources.user_named import Named, of_device
from rafair.tabular.encoding import Rows
from rafair.tabular.schema import Schema


@dataclass(frozen=True)
class Split:
    """The rows of an audit's table, all of them, and the model.

    Args:
        classifier: The model.
        schema: The features of the rows, as the audit knew them.
        n: How many rows there are.
        blocks: Gives the encoded rows and their classes, block by block, in order.
        place: Where the model is opened again.
    """

    classifier: Classifier
    schema: Schema
    n: int
    blocks: Callable[[], Iterator[tuple[Rows, Labels]]]
    place: ModelPlace


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
    source = open_finished(audit, of_device(named, device), progress)
    classifier = source.stand_in()
    if source.model.kind == "http":  # whose answers would be kept in the run's folder
        check_fits(classifier, some_table(source.data).rows, len(audit.schema.classes))
    else:
        source.check()
        source.begin(audit.folder, resumed=False)
    place = ModelPlace(where=IN_RUN) if holds_model(audit) else _place(audit, named)
    return Split(classifier, audit.schema, source.data.n_rows, source.data.blocks, place)


def open_again(
    folder: Path,
    schema: Schema,
    model: FrozenModel,
    named: Named,
    device: str,
) -> Classifier:
    """Opens the model of a reference.

    Args:
        folder: The run's folder.
        schema: The features of the rows.
        model: The model, as the reference tells of it.
        named: What the folder does not hold.
        device: Where a network computes.

    Raises:
        InputError: If the model has to be named, and is not.
        ModelError: If it is gone, or another.
    """
    place = model.place
    if named.model is None and place.where == IN_RUN:
        opened = open_saved(folder, check_device(device))[0]
        check_same(opened, model.sha256, str(folder))
        return opened
    if named.model is None:
        opening = ModelOptions(device=check_device(device))
        named = replace(named, model=_harmless(place.where), opening=opening)
    return open_known(named, schema, place, model.sha256)


def _harmless(place: str) -> str:
    """Where a folder says that its model is, if to open that runs no code and asks nobody.

    Raises:
        InputError: If it might.
    """
    kind = kind_of_model(place)
    if not is_saved_network(place) and (kind is None or kind.acts):
        raise InputError(
            f"model: expected {place}, as when the reference was frozen: to open it "
            "may run its code or send it rows, which a run's folder does not decide"
        )
    return place


def _place(audit: Audit, named: Named) -> ModelPlace:
    """Where a model of one's own is, and how it was opened."""
    assert named.model is not None  # refused before
    there = not named.model.startswith(ADDRESSES) and Path(named.model).exists()
    place = str(Path(named.model).resolve()) if there else named.model
    said = opened_as(audit.record.model.options, named.opening).said
    return ModelPlace(where=place, **vars(said))
