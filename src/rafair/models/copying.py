"""Copies of torch modules, whatever they hold."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from rafair.errors import ModelError
from rafair.models.model_file import reason_of


def copied(module: nn.Module, name: str) -> nn.Module:
    """A copy that shares no number with the module.

    What cannot be copied and is no number, such as a lock, is shared.

    Args:
        module: The module.
        name: What to call it in messages.

    Raises:
        ModelError: If it cannot be copied, or holds no numbers yet.

    Example:
        >>> copied(nn.Linear(2, 1), "m").weight.shape
        torch.Size([1, 2])
    """
    _check_filled(module, name)
    try:
        with torch.no_grad():  # else copies of what torch scripted would have their history
            try:
                return copy.deepcopy(module)
            except Exception:  # torch copies no results of computations, and Python no locks
                return copy.deepcopy(module, _standing_in(module))
    except Exception as error:
        raise ModelError(
            f"model '{name}': expected a module that can be copied, got one that cannot "
            f"({type(error).__name__}: {reason_of(error)}); torch.jit.save it, and audit the file"
        ) from error


def _check_filled(module: nn.Module, name: str) -> None:
    for where, tensor in (*module.named_parameters(), *module.named_buffers()):
        if is_lazy(tensor):
            raise ModelError(
                f"model '{name}': '{where}' has no numbers yet; ask the module about some rows once"
            )
        if tensor.is_meta:
            raise ModelError(
                f"model '{name}': '{where}' is on the meta device, where there are no numbers"
            )


def _standing_in(module: nn.Module) -> dict[int, Any]:
    """What copies are to hold in place of attributes that cannot be copied, by their id."""
    found: dict[int, Any] = {}
    for part in module.modules():
        for value in vars(part).values():
            if isinstance(value, Tensor):
                if not value.is_leaf:  # such as the weight that a norm makes at every call
                    found[id(value)] = value.detach().clone()
            elif not isinstance(value, dict | list | tuple | nn.Module) and not _can_be(value):
                found[id(value)] = value
    return found


def _can_be(value: Any) -> bool:
    try:
        with torch.no_grad():
            copy.deepcopy(value)
    except Exception:
        return False
    return True
