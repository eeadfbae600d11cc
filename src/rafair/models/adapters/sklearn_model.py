"""A fitted scikit-learn classifier or pipeline: an object, skops files, and trusted pickles."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rafair.errors import ModelError
from rafair.models.adapters.estimator_file import EstimatorFile, loaded
from rafair.models.adapters.input_columns import columns_taken
from rafair.models.adapters.output_classes import order_by_name, order_of, with_named
from rafair.models.adapters.score_model import Answer, BlackBox, asked, filled, in_alike_parts
from rafair.models.adapters.sklearn_decisions import question_for
from rafair.models.adapters.unseen_levels import parts_of, tell_unseen_levels
from rafair.models.classifier import Labels, Rows
from rafair.models.decision import THRESHOLD, DecisionRule
from rafair.models.model_file import reason_of
from rafair.models.model_options import ModelOptions
from rafair.models.raw_inputs import raw_frame
from rafair.tabular.schema import Schema

# scikit-learn's own parallel code warns so where two threads ask one pipeline; nobody can act on it
warnings.filterwarnings("ignore", r"`sklearn\.utils\.parallel\.delayed` should be used")


@dataclass(frozen=True)
class LiveEstimator:
    """An estimator that a caller has.

    Args:
        estimator: The estimator.
        asks_predict: Whether its decisions are asked for, whatever its type documents.
    """

    estimator: Any
    asks_predict: bool = False

    @property
    def name(self) -> str:
        """The name of its type."""
        return type(self.estimator).__name__

    @property
    def sha256(self) -> None:
        """None: an object has no bytes of its own."""
        return


class SklearnModel(BlackBox):
    """A classifier that takes the raw table, or what it was fitted on if that had no names.

    Args:
        source: Where the estimator comes from.
        schema: The features and classes.
        options: "raw" rows by default, a pandas frame where it was fitted on one. Says what is
            trusted.

    Raises:
        ModelError: If it is no fitted classifier, or does not fit the schema.
    """

    def __init__(
        self, source: EstimatorFile | LiveEstimator, schema: Schema, options: ModelOptions
    ) -> None:
        recipe = (SklearnModel, source, options)
        super().__init__(source.name, schema, source.sha256, recipe, takes="raw")
        self._source = source
        if isinstance(source, LiveEstimator):
            estimator = copied_estimator(source)
        else:
            estimator = loaded(source, options)
        check_classifier(estimator, self.name)
        _compute_alone(estimator)
        tell_unseen_levels(estimator, schema, self.name)
        self._estimator = estimator
        self._settle_classes(estimator)
        self._settle_question(source.asks_predict)
        names = getattr(estimator, "feature_names_in_", None)
        number = getattr(estimator, "n_features_in_", None)
        self._named = names is not None or number is None
        listed = None if names is None else [str(name) for name in names]
        self._taken = columns_taken(schema, listed, number, self.name)
        self._encoded = options.inputs == "encoded"
        if listed is not None:
            self.terms.columns = tuple(listed)

    @property
    def estimator(self) -> Any:
        """The estimator itself."""
        return self._estimator

    @property
    def taken(self) -> list[int]:
        """Which columns of the table it takes, in order."""
        return list(self._taken)

    @property
    def takes_codes(self) -> bool:
        """Whether it takes encoded rows, rather than the table's own values."""
        return self._encoded

    def answer(self, rows: Rows) -> Answer:
        """One score per class, and where it is asked for, its own decision."""
        if self._encoded:
            return self._answer(rows)
        return in_alike_parts(rows, self._schema, self._answer)

    def without_shortcut(self) -> SklearnModel | None:
        """The same model, whose decisions are asked for; None where they are so already."""
        if self._question.asks_predict or self.options.threshold is not None:
            return None
        return SklearnModel(replace(self._source, asks_predict=True), self._schema, self.options)

    def _answer(self, rows: Rows) -> Answer:
        given, n = self.given(filled(rows)), len(rows)
        with asked(self.name):
            scores = np.asarray(getattr(self._estimator, self._question.method)(given))[:n]
            if not self._question.asks_predict:
                return Answer(self._by_class(scores))
            decided = self._codes(self._estimator.predict(given))[:n]
        return Answer(self._by_class(scores), decided)

    def _by_class(self, scores: NDArray[Any]) -> NDArray[Any]:
        """One score per class, in the order of the estimator's own."""
        n = len(self.outputs)
        if scores.ndim == 1:
            zeros = np.zeros_like(scores)
            # a threshold is compared with the score of its class, which for the first is the other
            # way round
            return np.column_stack([-scores, zeros] if self._of_first else [zeros, scores])
        if n > 2 and (self._pairwise or scores.shape[1] != n):
            return _of_pairs(scores, n, self.name)
        return scores

    def _codes(self, predicted: Any) -> Labels:
        """Predicted classes as the table's."""
        known = pd.Index(np.asarray(self._estimator.classes_))
        places = known.get_indexer(pd.Index(np.asarray(predicted).ravel()))
        if (places < 0).any():
            raise ModelError(
                f"model '{self.name}': expected predictions of its classes "
                f"{', '.join(map(str, known))}, got {np.asarray(predicted).ravel()[places < 0][0]}"
            )
        codes: Labels = np.argsort(self.order or []).astype(np.int64)[places]
        return codes

    def _settle_classes(self, estimator: Any) -> None:
        """Which class each of its outputs is of: as it names them, unless a user says otherwise."""
        options = with_named(estimator.classes_, self._schema, self.options, self.name)
        self.order = order_of(options.classes, self._schema, self.name) or order_by_name(
            estimator.classes_, self._schema, self.name
        )
        self.outputs = [self._schema.classes[place] for place in np.argsort(self.order)]
        # numbers that are not the table's own names are codes, of which nobody knows the order
        self.terms.outputs_stated = options.classes is not None
        self.terms.outputs = tuple(self.outputs)

    def _settle_question(self, asks_predict: bool) -> None:
        """What it is asked, and how it decides."""
        assert self.order is not None  # settled before
        stated = self.threshold is not None
        outputs = "probabilities" if stated else self.options.outputs
        self._question = question_for(
            self._estimator, outputs, self.order, self.name, trusting=not asks_predict
        )
        if stated:
            self._question = replace(self._question, asks_predict=False)
        else:
            self.threshold = self._question.rule.threshold
            rule = self._question.rule
            # where two scores are equal, rules may differ; no reader is told of that
            told = rule if rule.rule == THRESHOLD else DecisionRule(rule.rule)
            self.terms.decision = told
        self.probabilities = self._question.probabilities
        found = self.threshold
        self._of_first = bool(found and not found.odds and self.order[found.place] == 0)
        self._pairwise = _is_pairwise(self._estimator)

    def given(self, rows: Rows) -> Any:
        """What it is asked with: a frame, or a matrix; rows of one kind (`raw_rows.alike`)."""
        if self._encoded:
            frame = pd.DataFrame(rows, columns=list(self._schema.names))
        else:
            frame = raw_frame(rows, self._schema)
        frame = frame.iloc[:, self._taken]
        return frame if self._named else frame.to_numpy()


def open_sklearn(source: str | Path, schema: Schema, options: ModelOptions) -> BlackBox:
    """Opens a file that `skops.io.dump` wrote, or with `options.trust_pickle` a pickle or joblib.

    Raises:
        ModelError: If it is none, is cut short, is not trusted, is no classifier, or does not fit
            the schema.
        InputError: If skops is not installed.
    """
    return SklearnModel(EstimatorFile.read(Path(source), options.expected), schema, options)


def copied_estimator(source: LiveEstimator) -> Any:
    """A copy, which is made to compute with one thread.

    Raises:
        ModelError: If it cannot be copied.
    """
    try:
        return copy.deepcopy(source.estimator)
    except Exception as error:  # whatever a user's own class raises
        raise ModelError(
            f"model '{source.name}': expected an estimator that can be copied, got one that cannot "
            f"({type(error).__name__}: {reason_of(error)})"
        ) from error


def check_classifier(estimator: Any, where: str) -> None:
    """Refuses what is no fitted classifier of one label.

    Raises:
        ModelError: If it is not.
    """
    from sklearn.base import is_classifier, is_regressor

    kind = type(estimator).__name__
    try:
        if is_regressor(estimator):
            raise ModelError(f"'{where}': expected a classifier, found the regressor {kind}")
        good = is_classifier(estimator) and hasattr(estimator, "classes_")
        labels = good and np.ndim(estimator.classes_[0]) if good else 0
    except ModelError:
        raise
    except Exception:  # what is no estimator at all
        good, labels = False, 0
    if not good:
        raise ModelError(f"'{where}': expected a fitted scikit-learn classifier, found {kind}")
    if labels:
        raise ModelError(f"'{where}': expected a classifier of one label, found one of several")


def _compute_alone(estimator: Any) -> None:
    """Has every part of an estimator compute with one thread.

    Forests add up their trees in whatever order threads finish, which changes the last digits.
    """
    for part in parts_of(estimator):
        if hasattr(part, "n_jobs"):
            part.n_jobs = None


def _is_pairwise(estimator: Any) -> bool:
    """Whether a support vector classifier scores pairs of classes."""
    while hasattr(estimator, "steps"):
        estimator = estimator.steps[-1][1]
    return getattr(estimator, "decision_function_shape", None) == "ovo"


def _of_pairs(scores: NDArray[Any], n: int, name: str) -> NDArray[np.float64]:
    """One score per class from one for each pair of them: by how much it wins against the others.

    Args:
        scores: Of shape `(m, n * (n - 1) / 2)`, positive where the first class of a pair wins.
        n: The number of classes.
        name: What to call the model in messages.
    """
    pairs = [(first, second) for first in range(n) for second in range(first + 1, n)]
    if scores.shape[1] != len(pairs):
        raise ModelError(
            f"model '{name}': expected one score for each of {n} classes, or for each pair of "
            f"them, got {scores.shape[1]}"
        )
    found = np.zeros((len(scores), n))
    for column, (first, second) in enumerate(pairs):
        found[:, first] += scores[:, column]
        found[:, second] -= scores[:, column]
    return found
