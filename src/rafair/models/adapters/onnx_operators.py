"""ONNX operators as torch functions, for graphs that are to be differentiated.

Each takes a node's inputs in order and its attributes by name; see ONNX's operator schemas.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def _gemm(
    a: Tensor,
    b: Tensor,
    c: Tensor | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    **turned: int,
) -> Tensor:
    left = a.t() if turned.get("transA") else a
    product = alpha * (left @ (b.t() if turned.get("transB") else b))
    return product if c is None else product + beta * c


def _batch_norm(
    x: Tensor,
    scale: Tensor,
    shift: Tensor,
    mean: Tensor,
    variance: Tensor,
    *,
    epsilon: float = 1e-5,
    **_: Any,
) -> Tensor:
    return functional.batch_norm(x, mean, variance, scale, shift, False, 0.0, epsilon)


def _layer_norm(
    x: Tensor,
    scale: Tensor,
    shift: Tensor | None = None,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
    **_: Any,
) -> Tensor:
    return functional.layer_norm(x, x.shape[axis:], scale, shift, epsilon)


def _clip(x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    return x if low is None and high is None else torch.clamp(x, low, high)


def _reshape(x: Tensor, shape: Tensor, *, allowzero: int = 0) -> Tensor:
    sizes = [int(size) for size in shape.tolist()]
    if not allowzero:  # 0 keeps what is there
        sizes = [x.shape[i] if size == 0 else size for i, size in enumerate(sizes)]
    return x.reshape(sizes)


def _squeeze(x: Tensor, axes: Tensor | None = None) -> Tensor:
    return x.squeeze() if axes is None else x.squeeze(tuple(axes.tolist()))


def _unsqueeze(x: Tensor, axes: Tensor) -> Tensor:
    rank = x.dim() + axes.numel()
    for axis in sorted(int(axis) % rank for axis in axes.tolist()):
        x = x.unsqueeze(axis)
    return x


def _reduced(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def reduce(
        x: Tensor,
        given: Tensor | None = None,
        *,
        axes: Sequence[int] = (),
        keepdims: int = 1,
        noop_with_empty_axes: int = 0,
    ) -> Tensor:
        over = [int(axis) for axis in given.tolist()] if given is not None else list(axes)
        if not over and noop_with_empty_axes:
            return x
        return function(x, over or list(range(x.dim())), keepdim=bool(keepdims))

    return reduce


def _cast(x: Tensor, *, to: int, **_: Any) -> Tensor:
    # both kinds of fractions are single precision here; 1 and 11 are ONNX's numbers for them
    kinds = {1: torch.float32, 11: torch.float32, 6: torch.int32, 7: torch.int64, 9: torch.bool}
    return x.to(kinds[to])


def _gather(x: Tensor, places: Tensor, *, axis: int = 0) -> Tensor:
    axis %= x.dim()
    places = torch.where(places < 0, places + x.shape[axis], places)
    found = x.index_select(axis, places.reshape(-1))
    return found.reshape(x.shape[:axis] + places.shape + x.shape[axis + 1 :])


def _slice(
    x: Tensor,
    starts: Tensor,
    ends: Tensor,
    axes: Tensor | None = None,
    steps: Tensor | None = None,
) -> Tensor:
    over = range(starts.numel()) if axes is None else axes.tolist()
    strides = [1] * starts.numel() if steps is None else steps.tolist()
    places = [slice(None)] * x.dim()
    for axis, start, end, step in zip(over, starts.tolist(), ends.tolist(), strides, strict=True):
        places[axis] = slice(start, end, step)
    return x[tuple(places)]


def _gelu(x: Tensor, *, approximate: bytes = b"none") -> Tensor:
    return functional.gelu(x, approximate=approximate.decode())


OPERATORS: dict[str, Callable[..., Any]] = {
    "Abs": torch.abs,
    "Add": torch.add,
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": lambda *parts, axis: torch.cat(parts, axis),
    "Div": torch.div,
    "Dropout": lambda x, *_, **__: x,
    "Elu": lambda x, *, alpha=1.0: functional.elu(x, alpha),
    "Erf": torch.erf,
    "Exp": torch.exp,
    "Flatten": lambda x, *, axis=1: x.reshape(x.shape[:axis].numel(), -1),
    "Gather": _gather,
    "Gelu": _gelu,
    "Gemm": _gemm,
    "HardSigmoid": lambda x, *, alpha=0.2, beta=0.5: torch.clamp(alpha * x + beta, 0, 1),
    "Identity": lambda x: x,
    "LayerNormalization": _layer_norm,
    "LeakyRelu": lambda x, *, alpha=0.01: functional.leaky_relu(x, alpha),
    "Log": torch.log,
    "LogSoftmax": lambda x, *, axis=-1: torch.log_softmax(x, axis),
    "MatMul": torch.matmul,
    "Mul": torch.mul,
    "Neg": torch.neg,
    "Pow": torch.pow,
    "PRelu": lambda x, slope: torch.where(x < 0, slope * x, x),
    "Reciprocal": torch.reciprocal,
    "ReduceMean": _reduced(torch.mean),
    "ReduceSum": _reduced(torch.sum),
    "Relu": torch.relu,
    "Reshape": _reshape,
    "Selu": lambda x, **_: functional.selu(x),
    "Sigmoid": torch.sigmoid,
    "Slice": _slice,
    "Softmax": lambda x, *, axis=-1: torch.softmax(x, axis),
    "Softplus": functional.softplus,
    "Sqrt": torch.sqrt,
    "Squeeze": _squeeze,
    "Sub": torch.sub,
    "Tanh": torch.tanh,
    "Transpose": lambda x, *, perm=None: x.permute(perm or tuple(range(x.dim()))[::-1]),
    "Unsqueeze": _unsqueeze,
}
