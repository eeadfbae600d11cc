"""The trees of scikit-learn's classifiers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.certify.reading.tree_form import LEAF, Comparison, Nodes, Trees, grown
from rafair.errors import ModelError
from rafair.models.adapters.sklearn_decisions import name_of

SINGLE_TREES = (
    "sklearn.tree._classes.DecisionTreeClassifier",
    "sklearn.tree._classes.ExtraTreeClassifier",
)
FORESTS = (
    "sklearn.ensemble._forest.RandomForestClassifier",
    "sklearn.ensemble._forest.ExtraTreesClassifier",
)
GRADIENT = "sklearn.ensemble._gb.GradientBoostingClassifier"
HISTOGRAMS = (
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier"
)

CONSTANT = ("sklearn.dummy.DummyClassifier",)
"""What gradient boosting may begin with: types that answer all rows alike."""

SLACK = 1e-9
"""How far sums of double precision may be off, as a share of the sizes that are added up."""


def sklearn_trees(estimator: Any, where: str) -> Trees | None:
    """The trees of an estimator; None where it is not made of trees.

    Raises:
        ModelError: If it is made of more than trees, or splits on categories of its own.
    """
    kind = name_of(estimator)
    if kind in SINGLE_TREES:
        return _averaged([estimator])
    if kind in FORESTS:
        return _averaged(estimator.estimators_)
    if kind == GRADIENT:
        return _gradient(estimator, where)
    if kind == HISTOGRAMS:
        return _histograms(estimator, where)
    return None


def _averaged(estimators: list[Any]) -> Trees:
    """The mean of the trees' probabilities."""
    parts = []
    for one in estimators:
        shares = one.tree_.value[:, 0, :]
        shares = shares / shares.sum(axis=1, keepdims=True) / len(estimators)
        parts.append(_nodes(one.tree_, shares))
    comparison = Comparison(np.float32, strict=False)
    return replace(grown(parts, None, comparison), slack=SLACK, chances=True)


def _gradient(estimator: Any, where: str) -> Trees:
    """A sum of trees, one of each class in turn, of which each is scaled."""
    if name_of(estimator.init_) not in CONSTANT and estimator.init != "zero":
        raise ModelError(
            f"model '{where}': begins with a model of its own (init), which cannot be certified"
        )
    grown_ones = estimator.estimators_
    parts = [
        _nodes(one.tree_, one.tree_.value[:, 0, 0] * estimator.learning_rate)
        for one in grown_ones.ravel()
    ]
    first = estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_), np.float32))
    return _summed(parts, grown_ones.shape[1], first, np.float32)


def _histograms(estimator: Any, where: str) -> Trees:
    """A sum of trees, one of each class in turn."""
    if estimator._preprocessor is not None or np.any(estimator.is_categorical_):
        raise ModelError(
            f"model '{where}': splits on categories (categorical_features), which cannot be "
            "certified for this type"
        )
    parts = [_histogram_nodes(tree.nodes) for round_ in estimator._predictors for tree in round_]
    per_round = len(estimator._predictors[0])
    return _summed(parts, per_round, estimator._baseline_prediction, np.float64)


def _summed(parts: list[Nodes], per_round: int, base: Any, precision: Any) -> Trees:
    sizes = sum(float(np.abs(part.value).max()) for part in parts)
    first = np.asarray(base, np.float64).ravel()
    classes = np.arange(len(parts)) % per_round
    made = grown(parts, classes, Comparison(precision, strict=False), base=first)
    return replace(made, slack=SLACK * float(1 + sizes + np.abs(first).max()))


def _nodes(tree: Any, value: NDArray[np.float64]) -> Nodes:
    leaf = tree.children_left < 0
    there = getattr(tree, "missing_go_to_left", np.zeros(len(leaf)))
    return Nodes(
        feature=np.where(leaf, LEAF, tree.feature).astype(np.int64),
        threshold=np.asarray(tree.threshold, np.float64),
        left=np.asarray(tree.children_left, np.int64),
        right=np.asarray(tree.children_right, np.int64),
        missing_left=np.asarray(there, np.bool_),
        value=value,
    )


def _histogram_nodes(nodes: Any) -> Nodes:
    leaf = nodes["is_leaf"].astype(np.bool_)
    return Nodes(
        feature=np.where(leaf, LEAF, nodes["feature_idx"]).astype(np.int64),
        threshold=np.asarray(nodes["num_threshold"], np.float64),
        left=nodes["left"].astype(np.int64),
        right=nodes["right"].astype(np.int64),
        missing_left=nodes["missing_go_to_left"].astype(np.bool_),
        value=np.where(leaf, nodes["value"], 0.0),
    )
