"""The options that commands share beside those of what they do: what is named, run and written."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rafair.cli.console import TerminalProgress
from rafair.cli.output_files import json_output, refuse_same
from rafair.datasets.option_groups import OfDataset
from rafair.engine.option_groups import Engined, Placed, Threaded
from rafair.errors import InputError
from rafair.masking import masked
from rafair.models.http.http_options import HttpOptions
from rafair.models.model_options import ADDRESSES, FileAsked, ModelOptions
from rafair.options import Given, group, option
from rafair.results.audit_option_groups import Limited
from rafair.tabular.column_roles import Roles
from rafair.tabular.reading_options import ReadAs

if TYPE_CHECKING:
    from rafair.engine.run_settings import RunSettings
    from rafair.sources.user_named import Named

READ = ("data", "schema", "model", "weights")
"""The options that name a file which is read."""

RunOrModel = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run folder, or a folder with a saved model.")
]
FinishedRun = Annotated[Path, typer.Argument(metavar="RUN", help="A finished run folder.")]
WatchedRun = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run folder whose reference `init` has frozen.")
]


@group
class Shown:
    """Where a result is written besides."""

    json: str | None = option(
        None, "Write the result as JSON to a file, or - for stdout.", "FILE", callback=json_output
    )

    def spare(self, named: Given[Any], **others: str | Path | None) -> None:
        """Refuses to write over what the command reads.

        Args:
            named: What a user names.
            others: Further files that are read, by their option.

        Raises:
            InputError: If the JSON is to go there.
        """
        refuse_same("json", self.json, **{n: named.values.get(n) for n in READ} | others)


@group
class Output(Placed, Shown):
    """Where everything goes."""


@group
class Running(Engined):
    """Who computes."""

    def means(self, output: Placed) -> RunSettings:
        """How and where a command runs; refuses, before any work, an engine that cannot be had."""
        from rafair.engine.executors import engine_named

        executor = engine_named(self.engine, self.address, self.workers, self.device)
        return means(output, self, executor=executor)


HERE = Threaded()


@group
class Judging(Limited, Threaded):
    """Who judges rows, and how often it asks."""


@group
class Columns(Roles):
    """What the columns of a table of one's own are."""

    schema: Path | None = option(
        None,
        "What may happen to the columns of --data: `rafair schema infer` proposes one.",
        "FILE",
        said="taken from the data",
    )


@group
class Asking(FileAsked, HttpOptions):
    """How a model is opened and asked."""


@group
class Owned:
    """A model and a table of one's own."""

    model: str | None = option(
        None,
        "A folder saved by rafair, or with --data a model of your own: .pt, .onnx, .skops, .json "
        "or .ubj (XGBoost), .txt (LightGBM), .pkl, module.py:name, or http://...",
        "MODEL",
        said="train a new one",
    )
    data: Path | None = option(
        None,
        "Your own table: CSV, TSV, JSON lines (also .gz), Parquet, Feather or Excel. With a folder "
        "saved by rafair: a Parquet file with its columns, verdicts of all rows, attacks on a "
        "sample.",
        "FILE",
    )


@group
class Subject(OfDataset, Owned, Columns, ReadAs, Asking):
    """A model and data: what is audited or hardened."""


@group
class Blockwise:
    """How a large table is read."""

    stream: bool | None = option(
        None,
        "Read --data block by block: all rows are judged, a sample is attacked.",
        said="where it has 10 million values, or 64 MiB of text",
        typed="--stream/--no-stream",
    )


@group
class ModelAgain(Asking):
    """The model of a run, which its folder may not hold."""

    model: str | None = option(
        None, "The audit's model, where the run's folder holds none.", "MODEL"
    )


@group
class Again(ModelAgain):
    """The model and the data of a run."""

    data: Path | None = option(None, "The audit's table, if that was one of your own.", "FILE")


def named(given: Given[Any], device: str, **others: Any) -> Named:
    """What the user names.

    Args:
        given: The model, the data, and how they are opened and read.
        device: Where the model computes.
        others: Other fields of `Named`.

    Raises:
        InputError: If an option has no effect or cannot be read.
    """
    from rafair.sources.user_named import Named

    values = given.values
    read, opening, http = given.of(ReadAs), given.of(FileAsked), given.of(HttpOptions)
    if "data" not in values:
        refuse_without("data", {**given.of(Columns), **read})
    if "model" not in values:
        refuse_without("model", {**opening, **http})
    if not (values.get("original") or values.get("model") or "").startswith(ADDRESSES):
        for name, value in http.items():
            raise InputError(f"{name}: expected only for a model behind http(s)://, got '{value}'")
    return Named(
        **given.of(Named),
        reading=ReadAs(**read),
        opening=ModelOptions.of(opening, device),
        http=HttpOptions(**http),
        **others,
    )


def means(output: Placed, threaded: Threaded = HERE, **others: Any) -> RunSettings:
    """How and where a command runs, in this process or as others say."""
    from rafair.engine.run_settings import RunSettings

    return RunSettings(
        out=output.out,
        force=output.force,
        threads=threaded.threads,
        device=threaded.device,
        command=this_command(),
        progress=TerminalProgress(),
        **others,
    )


def refuse_with(why: str, options: Mapping[str, object]) -> None:
    """Refuses options that would have no effect.

    Raises:
        InputError: If one of them was given.
    """
    for name, value in options.items():
        if value is not None:
            shown = f"'{value}'" if isinstance(value, Path) else repr(value)
            raise InputError(f"{name}: expected not to be given with {why}; got {shown}")


def refuse_without(owner: str, options: Mapping[str, object]) -> None:
    """Refuses options that say something of what is not there.

    Raises:
        InputError: If one of them was given.
    """
    for name, value in options.items():
        raise InputError(f"{name}: expected with `{owner}`, which it belongs to; got '{value}'")


def this_command() -> str:
    """The command as the user typed it."""
    return masked(shlex.join(["rafair", *sys.argv[1:]]))
