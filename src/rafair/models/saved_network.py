"""How a saved network is named, and whether another schema encodes rows as it knows them."""

from __future__ import annotations

from pathlib import Path

from rafair.errors import ModelError
from rafair.models.model_folder import model_folder
from rafair.tabular.schema import Feature, Schema


def is_saved_network(model: str) -> bool:
    """Whether a model is named as a folder, or as the `model.json` in one.

    Example:
        >>> is_saved_network("models/affairs/model.json"), is_saved_network("credit.onnx")
        (True, False)
    """
    path = Path(model)
    try:
        return model_folder(path) != path or path.is_dir()
    except OSError:  # no name that a folder may have
        return False


def check_codes(folder: Path, trained: Schema, schema: Schema) -> None:
    """Refuses a schema that encodes values otherwise than in a network's training.

    Args:
        folder: Where the network is, for the message.
        trained: The schema that it was trained on.
        schema: The other one; all but codes and classes may differ.

    Raises:
        ModelError: If features, classes or codes differ.
    """
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


def _codes(feature: Feature) -> str:
    """What decides how a value is encoded."""
    if feature.kind.is_number:
        return f"the range {feature.minimum:g} to {feature.maximum:g}"
    return f"the levels {', '.join(map(str, feature.levels or ()))}"
