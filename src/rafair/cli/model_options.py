"""The options that name a user's own table and model, and say how the model is opened."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rafair.cli.options import listed
from rafair.errors import InputError

if TYPE_CHECKING:
    from rafair.auditing.own_audit import Own

Model = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        help="A folder saved by rafair, or with --data a model of your own: .pt, .onnx, .skops, "
        ".json or .ubj (XGBoost), .txt (LightGBM), .pkl, module.py:name, or http://...  "
        "[default: train a new one]",
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Your own table, CSV or Parquet. With a folder saved by rafair: a Parquet file with "
        "its columns, verdicts of all rows, attacks on a sample.",
    ),
]
Label = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="The column of --data with the true classes.  [default: as in --schema or the "
        "model's data]",
    ),
]
Sensitive = Annotated[
    str | None,
    typer.Option(
        metavar="A,B",
        help="The columns of --data whose change must not change the decision.  [default: as in "
        "--schema]",
    ),
]
Schema = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="What may happen to the columns of --data: `rafair schema infer` proposes one.  "
        "[default: taken from the data]",
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The safetensors of a torch module given as module.py:name."),
]
ModelInput = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="What the model takes: raw (the table's own values) or encoded (numbers in [0, 1]).  "
        "[default: what suits its kind]",
    ),
]
ModelOutput = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="What the model gives: logits or probabilities.  [default: what suits its kind]",
    ),
]
Threshold = Annotated[
    str | None,
    typer.Option(
        metavar="CLASS=P",
        help="The model decides for CLASS where its probability is P or more, as in approved=0.2.  "
        "[default: its own decision]",
    ),
]
ModelClasses = Annotated[
    str | None,
    typer.Option(
        metavar="A,B",
        help="The classes in the order of the model's outputs.  [default: as the model names them, "
        "else as the table's]",
    ),
]
Trust = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TYPE", help="A type that a .skops file may make besides scikit-learn's own."
    ),
]
TrustPickle = Annotated[
    bool,
    typer.Option("--trust-pickle", help="Open a pickle, which may run any code on this machine."),
]
TrustTorchscript = Annotated[
    bool,
    typer.Option(
        "--trust-torchscript", help="Open a file of TorchScript, which may read and write files."
    ),
]
Protocol = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Of a model behind HTTP: v2 (Open Inference Protocol) or json.  [default: told by "
        "the address]",
    ),
]
BatchRows = Annotated[
    int | None,
    typer.Option(metavar="N", help="Rows in one request to a model behind HTTP.  [default: 512]"),
]
Concurrency = Annotated[
    int | None, typer.Option(metavar="N", help="Requests under way at once.  [default: 4]")
]
Timeout = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="How long to wait for a whole answer.  [default: 30]"),
]
Retries = Annotated[
    int | None,
    typer.Option(metavar="N", help="How often a failed request is tried again.  [default: 5]"),
]
TokenEnv = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The environment variable with the bearer token.  [default: RAFAIR_TOKEN]",
    ),
]
HTTP = ("protocol", "batch_rows", "concurrency", "timeout_s", "retries", "token_env")


def said(**options: Any) -> dict[str, Any]:
    """The options that say how a model is opened and asked, without those that were not given."""
    given = {name: value for name, value in options.items() if value is not None}
    if "trust" in given:
        given["trust"] = tuple(given["trust"])
    if "threshold" in given:
        given["threshold"] = _threshold(given["threshold"])
    if "classes" in given:
        given["classes"] = tuple(next(csv.reader([given["classes"]], skipinitialspace=True)))
    return given


def _threshold(text: str) -> dict[str, float]:
    """A class and a number, from `approved=0.2`; the name itself may have an equals sign."""
    name, _, number = text.rpartition("=")
    try:
        if not name.strip():
            raise ValueError
        return {name.strip(): float(number)}
    except ValueError as error:
        raise InputError(
            f"threshold: expected CLASS=P, as in approved=0.2, got '{text}'"
        ) from error


def own(
    data: Path,
    model: str | None,
    label: str | None,
    sensitive: str | None,
    schema: Path | None,
    device: str,
    said: Mapping[str, Any],
) -> Own:
    """What the user wants audited.

    Args:
        data: The table.
        model: The model.
        label: The label column.
        sensitive: The sensitive columns.
        schema: The schema file.
        device: Where the model computes.
        said: The options given that say how the model is opened and asked.

    Raises:
        InputError: If no model is named, or an option has no effect or cannot be read.
    """
    from rafair.auditing.own_audit import Own
    from rafair.models.http.options import HttpOptions
    from rafair.models.model_options import ADDRESSES, ModelOptions

    if model is None:
        raise InputError("data: expected with --model, which is audited on the file")
    http = {name: said[name] for name in HTTP if name in said}
    if http and not model.startswith(ADDRESSES):
        name, value = next(iter(http.items()))
        raise InputError(f"{name}: expected only for a model behind http(s)://, got '{value}'")
    opening = {name: said[name] for name in said if name not in HTTP}
    columns = listed(sensitive or "")
    if len(set(columns)) != len(columns):
        raise InputError(f"sensitive: expected each column once, got '{sensitive}'")
    if sensitive is not None and not columns:
        raise InputError(f"sensitive: expected the names of columns, got '{sensitive}'")
    return Own(
        data,
        model,
        label,
        columns,
        schema,
        ModelOptions(**opening, device=device),
        HttpOptions(**http),
    )


def refuse_without_data(**options: Any) -> None:
    """Refuses options that say something of `--data` where there is none.

    Raises:
        InputError: If one of them was given.
    """
    for name, value in options.items():
        if value is not None:
            raise InputError(f"{name}: expected with --data, which it belongs to; got '{value}'")
