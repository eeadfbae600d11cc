"""A TorchScript file as a classifier.

TorchScript is code: torch runs it in its own interpreter, which unpickles no Python objects, but
does read and write files. So it is opened for those who say that they trust who made it.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from pathlib import Path

import torch
from torch import nn

from rafair.errors import ModelError
from rafair.models.adapters.user_torch_module import OpenedModule
from rafair.models.model_file import ModelFile, kind_of, reason_of
from rafair.models.model_options import ModelOptions
from rafair.tabular.schema import Schema


def open_torchscript(source: str | Path, schema: Schema, options: ModelOptions) -> OpenedModule:
    """Opens a file that `torch.jit.save` wrote.

    Raises:
        ModelError: If it is none, is cut short, is not trusted, or does not take the rows.
    """
    file = ModelFile.read(Path(source), options.expected)
    _check_archive(file)
    if not options.trust_torchscript:
        raise ModelError(
            f"'{source}': TorchScript is code, which may read and write files when it is opened or "
            "asked; if you trust who made it, `trust_torchscript=True`; a file of ONNX (.onnx) "
            "needs no such trust"
        )
    return _made(file, schema, options)


def _made(file: ModelFile, schema: Schema, options: ModelOptions) -> OpenedModule:
    module = _loaded(file)
    recipe = (_made, file, options)
    return OpenedModule(module, schema, options, name=file.name, sha256=file.sha256, recipe=recipe)


def _loaded(file: ModelFile) -> nn.Module:
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


def _check_archive(file: ModelFile) -> None:
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
    except Exception as error:  # of the archive, of what packed it, of a password
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
            "pickled; save its state as safetensors and give FILE.py:FACTORY with `weights`"
        )
    raise ModelError(f"'{file.path}': expected a TorchScript model, found another ZIP archive")
