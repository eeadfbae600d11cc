"""What a user says of the columns of a table: which is the label, which may not decide or move."""

from __future__ import annotations

from collections.abc import Sequence

import rafair.option_values as typed
from rafair.options import group, option


@group
class Roles:
    """What the columns are; nothing where a schema says it."""

    label: str | None = option(
        None,
        "The column of --data with the true classes.",
        "COLUMN",
        "The label column; with a schema it may be left out, and must be the schema's.",
        said="as in --schema or the model's data",
    )
    sensitive: Sequence[str] = option(
        (),
        "The columns of --data whose change must not change the decision.",
        "A,B",
        "The sensitive columns. With a schema, if any are named, these and no others are "
        "sensitive, whatever the schema says; by default those of the schema.",
        said="as in --schema",
        read=typed.columns,
    )
    immutable: Sequence[str] = option(
        (),
        "Columns of --data that no perturbation moves, beside those of --schema.",
        "A,B",
        "Columns that a perturbation must not move. With a schema, these beside those that it "
        "names.",
        read=typed.columns,
    )
