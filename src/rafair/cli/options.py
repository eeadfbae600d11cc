"""The options that several commands share, and how their text becomes values."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rafair.cli.console import TerminalProgress
from rafair.cli.outputs import json_output
from rafair.errors import InputError
from rafair.masking import masked

if TYPE_CHECKING:
    from rafair.engine.run_settings import RunSettings
    from rafair.engine.shards import Executor


Dataset = Annotated[
    str, typer.Option(metavar="NAME", help="The data set: affairs, adult, credit, bank or compas.")
]
Variant = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="clean (no feature gives the label away) or paper (the paper's features).",
    ),
]
AnyDataset = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="affairs, adult, credit, bank or compas.  [default: affairs]"
    ),
]
"""Where a file or a saved model may take the data set's place."""
AnyVariant = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="clean (no feature gives the label away) or paper.  [default: clean]",
    ),
]
Batch = Annotated[
    int | None, typer.Option(metavar="N", help="Rows per step of Adam.  [default: 128]")
]
LearningRate = Annotated[
    float | None, typer.Option(metavar="NUMBER", help="Step size of Adam.  [default: 0.001]")
]
Attack = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="rafair (the union of its three goals), rafair-tb, rafair-ff, rafair-fb, strongest "
        "(all together, on what those named with it left), worst-counterpart, fgsm, pgd, apgd, "
        "acg, adf, eidig, dice or noise; with options as in pgd:restarts=5; may be repeated.  "
        "[default: rafair and strongest]",
    ),
]
Instances = Annotated[
    str | None,
    typer.Option(
        metavar="N", help="How many rows to audit, or all.  [default: 200; of your own table all]"
    ),
]
Steps = Annotated[
    int | None, typer.Option(metavar="N", help="Steps of each attack and repair.  [default: 20]")
]
StepSize = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="Length of a step, as a share of each feature's range (in your own table of its usual "
        "spread), or NAME=SIZE,NAME=SIZE for the features that may move.  [default: 0.01; 2.5 x "
        "epsilon / steps where that is given]",
    ),
]
Epsilon = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="Largest change, likewise.  [default: steps x step size]"),
]
Epsilons = Annotated[
    str | None,
    typer.Option(
        metavar="SIZES",
        help="Several largest changes, as in .01,.02,.05: robust rates at each.  [default of your "
        "own table: .01,.02,.05]",
    ),
]
Boxes = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="After how many boxes a proof of an instance is given up.  [default: 20000]",
    ),
]
Certify = Annotated[
    bool,
    typer.Option(
        "--certify",
        help="Prove, once the attacks are done, of which instances the properties hold for every "
        "perturbation.",
    ),
]
Perturbation = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="paper (all codes move continuously), feasible (only rows that could really happen), "
        "or both, side by side.  [default: paper; of your own data and model feasible]",
    ),
]
MaxCategoryChanges = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="How many categories a feasible perturbation may change.  [default: 1]"
    ),
]
Bands = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=EDGES",
        help="Bands of a sensitive number that rates by group are given by, as in age=25,45,65; a "
        "band holds its lower edge; may be repeated.  [default: the schema's, else round numbers]",
    ),
]
Budget = Annotated[
    str | None,
    typer.Option(
        metavar="gradient_rows=N",
        help="The most gradient rows an attack may ask for, for each instance: compares attacks at "
        "equal cost.  [default: no limit]",
    ),
]
BlackBox = Annotated[
    bool | None,
    typer.Option(
        "--black-box",
        help="Ask the model for predictions only, as is done anyway where it gives no gradients.",
    ),
]
MaxQueries = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="The most rows that a model without gradients may be asked about; strongest takes as "
        "many steps as that pays for.  [default: no limit]",
    ),
]
K = Annotated[
    float | None,
    typer.Option(
        "--k",
        metavar="NUMBER",
        help="K: a counterpart disagrees if 1[prediction differs] > K x distance.  [default: 0]",
    ),
]
Loss = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="What attacks and repair follow: cross-entropy, mse or margin.  "
        "[default: cross-entropy]",
    ),
]
TrainLoss = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="What training follows: cross-entropy or mse.  [default: cross-entropy]",
    ),
]
Epochs = Annotated[
    int | None, typer.Option(metavar="N", help="Passes over the training rows.  [default: 50]")
]
Labels = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="What the repair follows: true labels, or the consensus of the counterparts.  "
        "[default: true]",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(metavar="N", help="Decides all that is drawn at random.  [default: 0]"),
]
ChunkRows = Annotated[
    int | None,
    typer.Option(metavar="N", help="Rows computed at once.  [default: what suits the data]"),
]
Threads = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="Threads that compute; never changes a figure.  [default: cores]"
    ),
]
Device = Annotated[
    str, typer.Option(metavar="NAME", help="Where the model computes: cpu, cuda, mps.")
]
Engine = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Who computes: serial (this process) or ray (a Ray cluster); never changes a figure.",
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="With --engine ray: the head node, or auto.  [default: start a cluster here]",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="With --engine ray: how many workers, of one core each.  [default: all]"
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="The run folder.  [default: the next free runs/NAME-N]"),
]
Force = Annotated[bool, typer.Option("--force", help="Take the place of what stands at DIR.")]
Json = Annotated[
    str | None,
    typer.Option(
        "--json",
        metavar="FILE",
        callback=json_output,
        help="Write the result as JSON to a file, or - for stdout.",
    ),
]


def given(**options: Any) -> dict[str, Any]:
    """The options that the user gave, in the types that `AuditConfig` takes.

    Raises:
        InputError: If a size or a number of instances cannot be read.
    """
    values = {name: value for name, value in options.items() if value is not None}
    if "attacks" in values:
        values["attacks"] = tuple(values["attacks"])
    if "instances" in values:
        values["instances"] = _instances(values["instances"])
    for name in ("step_size", "epsilon"):
        if name in values:
            values[name] = _sizes(name, values[name])
    if "epsilons" in values:
        values["epsilons"] = numbers("epsilons", values["epsilons"])
    if "bands" in values:
        values["bands"] = _bands(values["bands"])
    if "budget" in values:
        values["max_gradient_rows"] = _gradient_rows(values.pop("budget"))
    return values


def listed(text: str) -> tuple[str, ...]:
    """Names that the user separated by commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def names(option: str, text: str) -> tuple[str, ...]:
    """Names that the user separated by commas, at least one, each once.

    Raises:
        InputError: If there is none, or one comes twice.
    """
    found = listed(text)
    if not found or len(set(found)) != len(found):
        raise InputError(f"{option}: expected names, each once, separated by commas, got '{text}'")
    return found


def numbers(option: str, text: str) -> tuple[float, ...]:
    """Numbers that the user separated by commas, at least one.

    Raises:
        InputError: If there is none, or one cannot be read.
    """
    try:
        found = tuple(float(part) for part in listed(text))
    except ValueError:
        found = ()
    if not found:
        raise InputError(f"{option}: expected numbers separated by commas, got '{text}'")
    return found


def means(
    out: Path | None,
    force: bool,
    threads: int | None = None,
    device: str = "cpu",
    executor: Executor | None = None,
) -> RunSettings:
    """How and where a command runs."""
    from rafair.engine.run_settings import RunSettings
    from rafair.engine.shards import SerialExecutor

    return RunSettings(
        out=out,
        force=force,
        threads=threads,
        device=device,
        command=this_command(),
        progress=TerminalProgress(),
        executor=executor or SerialExecutor(),
    )


def executor(engine: str, address: str | None, workers: int | None, device: str) -> Executor:
    """Who does the shards; refuses, before any work is done, what cannot be had."""
    from rafair.engine.engines import engine_named

    return engine_named(engine, address, workers, device)


def refuse_with(why: str, **options: Any) -> None:
    """Refuses options that would have no effect.

    Raises:
        InputError: If one of them was given.
    """
    for name, value in options.items():
        if value is not None:
            raise InputError(f"{name}: expected not to be given with {why}; got {value!r}")


def this_command() -> str:
    """The command as the user typed it."""
    return masked(shlex.join(["rafair", *sys.argv[1:]]))


def _gradient_rows(text: str) -> int:
    name, _, number = text.partition("=")
    try:
        if name.strip() != "gradient_rows":
            raise ValueError
        return int(number)
    except ValueError as error:
        raise InputError(
            f"budget: expected gradient_rows=N with a whole number, got '{text}'"
        ) from error


def _instances(text: str) -> int | None:
    if text == "all":
        return None
    try:
        return int(text)
    except ValueError as error:
        raise InputError(f"instances: expected a whole number or all, got '{text}'") from error


def _sizes(name: str, text: str) -> float | dict[str, float]:
    if "=" not in text:
        return _number(name, text)
    sizes: dict[str, float] = {}
    for part in text.split(","):
        feature, _, size = part.partition("=")
        if feature.strip() in sizes:
            raise InputError(f"{name}: expected each feature once, got '{feature.strip()}' twice")
        sizes[feature.strip()] = _number(name, size)
    return sizes


def _bands(texts: list[str]) -> dict[str, list[float]]:
    bands: dict[str, list[float]] = {}
    for text in texts:
        feature, _, edges = text.rpartition("=")  # a name may hold the sign, a number cannot
        feature = feature.strip()
        if not feature or not edges.strip():
            raise InputError(f"bands: expected NAME=EDGE,EDGE, got '{text}'")
        if feature in bands:
            raise InputError(f"bands: expected each feature once, got '{feature}' twice")
        bands[feature] = [_edge(feature, edge) for edge in edges.split(",")]
    return bands


def _edge(feature: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"bands of '{feature}': expected numbers, got '{text}'") from error


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(
            f"{name}: expected a number, or NAME=NUMBER,NAME=NUMBER, got '{text}'"
        ) from error
