"""`rafair train`: the paper's network on a data set."""

from __future__ import annotations

from rich.text import Text

from rafair.cli import options
from rafair.cli.console import print_result, say_where

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
    print_result(trained, Text(describe(trained)), json)
    say_where(trained["folder"], json)


def describe(trained: dict[str, object]) -> str:
    """What was trained, in a line."""
    accuracy = trained["test_accuracy"]
    assert isinstance(accuracy, dict)
    return (
        f"{trained['name']}, {trained['parameters']:,} parameters, trained on "
        f"{trained['dataset']} ({trained['variant']}); test accuracy {accuracy['value']:.3f} "
        f"[{accuracy['low']:.3f}, {accuracy['high']:.3f}] on {accuracy['n']:,} rows"
    )
