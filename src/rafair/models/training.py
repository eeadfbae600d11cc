"""Training a network on a table: the same table and seed give the same network, bit by bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from rafair.arguments import check_name
from rafair.engine.progress import SILENT, Progress
from rafair.engine.thread_pool import Workers
from rafair.errors import InputError
from rafair.models.paper_network import fcnn
from rafair.models.train_options import Training
from rafair.options import check_options, documented
from rafair.tabular.table import Table

TrainLoss = Callable[[Tensor, Tensor], Tensor]
"""From logits `(n, c)` and classes `(n,)` to the mean loss of the batch."""


def _mean_squared_error(logits: Tensor, labels: Tensor) -> Tensor:
    one_hot = nn.functional.one_hot(labels, logits.shape[1]).to(logits.dtype)
    return nn.functional.mse_loss(logits.softmax(dim=1), one_hot)


TRAIN_LOSSES: dict[str, TrainLoss] = {
    "cross-entropy": nn.functional.cross_entropy,
    "mse": _mean_squared_error,
}


@documented
@dataclass(frozen=True)
class TrainConfig(Training):
    """How a network is trained.

    Raises:
        InputError: If a number is out of range, or the loss unknown.
    """

    def __post_init__(self) -> None:
        check_options(self)
        check_name("training loss", self.loss, TRAIN_LOSSES)

    def to_dict(self) -> dict[str, object]:
        """As plain values."""
        return asdict(self)


def train(
    table: Table,
    config: TrainConfig | None = None,
    *,
    progress: Progress = SILENT,
) -> nn.Sequential:
    """Trains the paper's network on a table.

    Args:
        table: The rows to learn from.
        config: How to train; the paper's setting with cross-entropy by default.
        progress: Where to show a bar.

    Returns:
        The trained network, in evaluation mode; it maps encoded rows to logits.

    Raises:
        InputError: If a feature is opaque, of which a network would see no value; or training
            breaks down with a loss that is not a finite number.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"age": range(40), "ok": [0, 1] * 20})
        >>> table = Table.from_frame(frame, label="ok", sensitive=["age"])
        >>> network = train(table, TrainConfig(epochs=1))
        >>> network(torch.from_numpy(table.rows)).shape
        torch.Size([40, 2])
    """
    if not isinstance(table, Table):
        raise InputError(f"table: expected a rafair.Table, got {type(table).__name__}")
    if opaque := [feature.name for feature in table.schema.features if feature.is_opaque]:
        raise InputError(
            f"feature '{opaque[0]}': expected no opaque feature in a table that a network is "
            "trained on, as it would see no value of it; drop the column"
        )
    config = config or TrainConfig()
    rows, labels = torch.tensor(table.rows), torch.tensor(table.labels)
    network = fcnn(rows.shape[1], len(table.schema.classes), seed=config.seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=config.learning_rate, fused=True)
    order = torch.Generator().manual_seed(config.seed)
    batches = -(-len(rows) // config.batch)
    # One core: how a sum is split between cores decides its rounding, and so the network.
    with (
        Workers(1),
        progress.task(f"training on '{table.name}'", config.epochs * batches, "steps") as task,
    ):
        for _ in range(config.epochs):
            for chosen in torch.split(torch.randperm(len(rows), generator=order), config.batch):
                optimizer.zero_grad()
                loss = TRAIN_LOSSES[config.loss](network(rows[chosen]), labels[chosen])
                loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
                optimizer.step()
                task.advance()
            if not torch.isfinite(loss):
                raise InputError("training broke down: the loss is not a finite number")
    return network.eval()
