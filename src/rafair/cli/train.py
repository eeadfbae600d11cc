"""`rafair train`: the paper's network on a data set."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from rafair.blocks.kinds import Said
from rafair.blocks.terminal import render
from rafair.cli import options
from rafair.cli.console import print_result, say_where

if TYPE_CHECKING:
    from rafair.auditing.entry import TrainedNetwork

EPILOG = "Example:  rafair train --dataset affairs --epochs 10 --out models/affairs"


def train(
    dataset: options.Dataset = "affairs",
    variant: options.Variant = "clean",
    train_loss: options.TrainLoss = None,
    epochs: options.Epochs = None,
    batch: options.Batch = None,
    learning_rate: options.LearningRate = None,
    seed: options.Seed = None,
    out: options.Out = None,
    force: options.Force = False,
    json: options.Json = None,
) -> None:
    """Trains the paper's network and saves it as safetensors, JSON and ONNX."""
    from rafair.auditing.entry import train_dataset
    from rafair.models.training import TrainConfig

    given = options.given(
        epochs=epochs, batch=batch, learning_rate=learning_rate, loss=train_loss, seed=seed
    )
    training = TrainConfig(**given)
    means = options.means(out, force)
    trained = train_dataset(dataset, variant, training, means)
    print_result(asdict(trained), render([Said([describe(trained)])]), json)
    say_where(trained.folder, json)


def describe(trained: TrainedNetwork) -> str:
    """What was trained, in a line."""
    accuracy = trained.test_accuracy
    assert accuracy is not None  # no test split is empty
    return (
        f"{trained.name}, {trained.parameters:,} parameters, trained on "
        f"{trained.dataset} ({trained.variant}); test accuracy {accuracy} on {accuracy.n:,} rows"
    )
