"""Who proves the classes of which models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rafair.certify.linear_prover import LinearProver
from rafair.certify.network_prover import network_prover
from rafair.certify.prover_interface import Confirm, Decided, Indices, Prover
from rafair.certify.reading.formula_check import DRAWN, check_read
from rafair.certify.reading.linear_weights import Linear
from rafair.certify.reading.model_formula import read
from rafair.certify.region import Region
from rafair.certify.trees.ensemble import Ensemble
from rafair.certify.trees.tree_prover import TreeProver
from rafair.engine.thread_pool import Workers
from rafair.errors import ModelError
from rafair.models.answer_cache import CachedClassifier
from rafair.models.classifier import Classifier, Labels, Rows
from rafair.models.consensus import ConsensusClassifier
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.schema import Schema

Attempt = Callable[[Classifier, Schema, Rows], Prover | None]
"""A prover for a model, which may be compared with it on some rows; None of another kind."""


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


KINDS: tuple[tuple[str, Attempt], ...] = (
    ("fully connected ReLU networks", network_prover),
    (
        "logistic regression and linear support vector machines, and trees of scikit-learn, "
        "XGBoost and LightGBM",
        tree_or_linear_prover,
    ),
)
"""What each kind is called in messages, and who tries to take it on, in this order."""


@dataclass(frozen=True)
class Unproven:
    """Leaves every region open: of models of which something is known without a search.

    Args:
        kind: What kind of model it is.
    """

    kind: str
    continuous: bool = False
    reads: frozenset[int] | None = None

    def decide(
        self,
        region: Region,
        wanted: Labels,
        chosen: Indices,
        budget: int,
        confirm: Confirm,
        workers: Workers,
    ) -> Decided:
        """Looks at no box."""
        n = len(wanted)
        nothing = np.full((n, region.lower.shape[1]), np.nan, np.float32)
        return Decided(np.zeros(n, np.int8), nothing, np.zeros(n, np.int64))


def unwrapped(classifier: Classifier) -> Classifier:
    """The model behind what asks it about each row once."""
    while isinstance(classifier, CachedClassifier):
        classifier = classifier.classifier
    return classifier


def prover_of(classifier: Classifier, schema: Schema, rows: Rows) -> Prover:
    """Who proves the classes that a model gives to regions.

    Args:
        classifier: The model.
        schema: The features of its rows.
        rows: Encoded rows of the table, on which what was read is compared with the model.

    Raises:
        ModelError: If it is of no kind of which anything can be proven, or of one of these in a way
            of which nothing can be.
    """
    classifier = unwrapped(classifier)
    for _, attempt in KINDS:
        if (found := attempt(classifier, schema, rows)) is not None:
            return found
    if isinstance(classifier, ConsensusClassifier):
        return Unproven("consensus")
    known = ", ".join(name for name, _ in KINDS) or "none"
    raise ModelError(f"model '{classifier.name}': cannot be certified; what can: {known}")


def by_construction(
    classifier: Classifier, prover: Prover, counterparts: Counterparts
) -> str | None:
    """Why no counterpart can get another class, where that is so of the model itself; else None.

    Args:
        classifier: The model.
        prover: Its prover; where it has `reads`, these are the features that the model looks at.
        counterparts: The counterparts of a row.
    """
    if isinstance(unwrapped(classifier), ConsensusClassifier):
        return "it answers with the mean over sensitive values, whatever a row's own are"
    if prover.reads is not None and not prover.reads & set(counterparts.columns):
        return "it reads no sensitive feature"
    return None
