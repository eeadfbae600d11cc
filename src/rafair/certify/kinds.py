"""The kinds of models that can be certified, and the prover of each."""

from __future__ import annotations

import numpy as np

from rafair.certify.linear import LinearProver
from rafair.certify.prover import Prover
from rafair.certify.reading.checking import DRAWN, check_read
from rafair.certify.reading.linear import Linear
from rafair.certify.reading.opening import read
from rafair.certify.trees.ensemble import Ensemble
from rafair.certify.trees.prover import TreeProver
from rafair.errors import ModelError
from rafair.models.classifier import Classifier, Rows
from rafair.tabular.schema import Schema

KINDS = (
    "fully connected ReLU networks, logistic regression and linear support vector machines, and "
    "trees of scikit-learn, XGBoost and LightGBM"
)


def prover_of(classifier: Classifier, schema: Schema, rows: Rows) -> Prover:
    """The prover of a classifier's classes.

    Args:
        classifier: What `rafair.models` opens.
        schema: The features.
        rows: Encoded rows of the table, on which what was read is compared with the model.

    Raises:
        ModelError: If the model is of another kind, or of one of these in a way that cannot be
            certified.
    """
    found = tree_or_linear_prover(classifier, schema, rows)
    if found is None:
        raise not_certified(classifier)
    return found


def not_certified(classifier: Classifier) -> ModelError:
    """That a model is of no kind that can be certified."""
    return ModelError(f"model '{classifier.name}': cannot be certified; what can: {KINDS}")


def tree_or_linear_prover(classifier: Classifier, schema: Schema, rows: Rows) -> Prover | None:
    """The prover of trees or of a linear model; None of others.

    Args:
        classifier: What `rafair.models` opens.
        schema: The features.
        rows: Encoded rows of the table.

    Raises:
        ModelError: If it is such a model, but in a way that cannot be certified.
    """
    found = read(classifier, schema)
    if found is None:
        return None
    base = rows[:1] if len(rows) else np.zeros((1, len(schema)), np.float32)
    if isinstance(found.formula, Linear):
        check_read(found, rows, rows[:0])
        return LinearProver(found.formula, found.inputs, base)
    ensemble = Ensemble(found.formula, found.inputs, base)
    check_read(found, rows, ensemble.questions.rows_at_cuts(base, DRAWN))
    return TreeProver(ensemble, classifier, found.kind)
