"""The linear layers of a fully connected ReLU network, read from however torch holds it."""

from __future__ import annotations

import itertools
import operator
from typing import Any

import torch
from torch import Tensor, fx, nn

from rafair.models.dense_network import DenseNetwork, is_bare, linear_layers

Matrices = list[tuple[Tensor, Tensor | None]]
"""The weight `(outputs, inputs)` and the bias of each layer, in order."""

RELU = {torch.relu, torch.relu_, nn.functional.relu, "relu", "relu_"}
PASSED_ON = (nn.Identity, nn.Dropout, nn.AlphaDropout)


def layers_of(module: nn.Module) -> Matrices | None:
    """The layers of a network Linear, ReLU, Linear, …; None where a module is anything else.

    A chain of layers is read as it is, TorchScript from its graph, and a class of a user's own by
    following what its `forward` does with its rows, which fails where that depends on them.

    Args:
        module: In evaluation mode.

    Example:
        >>> class Own(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.first, self.last = nn.Linear(3, 4), nn.Linear(4, 2)
        ...     def forward(self, rows):
        ...         return self.last(torch.relu(self.first(rows)))
        >>> [tuple(weight.shape) for weight, _ in layers_of(Own().eval())]
        [(4, 3), (2, 4)]
    """
    if DenseNetwork.of(module) is not None:
        return [(layer.weight, layer.bias) for layer in linear_layers(module)]
    try:
        if isinstance(module, torch.jit.ScriptModule):
            found = _scripted(module)
        else:
            found = _followed(module)
    except Exception:  # of a forward that cannot be followed: it may raise anything
        return None
    return found if found and _fits(found) else None


def _fits(layers: Matrices) -> bool:
    pairs = itertools.pairwise(layers)
    return all(first.shape[0] == second.shape[1] for (first, _), (second, _) in pairs)


class _Chain:
    """Layers under way; only a linear one may follow a ReLU, and the last is linear."""

    def __init__(self) -> None:
        self.layers: Matrices = []
        self.open = False

    def linear(self, weight: Tensor, bias: Tensor | None) -> bool:
        """Adds a layer; False where one stands before it without a ReLU between them."""
        taken = not self.open and weight.dim() == 2
        self.open = True
        self.layers.append((weight, bias))
        return taken

    def relu(self) -> bool:
        """Adds a ReLU; False where no layer stands before it."""
        taken, self.open = self.open, False
        return taken


def _followed(module: nn.Module) -> Matrices | None:
    if any(not _is_plain(one) for one in module.modules()):
        return None
    graph, chain = fx.symbolic_trace(module).graph, _Chain()
    current: fx.Node | None = None
    for node in graph.nodes:
        if node.op == "placeholder":
            if current is not None:
                return None
            current = node
            continue
        if node.op == "output":
            return chain.layers if node.args[0] is current and chain.open else None
        if not node.args or node.args[0] is not current or not _step(module, node, chain):
            return None
        current = node
    return None


def _is_plain(module: nn.Module) -> bool:
    return not (module._forward_hooks or module._forward_pre_hooks or module.training)


def _step(module: nn.Module, node: fx.Node, chain: _Chain) -> bool:
    """Takes up one step of a forward; False where it is of another kind."""
    if node.op != "call_module":
        known = node.op in ("call_function", "call_method") and node.target in RELU
        return known and len(node.args) == 1 and chain.relu()
    layer = operator.attrgetter(str(node.target))(module)
    if not is_bare(layer) or len(node.args) != 1 or node.kwargs:
        return False
    if type(layer) is nn.Linear:
        return chain.linear(layer.weight, layer.bias)
    return chain.relu() if type(layer) is nn.ReLU else type(layer) in PASSED_ON


def _scripted(module: torch.jit.ScriptModule) -> Matrices | None:
    frozen: Any = torch.jit.freeze(module.eval())
    graph, chain = frozen.graph, _Chain()
    inputs = list(graph.inputs())[1:]
    if len(inputs) != 1:
        return None
    current = inputs[0].debugName()
    for node in graph.nodes():
        kind = node.kind()
        if kind == "prim::Constant":
            continue
        given = list(node.inputs())
        if not given or given[0].debugName() != current:
            return None
        if kind == "aten::linear":
            taken = chain.linear(given[1].toIValue(), given[2].toIValue())
        else:
            taken = kind in ("aten::relu", "aten::relu_") and chain.relu()
        if not taken:
            return None
        current = node.output().debugName()
    last = [output.debugName() for output in graph.outputs()]
    return chain.layers if last == [current] and chain.open else None
