"""Any torch module as a classifier."""

from __future__ import annotations

import copy
import hashlib
from functools import cached_property

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from rafair.errors import ModelError
from rafair.models.classifier import Classifier, Cotangent, Logits, Rows
from rafair.models.dense import BLOCK_ROWS, DenseNetwork


class TorchClassifier(Classifier):
    """A torch module that maps encoded rows `(n, d)` to logits `(n, c)`.

    A copy is audited, in evaluation mode, in single precision and with frozen parameters; the
    module itself is left as it is. Fully connected ReLU networks take a faster path with the same
    products.

    Args:
        module: The module.
        device: Where it computes, such as "cpu" or "cuda".
        name: What to call it in reports; its class name by default.

    Example:
        >>> classifier = TorchClassifier(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)))
        >>> rows = np.zeros((5, 3), np.float32)
        >>> classifier.logits(rows).shape
        (5, 2)
        >>> logits, gradients = classifier.logits_and_gradients(rows, lambda z, _: np.ones_like(z))
        >>> gradients.shape
        (5, 3)
    """

    def __init__(self, module: nn.Module, *, device: str = "cpu", name: str | None = None) -> None:
        self.module = copy.deepcopy(module).to(device).float().eval()
        for parameter in self.module.parameters():  # what is scripted takes it only from each
            parameter.requires_grad_(False)
        self.name = name or type(module).__name__
        self._device = torch.device(device)
        self._dense = DenseNetwork.of(self.module)
        self.stacks = self._dense is not None
        # blocks are for a core's cache; an accelerator wants the whole batch
        self.block_rows = BLOCK_ROWS if self._dense and self._device.type == "cpu" else None
        linear = [part for part in self.module.modules() if isinstance(part, nn.Linear)]
        self.n_features = linear[0].in_features if self._dense else None
        self.n_classes = linear[-1].out_features if self._dense else None

    @property
    def differentiable(self) -> bool:
        """True: torch differentiates it."""
        return True

    @property
    def n_parameters(self) -> int:
        """The number of parameters."""
        return sum(parameter.numel() for parameter in self.module.parameters())

    @cached_property
    def sha256(self) -> str:
        """The hash of its state as a safetensors file."""
        return hashlib.sha256(serialise(self.module)).hexdigest()

    def logits(self, rows: Rows) -> Logits:
        """Logits of shape `(n, c)`."""
        with torch.inference_mode():
            values = self._tensor(rows)
            return _array(self._dense.logits(values) if self._dense else self.module(values))

    def logits_and_gradients(self, rows: Rows, cotangent: Cotangent) -> tuple[Logits, Rows]:
        """Logits `(n, c)` and gradients of `sum(cotangent * logits)`, `(n, d)`.

        Raises:
            ModelError: If the logits are cut off from the rows, so that nothing can be followed.
        """
        if self._dense:
            with torch.inference_mode():
                values, slopes = self._dense.logits_and_gradients(
                    self._tensor(rows),
                    lambda logits, part: self._tensor(cotangent(_array(logits), part)),
                )
            return _array(values), _array(slopes)
        with torch.enable_grad():
            inputs = self._tensor(rows).requires_grad_(True)
            outputs = self.module(inputs)
            logits = _array(outputs)
            if not outputs.requires_grad:
                raise ModelError(
                    f"model '{self.name}': expected logits that torch can differentiate, got some "
                    "without a gradient to the rows; attacks=() gives the verdicts of clean rows"
                )
            weights = self._tensor(cotangent(logits, slice(0, len(rows)))).to(outputs.dtype)
            (gradients,) = torch.autograd.grad(outputs, inputs, weights, allow_unused=True)
        return logits, np.zeros_like(rows) if gradients is None else _array(gradients)

    def _tensor(self, array: Rows) -> Tensor:
        # torch shares the memory, and warns where it is read-only
        shared = np.require(array, np.float32, ["C_CONTIGUOUS", "WRITEABLE"])
        tensor = torch.from_numpy(shared)
        return tensor if self._device.type == "cpu" else tensor.to(self._device)


def serialise(module: nn.Module) -> bytes:
    """The module's state as the bytes of a safetensors file."""
    state = {
        name: tensor.detach().cpu().clone().contiguous()
        for name, tensor in module.state_dict().items()
    }
    return bytes(safetensors.torch.save(state))


def _array(tensor: Tensor) -> Logits:
    array: Logits = tensor.detach().cpu().numpy().astype(np.float32, copy=False)
    return array
