"""An XGBoost model in its native format, JSON or UBJSON."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.engine.text_file import json_in
from rafair.errors import InputError, ModelError
from rafair.models.adapters.input_columns import TreeColumns, columns_taken
from rafair.models.adapters.output_classes import with_named
from rafair.models.adapters.score_model import Answer, BlackBox, asked
from rafair.models.adapters.ubjson import is_whole_ubjson
from rafair.models.classifier import Rows
from rafair.models.model_file import (
    ModelFile,
    kind_of,
    reason_of,
    telling_warnings,
    without_mark,
)
from rafair.models.model_options import ModelOptions
from rafair.tabular.schema import Schema

Matrix = NDArray[np.float64]

OBJECTIVES = (
    "binary:logistic",
    "binary:logitraw",
    "reg:logistic",
    "multi:softprob",
    "multi:softmax",
)
"""Objectives whose margins are logits."""


@dataclass(frozen=True)
class BoosterFile(ModelFile):
    """A file and what is in it.

    Args:
        path: The file.
        content: Its bytes.
        wrapped: Whether scikit-learn's wrapper is around it.
    """

    wrapped: bool = False


class XGBoostModel(BlackBox):
    """Boosted trees, or a linear booster, whose margins are the logits.

    Args:
        file: The file and what is in it.
        schema: The features.
        options: "raw" rows by default: levels as their codes in the schema's order, or, where the
            trees were trained on pandas categories, as those.
    """

    def __init__(self, file: BoosterFile, schema: Schema, options: ModelOptions) -> None:
        recipe = (XGBoostModel, file, options)
        super().__init__(file.name, schema, file.sha256, recipe, takes="raw")
        if options.outputs == "probabilities":
            raise ModelError(f"'{file.path}': gives logits always, not probabilities")
        with telling_warnings(self.name):
            self._booster = _loaded(BoosterFile(file.path, without_mark(file.path, file.content)))
        learner = json.loads(self._booster.save_config())["learner"]
        objective = learner["objective"]["name"]
        if objective not in OBJECTIVES:
            raise ModelError(
                f"'{file.path}': expected a classifier ({', '.join(OBJECTIVES)}), found the "
                f"objective {objective}"
            )
        self._linear = learner["gradient_booster"]["name"] == "gblinear"
        names = self._booster.feature_names
        taken = columns_taken(schema, names, self._booster.num_features(), self.name)
        self._columns = TreeColumns(
            schema,
            taken,
            encoded=options.inputs == "encoded",
            categories=_categories(self._booster),
            where=self.name,
            refuses=True,
        )
        try:
            self._trees = (0, _trees_used(self._booster, wrapped=file.wrapped))
        except ValueError as error:
            raise _altered(file) from error
        if names is not None:
            self.terms.columns = tuple(names)

    @property
    def booster(self) -> Any:
        """The booster itself."""
        return self._booster

    @property
    def rounds(self) -> int:
        """How many of its rounds are used; 0 for all."""
        return self._trees[1]

    @property
    def columns(self) -> TreeColumns:
        """What it takes of encoded rows."""
        return self._columns

    def answer(self, rows: Rows) -> Answer:
        """Margins, of class 1 where there are two classes, else one per class; and its decision."""
        matrix = self._columns.matrix(rows)
        with asked(self.name):
            margins = self._predicted(matrix, margin=True)
            if self.threshold is None:
                return Answer(margins, self._in_order(_likely(margins)))
            given = self._predicted(matrix, margin=False)
        return Answer(margins, self.threshold.decide(self.chances_of(given)))

    def _predicted(self, matrix: Matrix, *, margin: bool) -> Any:
        if not self._linear:
            return self._booster.inplace_predict(
                matrix,
                predict_type="margin" if margin else "value",
                iteration_range=self._trees,
                validate_features=False,
            )
        import xgboost

        entries = xgboost.DMatrix(matrix, nthread=1)
        return self._booster.predict(entries, output_margin=margin, validate_features=False)

    def _in_order(self, decided: Any) -> Any:
        return decided if self.order is None else np.argsort(self.order)[decided]


def _likely(margins: Any) -> Any:
    """The output that scikit-learn's wrapper decides for: it looks at rounded probabilities."""
    if margins.ndim == 1 or margins.shape[1] == 1:
        return (1 / (1 + np.exp(-margins.ravel())) > 0.5).astype(np.int64)
    powers = np.exp(margins - margins.max(axis=1, keepdims=True))
    sums = powers.sum(axis=1, keepdims=True, dtype=np.float64).astype(margins.dtype)
    return (powers / sums).argmax(axis=1)


def open_xgboost(source: str | Path, schema: Schema, options: ModelOptions) -> XGBoostModel:
    """Opens a file that `save_model` of XGBoost wrote.

    Raises:
        ModelError: If it is none, is cut short, is no classifier, or does not fit the schema.
        InputError: If XGBoost is not installed.
    """
    return XGBoostModel(BoosterFile.read(Path(source), options.expected), schema, options)


def of_live(model: Any, schema: Schema, options: ModelOptions) -> XGBoostModel:
    """A booster, or scikit-learn's wrapper around one, that a caller has.

    Raises:
        ModelError: If it is not fitted, is no classifier, or does not fit the schema.
    """
    name = type(model).__name__
    try:
        wrapped = hasattr(model, "get_booster")
        booster = model.get_booster() if wrapped else model
        content = bytes(booster.save_raw("ubj"))
    except Exception as error:  # what is not fitted has no booster
        raise ModelError(f"model '{name}': expected a fitted model: {reason_of(error)}") from error
    options = with_named(getattr(model, "classes_", None), schema, options, name)
    return XGBoostModel(BoosterFile(Path(name), content, wrapped), schema, options)


def _loaded(file: BoosterFile) -> Any:
    if importlib.util.find_spec("xgboost") is None:
        raise InputError(
            f"model '{file.path}': XGBoost is not installed; pip install 'rafair[boosting]' "
            "installs it"
        )
    _check_format(file)
    import xgboost

    booster = xgboost.Booster({"nthread": 1})
    try:
        booster.load_model(bytearray(file.content))
        # what is read later, of which it looks at nothing now
        booster.save_config(), booster.feature_names, booster.feature_types, booster.attributes()
    except (xgboost.core.XGBoostError, ValueError) as error:
        raise _altered(file) from error
    return booster


def _altered(file: BoosterFile) -> ModelError:
    return ModelError(
        f"'{file.path}': expected an XGBoost model, found one that is cut short or altered"
    )


def _check_format(file: BoosterFile) -> None:
    """Refuses what is neither format, on some of which the library itself ends the process."""
    if file.content.startswith(b"{L") and b"learner" in file.content:
        # UBJSON, whose names have a length in front
        if is_whole_ubjson(file.content):
            return
        raise _altered(file)
    try:
        content = json_in(file.content)
    except ValueError as error:
        if file.content.lstrip().startswith(b"{") and b'"learner"' in file.content:
            found = "one that is cut short or altered"
        else:
            found = kind_of(file.content)
        raise ModelError(f"'{file.path}': expected an XGBoost model, found {found}") from error
    if not isinstance(content, dict) or not {"learner", "version"} <= content.keys():
        raise ModelError(f"'{file.path}': expected an XGBoost model, found other JSON")


def _categories(booster: Any) -> dict[int, list[Any]]:
    """By column, the categories that pandas had in training, where the file knows them."""
    types = booster.feature_types or []
    asked_for = getattr(booster, "get_categories", None)
    if "c" not in types or asked_for is None:
        return {}
    stored = asked_for(export_to_arrow=True).to_arrow()
    return {
        position: np.asarray(categories).tolist()
        for position, (_, categories) in enumerate(stored or [])
        if categories is not None
    }


def _trees_used(booster: Any, *, wrapped: bool) -> int:
    """The rounds that scikit-learn's wrapper would use, 0 for all: it stops at the best one."""
    attributes = booster.attributes()
    if (wrapped or "scikit_learn" in attributes) and "best_iteration" in attributes:
        best = attributes["best_iteration"]
        if not best.isdecimal() or int(best) >= booster.num_boosted_rounds():
            raise ValueError(f"best_iteration is '{best[:40]}'")
        return int(best) + 1
    return 0
