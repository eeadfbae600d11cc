"""Saved models: `model.safetensors` and `model.json`, with `model.onnx` beside them.

Nothing is ever unpickled: the weights are plain numbers, and the description says which network
they belong to, what it was trained on, how its rows are encoded, and what it is wrapped in.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import safetensors
import safetensors.torch
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from torch import nn

from rafair.engine.atomic_files import sha256_of, writing
from rafair.engine.digest_json import ALTERED, is_sealed, read_sealed, write_sealed
from rafair.engine.text_file import read_json
from rafair.errors import ModelError
from rafair.models.consensus import combinations_to_average
from rafair.models.onnx_export import Averaged, export_onnx
from rafair.models.paper_network import fcnn
from rafair.models.torch_module import serialise
from rafair.models.wrapper_description import BenignWrapper, ConsensusWrapper, Wrapper
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.schema import Schema

BEGINNING = 100
"""Bytes of a file that tell whose it is."""
WEIGHTS, DESCRIPTION, ONNX = "model.safetensors", "model.json", "model.onnx"
MODEL_VERSION = 1
WRAPPED_VERSION = 2
"""The version of a description with a wrapper: what does not know wrappers must refuse it, and not
answer for the bare network."""


class Hardened(BaseModel):
    """How a network was hardened, as `model.json` tells it.

    Args:
        method: The method's name.
        epsilon: The perturbations it was hardened against: one number, or one by feature; None
            where the method knows none.
        options: The method's own options, as plain values.
        stopped_after_epoch: Of a training that broke down, its last good epoch.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    method: str
    epsilon: float | dict[str, float] | None = None
    options: dict[str, object] = {}
    stopped_after_epoch: int | None = None


class ModelDescription(BaseModel):
    """What `model.json` holds.

    Args:
        model_version: The version of this format: 2 where there is a wrapper, else 1.
        network: The network's kind; "fcnn" is the paper's.
        dataset: The name of the data set it was trained on.
        variant: The variant of that data set.
        dataset_sha256: The hash of all its encoded rows and labels.
        table: The schema of the rows that the network takes.
        training: How it was trained.
        sha256: The hash of `model.safetensors`.
        onnx_sha256: That of `model.onnx`; None where there is none, or of before it was told.
        hardened: How the network was hardened, if it was.
        wrapper: What it is wrapped in, if anything: it does not answer without.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    model_version: int = MODEL_VERSION
    network: Literal["fcnn"] = "fcnn"
    dataset: str
    variant: str
    dataset_sha256: str
    table: Schema
    training: dict[str, Any]
    sha256: str
    onnx_sha256: str | None = None
    hardened: Hardened | None = None
    wrapper: Wrapper | None = None

    @model_validator(mode="after")
    def _version_tells_of_a_wrapper(self) -> ModelDescription:
        if (self.model_version == WRAPPED_VERSION) != (self.wrapper is not None):
            raise ValueError("model_version does not fit the wrapper")
        return self

    @property
    def plan(self) -> dict[str, object]:
        """What decides every answer, as plain values."""
        if self.wrapper is None:
            return {"model": self.sha256}
        domains = {name: list(self.table[name].domain or ()) for name in self.table.sensitive}
        return {"model": self.sha256, "wrapper": asdict(self.wrapper), "domains": domains}


def save_model(
    folder: Path,
    network: nn.Sequential,
    *,
    dataset: str,
    variant: str,
    dataset_sha256: str,
    schema: Schema,
    training: dict[str, Any],
    hardened: Hardened | None = None,
    wrapper: ConsensusWrapper | BenignWrapper | None = None,
) -> ModelDescription:
    """Writes `model.safetensors`, `model.json` and `model.onnx` into `folder`.

    With a benign wrapper there is no `model.onnx`: a repair follows gradients, for which ONNX has
    no operators, and the bare network would answer otherwise.

    Raises:
        InputError: If the wrapper does not fit the schema.
    """
    averaged = averaged_over(schema, wrapper)  # a wrapper that does not fit leaves nothing behind
    with writing(folder / WEIGHTS) as path:
        path.write_bytes(serialise(network))
    with_onnx = not isinstance(wrapper, BenignWrapper)
    if with_onnx:
        export_onnx(network, folder / ONNX, averaged)
    description = ModelDescription(
        model_version=WRAPPED_VERSION if wrapper else MODEL_VERSION,
        dataset=dataset,
        variant=variant,
        dataset_sha256=dataset_sha256,
        table=schema,
        training=training,
        sha256=sha256_of(folder / WEIGHTS),
        onnx_sha256=sha256_of(folder / ONNX) if with_onnx else None,
        hardened=hardened,
        wrapper=wrapper,
    )
    write_sealed(folder / DESCRIPTION, description.model_dump(mode="json"))
    return description


def export_if_unknown(folder: Path) -> None:
    """Writes `model.onnx` and its hash beside a saved model, unless it is there and known.

    Raises:
        ModelError: If one of these is missing or altered.
    """
    network, description = load_model(folder)
    known = description.onnx_sha256 is not None and (folder / ONNX).is_file()
    if known or isinstance(description.wrapper, BenignWrapper):
        return
    export_onnx(network, folder / ONNX, averaged_over(description.table, description.wrapper))
    told = description.model_copy(update={"onnx_sha256": sha256_of(folder / ONNX)})
    write_sealed(folder / DESCRIPTION, told.model_dump(mode="json"))


def averaged_over(schema: Schema, wrapper: Wrapper | None) -> Averaged | None:
    """What the logits of a consensus are averaged over, in encoded rows; None of other models."""
    if not isinstance(wrapper, ConsensusWrapper):
        return None
    counterparts = Counterparts.of(schema)
    chosen = combinations_to_average(counterparts, wrapper.sample, wrapper.seed)
    return Averaged.of(counterparts, chosen, len(schema))


def model_folder(path: Path) -> Path:
    """The folder of a saved model, where the path of its `model.json` may stand for it.

    XGBoost saves models under any name, this one too: that file stands for itself.
    """
    return path.parent if path.name == DESCRIPTION and not _is_xgboost(path) else path


def _is_xgboost(path: Path) -> bool:
    """Whether a file begins as the JSON of XGBoost does."""
    try:
        with path.open("rb") as file:
            return b'"learner"' in file.read(BEGINNING)
    except OSError:  # whoever reads it says so
        return False


def load_model(folder: Path) -> tuple[nn.Sequential, ModelDescription]:
    """Reads a saved network, without what it may be wrapped in; the description tells of that.

    Args:
        folder: A folder with `model.json`, or the path of that file.

    Raises:
        ModelError: If a file is missing, altered, or of another version.
    """
    folder = model_folder(folder)
    description = _read_description(folder / DESCRIPTION)
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise ModelError(f"'{weights}': expected the model's weights, found no such file")
    if sha256_of(weights) != description.sha256:
        raise ModelError(f"'{weights}': its hash is not the one in {DESCRIPTION}; it was altered")
    check_onnx(folder / ONNX, description.onnx_sha256)
    schema = description.table
    network = fcnn(len(schema), len(schema.classes))
    try:
        network.load_state_dict(safetensors.torch.load_file(weights))
    except (safetensors.SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"'{weights}': does not fit the network 'fcnn': {reason}") from error
    return network.eval(), description


def check_onnx(path: Path, expected: str | None) -> None:
    """Refuses a `model.onnx` that is not the one that was saved; it may be gone.

    Raises:
        ModelError: If it was altered.
    """
    if expected is not None and path.is_file() and sha256_of(path) != expected:
        raise ModelError(f"'{path}': its hash is not the one in {DESCRIPTION}; it was altered")


def check_saved_beside(path: Path) -> None:
    """Refuses an ONNX file that lies beside the description of a saved model, and is not its own.

    Raises:
        ModelError: If it was altered.
    """
    if path.name == ONNX and (path.parent / DESCRIPTION).is_file():
        try:
            expected = read_sealed(path.parent / DESCRIPTION).get("onnx_sha256")
        except (OSError, ValueError, AttributeError):  # altered itself, or of another program
            return
        check_onnx(path, expected)


def _read_description(path: Path) -> ModelDescription:
    try:
        content = read_json(path)
    except OSError as error:
        raise ModelError(
            f"'{path}': expected the {DESCRIPTION} of a saved model: {error.strerror}; models that "
            "a caller hands to rafair.audit are not saved"
        ) from error
    except ValueError as error:
        raise ModelError(f"'{path}': expected JSON: {error}") from error
    if not is_sealed(content):
        raise ModelError(f"'{path}': {ALTERED}")
    try:
        found = content.get("model_version")
        if found not in (MODEL_VERSION, WRAPPED_VERSION):
            raise ModelError(
                f"'{path}': expected model_version {MODEL_VERSION} or {WRAPPED_VERSION}, found "
                f"{found!r}"
            )
        return ModelDescription.model_validate(content)
    except (ValidationError, ValueError, AttributeError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"'{path}': expected a model description written by rafair") from error
