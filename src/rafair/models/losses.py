"""Losses of a prediction, their derivative by the logits, and how large their gradient is.

With the margin m = logsumexp of the other classes' logits minus the true class's, cross-entropy is
softplus(m). Its gradient is σ(m)·∇m: the sign is that of ∇m, which does not vanish where σ(m)
underflows. A model that is very sure of itself must not look robust for want of a gradient.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, logsumexp, softmax

from rafair.arguments import check_name
from rafair.models.classifier import Labels, Logits

Values = NDArray[np.float64]


class Loss(ABC):
    """A function of logits and true classes, larger where the prediction is worse."""

    name: str

    @abstractmethod
    def value(self, logits: Logits, labels: Labels) -> Values:
        """The loss of each row; shape `(n,)`."""

    @abstractmethod
    def cotangent(self, logits: Logits, labels: Labels) -> NDArray[np.float32]:
        """A positive multiple of the loss's derivative by the logits; shape `(n, c)`."""

    @abstractmethod
    def log_scale(self, logits: Logits, labels: Labels) -> Values:
        """The logarithm of the factor between `cotangent` and the loss's derivative; `(n,)`."""


class CrossEntropy(Loss):
    """Cross-entropy of the softmax, softplus(m).

    Example:
        >>> logits, labels = np.float32([[0.0, 0.0]]), np.array([1])
        >>> loss = CrossEntropy()
        >>> loss.value(logits, labels).round(4).tolist(), loss.cotangent(logits, labels).tolist()
        ([0.6931], [[1.0, -1.0]])
    """

    name = "cross-entropy"

    def value(self, logits: Logits, labels: Labels) -> Values:
        """softplus(m)."""
        value: Values = -log_expit(-margins(logits, labels))
        return value

    def cotangent(self, logits: Logits, labels: Labels) -> NDArray[np.float32]:
        """The derivative of m."""
        return margin_cotangent(logits, labels)

    def log_scale(self, logits: Logits, labels: Labels) -> Values:
        """Log σ(m)."""
        scale: Values = log_expit(margins(logits, labels))
        return scale


class Margin(Loss):
    """The margin m itself: no saturation, no bound."""

    name = "margin"

    def value(self, logits: Logits, labels: Labels) -> Values:
        """M."""
        return margins(logits, labels)

    def cotangent(self, logits: Logits, labels: Labels) -> NDArray[np.float32]:
        """The derivative of m."""
        return margin_cotangent(logits, labels)

    def log_scale(self, logits: Logits, labels: Labels) -> Values:
        """Zero."""
        return np.zeros(len(logits))


class MeanSquaredError(Loss):
    """Mean squared error of the softmax, as in the paper's public code.

    Its gradient underflows to zero where the softmax saturates; `zero_gradient` in an audit then
    warns that signs understate the risk.
    """

    name = "mse"

    def value(self, logits: Logits, labels: Labels) -> Values:
        """The mean over classes of (softmax - one-hot)²."""
        error = softmax(logits, axis=1) - _one_hot(logits, labels)
        value: Values = np.square(error).mean(axis=1).astype(np.float64)
        return value

    def cotangent(self, logits: Logits, labels: Labels) -> NDArray[np.float32]:
        """The derivative itself, by the chain rule through the softmax."""
        shares = softmax(logits, axis=1)
        outer = (shares - _one_hot(logits, labels)) * np.float32(2 / logits.shape[1])
        inner = outer - (outer * shares).sum(axis=1, keepdims=True)
        derivative: NDArray[np.float32] = (shares * inner).astype(np.float32)
        return derivative

    def log_scale(self, logits: Logits, labels: Labels) -> Values:
        """Zero."""
        return np.zeros(len(logits))


class Doubt(Loss):
    """One minus the probability of the class: what EIDIG follows, the output and not its loss.

    Its gradient is p·(1 - p)·∇m, which underflows as little as cross-entropy's.
    """

    name = "doubt"

    def value(self, logits: Logits, labels: Labels) -> Values:
        """1 - p = σ(m)."""
        value: Values = expit(margins(logits, labels))
        return value

    def cotangent(self, logits: Logits, labels: Labels) -> NDArray[np.float32]:
        """The derivative of m."""
        return margin_cotangent(logits, labels)

    def log_scale(self, logits: Logits, labels: Labels) -> Values:
        """Log σ(m)·σ(-m)."""
        m = margins(logits, labels)
        scale: Values = log_expit(m) + log_expit(-m)
        return scale


LOSSES: dict[str, Loss] = {
    loss.name: loss for loss in (CrossEntropy(), MeanSquaredError(), Margin())
}


def loss_named(name: str) -> Loss:
    """The loss called `name`.

    Raises:
        UnknownNameError: If there is none.
    """
    return LOSSES[check_name("loss", name, LOSSES)]


def margins(logits: Logits, labels: Labels) -> Values:
    """M = logsumexp of the other classes' logits - the true class's logit; shape `(n,)`."""
    if logits.shape[1] == 2:
        difference = (logits[:, 1] - logits[:, 0]).astype(np.float64)
        return np.where(labels == 1, -difference, difference)
    others: Values = logsumexp(_others(logits, labels), axis=1)
    return others - logits[np.arange(len(logits)), labels]


def margin_cotangent(logits: Logits, labels: Labels) -> NDArray[np.float32]:
    """∂m/∂z: the softmax among the other classes, and -1 at the true class; shape `(n, c)`."""
    if logits.shape[1] == 2:
        sign = (1 - 2 * labels).astype(np.float32)
        return np.stack([-sign, sign], axis=1)
    weights: NDArray[np.float32] = softmax(_others(logits, labels), axis=1).astype(np.float32)
    weights[np.arange(len(logits)), labels] = -1
    return weights


def _others(logits: Logits, labels: Labels) -> NDArray[np.float64]:
    others = logits.astype(np.float64)
    others[np.arange(len(logits)), labels] = -np.inf
    return others


def _one_hot(logits: Logits, labels: Labels) -> NDArray[np.float32]:
    one_hot = np.zeros_like(logits)
    one_hot[np.arange(len(logits)), labels] = 1
    return one_hot
