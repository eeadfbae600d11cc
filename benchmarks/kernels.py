"""`python -m benchmarks.kernels`: ways to compute a network's passes, beside a matrix product.

The networks' own products are what all of them have in common; the rest is what each way adds.
Nothing is read from the answers, and no counterpart is made: sweeps add that.
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise

import torch
from rich.console import Console
from rich.table import Table as RichTable
from torch import Tensor, nn

from benchmarks.figures import SHARE
from benchmarks.measuring import Case, Measure, Timing, measure_in_turn
from benchmarks.printing import warn_if_busy
from rafair.engine.thread_pool import Workers, available_cores
from rafair.models import dense_network
from rafair.models.dense_network import DenseNetwork
from rafair.models.paper_network import fcnn

ROWS, CHUNKS, FEATURES = 4096, 24, 13

Pass = Callable[[Tensor], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=available_cores())
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    console = Console(width=110, highlight=False)
    warn_if_busy(console)
    network = fcnn(FEATURES)
    named = dict(ways(network))
    cases = [case(name, run, network) for name, run in named.items()]
    figures = measure_in_turn(cases, options.threads, options.rounds).figures
    table = RichTable("way", "share of the product's rate", "quartiles")
    for name in named:
        figure = figures[name]
        table.add_row(name, f"{figure.ratio:.2f}", f"{figure.low:.2f} to {figure.high:.2f}")
    console.print(table)
    console.print(f"{options.threads} threads, chunks of {ROWS} rows of {FEATURES} features.")


def case(name: str, run: Pass, network: nn.Sequential) -> Case:
    """All chunks through one way; "gradients" are counted as two passes, "verdicts" as one."""
    weights = sum(layer.weight.numel() for layer in network if isinstance(layer, nn.Linear))
    passes = 2 if name.startswith("gradients") else 1
    operations = 2 * weights * ROWS * CHUNKS * passes
    chunks = torch.rand(CHUNKS, ROWS, FEATURES)

    size = int(name.split()[-1]) if "blocks of" in name else dense_network.BLOCK_ROWS

    def all_chunks(workers: Workers) -> None:
        before, dense_network.BLOCK_ROWS = dense_network.BLOCK_ROWS, size
        for _ in workers.map(run, chunks):
            pass
        dense_network.BLOCK_ROWS = before

    def share(timing: Timing) -> float:
        return operations / timing.seconds / timing.rate

    return Case(all_chunks, (Measure(name, SHARE, share),))


def ways(network: nn.Sequential) -> Iterator[tuple[str, Pass]]:
    """What is compared, by name."""
    layers = [layer for layer in network if isinstance(layer, nn.Linear)]
    found = DenseNetwork.of(network)
    assert found is not None
    yield "verdicts: products alone", partial(products, layers, backward=False)
    yield "verdicts: the module", partial(module, network)
    yield "verdicts: linear and ReLU fused by oneDNN", partial(fused, layers)
    yield "gradients: products alone", partial(products, layers, backward=True)
    yield "gradients: autograd", partial(autograd, network)
    for size in (256, 512, 1024, 2048, 4096):
        yield f"verdicts: by hand, blocks of {size}", partial(by_hand, found.logits)
        yield (
            f"gradients: by hand, blocks of {size}",
            partial(by_hand, lambda rows: found.logits_and_gradients(rows, equally)),
        )


_memory = threading.local()


def products(layers: list[nn.Linear], rows: Tensor, *, backward: bool) -> None:
    """The matrix products of the passes and nothing else, in blocks, without new memory."""
    with torch.inference_mode():
        if not hasattr(_memory, "values"):
            widths = [layers[0].in_features, *(layer.out_features for layer in layers)]
            # as wide as whole vectors, as in `models/dense_network.py`
            widths = [
                -(-width // dense_network.COLUMNS) * dense_network.COLUMNS for width in widths
            ]
            _memory.values = [torch.rand(dense_network.BLOCK_ROWS, width) for width in widths]
            # values stay near one: infinities would take longer
            _memory.forth = [torch.rand(a, b) * 2 / a for a, b in pairwise(widths)]
            _memory.back = [torch.rand(b, a) * 2 / b for a, b in pairwise(widths)]
        values = _memory.values
        for _ in range(0, len(rows), dense_network.BLOCK_ROWS):
            for (start, end), weight in zip(pairwise(values), _memory.forth, strict=True):
                torch.mm(start, weight, out=end)
            if backward:
                both = zip(pairwise(values), _memory.back, strict=True)
                for (start, end), weight in reversed(list(both)):
                    torch.mm(end, weight, out=start)


def module(network: nn.Sequential, rows: Tensor) -> None:
    """What a user of torch would write."""
    with torch.inference_mode():
        network(rows)


def fused(layers: list[nn.Linear], rows: Tensor) -> None:
    """One call a layer, bias and ReLU on the way out of the product."""
    linear = torch.ops.mkldnn._linear_pointwise
    with torch.inference_mode():
        for layer in layers[:-1]:
            rows = linear(rows, layer.weight, layer.bias, "relu", [], "")
        linear(rows, layers[-1].weight, layers[-1].bias, "none", [], "")


def autograd(network: nn.Sequential, rows: Tensor) -> None:
    """The gradient to the rows, as torch gives it; parameters ask for none."""
    with torch.enable_grad():
        inputs = rows.detach().requires_grad_(True)
        torch.autograd.grad(frozen(network)(inputs).sum(), inputs)


def frozen(network: nn.Sequential) -> nn.Sequential:
    return network.requires_grad_(False)


def by_hand(run: Pass, rows: Tensor) -> None:
    """`models/dense_network.py`."""
    with torch.inference_mode():
        run(rows)


def equally(logits: Tensor, _: slice) -> Tensor:
    return torch.ones_like(logits)


if __name__ == "__main__":
    main()
