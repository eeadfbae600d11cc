"""What a scikit-learn pipeline makes of each column before its classifier sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rafair.certify.reading.matrix_columns import Source
from rafair.errors import ModelError
from rafair.models.adapters.sklearn_decisions import AROUND, WITH_THRESHOLD, name_of

SCALERS = ("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler")
SELECTORS = (
    "VarianceThreshold",
    "SelectKBest",
    "SelectPercentile",
    "SelectFpr",
    "SelectFdr",
    "SelectFwe",
    "SelectFromModel",
    "RFE",
    "RFECV",
    "SequentialFeatureSelector",
)
KNOWN = (*SCALERS, "SimpleImputer", "OneHotEncoder", "OrdinalEncoder", "ColumnTransformer")


def steps_and_last(estimator: Any) -> tuple[list[Any], Any]:
    """The steps of a pipeline, whatever stands around it, and the classifier behind them."""
    steps: list[Any] = []
    while True:
        kind = name_of(estimator)
        if kind in WITH_THRESHOLD:
            estimator = estimator.estimator_
        elif kind in AROUND and AROUND[kind] is not None:
            estimator = getattr(estimator, str(AROUND[kind]))
        elif kind in AROUND:
            steps += [step for _, step in estimator.steps[:-1]]
            estimator = estimator.steps[-1][1]
        else:
            return [step for step in steps if not _passes(step)], estimator


def after(steps: Sequence[Any], sources: Sequence[Source], where: str) -> list[Source]:
    """What the columns follow from after some steps.

    Args:
        steps: Fitted transformers.
        sources: What the columns before them follow from.
        where: What to call the model in messages.

    Raises:
        ModelError: If a step is of another type, or mixes columns.
    """
    found = list(sources)
    for step in steps:
        found = _after_one(step, found, where)
    return found


def _after_one(step: Any, sources: list[Source], where: str) -> list[Source]:
    if _passes(step):
        return sources
    kind = type(step).__name__
    ours = name_of(step).startswith("sklearn.")
    if ours and kind in SCALERS:
        return [source.scaled() for source in sources]
    if ours and kind == "SimpleImputer":
        return _imputed(step, sources, where)
    if ours and kind in ("OneHotEncoder", "OrdinalEncoder"):
        return _encoded(step, sources, where)
    if ours and kind in SELECTORS:
        return [sources[place] for place in np.flatnonzero(step.get_support()).tolist()]
    if ours and kind == "ColumnTransformer":
        return _by_column(step, sources, where)
    if ours and kind == "Pipeline":
        return after([inner for _, inner in step.steps], sources, where)
    raise ModelError(
        f"model '{where}': expected steps that take each column by itself ({', '.join(KNOWN)}), "
        f"got {kind}, which cannot be certified"
    )


def _passes(step: Any) -> bool:
    """Whether a step hands its columns on."""
    if step is None or isinstance(step, str):
        return step in (None, "passthrough")
    return type(step).__name__ == "FunctionTransformer" and step.func is None


def _imputed(step: Any, sources: list[Source], where: str) -> list[Source]:
    if not (step.missing_values is None or _is_nan(step.missing_values)):
        raise ModelError(
            f"model '{where}': takes {step.missing_values!r} for missing (SimpleImputer), which "
            "cannot be certified"
        )
    kept = [
        source
        for source, number in zip(sources, step.statistics_, strict=True)
        if step.keep_empty_features or not _is_nan(number)
    ]
    if step.indicator_ is None:
        return kept
    # whether a value is missing is the same for all numbers, and so never decreases
    told = [Source(sources[one].column, False) for one in step.indicator_.features_.tolist()]
    return kept + told


def _encoded(step: Any, sources: list[Source], where: str) -> list[Source]:
    alone = type(step).__name__ == "OrdinalEncoder"
    widths = [1] * len(sources) if alone else step._n_features_outs
    found = []
    for source, known, width in zip(sources, step.categories_, widths, strict=True):
        if not source.plain:
            raise ModelError(
                f"model '{where}': expected categories of a column's own values, got "
                f"{type(step).__name__} behind another step, which cannot be certified"
            )
        numbers = [float(one) for one in known if isinstance(one, int | float | np.number)]
        steps = tuple(number for number in numbers if number == number)
        found += [Source(source.column, False, steps)] * int(width)
    return found


def _by_column(step: Any, sources: list[Source], where: str) -> list[Source]:
    found: list[Source] = []
    for name, transformer, _ in step.transformers_:
        places = step._transformer_to_input_indices[name]
        if len(places) and not (isinstance(transformer, str) and transformer == "drop"):
            made = _after_one(transformer, [sources[place] for place in places], where)
            taken = step.output_indices_[name]
            if taken.stop - taken.start != len(made):
                raise ModelError(
                    f"model '{where}': {type(transformer).__name__} makes other columns than "
                    "expected, which cannot be certified"
                )
            found += made
    return found


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and bool(np.isnan(value))
