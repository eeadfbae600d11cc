"""The passes of a dense ReLU network, each of them one call from Python.

Every operation of torch's gives up Python's lock and asks for it again, so that threads which call
them one by one wait for each other. TorchScript runs a whole pass without that lock, the same
operations with the same results. It needs no compiler; torch calls it deprecated, and where a
release comes without it, the functions below are called as they are.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

_Pass = TypeVar("_Pass", bound=Callable[..., None])


def _one_call(function: _Pass) -> _Pass:
    """The same function as one call, where torch can make one of it."""
    script = getattr(torch.jit, "script", None)
    if script is None:
        return function
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            found: _Pass = script(function)
    except RuntimeError:
        return function
    return found


def _forward(
    rows: Tensor,
    weights: list[Tensor],
    biases: list[Tensor],
    hidden: list[Tensor],
    wide: Tensor,
    logits: Tensor,
) -> None:
    """Logits of rows, block by block.

    Args:
        rows: Rows of shape `(n, d)`.
        weights: The layers' weights, `(inputs, outputs)`.
        biases: Their biases.
        hidden: Memory for the hidden layers, `(block, units)`; `n` is a multiple of `block`.
        wide: Memory for the last layer, whose columns may be more than the classes.
        logits: Where the logits go; `(n, c)`.
    """
    n_rows, last, block, start = rows.size(0), len(weights) - 1, wide.size(0), 0
    while start < n_rows:
        values = rows[start : start + block]
        for layer in range(last):
            torch.addmm(biases[layer], values, weights[layer], out=hidden[layer])
            values = torch.relu_(hidden[layer])
        torch.addmm(biases[last], values, weights[last], out=wide)
        logits[start : start + block].copy_(wide[:, : logits.size(1)])
        start += block


def _backward(
    cotangent: Tensor,
    weights: list[Tensor],
    hidden: list[Tensor],
    slopes: list[Tensor],
    wide: Tensor,
    gradients: Tensor,
) -> None:
    """Gradients of `sum(cotangent * logits)` to the rows of one block.

    Args:
        cotangent: What the logits weigh; `(block, c)`.
        weights: The layers' weights, `(outputs, inputs)`.
        hidden: What the forward pass left there.
        slopes: Memory of the shapes of `hidden`, of which two that follow each other differ.
        wide: Memory for the first layer's inputs, whose columns may be more than the features.
        gradients: Where the gradients go; `(block, d)`.
    """
    values = cotangent
    for back in range(len(hidden)):
        layer = len(hidden) - 1 - back
        torch.mm(values, weights[layer + 1], out=slopes[layer])
        # lets no slope through where a unit was off
        values = torch.ops.aten.threshold_backward(
            slopes[layer], hidden[layer], 0, grad_input=slopes[layer]
        )
    torch.mm(values, weights[0], out=wide)
    gradients.copy_(wide[:, : gradients.size(1)])


forward, backward = _one_call(_forward), _one_call(_backward)
