"""Forward and input-gradient passes of fully connected ReLU networks, without an autograd graph.

Autograd keeps what the gradients of parameters would need and allocates a tensor per operation.
Done by hand, block by block, all that a pass needs stays in a core's own cache, in memory that the
next block uses again.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn

from rafair.models.passes import backward, forward

IGNORED_IN_USE = (nn.Identity, nn.Dropout, nn.AlphaDropout)
"""Layers that do nothing once a network is trained."""

OVERRIDDEN = frozenset({"forward", "__call__", "_call_impl", "weight", "bias"})
"""Attributes of one layer alone that would be used in place of its class's or its parameters."""

COLUMNS = 16
"""How many single-precision numbers the widest vectors hold."""

BLOCK_ROWS = 1024
"""Rows computed at once: what they need fits into a core's own cache, and products of fewer rows
take longer for each."""

_stop = torch.ops.aten.threshold_backward.grad_input
"""Lets no slope through where a unit was off."""


class DenseNetwork:
    """The products of a network Linear, ReLU, Linear, …, Linear.

    Args:
        layers: Its linear layers, in order.

    Example:
        >>> dense = DenseNetwork([nn.Linear(3, 4), nn.Linear(4, 2)])
        >>> rows = torch.zeros(5, 3)
        >>> dense.logits(rows).shape
        torch.Size([5, 2])
        >>> logits, gradients = dense.logits_and_gradients(rows, lambda z, _: torch.ones_like(z))
        >>> gradients.shape
        torch.Size([5, 3])
    """

    def __init__(self, layers: Iterable[nn.Linear]) -> None:
        layers = list(layers)
        self.n_features, self.n_classes = layers[0].in_features, layers[-1].out_features
        self._weights = [layer.weight.detach() for layer in layers]
        self._transposed = [weight.t().contiguous() for weight in self._weights]
        self._biases = [_bias(layer) for layer in layers]
        # the two products whose width others decide
        self._weights[0] = _widened(self._weights[0])
        self._transposed[-1] = _widened(self._transposed[-1])
        self._biases[-1] = _widened(self._biases[-1])
        self._stacked: dict[int, tuple[list[Tensor], list[Tensor]]] = {}
        self._of_thread = threading.local()

    @classmethod
    def of(cls, module: nn.Module) -> DenseNetwork | None:
        """The same network without its modules; None where `module` is, or does, anything else."""
        layers = list(_leaves(module))
        linear = linear_layers(module)
        if not linear or len(layers) != 2 * len(linear) - 1 or not all(map(is_bare, layers)):
            return None
        if not all(type(layer) is nn.ReLU for layer in layers[1::2]):
            return None
        if any(a.out_features != b.in_features for a, b in pairwise(linear)):
            return None
        return None if _watched() or not is_bare(module) else cls(linear)

    def logits(self, rows: Tensor) -> Tensor:
        """Logits of rows of shape `(n, d)`, block by block; `(n, c)`."""
        logits, memory = rows.new_empty(len(rows), self.n_classes), self._memory(rows)
        # nothing is kept for a way back: two layers' memory does
        forward(rows, self._transposed, self._biases, memory.slopes, memory.outputs, logits)
        return logits

    def logits_and_gradients(
        self, rows: Tensor, cotangent: Callable[[Tensor, slice], Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Logits, and the gradients of `sum(cotangent * logits)` to each row.

        Args:
            rows: Rows of shape `(n, d)`, computed block by block; or a stack of batches,
                `(b, n, d)`, of which each has a product of its own and so the answers that it
                would have alone.
            cotangent: From the logits of some of the rows, and which of them, to their weights.
        """
        if rows.dim() > 2:
            return self._stack(rows, cotangent)
        logits, gradients = rows.new_empty(len(rows), self.n_classes), torch.empty_like(rows)
        memory = self._memory(rows)
        hidden, slopes = memory.hidden, memory.slopes
        for block in _blocks(len(rows), memory.n_rows):
            some = logits[block]
            forward(rows[block], self._transposed, self._biases, hidden, memory.outputs, some)
            weights = cotangent(some, block)
            backward(weights, self._weights, hidden, slopes, memory.inputs, gradients[block])
        return logits, gradients

    def _stack(
        self, rows: Tensor, cotangent: Callable[[Tensor, slice], Tensor]
    ) -> tuple[Tensor, Tensor]:
        weights, transposed = self._expanded(rows.size(0))
        values, hidden = rows, list[Tensor]()
        for weight, bias in zip(transposed[:-1], self._biases[:-1], strict=True):
            values = torch.baddbmm(bias, values, weight).relu_()
            hidden.append(values)
        logits = torch.baddbmm(self._biases[-1], values, transposed[-1])[..., : self.n_classes]
        # not `@`, which would make one product of a whole stack
        gradient = torch.bmm(cotangent(logits, slice(0, rows.size(0))), weights[-1])
        for weight, values in zip(weights[-2::-1], hidden[::-1], strict=True):
            _stop(gradient, values, 0, grad_input=gradient)
            gradient = torch.bmm(gradient, weight)
        return logits, gradient[..., : self.n_features]

    def _memory(self, rows: Tensor) -> _Memory:
        """This thread's memory for a block of these rows."""
        size = _block_size(rows)
        found: _Memory | None = getattr(self._of_thread, "memory", None)
        if found is None or found.n_rows != size:
            widths = [self._weights[0].size(1), *(len(bias) for bias in self._biases)]
            found = self._of_thread.memory = _Memory(rows, size, widths)
        return found

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if name != "_of_thread"}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)
        self._of_thread = threading.local()

    def _expanded(self, batches: int) -> tuple[list[Tensor], list[Tensor]]:
        """The weights and their transposes, once for each batch of a stack, without copies."""
        found = self._stacked.get(batches)
        if found is None:
            weights, transposed = (
                [matrix.expand(batches, -1, -1) for matrix in matrices]
                for matrices in (self._weights, self._transposed)
            )
            found = self._stacked[batches] = weights, transposed
        return found


class _Memory:
    """What the layers give for one block, and what reaches them on the way back."""

    def __init__(self, rows: Tensor, n: int, layers: list[int]) -> None:
        first, *widths, last = layers
        self.n_rows = n
        self.inputs, self.outputs = rows.new_empty(n, first), rows.new_empty(n, last)
        self.hidden = [rows.new_empty(n, width) for width in widths]
        # only two layers' slopes are in use at a time
        both = [rows.new_empty(n * max(widths, default=0)) for _ in range(2)]
        sides = zip(itertools.cycle(both), widths)
        self.slopes = [side[: n * width].view(n, width) for side, width in sides]


def _block_size(rows: Tensor) -> int:
    """Rows of a block; all of them where they do not make whole blocks, or need no cache."""
    whole = len(rows) % BLOCK_ROWS == 0 and rows.device.type == "cpu"
    return BLOCK_ROWS if whole else max(len(rows), 1)


def _blocks(n_rows: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, n_rows, size))


def _widened(weight: Tensor) -> Tensor:
    """The same with columns of zeros, up to whole vectors.

    Products of 5 to 11 columns round a row differently in different places of a batch.
    """
    return nn.functional.pad(weight, (0, -weight.size(-1) % COLUMNS))


def _bias(layer: nn.Linear) -> Tensor:
    if layer.bias is None:
        return torch.zeros(layer.out_features, dtype=layer.weight.dtype, device=layer.weight.device)
    return layer.bias.detach()


def linear_layers(module: nn.Module) -> list[nn.Linear]:
    """The linear layers of nested `Sequential`s, in order."""
    # exact types: a subclass may compute something else
    return [layer for layer in _leaves(module) if type(layer) is nn.Linear]


def _leaves(module: nn.Module) -> Iterator[nn.Module]:
    """The layers of nested `Sequential`s in order, without those that do nothing in use."""
    if type(module) is nn.Sequential and is_bare(module):
        for child in module:
            yield from _leaves(child)
    elif type(module) not in IGNORED_IN_USE or not is_bare(module):
        yield module


def is_bare(module: nn.Module) -> bool:
    """Whether nothing is registered on a module, or put in its place, that changes what it does."""
    own = vars(module)
    if own["_forward_hooks"] or own["_forward_pre_hooks"] or OVERRIDDEN & own.keys():
        return False
    parameters = {"weight", "bias"} if type(module) is nn.Linear else set()
    layers = type(module) is nn.Sequential
    return (
        own["_parameters"].keys() <= parameters
        and not own["_buffers"]
        and (layers or not own["_modules"])
    )


def _watched() -> bool:
    """Whether something is called with the answers of every module there is."""
    known = torch.nn.modules.module
    return bool(known._global_forward_hooks or known._global_forward_pre_hooks)
