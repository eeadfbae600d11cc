"""The methods of hardening by name, and their options as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from rafair.arguments import check_name, read_value
from rafair.errors import InputError
from rafair.hardening.augment import Augment
from rafair.hardening.counterpart_adversarial import CounterpartAdversarial
from rafair.hardening.counterpart_logit_pairing import CounterpartLogitPairing
from rafair.hardening.method import TrainingMethod
from rafair.hardening.pgd_at import PgdTraining
from rafair.hardening.trades import Trades
from rafair.models.wrapper_description import BenignWrapper, ConsensusWrapper

TRAINING: dict[str, type[TrainingMethod]] = {
    "counterpart-adversarial": CounterpartAdversarial,
    "pgd-at": PgdTraining,
    "trades": Trades,
    "augment": Augment,
    "counterpart-logit-pairing": CounterpartLogitPairing,
}
"""They train a network anew."""

WRAPPING: dict[str, type[ConsensusWrapper | BenignWrapper]] = {
    "consensus": ConsensusWrapper,
    "benign": BenignWrapper,
}
"""They change the answers of a model as it is, without training."""

WRAPPERS_SAY = {
    "consensus": "averages the logits over all sensitive values, whatever the row's own are",
    "benign": "repairs every row by a benign perturbation before it is classified",
}
METHODS = [*TRAINING, *WRAPPING]
NO_OPTION = ("kind",)
"""Fields that say which wrapper it is."""


@dataclass(frozen=True)
class Method:
    """A method with its options.

    Args:
        name: Its name.
        made: The training method, or the description of the wrapper.
    """

    name: str
    made: TrainingMethod | ConsensusWrapper | BenignWrapper

    @property
    def training(self) -> TrainingMethod | None:
        """The training method; None of one that wraps."""
        return self.made if isinstance(self.made, TrainingMethod) else None

    @property
    def wrapper(self) -> ConsensusWrapper | BenignWrapper | None:
        """The wrapper; None of a method that trains."""
        return None if isinstance(self.made, TrainingMethod) else self.made

    @property
    def options(self) -> dict[str, object]:
        """Its options as plain values."""
        values = asdict(self.made)  # type: ignore[arg-type]  # every method is a dataclass
        return {name: value for name, value in values.items() if name not in NO_OPTION}

    def _wrapper_says(self) -> str:
        sample = self.options.get("sample")
        if sample is None:
            return WRAPPERS_SAY[self.name]
        return (
            f"averages the logits over {sample:,} combinations of sensitive values, drawn once for "
            "all rows, whatever the row's own are"
        )

    def to_dict(self) -> dict[str, object]:
        """As `harden.json` tells it."""
        return {
            "name": self.name,
            "kind": "training" if self.training else "wrapping",
            "options": self.options,
            "uses_sensitive_values": self.made.uses_sensitive_values,
            "says": self.training.says if self.training else self._wrapper_says(),
        }


def method_named(name: str, options: Sequence[str] = ()) -> Method:
    """The method called `name`.

    Args:
        name: The method.
        options: Its options, each as `NAME=VALUE`.

    Raises:
        UnknownNameError: If there is no such method or option.
        InputError: If an option cannot be read, or is out of range.

    Example:
        >>> method_named("trades", ["beta=2"]).made
        Trades(steps=3, beta=2.0)
    """
    check_name("method", name, METHODS)
    made: Any = TRAINING.get(name) or WRAPPING[name]
    kinds = {each.name: str(each.type) for each in fields(made) if each.name not in NO_OPTION}
    values: dict[str, object] = {}
    for option in options:
        key, equals, text = option.partition("=")
        if not equals:
            raise InputError(f"option: expected NAME=VALUE, got '{option}'")
        key = check_name(f"option of {name}", key.strip(), kinds)
        if key in values:
            raise InputError(f"option: expected '{key}' of {name} once, got it twice")
        values[key] = read_value(f"option {key} of {name}", kinds[key], text.strip())
    try:
        return Method(name, made(**values))
    except InputError as error:
        raise InputError(f"method '{name}': {error}") from error
