"""The options that the commands of `rafair monitor` share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rafair.cli import model_options as models
from rafair.errors import InputError

if TYPE_CHECKING:
    from rafair.monitoring.references.opening import Named

Watched = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run folder whose reference `init` has frozen.")
]
Store = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Where results are kept: a file for SQLite, or postgresql://USER@HOST/DATABASE.  "
        "[default: RUN/monitor/watch.sqlite]",
    ),
]
IdColumn = Annotated[
    str | None, typer.Option(metavar="NAME", help="The column that names rows.  [default: id]")
]
LabelColumn = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The column with the true class.  [default: label, else the data set's own]",
    ),
]
Patience = Annotated[
    str,
    typer.Option(
        metavar="TIME", help="How long to wait for a store that is away: 60s, 1h, forever."
    ),
]
Webhook = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Where new alarms are posted as JSON."),
]
LeastJudged = Annotated[
    float,
    typer.Option(
        metavar="SHARE",
        help="The least share of a window's rows, 0 to 1, that has to be judged; with less an "
        "alarm of the kind 'data' is raised.",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(metavar="MODEL", help="The audit's model, where the run's folder holds none."),
]


def named(
    model: str | None,
    data: Path | None,
    said: Mapping[str, Any],
    device: str,
    max_queries: int | None,
) -> Named:
    """What the user names since the run's folder does not hold it.

    Args:
        model: The model.
        data: The table.
        said: The options given that say how the model is opened and asked.
        device: Where it computes.
        max_queries: The most rows that it may be asked about.

    Raises:
        InputError: If an option has no effect.
    """
    from rafair.models.http.options import HttpOptions
    from rafair.models.model_options import ADDRESSES, ModelOptions
    from rafair.monitoring.references.opening import Named

    opening = {name: value for name, value in said.items() if name not in models.HTTP}
    http = {name: value for name, value in said.items() if name in models.HTTP}
    if model is None and said:
        name, value = next(iter(said.items()))
        raise InputError(f"{name}: expected with --model, which it belongs to; got '{value}'")
    if http and not (model or "").startswith(ADDRESSES):
        name, value = next(iter(http.items()))
        raise InputError(f"{name}: expected only for a model behind http(s)://, got '{value}'")
    return Named(
        model,
        data,
        ModelOptions(**opening, device=device),
        HttpOptions(**http),
        max_queries,
    )
