"""Files with a scikit-learn estimator in them: skops, and pickles that the user trusts."""

from __future__ import annotations

import hashlib
import importlib.util
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rafair.errors import InputError, ModelError
from rafair.models.adapters.skops_types import check_types
from rafair.models.model_file import kind_of, read_model_file, reason_of, telling_warnings
from rafair.models.model_options import ModelOptions


@dataclass(frozen=True)
class EstimatorFile:
    """A file and what is in it.

    Args:
        path: The file.
        content: Its bytes.
        asks_predict: Whether the estimator's decisions are asked for, whatever its type documents.
    """

    path: Path
    content: bytes
    asks_predict: bool = False

    @classmethod
    def read(cls, path: Path) -> EstimatorFile:
        """Reads it.

        Raises:
            ModelError: If there is no such file, or nothing in it.
        """
        return cls(path, read_model_file(path))

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    @property
    def sha256(self) -> str:
        """The hash of its bytes."""
        return hashlib.sha256(self.content).hexdigest()


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
                "made it, --trust-pickle; a file of skops (.skops) needs no such trust"
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
        found = get_untrusted_types(data=file.content)
    except Exception as error:  # a ZIP archive of another kind, or one that is cut short
        raise ModelError(
            f"'{file.path}': expected a skops file, found a ZIP archive that is none, or is cut "
            "short"
        ) from error
    trusted = check_types(found, options.trust, file.path)
    try:
        return loads(file.content, trusted=trusted)
    except Exception as error:  # of another version, or altered
        raise ModelError(
            f"'{file.path}': cannot be opened: {type(error).__name__}: {reason_of(error)}"
        ) from error
