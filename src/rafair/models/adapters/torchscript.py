"""A TorchScript file as a classifier.

TorchScript is code: torch runs it in its own interpreter, which unpickles no Python objects, but it
is no more to be trusted than the one who made it.
"""

from __future__ import annotations

import hashlib
import io
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from rafair.errors import ModelError
from rafair.models.adapters.opened_module import OpenedModule
from rafair.models.model_file import kind_of, read_model_file, reason_of
from rafair.models.model_options import ModelOptions
from rafair.tabular.schema import Schema


@dataclass(frozen=True)
class _File:
    path: Path
    content: bytes


def open_torchscript(path: Path, schema: Schema, options: ModelOptions) -> OpenedModule:
    """Opens a file that `torch.jit.save` wrote.

    Raises:
        ModelError: If it is none, is cut short, or does not take the rows.
    """
    return _made(_File(path, read_model_file(path)), schema, options)


def _made(file: _File, schema: Schema, options: ModelOptions) -> OpenedModule:
    module = _loaded(file)
    digest = hashlib.sha256(file.content).hexdigest()
    return OpenedModule(
        module, schema, options, name=file.path.name, sha256=digest, recipe=(_made, file, options)
    )


def _loaded(file: _File) -> nn.Module:
    _check_archive(file)
    try:
        with warnings.catch_warnings():
            # torch calls TorchScript deprecated, which its user can do nothing about here
            warnings.simplefilter("ignore")
            module: nn.Module = torch.jit.load(  # type: ignore[no-untyped-call]
                io.BytesIO(file.content), map_location="cpu"
            )
    except RuntimeError as error:
        raise ModelError(
            f"'{file.path}': expected a TorchScript model: {reason_of(error)}"
        ) from error
    return module


def _check_archive(file: _File) -> None:
    """Refuses what is no whole TorchScript archive before torch looks into it."""
    stream = io.BytesIO(file.content)
    if not file.content.startswith(b"PK\x03\x04"):
        raise ModelError(
            f"'{file.path}': expected a TorchScript model, found {kind_of(file.content)}"
        )
    try:
        with zipfile.ZipFile(stream) as archive:
            names = archive.namelist()
            broken = archive.testzip()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise ModelError(
            f"'{file.path}': expected a TorchScript model, found one that is cut short or altered"
        ) from error
    if broken is not None:
        raise ModelError(f"'{file.path}': '{broken}' in it is altered")
    if any(name.endswith("/constants.pkl") for name in names):
        return
    if any(name.endswith("/data.pkl") for name in names):
        raise ModelError(
            f"'{file.path}': expected a TorchScript model (torch.jit.save), found what torch.save "
            "pickled; save its state as safetensors and give FILE.py:FACTORY with --weights"
        )
    raise ModelError(f"'{file.path}': expected a TorchScript model, found another ZIP archive")
