"""`rafair train`: the paper's network on a data set."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from rafair.blocks.block_types import Said
from rafair.blocks.terminal import render
from rafair.cli import shared_options
from rafair.cli.console import print_result, say_where
from rafair.cli.typer_options import grouped
from rafair.datasets.option_groups import OfDataset
from rafair.models.train_options import Training
from rafair.options import Given

if TYPE_CHECKING:
    from rafair.auditing.entry import TrainedNetwork

EPILOG = "Example:  rafair train --dataset affairs --epochs 10 --out models/affairs"


@grouped
def train(of: OfDataset, training: Given[Training], output: shared_options.Output) -> None:
    """Trains the paper's network and saves it as safetensors, JSON and ONNX."""
    from rafair.auditing.entry import train_dataset
    from rafair.models.training import TrainConfig

    trained = train_dataset(
        of.dataset, of.variant, TrainConfig(**training.values), shared_options.means(output)
    )
    print_result(asdict(trained), render([Said([describe(trained)])]), output.json)
    say_where(trained.folder, output.json)


def describe(trained: TrainedNetwork) -> str:
    """What was trained, in a line."""
    accuracy = trained.test_accuracy
    assert accuracy is not None  # no test split is empty
    return (
        f"{trained.name}, {trained.parameters:,} parameters, trained on "
        f"{trained.dataset} ({trained.variant}); test accuracy {accuracy} on {accuracy.n:,} rows"
    )
