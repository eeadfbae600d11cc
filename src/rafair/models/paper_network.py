"""The paper's network, FCNN(6): fully connected, 32-64-128-64-32 with ReLU, one logit per class."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

HIDDEN = (32, 64, 128, 64, 32)


def fcnn(n_features: int, n_classes: int = 2, *, seed: int = 0) -> nn.Sequential:
    """Makes the network with random weights that depend on `seed` alone.

    Torch's global random state is left as it was.

    Example:
        >>> sum(parameter.numel() for parameter in fcnn(13).parameters())
        21282
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        widths = (n_features, *HIDDEN, n_classes)
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        return nn.Sequential(*layers[:-1])
