"""Models of one's own in a wrapper: saved by a hardening, and opened again as they were judged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rafair.errors import InputError
from rafair.models.adapters.onnx_consensus import NoGraphError, consensus_graph
from rafair.models.classifier import Classifier
from rafair.models.model_file import ModelFile, check_hash
from rafair.models.model_folder import Hardened, averaged_over, load_model, model_folder
from rafair.models.model_options import ModelOptions
from rafair.models.saved_network import check_codes
from rafair.models.wrapped_model import (
    ORIGINAL,
    Original,
    WrappedModel,
    check_wrapped,
    original_of,
    save_wrapped,
    wrapped_in,
)
from rafair.models.wrapper_description import BenignWrapper, ConsensusWrapper
from rafair.sources.network_sources import copy_model
from rafair.sources.saved_models import wrapped
from rafair.tabular.schema import Schema


def save_own(
    folder: Path,
    model: str,
    opening: ModelOptions,
    pair: tuple[Classifier, Classifier],
    schema: Schema,
    hardened: Hardened,
    wrapper: ConsensusWrapper | BenignWrapper,
    dataset: tuple[str, str] | None,
) -> WrappedModel:
    """Saves a model of one's own in its wrapper.

    Args:
        folder: Where; made if it is not there.
        model: The model as it was named.
        opening: How it was opened.
        pair: The model as it was judged before, and in its wrapper.
        schema: The features of the rows.
        hardened: The method, as the description tells it.
        wrapper: The wrapper.
        dataset: The name and the variant of the data set that it was judged on, if it was one.

    Raises:
        ModelError: If the model's file is gone, or another by now.
        StorageError: If the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before, after = pair
    file: ModelFile | None = None
    if (description := _network(model)) is not None:
        (folder / ORIGINAL).mkdir(exist_ok=True)
        copy_model(model_folder(Path(model)), folder / ORIGINAL)
        original = Original(
            kind="rafair",
            name=model_folder(Path(model)).name,
            file=ORIGINAL,
            file_sha256=None,
            sha256=before.sha256,
            said=opening.said,
            columns=description.names,
            libraries={},
        )
    else:
        shortcut = before.without_shortcut() is not None
        original, file = original_of(model, opening, before.sha256, schema, shortcut=shortcut)
        if file is not None:
            check_hash(file.sha256, before.sha256, model)
    described = WrappedModel(
        wrapper=wrapper, hardened=hardened, original=original, dataset=dataset, table=schema
    )
    onnx, why = _graph(file, described, after, opening)
    return save_wrapped(folder, described.model_copy(update={"no_onnx": why}), file, onnx)


def _network(model: str) -> Schema | None:
    """The schema of a network that rafair saved; None of another's model."""
    path = model_folder(Path(model))
    return load_model(path)[1].table if path.is_dir() else None


def _graph(
    file: ModelFile | None, described: WrappedModel, after: Classifier, opening: ModelOptions
) -> tuple[bytes | None, str | None]:
    """The whole as an ONNX graph, or why there is none."""
    averaged = averaged_over(described.table, described.wrapper)
    if averaged is None:
        return None, "a repair follows gradients, for which ONNX has no operators"
    if file is None or described.original.kind != "onnx":
        return None, "the model is none of ONNX"
    try:
        return consensus_graph(file, averaged, after, described.table, opening), None
    except NoGraphError as error:
        return None, str(error)


def rewrapped(
    folder: Path, described: WrappedModel, schema: Schema, inner: Callable[[], Classifier]
) -> Classifier:
    """A saved model in its wrapper, as it was judged, for rows that `schema` encodes.

    The wrapper goes through the sensitive values that it was saved with, whatever the other schema
    calls sensitive.

    Args:
        folder: Where it is.
        described: Its description.
        schema: Must encode values as when it was saved; all else may differ.
        inner: Opens the model inside.

    Raises:
        ModelError: If a file was altered, the model is another, or the codes differ.
    """
    check_wrapped(folder, described)
    check_codes(folder, described.table, schema)
    original, opened = described.original, inner()
    check_hash(opened.sha256, original.sha256, original.name)
    if not original.shortcut:
        opened = opened.without_shortcut() or opened
    return wrapped(opened, described.table, described.wrapper)


def check_saved_model(folder: Path) -> None:
    """Refuses a folder with a saved model, wrapped or not, whose files are not as they were saved.

    Raises:
        ModelError: If one is altered or gone.
    """
    described = wrapped_in(folder)
    if described is None:
        load_model(folder)
    else:
        check_wrapped(folder, described)


def inside(folder: Path, described: WrappedModel, opening: ModelOptions) -> str:
    """What the model inside a wrapper is named: its copy in the folder, or what a user names.

    Raises:
        InputError: If it has to be named and is not, or the other way round; or options say of it
            what the folder says itself.
    """
    original, again = described.original, opening.original
    said = {
        "model_input": opening.inputs,
        "model_output": opening.outputs,
        "model_classes": opening.classes,
        "threshold": opening.threshold,
        "weights": None if again else opening.weights,
    }
    for name, value in said.items():
        if value is not None:
            raise InputError(
                f"{name}: expected not to be given with '{folder}', which says of the model inside "
                f"how it is opened; got {value!r}"
            )
    if original.file is None and again is None:
        raise InputError(
            f"original: expected {original.name}, the model inside the wrapper of "
            f"'{folder}': to open it may run its code or send it rows, which a folder does not "
            "decide"
        )
    if original.file is not None and again is not None:
        raise InputError(
            f"original: expected only where the folder holds no copy of the model; '{folder}' has "
            f"{original.file}; got '{again}'"
        )
    return again or str(folder / str(original.file))
