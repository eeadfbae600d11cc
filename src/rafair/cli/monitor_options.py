"""The options that the commands of `rafair monitor` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
