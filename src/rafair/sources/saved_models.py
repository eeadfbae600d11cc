"""Saved models with what they are wrapped in: the one place where audits take them up.

A repair needs searches, which models know nothing of; so a wrapper is described among the models
(`models/wrapper_description.py`) and made here, above both.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rafair.models.classifier import Classifier
from rafair.models.consensus import ConsensusClassifier
from rafair.models.decision import THRESHOLD, DecisionRule, Terms, threshold_of
from rafair.models.logits_head import Head
from rafair.models.model_folder import ModelDescription, load_model, model_folder
from rafair.models.saved_network import check_codes
from rafair.models.torch_module import TorchClassifier
from rafair.models.wrapper_description import BenignWrapper, ConsensusWrapper
from rafair.repairs.repaired import RepairedClassifier
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.schema import Schema


def wrapped(
    classifier: Classifier, schema: Schema, wrapper: ConsensusWrapper | BenignWrapper | None
) -> Classifier:
    """A model inside its wrapper.

    Args:
        classifier: The model; any at all for a consensus, one with gradients for a repair.
        schema: The features of its rows, and the sensitive values that a wrapper goes through.
        wrapper: The wrapper; None leaves the model as it is.

    Raises:
        ModelError: If the model cannot be wrapped so.
        InputError: If the sensitive domain is too large for it.

    Example:
        >>> import rafair
        >>> from rafair.models.fit_to_table import as_classifier
        >>> data = rafair.load_dataset("affairs")
        >>> model = as_classifier(lambda rows: rows[:, :2])
        >>> wrapped(model, data.test.schema, ConsensusWrapper()).name
        'consensus of <lambda>'
    """
    if isinstance(wrapper, ConsensusWrapper):
        counterparts = Counterparts.of(schema)
        return ConsensusClassifier(
            classifier, counterparts, sample=wrapper.sample, seed=wrapper.seed
        )
    if isinstance(wrapper, BenignWrapper):
        return RepairedClassifier(classifier, schema, wrapper)
    return classifier


def open_saved(
    folder: Path, device: str = "cpu", threshold: Mapping[str, float] | None = None
) -> tuple[Classifier, ModelDescription]:
    """The model in a folder as it answers, wrapper and all.

    Args:
        folder: A folder with `model.json`, or the path of that file.
        device: Where the network computes.
        threshold: A class and its least probability, for which it decides; the largest by default.

    Raises:
        ModelError: If there is no saved model, or it was altered.
        InputError: If the threshold is no good.
    """
    network, description = load_model(folder)
    at = threshold_of(threshold, description.table.classes)
    head = Head(threshold=at) if at else None
    classifier = TorchClassifier(network, device=device, name=description.network, head=head)
    if at:
        classifier.terms = Terms(decision=DecisionRule(THRESHOLD, at))
    return wrapped(classifier, description.table, description.wrapper), description


def open_saved_for(
    folder: Path,
    schema: Schema,
    device: str = "cpu",
    threshold: Mapping[str, float] | None = None,
) -> Classifier:
    """The model in a folder, for rows that are encoded by another schema.

    A wrapper goes through the sensitive values that the model was saved with, whatever the other
    schema calls sensitive.

    Args:
        folder: A folder with `model.json`, or the path of that file.
        schema: Must encode values as in the network's training; all else may differ.
        device: Where the network computes.
        threshold: A class and its least probability, for which it decides; the largest by default.

    Raises:
        ModelError: If there is no saved model, or it was trained on other codes.
        InputError: If the threshold is no good.
    """
    classifier, description = open_saved(folder, device, threshold)
    check_codes(model_folder(folder), description.table, schema)
    return classifier
