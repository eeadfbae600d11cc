"""Who proves the classes of which models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rafair.certify.network import network_prover
from rafair.certify.prover import Confirm, Decided, Indices, Prover, Told
from rafair.certify.region import Region
from rafair.errors import ModelError
from rafair.models.asked_once import AskedOnce
from rafair.models.classifier import Classifier, Labels
from rafair.models.consensus import ConsensusClassifier
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.schema import Schema

Attempt = Callable[[Classifier, Schema], Prover | None]
"""A prover for a model; None where it is of another kind."""

KINDS: tuple[tuple[str, Attempt], ...] = (("fully connected ReLU networks", network_prover),)
"""What each kind is called in messages, and who tries to take it on, in this order."""


@dataclass(frozen=True)
class Unproven:
    """Leaves every region open: of models of which something is known without a search.

    Args:
        kind: What kind of model it is.
    """

    kind: str
    continuous: bool = False

    def decide(
        self,
        region: Region,
        wanted: Labels,
        chosen: Indices,
        budget: int,
        confirm: Confirm,
        told: Told,
    ) -> Decided:
        """Looks at no box."""
        n = len(wanted)
        nothing = np.full((n, region.lower.shape[1]), np.nan, np.float32)
        return Decided(np.zeros(n, np.int8), nothing, np.zeros(n, np.int64))


def unwrapped(classifier: Classifier) -> Classifier:
    """The model behind what asks it about each row once."""
    while isinstance(classifier, AskedOnce):
        classifier = classifier.classifier
    return classifier


def prover_of(classifier: Classifier, schema: Schema) -> Prover:
    """Who proves the classes that a model gives to regions.

    Args:
        classifier: The model.
        schema: The features of its rows.

    Raises:
        ModelError: If it is of no kind of which anything can be proven.
    """
    classifier = unwrapped(classifier)
    for _, attempt in KINDS:
        if (found := attempt(classifier, schema)) is not None:
            return found
    if isinstance(classifier, ConsensusClassifier):
        return Unproven("consensus")
    known = ", ".join(name for name, _ in KINDS) or "none"
    raise ModelError(
        f"model '{classifier.name}': nothing can be proven of it; certificates are for these kinds "
        f"of models: {known}"
    )


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
    reads = getattr(prover, "reads", None)
    if reads is not None and not set(reads) & set(counterparts.columns):
        return "it reads no sensitive feature"
    return None
