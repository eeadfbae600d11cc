"""What a model's file does not say about it, and what its user trusts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import StrictFloat

import rafair.option_values as typed
from rafair.arguments import check_name
from rafair.errors import InputError
from rafair.options import group, option

INPUTS = ("encoded", "raw")
OUTPUTS = ("logits", "probabilities")

ADDRESSES = ("http://", "https://")
"""How the address of a model behind HTTP begins."""


@group
class ModelAsked:
    """What a user says of any model, on command lines and in Python."""

    model_input: str | None = option(
        None,
        "What the model takes: raw (the table's own values) or encoded (numbers in [0, 1]).",
        "NAME",
        said="what suits its kind",
    )
    model_output: str | None = option(
        None, "What the model gives: logits or probabilities.", "NAME", said="what suits its kind"
    )
    threshold: Mapping[str, float] | None = option(
        None,
        "The model decides for CLASS where its probability is P or more, as in approved=0.2.",
        "CLASS=P",
        "A class and its least probability, as {'approved': 0.2}, for which the model decides; "
        "its own decision by default.",
        said="its own decision",
        read=typed.threshold,
    )
    model_classes: Sequence[str] | None = option(
        None,
        "The classes in the order of the model's outputs.",
        "A,B",
        said="as the model names them, else as the table's",
        read=typed.fields,
    )


@group
class FileAsked(ModelAsked):
    """What a user says of a model in a file."""

    weights: Path | None = option(
        None, "The safetensors of a torch module given as module.py:name.", "FILE"
    )
    trust: Sequence[str] = option(
        (), "A type that a .skops file may make besides scikit-learn's own.", "TYPE", many=True
    )
    trust_pickle: bool = option(False, "Open a pickle, which may run any code on this machine.")
    trust_torchscript: bool = option(
        False, "Open a file of TorchScript, which may read and write files."
    )
    original: str | None = option(
        None,
        "Of a hardened model whose folder holds no copy of the model inside: that model, "
        "FILE.py:NAME or http://...",
        "MODEL",
    )


@dataclass(frozen=True)
class SaidOptions:
    """What a user said of a model that decides its answers; None where nothing was said.

    Args:
        inputs: What it takes; `ModelOptions` says more of each.
        outputs: What it gives.
        threshold: The class and the score that it decides by.
        classes: The classes in the order of its outputs.
    """

    inputs: str | None = None
    outputs: str | None = None
    threshold: Mapping[str, StrictFloat] | None = None
    classes: list[str] | None = None

    @property
    def facts(self) -> dict[str, object]:
        """As plain values; of the decision only what was said."""
        found: dict[str, object] = {"inputs": self.inputs, "outputs": self.outputs}
        if self.threshold:
            found["threshold"] = dict(self.threshold)
        if self.classes:
            found["classes"] = self.classes
        return found


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
        trust_torchscript: Whether a file of TorchScript may be opened, which is code as well.
        device: Where torch modules compute.
        threshold: A class and its least probability, such as `{"approved": 0.2}`, for which the
            model decides; None for the decision that the model takes by itself.
        classes: The table's classes in the order of the model's outputs; None for the order that
            the model names, else that of the table.
        expected: The hash that the model's files must have before they are opened; None for any.
        original: Of the folder of a hardened model that holds no copy of the model inside, this
            model: `FILE.py:NAME` or an address, as when it was hardened.

    Raises:
        UnknownNameError: If `inputs` or `outputs` is not one of these.
        InputError: If a class is named twice.

    Example:
        >>> ModelOptions(outputs="probabilities").outputs
        'probabilities'
    """

    inputs: str | None = None
    outputs: str | None = None
    weights: Path | None = None
    trust: tuple[str, ...] = ()
    trust_pickle: bool = False
    trust_torchscript: bool = False
    device: str = "cpu"
    threshold: Mapping[str, float] | None = None
    classes: tuple[str, ...] | None = None
    expected: str | None = None
    original: str | None = None

    def __post_init__(self) -> None:
        if self.inputs is not None:
            check_name("kind of inputs", self.inputs, INPUTS)
        if self.outputs is not None:
            check_name("kind of outputs", self.outputs, OUTPUTS)
        if self.classes is not None and len(set(self.classes)) != len(self.classes):
            raise InputError(
                f"model_classes: expected each class once, got {', '.join(self.classes)}"
            )

    @classmethod
    def of(cls, asked: Mapping[str, Any], device: str) -> Self:
        """Those of `FileAsked` that are given, for a place where torch modules compute."""
        names = {"model_input": "inputs", "model_output": "outputs", "model_classes": "classes"}
        options = {names.get(name, name): value for name, value in asked.items()}
        if options.get("classes") is not None:
            options["classes"] = tuple(map(str, options["classes"]))
        return cls(**options, device=device)

    def check_untold(self, model: str | None) -> None:
        """Refuses to be told what a network that rafair saved tells itself.

        Args:
            model: Its folder.

        Raises:
            InputError: If something is told.
        """
        said = {
            "model_input": self.inputs,
            "model_output": self.outputs,
            "model_classes": self.classes,
            "weights": self.weights,
            "trust": self.trust or None,
            "trust_pickle": self.trust_pickle or None,
            "trust_torchscript": self.trust_torchscript or None,
        }
        for name, value in said.items():
            if value is not None:
                raise InputError(
                    f"{name}: expected with a model that others made; the network in '{model}' "
                    "says so itself"
                )

    @property
    def said(self) -> SaidOptions:
        """What of it decides the model's answers."""
        classes = list(self.classes) if self.classes else None
        return SaidOptions(self.inputs, self.outputs, self.threshold, classes)
