"""Where torch computes."""

from __future__ import annotations

import torch

from rafair.errors import InputError


def check_device(name: str) -> str:
    """Returns `name` if torch can compute there.

    Raises:
        InputError: If it is not a device, or not one of this machine.

    Example:
        >>> check_device("cpu")
        'cpu'
    """
    try:
        torch.empty(1, device=torch.device(name))
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0][:120]
        raise InputError(
            f"device: expected one that torch can use, got '{name}': {reason}"
        ) from error
    return name
