"""The options that name a user's own table and model, and say how the model is opened."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rafair.cli.options import listed
from rafair.errors import InputError

if TYPE_CHECKING:
    from rafair.models.http.options import HttpOptions
    from rafair.models.model_options import ModelOptions
    from rafair.sources.named import Named
    from rafair.tabular.read_as import ReadAs

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
        help="Your own table: CSV, TSV, JSON lines (also .gz), Parquet, Feather or Excel. With a "
        "folder saved by rafair: a Parquet file with its columns, verdicts of all rows, attacks on "
        "a sample.",
    ),
]
AuditedModel = Annotated[
    str | None,
    typer.Option(metavar="MODEL", help="The audit's model, where the run's folder holds none."),
]
AuditedData = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The audit's table, if that was one of your own."),
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
Immutable = Annotated[
    str | None,
    typer.Option(
        metavar="A,B",
        help="Columns of --data that no perturbation moves, beside those of --schema.",
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
Separator = Annotated[
    str | None,
    typer.Option(
        metavar="SIGN",
        help="Of a text file, what stands between fields, as ';' or tab.  [default: a comma; of "
        ".tsv a tab]",
    ),
]
Decimal = Annotated[
    str | None,
    typer.Option(
        metavar="SIGN", help="Of a text file, what stands before decimals.  [default: a dot]"
    ),
]
Thousands = Annotated[
    str | None,
    typer.Option(
        metavar="SIGN", help="Of a text file, what stands between thousands.  [default: nothing]"
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Of a text file, as latin-1.  [default: UTF-8]"),
]
Sheet = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Of an Excel file, the sheet.  [default: the only one]"),
]
Stream = Annotated[
    bool | None,
    typer.Option(
        "--stream/--no-stream",
        help="Read --data block by block: all rows are judged, a sample is attacked.  [default: "
        "where it has 10 million values, or 64 MiB of text]",
    ),
]
Original = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        help="Of a hardened model whose folder holds no copy of the model inside: that model, "
        "FILE.py:NAME or http://...",
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
HTTP = ("protocol", "batch_rows", "concurrency", "timeout", "retries", "token_env")


@dataclass(frozen=True)
class Opening:
    """The options that say how a model is opened and asked."""

    weights: Weights = None
    model_input: ModelInput = None
    model_output: ModelOutput = None
    threshold: Threshold = None
    model_classes: ModelClasses = None
    trust: Trust = None
    trust_pickle: TrustPickle = False
    trust_torchscript: TrustTorchscript = False
    original: Original = None
    protocol: Protocol = None
    batch_rows: BatchRows = None
    concurrency: Concurrency = None
    timeout: Timeout = None
    retries: Retries = None
    token_env: TokenEnv = None

    @property
    def given(self) -> dict[str, Any]:
        """Those that were given."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value not in (None, False)}

    def model(self, device: str) -> ModelOptions:
        """How the model is opened."""
        from rafair.models.model_options import ModelOptions

        classes = self.model_classes
        return ModelOptions(
            inputs=self.model_input,
            outputs=self.model_output,
            weights=self.weights,
            trust=tuple(self.trust or ()),
            trust_pickle=self.trust_pickle,
            trust_torchscript=self.trust_torchscript,
            device=device,
            threshold=None if self.threshold is None else _threshold(self.threshold),
            classes=None if classes is None else _listed(classes),
            original=self.original,
        )

    def http(self) -> HttpOptions:
        """How a model behind HTTP is asked."""
        from rafair.models.http.options import HttpOptions

        given = {name: value for name, value in self.given.items() if name in HTTP}
        if "timeout" in given:
            given["timeout_s"] = given.pop("timeout")
        return HttpOptions(**given)


UNSAID = Opening()


@dataclass(frozen=True)
class Columns:
    """The options that say what the columns of a table of one's own are."""

    label: Label = None
    sensitive: Sensitive = None
    immutable: Immutable = None
    schema: Schema = None


UNTOLD = Columns()


@dataclass(frozen=True)
class Reading:
    """The options that say how a file with a table is read."""

    separator: Separator = None
    decimal: Decimal = None
    thousands: Thousands = None
    encoding: Encoding = None
    sheet: Sheet = None

    def read_as(self) -> ReadAs:
        """How the file is read.

        Raises:
            InputError: If one is no such sign or encoding.
        """
        from rafair.tabular.read_as import ReadAs

        return ReadAs(**vars(self))


AS_IT_IS = Reading()


def named(
    model: str | None,
    opening: Opening,
    device: str,
    data: Path | None = None,
    columns: Columns = UNTOLD,
    reading: Reading = AS_IT_IS,
    **others: Any,
) -> Named:
    """What the user names.

    Args:
        model: The model.
        opening: How it is opened and asked.
        device: Where it computes.
        data: The table.
        columns: What its columns are.
        reading: How it is read.
        others: Other fields of `Named`.

    Raises:
        InputError: If an option has no effect or cannot be read.
    """
    from rafair.models.model_options import ADDRESSES
    from rafair.sources.named import Named

    if data is None:
        _refuse("--data", {**vars(columns), **vars(reading)})
    if model is None:
        _refuse("--model", opening.given)
    for name in opening.given:
        if name in HTTP and not (opening.original or model or "").startswith(ADDRESSES):
            value = opening.given[name]
            raise InputError(f"{name}: expected only for a model behind http(s)://, got '{value}'")
    return Named(
        model,
        data,
        label=columns.label,
        sensitive=_names("sensitive", columns.sensitive),
        immutable=_names("immutable", columns.immutable),
        schema=columns.schema,
        reading=reading.read_as(),
        opening=opening.model(device),
        http=opening.http(),
        **others,
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(next(csv.reader([text], skipinitialspace=True)))


def _names(option: str, text: str | None) -> tuple[str, ...]:
    names = listed(text or "")
    if len(set(names)) != len(names):
        raise InputError(f"{option}: expected each column once, got '{text}'")
    if text is not None and not names:
        raise InputError(f"{option}: expected the names of columns, got '{text}'")
    return names


def _refuse(owner: str, options: Mapping[str, object]) -> None:
    """Refuses options that say something of what is not there."""
    for name, value in options.items():
        if value is not None:
            raise InputError(f"{name}: expected with {owner}, which it belongs to; got '{value}'")


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
