"""What a scikit-learn classifier is asked for its scores, and how its `predict` follows from them.

The types below decide by a documented rule over one of their methods. Of all other types, `predict`
itself is asked as well: their scores only steer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rafair.errors import ModelError
from rafair.models.decision import ARG_MAX, OWN, THRESHOLD, DecisionRule, Threshold

LINEAR = "decision_function"
CHANCES = "predict_proba"
JOINT = "predict_joint_log_proba"

FOLLOWS = {
    "sklearn.linear_model._logistic.LogisticRegression": LINEAR,
    "sklearn.linear_model._logistic.LogisticRegressionCV": LINEAR,
    "sklearn.linear_model._perceptron.Perceptron": LINEAR,
    "sklearn.linear_model._passive_aggressive.PassiveAggressiveClassifier": LINEAR,
    "sklearn.linear_model._ridge.RidgeClassifier": LINEAR,
    "sklearn.linear_model._ridge.RidgeClassifierCV": LINEAR,
    "sklearn.linear_model._stochastic_gradient.SGDClassifier": LINEAR,
    "sklearn.svm._classes.LinearSVC": LINEAR,
    "sklearn.ensemble._weight_boosting.AdaBoostClassifier": LINEAR,
    "sklearn.ensemble._gb.GradientBoostingClassifier": LINEAR,
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier": (
        LINEAR
    ),
    "sklearn.tree._classes.DecisionTreeClassifier": CHANCES,
    "sklearn.tree._classes.ExtraTreeClassifier": CHANCES,
    "sklearn.ensemble._forest.RandomForestClassifier": CHANCES,
    "sklearn.ensemble._forest.ExtraTreesClassifier": CHANCES,
    "sklearn.ensemble._bagging.BaggingClassifier": CHANCES,
    "sklearn.ensemble._voting.VotingClassifier": CHANCES,
    "sklearn.calibration.CalibratedClassifierCV": CHANCES,
    "sklearn.neural_network._multilayer_perceptron.MLPClassifier": CHANCES,
    "sklearn.naive_bayes.GaussianNB": JOINT,
    "sklearn.naive_bayes.BernoulliNB": JOINT,
    "sklearn.naive_bayes.CategoricalNB": JOINT,
    "sklearn.naive_bayes.ComplementNB": JOINT,
    "sklearn.naive_bayes.MultinomialNB": JOINT,
}
"""The method whose largest score `predict` decides for, ties to the first class, by the exact type;
of a single score of the second class, it decides for that where the score is above 0."""

AT_ZERO = ("sklearn.ensemble._gb.GradientBoostingClassifier",)
"""Types that decide for the second class at a single score of 0 as well."""

AROUND = {
    "sklearn.pipeline.Pipeline": None,
    "sklearn.model_selection._search.GridSearchCV": "best_estimator_",
    "sklearn.model_selection._search.RandomizedSearchCV": "best_estimator_",
    "sklearn.model_selection._search_successive_halving.HalvingGridSearchCV": "best_estimator_",
    "sklearn.model_selection._search_successive_halving.HalvingRandomSearchCV": "best_estimator_",
    "sklearn.frozen._frozen.FrozenEstimator": "estimator",
}
"""Types that hand every question on, and what they hand it to; a pipeline to its last step."""

WITH_THRESHOLD = {
    "sklearn.model_selection._classification_threshold.FixedThresholdClassifier": "threshold",
    "sklearn.model_selection._classification_threshold.TunedThresholdClassifierCV": (
        "best_threshold_"
    ),
}
"""Types that compare a score with a number, and where that stands."""

KINDS = {CHANCES: "probabilities", LINEAR: "logits", JOINT: "logits"}


@dataclass(frozen=True)
class Question:
    """What an estimator is asked.

    Args:
        method: The method that gives scores.
        rule: How it decides.
        asks_predict: Whether `predict` is asked too, since its decision does not follow from the
            scores.
    """

    method: str
    rule: DecisionRule
    asks_predict: bool

    @property
    def probabilities(self) -> bool:
        """Whether the scores are probabilities."""
        return self.method == CHANCES


def question_for(
    estimator: Any, outputs: str | None, order: Sequence[int], where: str, *, trusting: bool = True
) -> Question:
    """How an estimator's decisions are found.

    Args:
        estimator: A fitted classifier.
        outputs: "probabilities" or "logits" where a user asks for these.
        order: Where among the estimator's classes each of the table's stands.
        where: What to call it in messages.
        trusting: Whether documented rules are followed; else `predict` is always asked.

    Raises:
        ModelError: If it gives no scores.
    """
    innermost = _innermost(estimator)
    kind = name_of(innermost)
    if trusting and kind in WITH_THRESHOLD:
        found = _with_threshold(innermost, WITH_THRESHOLD[kind], order)
        if outputs in (None, KINDS[found.method]):
            return found
    method = FOLLOWS.get(kind)
    follows = trusting and method is not None and _has(estimator, method)
    if follows and method is not None and outputs in (None, KINDS[method]):
        return Question(method, _rule(kind, estimator, order), asks_predict=False)
    if not hasattr(estimator, "predict"):
        raise ModelError(f"'{where}': {type(estimator).__name__} makes no decisions: no `predict`")
    return Question(_scoring(estimator, innermost, outputs, where), DecisionRule(OWN), True)


def name_of(estimator: Any) -> str:
    """The full name of an estimator's type.

    Example:
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> name_of(DecisionTreeClassifier()) in FOLLOWS
        True
    """
    return f"{type(estimator).__module__}.{type(estimator).__qualname__}"


def _innermost(estimator: Any) -> Any:
    """The estimator that answers in the end."""
    while name_of(estimator) in AROUND:
        attribute = AROUND[name_of(estimator)]
        estimator = getattr(estimator, attribute) if attribute else estimator.steps[-1][1]
    return estimator


def _rule(kind: str, estimator: Any, order: Sequence[int]) -> DecisionRule:
    if kind in AT_ZERO and len(estimator.classes_) == 2:
        # a rounding away from the arg max, which is what a reader is told
        return DecisionRule(ARG_MAX, Threshold(list(order).index(1), 0.0, odds=False))
    return DecisionRule()


def _with_threshold(estimator: Any, attribute: str, order: Sequence[int]) -> Question:
    """The rule of an estimator that compares a score with a number."""
    inner, wanted = estimator.estimator_, estimator.response_method
    method = wanted if wanted != "auto" else CHANCES if _has(inner, CHANCES) else LINEAR
    at = getattr(estimator, attribute)
    if isinstance(at, str):  # "auto"
        at = 0.5 if method == CHANCES else 0.0
    known = list(estimator.classes_)
    positive = getattr(estimator, "pos_label", None)
    if positive is None:
        positive = getattr(estimator, "_pos_label", None)
    place = 1 if positive is None else known.index(positive)
    threshold = Threshold(list(order).index(place), at, odds=method == CHANCES)
    return Question(method, DecisionRule(THRESHOLD, threshold), asks_predict=False)


def _scoring(estimator: Any, innermost: Any, outputs: str | None, where: str) -> str:
    """The method whose scores steer; what probabilities of support vectors say is another model."""
    vectors = type(innermost).__module__.startswith("sklearn.svm")
    for method in (LINEAR, CHANCES) if vectors else (CHANCES, LINEAR):
        if outputs in (None, KINDS[method]) and _has(estimator, method):
            return method
    raise ModelError(
        f"'{where}': {type(estimator).__name__} gives no {outputs or 'scores of classes'}"
    )


def _has(estimator: Any, method: str) -> bool:
    try:
        return hasattr(estimator, method)
    except Exception:  # whatever a user's property raises
        return False
