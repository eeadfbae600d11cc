"""A first schema from the values of a table, with what a person has to decide in comments."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from rafair.errors import DataFileError, InputError, RafairWarning
from rafair.tabular.column_description import described
from rafair.tabular.frame_file import read_frame
from rafair.tabular.frames import as_frame
from rafair.tabular.labels import classes_in
from rafair.tabular.likely_one_hot import find_groups
from rafair.tabular.proposed_rules import proposed_rules
from rafair.tabular.reading_options import AS_IT_IS, ReadAs
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.schema_file import (
    comment,
    write_dropped,
    write_feature,
    write_relations,
    write_schema,
)
from rafair.tabular.similar_names import alike
from rafair.tabular.table import MOST_CLASSES, check_columns

HEAD = (
    "A proposal: what was seen stands in comments. Look at every feature, and decide",
    "  kind: numeric, integer, ordinal (levels in their order), categorical, boolean, or opaque",
    "    (given to the model as it is, never moved);",
    "  minimum and maximum: what may occur, not only what was seen;",
    "  sensitive = true, and domain = [...] where other values than those seen count;",
    "  immutable = true, direction = increase_only or decrease_only, largest_change;",
    "  drop = true of a column that the model never sees.",
    'relations = ["debt <= 0.4 * income"] would stand above the first [[feature]];',
    'derive = "loan / price" makes a number follow from others when they move.',
)


@dataclass(frozen=True)
class Proposal:
    """What a table's columns look like.

    Args:
        features: A feature for each column in which a value was seen.
        label: The label column, if it was named.
        classes: The label's classes.
        notes: What was seen, by feature; of the label under its name.
        left_out: Columns that cannot be features, and why.
        dropped: Their names, in the same order.
        relations: Orders that hold between numbers in all rows.
    """

    features: tuple[Feature, ...]
    label: str | None
    classes: tuple[str, ...]
    notes: dict[str, list[str]] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    relations: tuple[str, ...] = ()

    def text(self) -> str:
        """The proposal as a schema file."""
        head = list(HEAD)
        left_out = [
            write_dropped(name, why) for name, why in zip(self.dropped, self.left_out, strict=True)
        ]
        if not any(feature.sensitive for feature in self.features):
            head.append("sensitive = true    # in at least one [[feature]]: none is sensitive yet")
        if self.label is not None:
            schema = Schema(
                features=self.features,
                label=self.label,
                classes=self.classes,
                relations=self.relations,
            )
            return (
                "\n\n".join([write_schema(schema, self.notes | {"": head})[:-1], *left_out]) + "\n"
            )
        placeholders = (
            'label = "..."      # the column with the true class; its [[feature]] then only says',
            "                   # which classes there are, unless they are listed:",
            'classes = ["no", "yes"]',
        )
        top = list(map(comment, (*head, *placeholders)))
        if self.relations:
            top.append(write_relations(self.relations))
        parts = ["\n".join(top)]
        parts += [write_feature(f, self.notes.get(f.name, ())) for f in self.features]
        return "\n\n".join([*parts, *left_out]) + "\n"


def propose(
    frame: Any,
    label: str | None = None,
    sensitive: Collection[str] = (),
    immutable: Collection[str] = (),
) -> Proposal:
    """Proposes a schema for a table.

    Nothing is guessed that the values do not show: an order of levels, for instance, is only
    suggested in a comment. Formulas and orders between numbers are proposed where they hold in all
    rows and rows are enough for that to be no chance; see `likely_formulas` and `likely_orders`.

    Args:
        frame: The rows.
        label: The label column.
        sensitive: The sensitive columns.
        immutable: The columns that a perturbation must not move.

    Raises:
        UnknownNameError: If a column that was named is not there.
        InputError: If it is no frame; the label has a missing value or no two classes; a column
            holds values of more than one kind; or a sensitive column is the label, one of a one-hot
            group, cannot be a feature, or has values that single precision does not tell apart.

    Example:
        >>> frame = pd.DataFrame({"age": [20, 61, 35], "pay": ["low", "high", "low"]})
        >>> proposal = propose(frame)
        >>> [(feature.name, str(feature.kind)) for feature in proposal.features]
        [('age', 'integer'), ('pay', 'categorical')]
        >>> print(proposal.notes["pay"][-1])
        these levels look ordered; if so: kind = "ordinal", levels = ["low", "high"]
    """
    frame = as_frame(frame, "table")
    check_columns(frame, [] if label is None else [label], sensitive, immutable)
    groups = find_groups(frame.drop(columns=[] if label is None else [label]))
    features, notes, left_out = [], {}, {}
    for name in frame.columns:
        if name == label:
            continue
        group = groups.get(name)
        if name in sensitive and group is not None:
            raise InputError(
                f"sensitive column '{name}': expected in no one-hot group, found in '{group}'; "
                "make the group one column"
            )
        made = partial(
            Feature, sensitive=name in sensitive, mutable=name not in immutable, group=group
        )
        feature, said = described(frame[name], made, sensitive=name in sensitive, group=group)
        if feature is None:
            if name in sensitive:
                raise InputError(
                    f"sensitive column '{name}': expected levels or numbers; {said[0]}"
                )
            left_out[name] = f"column {name!r} is left out: {said[0]}"
        else:
            features.append(feature)
            notes[name] = said
    classes: tuple[str, ...] = ()
    if label is not None:
        classes, notes[label] = _classes(frame[label], label)
    rules = proposed_rules(frame, features, notes)
    whys = tuple(left_out.values())
    return Proposal(rules.features, label, classes, notes, whys, tuple(left_out), rules.relations)


def propose_file(
    path: Path,
    label: str | None = None,
    sensitive: Collection[str] = (),
    immutable: Collection[str] = (),
    reading: ReadAs = AS_IT_IS,
) -> Proposal:
    """Proposes a schema for a file; see `propose`, and `read_frame` for the kinds of files.

    Raises:
        DataFileError: If the file cannot be read, or as `propose` does; names the file.
    """
    frame = read_frame(path, reading=reading)
    try:
        return propose(frame, label, sensitive, immutable)
    except InputError as error:
        raise DataFileError(f"'{path}': {error}") from error


def _classes(values: pd.Series[Any], label: str) -> tuple[tuple[str, ...], list[str]]:
    names, counts = classes_in(values, MOST_CLASSES)
    listed = zip(names, counts, strict=True)
    seen = ", ".join(f"{name}: {count:,} rows" for name, count in listed)
    return names, [
        f"seen: {seen}; a class's place in the list is its code",
        *alike("classes", names),
    ]


def infer_schema(frame: Any, *, label: str, sensitive: Collection[str] = ()) -> Schema:
    """Proposes a schema for a frame, the one that `rafair schema infer` writes for a file.

    It is a first draft: ranges and levels are those seen, and what could really happen to a person
    (`direction`, `largest_change`, `mutable`, relations) is for you to say.

    Args:
        frame: The rows, in a frame of pandas, polars or pyarrow.
        label: The label column.
        sensitive: The sensitive columns.

    Raises:
        InputError: If it is no frame, or as `rafair schema infer` does; says which column, and why.

    Warns:
        RafairWarning: If a column can be no feature, and is left out.

    Example:
        >>> frame = pd.DataFrame({"age": [20, 61], "pay": [9.5, 8.25], "ok": [True, False]})
        >>> schema = infer_schema(frame, label="ok", sensitive=["age"])
        >>> schema["pay"].kind, schema["pay"].step, schema.classes
        (<Kind.NUMERIC: 'numeric'>, 0.01, ('False', 'True'))
    """
    frame = as_frame(frame, "table")
    check_columns(frame, [label], sensitive)
    proposal = propose(frame, label, sensitive)
    for left_out in proposal.left_out:
        warnings.warn(left_out, RafairWarning, stacklevel=2)
    return Schema(
        features=proposal.features,
        label=label,
        classes=proposal.classes,
        relations=proposal.relations,
    )
