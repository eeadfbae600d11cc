"""Linear classifiers of scikit-learn as weights and the precision in which they add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafair.certify.reading.matrix_columns import Matrix
from rafair.errors import ModelError
from rafair.models.adapters.sklearn_decisions import name_of

Numbers = NDArray[np.float64]

LINEAR = {
    "sklearn.linear_model._logistic.LogisticRegression": "logistic regression",
    "sklearn.linear_model._logistic.LogisticRegressionCV": "logistic regression",
    "sklearn.linear_model._perceptron.Perceptron": "perceptron",
    "sklearn.linear_model._passive_aggressive.PassiveAggressiveClassifier": "linear classifier",
    "sklearn.linear_model._ridge.RidgeClassifier": "ridge classifier",
    "sklearn.linear_model._ridge.RidgeClassifierCV": "ridge classifier",
    "sklearn.linear_model._stochastic_gradient.SGDClassifier": "linear classifier",
    "sklearn.svm._classes.LinearSVC": "linear support vector machine",
}
VECTORS = "sklearn.svm._classes.SVC"


@dataclass(frozen=True)
class Linear:
    """Scores that are weighted sums of the columns of a matrix.

    Args:
        kind: What kind of model it is, for reports.
        weights: Shape `(classes, columns)`.
        base: What is added; shape `(classes,)`.
        sizes: What rounding grows with, per size of each column; likewise `(classes, columns)`.
        terms: How many numbers are added up.
        single: Whether in single precision.
        off: How far decisions may be off besides.
        chances: Whether scores are probabilities: never.
    """

    kind: str
    weights: Numbers
    base: Numbers
    sizes: Numbers
    terms: int
    single: bool = False
    off: float = 0.0
    chances: bool = False

    def scores(self, matrix: Matrix) -> Numbers:
        """The scores of rows of the matrix; shape `(m, classes)`."""
        found: Numbers = matrix.astype(np.float64) @ self.weights.T + self.base
        return found

    def slack(self, largest: Numbers) -> Numbers:
        """How far the library's scores may be off where columns are no larger than this.

        The `n` products and their sum, in any order, lose at most `n + 2` roundoffs of the sum of
        sizes, and what is computed here as many of double precision: twice as many cover both.

        Args:
            largest: Shape `(m, columns)`.

        Returns:
            Shape `(m, classes)`.
        """
        unit = 2.0**-23 if self.single else 2.0**-52
        total: Numbers = largest @ self.sizes.T + np.abs(self.base)
        return total * ((self.terms + 2) * unit) + self.off / 2 + 2.0**-100

    def in_order(self, order: Sequence[int]) -> Linear:
        """The same, with the classes in another order."""
        some = list(order)
        return replace(
            self, weights=self.weights[some], base=self.base[some], sizes=self.sizes[some]
        )


def sklearn_linear(estimator: Any, where: str) -> Linear | None:
    """The weights of an estimator; None where it is not linear.

    Raises:
        ModelError: If it is a support vector classifier of another kernel or of several classes.
    """
    kind = name_of(estimator)
    if kind == VECTORS:
        return _of_vectors(estimator, where)
    if kind not in LINEAR:
        return None
    weights, base = np.asarray(estimator.coef_), np.asarray(estimator.intercept_)
    if hasattr(weights, "toarray"):
        weights = weights.toarray()
    single = np.float32 in (weights.dtype, base.dtype)
    made = np.atleast_2d(weights.astype(np.float64))
    made, base = _of_both(made, np.ravel(base) * np.ones(len(made)))
    sizes = np.abs(made)
    return Linear(LINEAR[kind], made, base, sizes, made.shape[1], single=bool(single))


def _of_vectors(estimator: Any, where: str) -> Linear:
    """What it adds up are products with each of its vectors, whose sizes rounding grows with."""
    if estimator.kernel != "linear" or len(estimator.classes_) > 2:
        raise ModelError(
            f"model '{where}': expected a support vector classifier of two classes with "
            f"kernel='linear', got kernel={estimator.kernel!r} and "
            f"{len(estimator.classes_)} classes"
        )
    dense = [
        part.toarray() if hasattr(part, "toarray") else np.asarray(part)
        for part in (estimator.coef_, estimator.dual_coef_, estimator.support_vectors_)
    ]
    weights, base = _of_both(dense[0].astype(np.float64), np.asarray(estimator.intercept_))
    sizes = np.vstack([np.zeros(weights.shape[1]), np.abs(dense[1][0]) @ np.abs(dense[2])])
    terms = weights.shape[1] + dense[1].size
    return Linear("linear support vector machine", weights, base, sizes, terms)


def _of_both(weights: Numbers, base: Numbers) -> tuple[Numbers, Numbers]:
    """Weights of each class, of those of the second alone."""
    if len(weights) > 1:
        return weights, base
    return np.vstack([np.zeros_like(weights), weights]), np.append(0.0, base)
