"""Files with a scikit-learn estimator in them: skops, and pickles that the user trusts."""

from __future__ import annotations

import importlib.util
import io
import json
import zipfile
from dataclasses import dataclass
from typing import Any

from rafair.errors import InputError, ModelError
from rafair.models.adapters.skops_types import check_types
from rafair.models.model_file import ModelFile, kind_of, reason_of, telling_warnings
from rafair.models.model_options import ModelOptions

MEBIBYTE = 2**20

MOST_UNPACKED = 64
"""Times a file's own size: arrays of zeros shrink a thousandfold, trees and weights do not."""


@dataclass(frozen=True)
class EstimatorFile(ModelFile):
    """A file and what is in it.

    Args:
        path: The file.
        content: Its bytes.
        asks_predict: Whether the estimator's decisions are asked for, whatever its type documents.
    """

    asks_predict: bool = False


def loaded(file: EstimatorFile, options: ModelOptions) -> Any:
    """What is in the file; what its library warns of is told.

    Raises:
        ModelError: If it is not what its name says, is cut short, or is not trusted.
        InputError: If skops is not installed.
    """
    with telling_warnings(file.name):
        if file.path.suffix.lower() == ".skops":
            return _from_skops(file, options)
        if not options.trust_pickle:
            raise ModelError(
                f"'{file.path}': a pickle can run any code when it is opened; if you trust who "
                "made it, `trust_pickle=True`; a file of skops (.skops) needs no such trust"
            )
        import joblib

        try:
            return joblib.load(io.BytesIO(file.content))
        except Exception as error:  # whatever a pickle's own code raises
            raise ModelError(
                f"'{file.path}': expected a whole pickle, found {kind_of(file.content)} "
                f"({type(error).__name__}: {reason_of(error)})"
            ) from error


def _from_skops(file: EstimatorFile, options: ModelOptions) -> Any:
    if not file.content.startswith(b"PK\x03\x04"):
        raise ModelError(f"'{file.path}': expected a skops file, found {kind_of(file.content)}")
    if importlib.util.find_spec("skops") is None:
        raise InputError(
            f"model '{file.path}': skops is not installed; pip install 'rafair[sklearn]' "
            "installs it"
        )
    from skops.io import get_untrusted_types, loads

    try:
        schema = _schema(file.content)
        found = get_untrusted_types(data=file.content)
    except Exception as error:  # a ZIP archive of another kind, or one that is cut short
        raise ModelError(
            f"'{file.path}': expected a skops file, found a ZIP archive that is none, or is cut "
            "short"
        ) from error
    trusted = check_types(found, schema, options.trust, file.path)
    try:
        return loads(file.content, trusted=trusted)
    except Exception as error:  # of another version, or altered
        raise ModelError(
            f"'{file.path}': cannot be opened: {type(error).__name__}: {reason_of(error)}"
        ) from error


def _schema(content: bytes) -> Any:
    """What a skops file says is in it.

    Raises:
        ValueError: If it is unpacked to more than a model's arrays can take.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > MOST_UNPACKED * len(content) + MEBIBYTE:
            raise ValueError(f"{unpacked} bytes in an archive of {len(content)}")
        return json.loads(archive.read("schema.json"))
