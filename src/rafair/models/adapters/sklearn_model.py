"""A fitted scikit-learn classifier or pipeline: skops files, and pickles that the user trusts."""

from __future__ import annotations

import hashlib
import importlib.util
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rafair.errors import InputError, ModelError
from rafair.models.adapters.asking import BlackBox, asked
from rafair.models.adapters.columns import columns_taken
from rafair.models.adapters.skops_types import check_types
from rafair.models.classifier import Rows
from rafair.models.model_file import kind_of, read_model_file, reason_of
from rafair.models.model_options import ModelOptions
from rafair.models.raw_rows import raw_frame
from rafair.tabular.labels import encode_labels
from rafair.tabular.schema import Schema


@dataclass(frozen=True)
class _File:
    path: Path
    content: bytes


class SklearnModel(BlackBox):
    """A classifier that takes the raw table, or what it was fitted on if that had no names.

    Args:
        file: The file and what is in it.
        schema: The features and classes.
        options: "raw" rows by default, a pandas frame where it was fitted on one, and
            "probabilities" where it gives them, else what its decision function gives. Says what is
            trusted.
    """

    def __init__(self, file: _File, schema: Schema, options: ModelOptions) -> None:
        digest = hashlib.sha256(file.content).hexdigest()
        super().__init__(file.path.name, schema, digest, (SklearnModel, file, options))
        self._estimator = _loaded(file, options)
        _check_classifier(self._estimator, file.path)
        _compute_alone(self._estimator)
        self._order = _order(self._estimator.classes_, schema, file.path)
        self._ask, self.probabilities = _method(self._estimator, options.outputs, file.path)
        names = getattr(self._estimator, "feature_names_in_", None)
        number = getattr(self._estimator, "n_features_in_", None)
        self._named = names is not None or number is None
        listed = None if names is None else [str(name) for name in names]
        self._taken = columns_taken(schema, listed, number, self.name)
        self._encoded = options.inputs == "encoded"

    def scores(self, rows: Rows) -> NDArray[np.float64]:
        """One score per class, in the schema's order of classes."""
        given = self._given(rows)
        with asked(self.name):
            found = np.asarray(self._ask(given), np.float64)
        if found.ndim == 1:
            found = np.column_stack([np.zeros_like(found), found])
        return found[:, self._order]

    def _given(self, rows: Rows) -> Any:
        if self._encoded:
            frame = pd.DataFrame(rows, columns=list(self._schema.names))
        else:
            frame = raw_frame(rows, self._schema)
        frame = frame.iloc[:, self._taken]
        return frame if self._named else frame.to_numpy()


def open_sklearn(path: Path, schema: Schema, options: ModelOptions) -> SklearnModel:
    """Opens a file that `skops.io.dump` wrote, or with `options.trust_pickle` a pickle or joblib.

    Raises:
        ModelError: If it is none, is cut short, is not trusted, is no classifier, or does not fit
            the schema.
        InputError: If skops is not installed.
    """
    return SklearnModel(_File(path, read_model_file(path)), schema, options)


def _loaded(file: _File, options: ModelOptions) -> Any:
    if file.path.suffix.lower() == ".skops":
        return _from_skops(file, options)
    if not options.trust_pickle:
        raise ModelError(
            f"'{file.path}': a pickle can run any code when it is opened; if you trust who made "
            "it, --trust-pickle; a file of skops (.skops) needs no such trust"
        )
    import joblib

    try:
        return joblib.load(io.BytesIO(file.content))
    except Exception as error:  # whatever a pickle's own code raises
        raise ModelError(
            f"'{file.path}': expected a whole pickle, found {kind_of(file.content)} "
            f"({type(error).__name__}: {reason_of(error)})"
        ) from error


def _from_skops(file: _File, options: ModelOptions) -> Any:
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


def _check_classifier(estimator: Any, path: Path) -> None:
    from sklearn.base import is_classifier, is_regressor

    kind = type(estimator).__name__
    try:
        if is_regressor(estimator):
            raise ModelError(f"'{path}': expected a classifier, found the regressor {kind}")
        good = is_classifier(estimator) and hasattr(estimator, "classes_")
    except ModelError:
        raise
    except Exception:  # what is no estimator at all
        good = False
    if not good:
        raise ModelError(f"'{path}': expected a fitted scikit-learn classifier, found {kind}")


def _compute_alone(estimator: Any) -> None:
    """Has every part of an estimator compute with one thread.

    Forests add up their trees in whatever order threads finish, which changes the last digits.
    """
    seen: set[int] = set()
    left = [estimator]
    while left:
        part = left.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, list | tuple):
            left += part
        elif isinstance(part, dict):
            left += part.values()
        elif hasattr(part, "get_params") and not isinstance(part, type):
            if hasattr(part, "n_jobs"):
                part.n_jobs = None
            left += vars(part).values()


def _order(classes: Any, schema: Schema, path: Path) -> NDArray[np.int64]:
    """Where in the model's classes each of the schema's stands."""
    try:
        codes = encode_labels(np.asarray(classes).tolist(), schema)
    except (InputError, TypeError, ValueError) as error:
        codes = np.empty(0, np.int64)
        cause: Exception | None = error
    else:
        cause = None
    if sorted(codes.tolist()) != list(range(len(schema.classes))):
        raise ModelError(
            f"'{path}': expected the classes {', '.join(schema.classes)}, found "
            f"{', '.join(map(str, list(classes)[:20]))}"
        ) from cause
    return np.argsort(codes)


def _method(estimator: Any, outputs: str | None, path: Path) -> tuple[Any, bool]:
    """What is asked for scores, and whether these are probabilities."""
    for name, kind in (("predict_proba", "probabilities"), ("decision_function", "logits")):
        if outputs in (None, kind) and hasattr(estimator, name):
            return getattr(estimator, name), kind == "probabilities"
    raise ModelError(
        f"'{path}': {type(estimator).__name__} gives no {outputs or 'scores of classes'}"
    )
