"""A torch module that a function makes, with its weights from safetensors: `FILE.py:FACTORY`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
from torch import nn

from rafair.errors import ModelError
from rafair.models.adapters.python_source import PythonSource
from rafair.models.adapters.user_torch_module import OpenedModule
from rafair.models.model_file import check_hash, kind_of, read_model_file, reason_of
from rafair.models.model_options import ModelOptions
from rafair.tabular.schema import Schema


@dataclass(frozen=True)
class _Files:
    source: PythonSource
    weights: Path
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.source.sha256.encode() + self.content).hexdigest()


def open_factory(source: str, schema: Schema, options: ModelOptions) -> OpenedModule:
    """Opens `FILE.py:FACTORY` with `options.weights`; the factory takes no arguments.

    Raises:
        ModelError: If the file cannot be run, the factory makes no torch module, or the weights
            are not those of the module.
    """
    assert options.weights is not None  # what tells a factory from a function
    weights = Path(options.weights)
    files = _Files(PythonSource.read(source), weights, read_model_file(weights))
    check_hash(files.sha256, options.expected, source)
    return _made(files, schema, options)


def _made(files: _Files, schema: Schema, options: ModelOptions) -> OpenedModule:
    factory = files.source.load()
    where = f"'{files.source.path}:{files.source.name}'"
    try:
        module = factory()
    except Exception as error:  # whatever a user's factory raises
        raise ModelError(
            f"{where}: makes no module: {type(error).__name__}: {reason_of(error)}"
        ) from error
    if not isinstance(module, nn.Module):
        raise ModelError(
            f"{where}: expected a factory of a torch module with `weights`, got "
            f"{type(module).__name__}"
        )
    _fill(module, files)
    name, recipe = files.source.name, (_made, files, options)
    return OpenedModule(module, schema, options, name=name, sha256=files.sha256, recipe=recipe)


def _fill(module: nn.Module, files: _Files) -> None:
    try:
        state = safetensors.torch.load(files.content)
    except safetensors.SafetensorError as error:
        raise ModelError(
            f"'{files.weights}': expected a safetensors file, found {kind_of(files.content)} "
            f"({reason_of(error)})"
        ) from error
    expected = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    for name in sorted(expected.keys() ^ state.keys()):
        side = "not found" if name in expected else "which the module does not have"
        verb = "expected tensor" if name in expected else "found tensor"
        raise ModelError(f"'{files.weights}': {verb} '{name}', {side}")
    for name, shape in expected.items():
        if tuple(state[name].shape) != shape:
            raise ModelError(
                f"'{files.weights}': tensor '{name}': expected the shape {shape}, found "
                f"{tuple(state[name].shape)}"
            )
    module.load_state_dict(state)
