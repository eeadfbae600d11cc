"""From what models answer, in all the ways they do, to one logit per class."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rafair.errors import ModelError
from rafair.models.classifier import Logits
from rafair.models.function import LEAST_PROBABILITY

PROBABILITY_SUM = 1e-3
"""How far a row's probabilities may be from a sum of 1."""


def as_logits(scores: Any, *, probabilities: bool, name: str) -> Logits:
    """Logits of shape `(n, c)`, from one score per class, or of class 1 alone.

    Args:
        scores: Of shape `(n, c)`; or `(n,)` or `(n, 1)`, the logit or the probability of class 1.
        probabilities: Whether they are probabilities, whose logarithm is then taken, clipped away
            from zero.
        name: What to call the model in messages.

    Raises:
        ModelError: If the scores are no numbers, or probabilities are not in [0, 1].

    Example:
        >>> as_logits([0.5, -2], probabilities=False, name="m").tolist()
        [[0.0, 0.5], [0.0, -2.0]]
        >>> as_logits([[0.5]], probabilities=True, name="m").round(2).tolist()
        [[-0.6..., -0.6...]]
    """
    try:
        values = np.asarray(scores, np.float64)
    except (TypeError, ValueError) as error:
        found = np.asarray(scores, object).ravel()
        text = next((str(value) for value in found if isinstance(value, str)), None)
        got = type(scores).__name__ if text is None else f"texts, such as '{text}'"
        raise ModelError(
            f"model '{name}': expected one number per class, probabilities or logits, got {got}"
        ) from error
    if values.ndim == 1 or (values.ndim == 2 and values.shape[1] == 1):
        second = values.reshape(len(values), 1)
        values = np.hstack([1 - second if probabilities else np.zeros_like(second), second])
    if not probabilities:
        return values.astype(np.float32)
    outside = (values < -PROBABILITY_SUM) | (values > 1 + PROBABILITY_SUM)
    if outside.any():
        raise ModelError(
            f"model '{name}': expected probabilities in [0, 1], got {values[outside][0]:.6g}"
        )
    logits: Logits = np.log(np.maximum(values, LEAST_PROBABILITY)).astype(np.float32)
    return logits


def look_like_probabilities(scores: Any) -> bool:
    """Whether all scores could be probabilities: in [0, 1], and of sum 1 where there are several.

    Example:
        >>> look_like_probabilities([[0.25, 0.75]]), look_like_probabilities([0.2, 1.4])
        (True, False)
    """
    try:
        values = np.asarray(scores, np.float64)
    except (TypeError, ValueError):
        return False
    if values.size == 0 or not ((values >= 0) & (values <= 1)).all():
        return False
    if values.ndim == 1 or values.shape[-1] == 1:
        return True
    return bool((np.abs(values.sum(axis=-1) - 1) <= PROBABILITY_SUM).all())


class LogitHead(nn.Module):
    """What a torch module answers as logits, with the same rules as `as_logits`.

    Args:
        probabilities: Whether the module gives probabilities.
    """

    def __init__(self, *, probabilities: bool) -> None:
        super().__init__()
        self.probabilities = probabilities

    def forward(self, scores: Tensor) -> Tensor:
        """Logits of shape `(n, c)`."""
        if scores.dim() == 1:
            scores = scores.unsqueeze(1)
        if scores.dim() == 2 and scores.size(1) == 1:
            other = 1 - scores if self.probabilities else torch.zeros_like(scores)
            scores = torch.cat([other, scores], dim=1)
        return scores.clamp_min(LEAST_PROBABILITY).log() if self.probabilities else scores


def with_logits(module: nn.Module, *, probabilities: bool) -> nn.Module:
    """The module with a head that makes logits of its answers.

    A softmax or sigmoid at the end of a chain of layers is taken away instead, which is exact
    where a probability would round to 0 or 1; a last layer with one unit gets a second one, so that
    a chain of linear and ReLU layers stays one.

    Args:
        module: From rows to scores.
        probabilities: Whether the scores are probabilities.
    """
    if type(module) is nn.Sequential and len(module):
        layers = list(module)
        if probabilities and _is_link(layers):
            layers, probabilities = layers[:-1], False
        final = layers[-1]
        if not probabilities and type(final) is nn.Linear:
            layers[-1] = _two_units(final) if final.out_features == 1 else final
            return nn.Sequential(*layers)
        module = nn.Sequential(*layers)
    return nn.Sequential(module, LogitHead(probabilities=probabilities))


def _is_link(layers: list[nn.Module]) -> bool:
    """Whether the last layer makes probabilities of the logits that the one before it gives."""
    if len(layers) < 2 or type(layers[-2]) is not nn.Linear:
        return False
    single = layers[-2].out_features == 1
    if isinstance(layers[-1], nn.Sigmoid):
        return single
    return isinstance(layers[-1], nn.Softmax) and layers[-1].dim in (1, -1) and not single


def _two_units(layer: nn.Linear) -> nn.Linear:
    wide = nn.Linear(layer.in_features, 2, bias=True, dtype=layer.weight.dtype)
    with torch.no_grad():
        wide.weight.zero_()
        wide.bias.zero_()
        wide.weight[1] = layer.weight[0]
        if layer.bias is not None:
            wide.bias[1] = layer.bias[0]
    return wide


def check_stated(scores: Any, outputs: str | None, name: str) -> None:
    """Refuses scores that look like probabilities where nobody said what they are.

    Taken for logits, a probability of class 1 would decide for it always.

    Raises:
        ModelError: If all of them do, and `outputs` is None.
    """
    if outputs is None and look_like_probabilities(scores):
        raise ModelError(
            f"model '{name}': expected logits, got what look like probabilities; --model-output "
            "probabilities (or logits) says which they are"
        )
