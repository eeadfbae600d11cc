from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from rafair.errors import UnknownNameError
from rafair.models.losses import LOSSES, Doubt, loss_named, margins

TORCH = {
    "cross-entropy": lambda z, y: functional.cross_entropy(z, y, reduction="none"),
    "mse": lambda z, y: (z.softmax(1) - functional.one_hot(y, z.shape[1])).square().mean(1),
    "margin": lambda z, y: (
        z.masked_fill(functional.one_hot(y, z.shape[1]).bool(), -torch.inf).logsumexp(1)
        - z.gather(1, y[:, None])[:, 0]
    ),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_values_and_derivatives_agree_with_autograd(name, n_classes):
    generator = np.random.default_rng(0)
    logits = (4 * generator.normal(size=(50, n_classes))).astype(np.float32)
    labels = generator.integers(0, n_classes, 50)
    z = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    expected = TORCH[name](z, torch.tensor(labels))
    (slopes,) = torch.autograd.grad(expected.sum(), z)
    loss = LOSSES[name]
    np.testing.assert_allclose(loss.value(logits, labels), expected.detach(), rtol=1e-5, atol=1e-6)
    scale = np.exp(loss.log_scale(logits, labels))[:, None]
    found = loss.cotangent(logits, labels) * scale
    np.testing.assert_allclose(found, slopes, rtol=1e-4, atol=1e-6)


def test_cross_entropy_keeps_its_direction_where_its_gradient_underflows():
    logits, labels = np.float32([[0.0, 4000.0]]), np.array([1])
    loss = LOSSES["cross-entropy"]
    assert loss.cotangent(logits, labels).tolist() == [[1.0, -1.0]]
    assert loss.log_scale(logits, labels)[0] == pytest.approx(-4000)
    assert not LOSSES["mse"].cotangent(logits, labels).any()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_doubt_is_what_is_missing_to_certainty(n_classes):
    generator = np.random.default_rng(1)
    logits = (4 * generator.normal(size=(200, n_classes))).astype(np.float32)
    labels = generator.integers(0, n_classes, 200)
    z = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    probability = z.softmax(1).gather(1, torch.tensor(labels)[:, None])[:, 0]
    (slopes,) = torch.autograd.grad(-probability.sum(), z)
    loss = Doubt()
    found = loss.cotangent(logits, labels) * np.exp(loss.log_scale(logits, labels))[:, None]
    np.testing.assert_allclose(found, slopes, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(
        loss.value(logits, labels), 1 - probability.detach().numpy(), rtol=1e-5, atol=1e-9
    )


@pytest.mark.parametrize("n_classes", [2, 3])
def test_doubt_keeps_its_direction_at_any_logits(n_classes):
    logits = np.full((4, n_classes), -1e4, np.float32)
    logits[[0, 1], [0, 1]] = 1e4  # sure and right, sure and wrong
    logits[3] = 1e4
    labels, loss = np.zeros(4, np.int64), Doubt()
    other = 1 / (n_classes - 1)
    np.testing.assert_allclose(loss.value(logits, labels), [0, 1] + 2 * [1 - 1 / n_classes])
    cotangent = loss.cotangent(logits, labels)
    assert (cotangent[:, 0] == -1).all()
    np.testing.assert_allclose(cotangent[:, 1:].sum(axis=1), 1)
    np.testing.assert_allclose(cotangent[[0, 2, 3], 1:], other)
    certain = -2e4 + np.log(n_classes - 1)
    even = np.log((n_classes - 1) / n_classes**2)
    np.testing.assert_allclose(loss.log_scale(logits, labels), [certain, -2e4, even, even])


def test_margin_is_positive_just_where_two_classes_are_confused():
    logits = np.float32([[1.0, 2.0], [2.0, 1.0], [1.0, 1.0]])
    assert margins(logits, np.array([0, 0, 0])).tolist() == [1.0, -1.0, 0.0]


def test_unknown_loss():
    with pytest.raises(UnknownNameError, match="did you mean 'margin'"):
        loss_named("margins")
