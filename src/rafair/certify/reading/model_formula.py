"""From what `rafair.models` opens to the formula behind it, checked against the model itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rafair.certify.reading.boosted_trees import lightgbm_trees, xgboost_trees
from rafair.certify.reading.forests import sklearn_trees
from rafair.certify.reading.linear_weights import Linear, sklearn_linear
from rafair.certify.reading.matrix_columns import Inputs, Matrix, Source
from rafair.certify.reading.pipeline_steps import after, steps_and_last
from rafair.certify.reading.tree_form import Trees
from rafair.errors import ModelError
from rafair.models.adapters.input_columns import TreeColumns
from rafair.models.adapters.lightgbm_model import LightGBMModel
from rafair.models.adapters.score_model import BlackBox, asked
from rafair.models.adapters.sklearn_decisions import WITH_THRESHOLD, name_of, question_for
from rafair.models.adapters.sklearn_model import SklearnModel
from rafair.models.adapters.xgboost_model import XGBoostModel
from rafair.models.answer_cache import CachedClassifier
from rafair.models.classifier import Classifier, Rows
from rafair.models.decision import Threshold
from rafair.models.raw_inputs import alike
from rafair.tabular.schema import Schema

LINK = 1e-9
"""How near to a threshold of probabilities rounding may turn a decision of double precision, beside
what their slope makes of it."""


@dataclass(frozen=True)
class Read:
    """A model, its formula, and what the formula is of.

    Args:
        model: The model, without what keeps its answers.
        formula: How scores follow from a matrix, with the classes in the table's order; where the
            model compares with a threshold, less what the score must reach.
        inputs: How the matrix follows from encoded rows.
        kind: What kind of model it is, for reports.
        exact_scores: Whether the model's logits are the formula's scores, but for a constant.
    """

    model: BlackBox
    formula: Trees | Linear
    inputs: Inputs
    kind: str
    exact_scores: bool


def read(classifier: Classifier, schema: Schema) -> Read | None:
    """Finds the trees or weights behind a classifier; None where it is of no such kind.

    Args:
        classifier: What `rafair.models` opens.
        schema: The features.

    Raises:
        ModelError: If it is of such a kind, but in a way that cannot be certified.
    """
    model = classifier
    while isinstance(model, CachedClassifier):
        model = model.classifier
    if isinstance(model, XGBoostModel):
        formula = xgboost_trees(model.booster, model.rounds, model.name)
        inputs = _of_columns(model.columns, schema, model.name)
        return _read(model, formula, inputs, "trees of XGBoost", model.threshold)
    if isinstance(model, LightGBMModel):
        formula = lightgbm_trees(model.booster, model.factor, model.name)
        inputs = _of_columns(model.columns, schema, model.name)
        return _read(model, formula, inputs, "trees of LightGBM", model.threshold)
    return _sklearn(model, schema) if isinstance(model, SklearnModel) else None


def _sklearn(model: SklearnModel, schema: Schema) -> Read | None:
    steps, last = steps_and_last(model.estimator)
    kind, formula = _formula(last, model.name)
    if formula is None:
        return None
    sources = after(steps, [Source(column) for column in model.taken], model.name)
    inputs = Inputs(
        schema,
        tuple(sources),
        lambda rows: _transformed(model, steps, rows, schema),
        encoded=model.takes_codes,
        where=model.name,
    )
    threshold = model.threshold or _of_estimator(model)
    if threshold and threshold.odds and not _gives_chances(last, formula):
        raise ModelError(
            f"model '{model.name}': decides by a threshold on probabilities of a "
            f"{type(last).__name__}, which cannot be certified"
        )
    return _read(model, formula, inputs, kind, threshold)


def _formula(last: Any, where: str) -> tuple[str, Trees | Linear | None]:
    """What the classifier behind all steps computes."""
    kind = name_of(last)
    if kind == "xgboost.sklearn.XGBClassifier":
        if not np.isnan(last.missing):
            raise ModelError(f"model '{where}': expected missing=nan, got missing={last.missing!r}")
        booster = last.get_booster()
        best = booster.attributes().get("best_iteration")
        return "trees of XGBoost", xgboost_trees(booster, int(best) + 1 if best else 0, where)
    if kind == "lightgbm.sklearn.LGBMClassifier":
        return "trees of LightGBM", lightgbm_trees(last.booster_, 1.0, where)
    trees = sklearn_trees(last, where)
    if trees is not None:
        return "trees of scikit-learn", trees
    linear = sklearn_linear(last, where)
    return ("", None) if linear is None else (linear.kind, linear)


def _read(
    model: BlackBox,
    formula: Trees | Linear,
    inputs: Inputs,
    kind: str,
    threshold: Threshold | None,
) -> Read:
    if model.order is not None:
        formula = formula.in_order(model.order)
    exact = threshold is None and (isinstance(formula, Trees) or not model.probabilities)
    if threshold is not None:
        formula = _less(formula, threshold, model.name)
    return Read(model, formula, inputs, kind, exact)


def _less(formula: Trees | Linear, threshold: Threshold, where: str) -> Trees | Linear:
    """The formula, with the score of one of two classes less what it must reach."""
    if len(formula.base) != 2:
        raise ModelError(
            f"model '{where}': decides by a threshold among {len(formula.base)} classes, which "
            "cannot be certified"
        )
    reach = 2 * threshold.at - 1 if threshold.odds and formula.chances else threshold.offset
    base = formula.base.copy()
    base[threshold.place] -= reach
    chance = min(max(threshold.at, 1e-12), 1 - 1e-12) if threshold.odds else 0.5
    off = (LINK + 2.0**-50 / (chance * (1 - chance))) * (1 + abs(reach))
    if isinstance(formula, Trees):
        return replace(formula, base=base, slack=formula.slack + off)
    return replace(formula, base=base, off=formula.off + off)


def _of_estimator(model: SklearnModel) -> Threshold | None:
    """The threshold of an estimator that compares with one, whoever is asked for its decision."""
    if name_of(model.estimator) not in WITH_THRESHOLD:
        return None
    assert model.order is not None  # settled when it was opened
    return question_for(model.estimator, None, model.order, model.name).rule.threshold


def _gives_chances(last: Any, formula: Trees | Linear) -> bool:
    """Whether the probabilities of a classifier are those of its scores taken for logits."""
    if isinstance(formula, Linear):
        return "LogisticRegression" in type(last).__name__
    return formula.chances or getattr(last, "loss", "log_loss") in ("log_loss", "auto")


def _of_columns(columns: TreeColumns, schema: Schema, where: str) -> Inputs:
    sources = tuple(Source(column) for column in columns.taken)
    return Inputs(schema, sources, columns.matrix, encoded=columns.encoded, where=where)


def _transformed(model: SklearnModel, steps: list[Any], rows: Rows, schema: Schema) -> Matrix:
    """What the classifier behind all steps is given for encoded rows."""
    parts = [np.arange(len(rows))] if model.takes_codes else alike(rows, schema)
    found = []
    with asked(model.name):
        for part in parts:
            given = model.given(rows[part])
            for step in steps:
                given = step.transform(given)
            dense = given.toarray() if hasattr(given, "toarray") else np.asarray(given)
            found.append(dense if dense.dtype.kind == "f" else dense.astype(np.float64))
    joined: Matrix = np.concatenate(found)
    return joined[np.argsort(np.concatenate(parts))]
