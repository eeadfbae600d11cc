"""What stands between a torch module's answers and logits that decide as the model does."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rafair.models.decision import Threshold
from rafair.models.function_classifier import LEAST_PROBABILITY

LOGITS, GIVEN, LINKED = "logits", "probabilities", "linked"
"""What the module gives: logits; probabilities; or the logits of which its last layer, which was
taken away, makes probabilities."""


class Head(nn.Module):
    """Logits of shape `(n, c)` from a module's answers, with the rules of `scores.as_logits`.

    Args:
        kind: "logits", "probabilities" or "linked".
        order: Where among the module's answers each class of the table stands; None where they are
            in its order.
        threshold: How the model decides, if not for the largest answer.
        single: Whether the first of two answers is a 0 that stands beside the module's only logit.

    Example:
        >>> Head(order=(1, 0))(torch.tensor([[1.0, 2.0]])).tolist()
        [[2.0, 1.0]]
    """

    def __init__(
        self,
        kind: str = LOGITS,
        *,
        order: Sequence[int] | None = None,
        threshold: Threshold | None = None,
        single: bool = False,
    ) -> None:
        super().__init__()
        self.kind, self.threshold, self.single = kind, threshold, single
        self.order = None if order is None else list(order)

    @property
    def changes_nothing(self) -> bool:
        """Whether answers of one logit per class stay as they are."""
        return self.kind != GIVEN and self.order is None and self.threshold is None

    def forward(self, answers: Tensor) -> Tensor:
        """Logits of shape `(n, c)`; their largest is at the class that the model decides for."""
        single = answers.dim() == 1 or (answers.dim() == 2 and answers.size(1) == 1)
        if answers.dim() > 2:
            return answers
        scores = _two_columns(answers, probabilities=self.kind == GIVEN) if single else answers
        judged = self._judged(scores, single or self.single)
        if self.order is not None and scores.size(1) == len(self.order):
            scores, judged = scores[:, self.order], judged[:, self.order]
        logits = scores.clamp_min(LEAST_PROBABILITY).log() if self.kind == GIVEN else scores
        if self.threshold is None:
            return _settled(logits.float(), judged.argmax(dim=1))
        return _settled(_steered(logits, self.threshold).float(), _decided(judged, self.threshold))

    def _judged(self, scores: Tensor, single: bool) -> Tensor:
        """What the decision is taken of: the scores, or for a threshold the probabilities."""
        plain = scores.detach()
        if self.threshold is None or self.kind == GIVEN:
            return plain
        if single:
            return _two_columns(torch.sigmoid(plain[:, 1]), probabilities=True)
        return torch.softmax(plain, dim=1)


def _two_columns(second: Tensor, *, probabilities: bool) -> Tensor:
    second = second.reshape(-1, 1)
    return torch.cat([1 - second if probabilities else torch.zeros_like(second), second], dim=1)


def _decided(probabilities: Tensor, threshold: Threshold) -> Tensor:
    own = probabilities[:, threshold.place]
    reached = own > threshold.at if threshold.strict else own >= threshold.at
    others = probabilities.clone()
    others[:, threshold.place] = -math.inf
    return torch.where(reached, threshold.place, others.argmax(dim=1))


def _steered(logits: Tensor, threshold: Threshold) -> Tensor:
    """`Threshold.steer`, with gradients."""
    place = threshold.place
    others = torch.cat([logits[:, :place], logits[:, place + 1 :]], dim=1)
    shift = others.amax(dim=1) - torch.logsumexp(others, dim=1) - threshold.offset
    columns = list(logits.unbind(dim=1))
    columns[place] = columns[place] + shift
    return torch.stack(columns, dim=1)


def _settled(logits: Tensor, decided: Tensor) -> Tensor:
    """`decision.settled`, through which gradients pass as if nothing had been raised."""
    plain = logits.detach()
    wrong = plain.argmax(dim=1) != decided
    if not bool(wrong.any()):
        return logits
    above = torch.nextafter(plain.amax(dim=1), plain.new_tensor(math.inf))
    raised = torch.zeros_like(plain, dtype=torch.bool)
    raised[wrong, decided[wrong]] = True
    passing = above.unsqueeze(1) + (logits - plain)
    return torch.where(raised, passing, logits)
