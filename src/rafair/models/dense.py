"""Forward and input-gradient passes of fully connected ReLU networks, without an autograd graph.

Autograd keeps what the gradients of parameters would need and allocates a tensor per operation;
done by hand, the same products run about a third faster on chunks that stay in cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn

IGNORED_IN_USE = (nn.Identity, nn.Dropout, nn.AlphaDropout)
"""Layers that do nothing once a network is trained."""


class DenseNetwork:
    """The products of a network Linear, ReLU, Linear, …, Linear.

    Args:
        layers: Its linear layers, in order.

    Example:
        >>> dense = DenseNetwork([nn.Linear(3, 4), nn.Linear(4, 2)])
        >>> logits, hidden = dense.forward(torch.zeros(5, 3))
        >>> dense.backward(torch.ones(5, 2), hidden).shape
        torch.Size([5, 3])
    """

    def __init__(self, layers: Iterable[nn.Linear]) -> None:
        layers = list(layers)
        self._weights = [layer.weight.detach() for layer in layers]
        self._transposed = [weight.t().contiguous() for weight in self._weights]
        self._biases = [_bias(layer) for layer in layers]

    @classmethod
    def of(cls, module: nn.Module) -> DenseNetwork | None:
        """The same network without its modules; None where `module` is of another shape."""
        layers = list(_leaves(module))
        linear = layers[::2]
        if not linear or len(layers) % 2 == 0:
            return None
        # exact types: a subclass may compute something else
        if not all(type(layer) is nn.ReLU for layer in layers[1::2]):
            return None
        found = [layer for layer in linear if type(layer) is nn.Linear]
        if len(found) != len(linear):
            return None
        if any(a.out_features != b.in_features for a, b in pairwise(found)):
            return None
        return cls(found)

    def forward(self, rows: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits `(n, c)`, and what each hidden layer gave."""
        hidden: list[Tensor] = []
        values = rows
        for weight, bias in zip(self._transposed[:-1], self._biases[:-1], strict=True):
            values = torch.addmm(bias, values, weight).relu_()
            hidden.append(values)
        return torch.addmm(self._biases[-1], values, self._transposed[-1]), hidden

    def backward(self, cotangent: Tensor, hidden: list[Tensor]) -> Tensor:
        """The gradient `(n, d)` of `sum(cotangent * logits)` to each row."""
        gradient = cotangent @ self._weights[-1]
        for weight, values in zip(self._weights[-2::-1], hidden[::-1], strict=True):
            torch.ops.aten.threshold_backward.grad_input(gradient, values, 0, grad_input=gradient)
            gradient = gradient @ weight
        return gradient


def _bias(layer: nn.Linear) -> Tensor:
    if layer.bias is None:
        return torch.zeros(layer.out_features, dtype=layer.weight.dtype, device=layer.weight.device)
    return layer.bias.detach()


def _leaves(module: nn.Module) -> Iterator[nn.Module]:
    """The layers of nested `Sequential`s in order, without those that do nothing in use."""
    if type(module) is nn.Sequential:
        for child in module:
            yield from _leaves(child)
    elif not isinstance(module, IGNORED_IN_USE):
        yield module
