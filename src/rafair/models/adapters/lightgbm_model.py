"""A LightGBM model in its native text format."""

from __future__ import annotations

import importlib.util
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from rafair.errors import InputError, ModelError
from rafair.models.adapters.input_columns import TreeColumns, columns_taken
from rafair.models.adapters.output_classes import with_named
from rafair.models.adapters.score_model import Answer, BlackBox, asked
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

OBJECTIVES = ("binary", "cross_entropy", "multiclass", "multiclassova")
"""Objectives whose raw scores are logits, but for a factor."""


class LightGBMModel(BlackBox):
    """Boosted trees whose raw scores are the logits.

    Args:
        file: The file and what is in it.
        schema: The features.
        options: "raw" rows by default: levels as their codes in the schema's order, or, where the
            trees were trained on pandas categories, as those. A level that they were not trained on
            is missing to them.
    """

    def __init__(self, file: ModelFile, schema: Schema, options: ModelOptions) -> None:
        recipe = (LightGBMModel, file, options)
        super().__init__(file.name, schema, file.sha256, recipe, takes="raw")
        if options.outputs == "probabilities":
            raise ModelError(f"'{file.path}': gives logits always, not probabilities")
        file = ModelFile(file.path, without_mark(file.path, file.content))
        header = _header(file)
        self._factor = _factor(header, file)
        with telling_warnings(self.name):
            self._booster = _loaded(file)
        if "average_output" in header:  # a random forest, whose raw scores are sums
            self._factor /= self._booster.current_iteration()
        names = self._booster.feature_name()
        plain = names == [f"Column_{i}" for i in range(len(names))]
        taken = columns_taken(_underscored(schema), None if plain else names, len(names), self.name)
        self._columns = TreeColumns(
            schema,
            taken,
            encoded=options.inputs == "encoded",
            categories=_categories(file, header, schema, taken),
            where=self.name,
            refuses=False,
        )
        if not plain:
            self.terms.columns = tuple(schema.names[i] for i in taken)

    @property
    def booster(self) -> Any:
        """The booster itself."""
        return self._booster

    @property
    def factor(self) -> float:
        """What its raw scores are multiplied with to be logits."""
        return self._factor

    @property
    def columns(self) -> TreeColumns:
        """What it takes of encoded rows."""
        return self._columns

    def answer(self, rows: Rows) -> Answer:
        """Logits, of class 1 where there are two classes, else one per class; and its decision."""
        matrix = self._columns.matrix(rows)
        with asked(self.name):
            logits = self._booster.predict(matrix, raw_score=True, num_threads=1) * self._factor
            if self.threshold is not None:
                given = self._booster.predict(matrix, num_threads=1)
                return Answer(logits, self.threshold.decide(self.chances_of(given)))
        if logits.ndim > 1:  # a link keeps the order, but for rounding
            return Answer(logits)
        # scikit-learn's wrapper decides by rounded probabilities
        return Answer(logits, self.chances_of(1 / (1 + np.exp(-logits))).argmax(axis=1))


def open_lightgbm(source: str | Path, schema: Schema, options: ModelOptions) -> LightGBMModel:
    """Opens a file that `save_model` of LightGBM wrote.

    Raises:
        ModelError: If it is none, is cut short, is no classifier, or does not fit the schema.
        InputError: If LightGBM is not installed.
    """
    return LightGBMModel(ModelFile.read(Path(source), options.expected), schema, options)


def of_live(model: Any, schema: Schema, options: ModelOptions) -> LightGBMModel:
    """A booster, or scikit-learn's wrapper around one, that a caller has.

    Raises:
        ModelError: If it is not fitted, is no classifier, or does not fit the schema.
    """
    name = type(model).__name__
    try:
        text = getattr(model, "booster_", model).model_to_string()
    except Exception as error:  # what is not fitted has no booster
        raise ModelError(f"model '{name}': expected a fitted model: {reason_of(error)}") from error
    options = with_named(getattr(model, "classes_", None), schema, options, name)
    return LightGBMModel(ModelFile(Path(name), text.encode()), schema, options)


def _header(file: ModelFile) -> dict[str, str]:
    """What stands above the trees, once all of them are known to be there.

    The library ends the process where a tree is cut short, and takes no notice where some are gone.
    """
    if not file.content.startswith(b"tree\n"):
        raise ModelError(f"'{file.path}': expected a LightGBM model, found {kind_of(file.content)}")
    top = file.content.partition(b"\n\n")[0].decode("utf-8", "replace")
    header = dict(line.partition("=")[::2] for line in top.splitlines())
    place = len(top.encode()) + 2
    sizes = [int(size) for size in re.findall(r"\d+", header.get("tree_sizes", ""))]
    whole = bool(sizes)
    for number, size in enumerate(sizes):
        whole &= file.content.startswith(b"Tree=%d\n" % number, place)
        place += size
    whole &= file.content.startswith(b"end of trees", place)
    # what pandas' categories were stands below the parameters
    if not whole or b"\nend of parameters" not in file.content[place:]:
        raise _altered(file)
    return header


def _altered(file: ModelFile) -> ModelError:
    return ModelError(
        f"'{file.path}': expected a LightGBM model, found one that is cut short or altered"
    )


def _factor(header: dict[str, str], file: ModelFile) -> float:
    """What raw scores are multiplied with to be logits."""
    name, *settings = header.get("objective", "custom").split()
    if name not in OBJECTIVES:
        raise ModelError(
            f"'{file.path}': expected a classifier ({', '.join(OBJECTIVES)}), found the objective "
            f"{name}"
        )
    sigmoid = [text.partition(":")[2] for text in settings if text.startswith("sigmoid:")]
    try:
        factor = float(sigmoid[0]) if sigmoid else 1.0
    except ValueError:
        factor = math.nan
    if not 0 < factor < math.inf:
        raise _altered(file)
    return factor


def _loaded(file: ModelFile) -> Any:
    if importlib.util.find_spec("lightgbm") is None:
        raise InputError(
            f"model '{file.path}': LightGBM is not installed; pip install 'rafair[boosting]' "
            "installs it"
        )
    import lightgbm

    try:
        return lightgbm.Booster(model_str=file.content.decode())
    except (lightgbm.basic.LightGBMError, ValueError) as error:
        raise ModelError(f"'{file.path}': expected a LightGBM model: {reason_of(error)}") from error


def _underscored(schema: Schema) -> Schema:
    """The schema as the library names columns: it has no blanks in names."""
    features = [
        feature.model_copy(update={"name": feature.name.replace(" ", "_")})
        for feature in schema.features
    ]
    return schema.model_copy(update={"features": tuple(features), "relations": ()})


def _categories(
    file: ModelFile, header: dict[str, str], schema: Schema, taken: list[int]
) -> dict[int, list[Any]]:
    """By column, the categories that pandas had in training."""
    line = re.search(rb"^pandas_categorical:(.*)$", file.content, re.MULTILINE)
    try:
        known = (json.loads(line[1]) if line else None) or []
    except ValueError as error:
        raise _altered(file) from error
    # a range in brackets is a number's; "none" is a column with one value
    ranges = header.get("feature_infos", "").split()
    split = [i for i, found in enumerate(ranges) if not found.startswith("[") and found != "none"]
    levels = [i for i, column in enumerate(taken) if not schema.features[column].kind.is_number]
    for positions in (split, levels):
        if len(positions) == len(known):
            return dict(zip(positions, known, strict=True))
    raise ModelError(
        f"'{file.path}': was trained on {len(known)} columns of categories, and {len(levels)} "
        "columns of the table have levels"
    )
