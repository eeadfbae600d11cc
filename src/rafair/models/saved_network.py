"""A network that rafair saved, opened for a table with a schema of its own."""

from __future__ import annotations

from pathlib import Path

from rafair.errors import ModelError
from rafair.models.classifier import Classifier
from rafair.models.storage import DESCRIPTION, load_model, model_folder
from rafair.models.torch_module import TorchClassifier
from rafair.tabular.schema import Feature, Schema


def is_saved_network(model: str) -> bool:
    """Whether a model is named as a folder, or as the `model.json` in one.

    Example:
        >>> is_saved_network("models/affairs/model.json"), is_saved_network("credit.onnx")
        (True, False)
    """
    path = Path(model)
    try:
        return path.name == DESCRIPTION or path.is_dir()
    except OSError:  # no name that a folder may have
        return False


def open_saved_network(folder: Path, schema: Schema, device: str = "cpu") -> Classifier:
    """The network in a folder, for rows that are encoded by `schema`.

    Args:
        folder: A folder with `model.json`, or the path of that file.
        schema: Must encode values as in the network's training; all else may differ.
        device: Where the network computes.

    Raises:
        ModelError: If there is no saved network, or it was trained on other codes.
    """
    folder = model_folder(folder)
    network, description = load_model(folder)
    trained = description.table
    if trained.names != schema.names or trained.classes != schema.classes:
        raise ModelError(
            f"'{folder}': expected a table with the features {', '.join(trained.names)} and the "
            f"classes {', '.join(trained.classes)}, on which it was trained; got "
            f"{', '.join(schema.names)}, and {', '.join(schema.classes)}"
        )
    for before, now in zip(trained.features, schema.features, strict=True):
        if _codes(before) != _codes(now):
            raise ModelError(
                f"'{folder}': expected {_codes(before)} of feature '{now.name}', with which it was "
                f"trained, found {_codes(now)} in the schema"
            )
    return TorchClassifier(network, device=device, name=description.network)


def _codes(feature: Feature) -> str:
    """What decides how a value is encoded."""
    if feature.kind.is_number:
        return f"the range {feature.minimum:g} to {feature.maximum:g}"
    return f"the levels {', '.join(map(str, feature.levels or ()))}"
