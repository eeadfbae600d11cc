"""What a model's file does not say about it, and what its user trusts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rafair.arguments import check_name

INPUTS = ("encoded", "raw")
OUTPUTS = ("logits", "probabilities")

ADDRESSES = ("http://", "https://")
"""How the address of a model behind HTTP begins."""


@dataclass(frozen=True)
class ModelOptions:
    """How a model is to be opened.

    Args:
        inputs: "encoded" rows in [0, 1], or "raw" values in the data's own units; None for what
            the kind of file takes by itself.
        outputs: "logits" or "probabilities"; None for what the kind of file gives by itself.
        weights: The safetensors file of a `FILE.py:factory`.
        trust: Types in a skops file that may be made although rafair does not know them.
        trust_pickle: Whether a pickle may be opened, which runs whatever code is in it.
        device: Where torch modules compute.

    Raises:
        UnknownNameError: If `inputs` or `outputs` is not one of these.

    Example:
        >>> ModelOptions(outputs="probabilities").outputs
        'probabilities'
    """

    inputs: str | None = None
    outputs: str | None = None
    weights: Path | None = None
    trust: tuple[str, ...] = ()
    trust_pickle: bool = False
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.inputs is not None:
            check_name("kind of inputs", self.inputs, INPUTS)
        if self.outputs is not None:
            check_name("kind of outputs", self.outputs, OUTPUTS)
