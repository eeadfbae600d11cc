"""Any torch module as a classifier."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from rafair.errors import ModelError
from rafair.models.classifier import Classifier, Cotangent, Logits, Rows
from rafair.models.copying import copied
from rafair.models.dense_network import BLOCK_ROWS, DenseNetwork
from rafair.models.logits_head import Head


class TorchClassifier(Classifier):
    """A torch module that maps encoded rows `(n, d)` to logits `(n, c)`.

    A copy is audited, in evaluation mode, in its own precision and with frozen parameters; the
    module itself is left as it is. Fully connected ReLU networks take a faster path with the same
    products.

    Args:
        module: The module.
        device: Where it computes, such as "cpu" or "cuda".
        name: What to call it in reports; its class name by default.
        head: What makes logits of its answers, and decides; None where they are the logits.
        shortcut: Whether it may take the faster path.

    Raises:
        ModelError: If the module cannot be copied, or holds no numbers yet.

    Example:
        >>> classifier = TorchClassifier(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)))
        >>> rows = np.zeros((5, 3), np.float32)
        >>> classifier.logits(rows).shape
        (5, 2)
        >>> logits, gradients = classifier.logits_and_gradients(rows, lambda z, _: np.ones_like(z))
        >>> gradients.shape
        (5, 3)
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        device: str = "cpu",
        name: str | None = None,
        head: Head | None = None,
        shortcut: bool = True,
    ) -> None:
        self.name = name or str(getattr(module, "original_name", type(module).__name__))
        self.module = copied(module, self.name).to(device).eval()
        for parameter in self.module.parameters():  # what is scripted takes it only from each
            parameter.requires_grad_(False)
        self._device, self._head = torch.device(device), head
        self._precision = precision_of(self.module)
        single = self._precision == torch.float32
        self.dense = DenseNetwork.of(self.module) if shortcut and single else None
        """The network's faster path; None where it has none."""
        self.stacks = self.decides_by_the_layers
        # blocks are for a core's cache; an accelerator wants the whole batch
        self.block_rows = BLOCK_ROWS if self.dense and self._device.type == "cpu" else None
        self.n_features = self.dense.n_features if self.dense else None
        self.n_classes = self.dense.n_classes if self.dense and self._plain else None

    @property
    def _plain(self) -> bool:
        return self._head is None or self._head.changes_nothing

    @property
    def head(self) -> Head | None:
        """What makes logits of the module's answers; None where they are the logits."""
        return self._head

    @property
    def decides_by_the_layers(self) -> bool:
        """Whether it is a fully connected ReLU network that decides for its largest output."""
        return self.dense is not None and self._plain

    @property
    def differentiable(self) -> bool:
        """True: torch differentiates it."""
        return True

    @property
    def n_parameters(self) -> int:
        """The number of parameters."""
        return sum(parameter.numel() for parameter in self.module.parameters())

    @cached_property
    def _state_sha256(self) -> str:
        return hashlib.sha256(serialise(self.module)).hexdigest()

    @property
    def sha256(self) -> str | None:
        """The hash of its state as a safetensors file."""
        return self._state_sha256

    def without_shortcut(self) -> Classifier | None:
        """The same model, asked through the module itself; None where it is so already."""
        if self.dense is None:
            return None
        return TorchClassifier(
            self.module, device=str(self._device), name=self.name, head=self._head, shortcut=False
        )

    def logits(self, rows: Rows) -> Logits:
        """Logits of shape `(n, c)`."""
        with torch.inference_mode():
            values = self._tensor(rows)
            answers = self.dense.logits(values) if self.dense else self._answers(values)
            return _array(self._decided(answers))

    def logits_and_gradients(self, rows: Rows, cotangent: Cotangent) -> tuple[Logits, Rows]:
        """Logits `(n, c)` and gradients of `sum(cotangent * logits)`, `(n, d)`.

        Raises:
            ModelError: If the logits are cut off from the rows, so that nothing can be followed.
        """
        if self.dense:
            return self._densely(self.dense, rows, cotangent)
        with torch.enable_grad():
            inputs = self._tensor(rows).requires_grad_(True)
            outputs = self._decided(self._answers(inputs))
            logits = _array(outputs)
            if not outputs.requires_grad:
                raise ModelError(
                    f"model '{self.name}': expected logits that torch can differentiate, got some "
                    "without a gradient to the rows; `black_box=True` asks for "
                    " predictions alone"
                )
            weights = self._tensor(cotangent(logits, slice(0, len(rows)))).to(outputs.dtype)
            (gradients,) = torch.autograd.grad(outputs, inputs, weights, allow_unused=True)
        return logits, np.zeros_like(rows) if gradients is None else _array(gradients)

    def _densely(
        self, dense: DenseNetwork, rows: Rows, cotangent: Cotangent
    ) -> tuple[Logits, Rows]:
        head = None if self._plain else self._head
        logits = None if head is None else np.empty((len(rows), 0), np.float32)

        def weights(answers: Tensor, part: slice) -> Tensor:
            if head is None:
                return self._tensor(cotangent(_array(answers), part))
            nonlocal logits
            with torch.inference_mode(False), torch.enable_grad():
                inputs = answers.clone().requires_grad_(True)
                outputs = head(inputs)
                found = _array(outputs)
                weighed = self._tensor(cotangent(found, part)).clone()
                (slopes,) = torch.autograd.grad(outputs, inputs, weighed)
            if logits is None or logits.shape[1] == 0:
                logits = np.empty((len(rows), found.shape[1]), np.float32)
            logits[part] = found
            return slopes

        with torch.inference_mode():
            values, slopes = dense.logits_and_gradients(self._tensor(rows), weights)
        return _array(values) if logits is None else logits, _array(slopes)

    def _answers(self, values: Tensor) -> Tensor:
        return tensor_of(self.module(values.to(self._precision)), self.name)

    def _decided(self, answers: Tensor) -> Tensor:
        columns = answers.dim() > 1 and answers.size(-1) > 1
        if self._plain and columns and answers.dtype == torch.float32:
            return answers
        # what single precision would round to equal logits is decided before
        decided: Tensor = (self._head or Head())(answers)
        return decided

    def _tensor(self, array: Rows) -> Tensor:
        # torch shares the memory, and warns where it is read-only
        shared = np.require(array, np.float32, ["C_CONTIGUOUS", "WRITEABLE"])
        tensor = torch.from_numpy(shared)
        return tensor if self._device.type == "cpu" else tensor.to(self._device)


def tensor_of(answers: Any, name: str) -> Tensor:
    """What a module answered, if it is a tensor.

    Raises:
        ModelError: If it is not.
    """
    if not isinstance(answers, Tensor):
        raise ModelError(
            f"model '{name}': expected a tensor of one logit per class, got "
            f"{type(answers).__name__}"
        )
    return answers


def precision_of(module: nn.Module) -> torch.dtype:
    """The precision in which a module computes: that of its first number, else single.

    Example:
        >>> precision_of(nn.Linear(2, 1).double())
        torch.float64
    """
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.is_floating_point():
            return tensor.dtype
    return torch.float32


def serialise(module: nn.Module) -> bytes:
    """The module's state as the bytes of a safetensors file."""
    state = {
        name: tensor.detach().cpu().clone().contiguous()
        for name, tensor in module.state_dict().items()
        if isinstance(tensor, Tensor)  # a quantised layer's state holds other things
    }
    return bytes(safetensors.torch.save(state))


def _array(tensor: Tensor) -> Logits:
    array: Logits = tensor.detach().cpu().float().numpy()
    return array
