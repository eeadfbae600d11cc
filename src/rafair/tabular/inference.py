"""A first schema from the values of a table, with what a person has to decide in comments."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rafair.errors import DataFileError, InputError, RafairWarning
from rafair.tabular.bands import MOST_VALUES, edges_of
from rafair.tabular.decimals import MOST_STEP_DECIMALS, decimals_of
from rafair.tabular.frame_file import read_frame
from rafair.tabular.frames import as_frame
from rafair.tabular.held import Held, check_held, held_in, shown
from rafair.tabular.labels import classes_in
from rafair.tabular.look_alikes import alike
from rafair.tabular.one_hot import find_groups
from rafair.tabular.orders import likely_order
from rafair.tabular.plain_values import as_numbers
from rafair.tabular.read_as import AS_IT_IS, ReadAs
from rafair.tabular.reading import odd_values
from rafair.tabular.schema import Feature, Kind, Schema, check_span
from rafair.tabular.schema_file import comment, write_feature, write_schema
from rafair.tabular.single_precision import TOLD_APART, check_told_apart, lost
from rafair.tabular.table import MANY_LEVELS, MOST_CLASSES, check_columns

MOST_STEPS = 1 << 22
"""Steps of a range beyond which a value, once encoded, need not come back exactly."""

UNKNOWN = frozenset({"?", "-", "none", "unknown", "unk", "n/a", "not available"})
"""Texts, in lower case, that often stand for a value that nobody knows."""

FEW_CODES = 10
"""Whole numbers from 0 or 1 up to less than this may be codes of levels."""

SHOWN = 10
"""Values that a comment shows."""

HEAD = (
    "A proposal: what was seen stands in comments. Look at every feature, and decide",
    "  kind: numeric, integer, ordinal (levels in their order), categorical or boolean;",
    "  minimum and maximum: what may occur, not only what was seen;",
    "  sensitive = true, and domain = [...] where other values than those seen count;",
    "  immutable = true, direction = increase_only or decrease_only, largest_change.",
    'relations = ["debt <= 0.4 * income"] would stand above the first [[feature]].',
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
    """

    features: tuple[Feature, ...]
    label: str | None
    classes: tuple[str, ...]
    notes: dict[str, list[str]] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    def text(self) -> str:
        """The proposal as a schema file."""
        head = [*HEAD, *self.left_out]
        if not any(feature.sensitive for feature in self.features):
            head.append("sensitive = true    # in at least one [[feature]]: none is sensitive yet")
        if self.label is not None:
            schema = Schema(features=self.features, label=self.label, classes=self.classes)
            return write_schema(schema, self.notes | {"": head})
        placeholders = (
            'label = "..."      # the column with the true class; its [[feature]] then only says',
            "                   # which classes there are, unless they are listed:",
            'classes = ["no", "yes"]',
        )
        parts = ["\n".join(map(comment, (*head, *placeholders)))]
        parts += [write_feature(f, self.notes.get(f.name, ())) for f in self.features]
        return "\n\n".join(parts) + "\n"


def propose(frame: Any, label: str | None = None, sensitive: Collection[str] = ()) -> Proposal:
    """Proposes a schema for a table.

    Nothing is guessed that the values do not show: an order of levels, for instance, is only
    suggested in a comment.

    Args:
        frame: The rows.
        label: The label column.
        sensitive: The sensitive columns.

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
    check_columns(frame, [] if label is None else [label], sensitive)
    groups = find_groups(frame.drop(columns=[] if label is None else [label]))
    features, notes, left_out = [], {}, []
    for name in frame.columns:
        if name == label:
            continue
        group = groups.get(name)
        if name in sensitive and group is not None:
            raise InputError(
                f"sensitive column '{name}': expected in no one-hot group, found in '{group}'; "
                "make the group one column"
            )
        feature, said = _described(frame[name], sensitive=name in sensitive, group=group)
        if feature is None:
            if name in sensitive:
                raise InputError(
                    f"sensitive column '{name}': expected levels or numbers; {said[0]}"
                )
            left_out.append(f"column {name!r} is left out: {said[0]}")
        else:
            features.append(feature)
            notes[name] = said
    classes: tuple[str, ...] = ()
    if label is not None:
        classes, notes[label] = _classes(frame[label], label)
    return Proposal(tuple(features), label, classes, notes, tuple(left_out))


def propose_file(
    path: Path,
    label: str | None = None,
    sensitive: Collection[str] = (),
    reading: ReadAs = AS_IT_IS,
) -> Proposal:
    """Proposes a schema for a file; see `propose`, and `read_frame` for the kinds of files.

    Raises:
        DataFileError: If the file cannot be read, or as `propose` does; names the file.
    """
    frame = read_frame(path, reading=reading)
    try:
        return propose(frame, label, sensitive)
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


def _described(
    values: pd.Series[Any], *, sensitive: bool, group: str | None
) -> tuple[Feature | None, list[str]]:
    """A feature for a column, if it can be one, and what was seen in it."""
    present = values[values.notna().to_numpy()]
    why = _unfit(present)
    if why is not None:
        return None, [why]
    absent = len(values) - len(present)
    name = str(values.name)
    made = partial(Feature, name=name, sensitive=sensitive, missing=absent > 0, group=group)
    if group is not None:
        levels = (False, True) if held_in(present) is Held.TRUTHS else (0, 1)
        feature = made(kind=Kind.BOOLEAN, levels=levels)
        said = [f"one of the one-hot group '{group}': exactly one is true in every row"]
    elif _is_number(present):
        feature, said = _number(present, made)
        if sensitive:
            check_told_apart(present, feature)
        elif found := lost(present, feature):
            return None, [f"it does not hold {TOLD_APART}: {found}"]
    else:
        feature, said = _levels(present, made)
    if sensitive:
        said += [_about_domain(present), *_about_bands(feature, present)]
    if absent:
        said.append(f"missing in {absent:,} of {len(values):,} rows")
    return feature, said


def _unfit(present: pd.Series[Any]) -> str | None:
    """Why a column with these values can be no feature; None if it can.

    Raises:
        InputError: If it holds values of more than one kind.
    """
    if present.empty:
        return "no value was seen in it"
    kind = held_in(present)
    if kind is Held.TIMES:
        return "it holds times; make them numbers, such as years since then"
    if kind is Held.OTHERS:
        return f"it holds values of the type {type(present.iloc[0]).__name__}"
    check_held(present, f"column '{present.name}'")
    endless = kind is Held.NUMBERS and not np.isfinite(as_numbers(present)).any()
    return "it holds infinities only" if endless else None


def _is_number(values: pd.Series[Any]) -> bool:
    return held_in(values) is Held.NUMBERS


def _number(present: pd.Series[Any], made: Callable[..., Feature]) -> tuple[Feature, list[str]]:
    values = as_numbers(present)
    endless = int((~np.isfinite(values)).sum())
    values = values[np.isfinite(values)]
    seen = np.unique(values)
    decimals = decimals_of(seen, single=present.dtype == np.float32)
    whole = decimals == 0
    check_span(f"column '{present.name}'", float(seen[0]), float(seen[-1]))
    feature = made(
        kind=Kind.INTEGER if whole else Kind.NUMERIC,
        # what was seen lies inside, also where it is a little off its last decimal
        minimum=min(_rounded(seen[0], decimals), float(seen[0])),
        maximum=max(_rounded(seen[-1], decimals), float(seen[-1])),
        step=None if whole or decimals is None else float(f"1e-{decimals}"),
    )
    said = [f"seen: {seen[0]:.10g} to {seen[-1]:.10g}, {_distinct(len(seen), len(values))}"]
    if endless:
        said.append(
            f"infinite in {endless:,} {'row' if endless == 1 else 'rows'}, which is not allowed: "
            "drop them"
        )
    said += _about_number(seen, len(values), whole=whole, decimals=decimals)
    return feature, said


def _about_number(
    seen: NDArray[np.float64], n_values: int, *, whole: bool, decimals: int | None
) -> list[str]:
    """What a person should ask about numbers."""
    if len(seen) == 1:
        return ["one value only: does it belong here?"]
    if decimals is None:
        return [f"more than {MOST_STEP_DECIMALS} decimals: continuous, without a step"]
    said = _about_steps(seen, decimals)
    codes = seen.astype(np.int64).tolist()
    if not whole:
        return said
    if codes == [0, 1]:
        return ['a truth value? then: kind = "boolean", levels = [0, 1], without a range']
    few = codes[0] in (0, 1) and codes[-1] < FEW_CODES
    if few and codes == list(range(codes[0], codes[-1] + 1)):
        return [
            f"codes of levels? then, without a range: levels = {codes}, and "
            'kind = "ordinal" if their order counts, else "categorical"'
        ]
    if len(codes) > MANY_LEVELS and len(codes) == n_values:
        said.append("another value in every row: is it a number of a case? then take it out")
    return said


def _about_steps(seen: NDArray[np.float64], decimals: int) -> list[str]:
    """What decimals, and what all numbers are a multiple of."""
    said = [] if not decimals else [f"{decimals} {'decimal' if decimals == 1 else 'decimals'}"]
    units = np.rint((seen - seen[0]) * 10**decimals)
    if units[-1] > MOST_STEPS:
        said.append(
            f"{units[-1]:,.0f} steps: above {MOST_STEPS:,}, values need not come back exactly, as "
            "rows are kept in single precision"
        )
    if units[-1] < 2**53:
        common = int(np.gcd.reduce(units.astype(np.int64)))
        if common > 1:
            said.append(
                f"all are {seen[0]:.10g} plus a multiple of {common / 10**decimals:.10g}: may "
                "others occur? if not, that is the step"
            )
    return said


def _levels(present: pd.Series[Any], made: Callable[..., Feature]) -> tuple[Feature, list[str]]:
    counts = present.value_counts()
    seen = sorted(counts.index.tolist())
    if held_in(present) is Held.TRUTHS:
        feature = made(kind=Kind.BOOLEAN, levels=(False, True))
        return feature, [f"seen: {_counted(counts)}"]
    feature = made(kind=Kind.CATEGORICAL, levels=tuple(seen))
    said = [f"seen: {_distinct(len(seen), len(present))}; {_counted(counts)}"]
    said += alike("levels", seen)
    odd = odd_values(present)
    if odd.size:
        said.append(
            f"numbers but for {odd.size:,} values, such as {shown(present.iloc[odd[0]])}: are "
            "these missing? then leave them empty in the file"
        )
        return feature, said
    unknown = [level for level in seen if str(level).strip().lower() in UNKNOWN]
    if unknown:
        n = int(counts[unknown].sum())
        said.append(
            f"{shown(unknown[0])} in {n:,} {'row' if n == 1 else 'rows'}: missing? then leave it "
            "empty in the file; as a level, a feasible perturbation may move people there"
        )
    order = likely_order(seen)
    if len(seen) == 1:
        said.append("one value only: does it belong here?")
    elif len(seen) > MANY_LEVELS and len(seen) > len(present) / 2:
        said.append("another text in most rows: is it a name? then take it out")
    elif order is not None:
        listed = ", ".join(f'"{level}"' for level in order)
        said.append(f'these levels look ordered; if so: kind = "ordinal", levels = [{listed}]')
    elif 2 * sum(any(map(str.isdecimal, str(level))) for level in seen) >= len(seen) > 2:
        said.append('numbers in the levels: bands? then: kind = "ordinal", levels in their order')
    return feature, said


def _about_domain(present: pd.Series[Any]) -> str:
    n = present.nunique()
    return (
        f"sensitive: every row is compared with itself at {n:,} values, those seen; "
        "domain = [...] would state others"
    )


def _about_bands(feature: Feature, present: pd.Series[Any]) -> list[str]:
    """How rates by group will be given, of a number with many values."""
    if not feature.kind.is_number or present.nunique() <= MOST_VALUES:
        return []
    edges = ", ".join(f"{edge:.10g}" for edge in edges_of(feature) or ())
    return [f"rates by group: bands = [{edges}] unless you state other edges"]


def _rounded(number: Any, decimals: int | None) -> float:
    return float(number) if decimals is None else float(np.round(float(number), decimals))


def _distinct(n: int, of: int) -> str:
    return f"{n:,} different {'value' if n == 1 else 'values'} in {of:,} rows"


def _counted(counts: pd.Series[int]) -> str:
    most = counts.head(SHOWN)
    listed = ", ".join(f"{level} ({count:,})" for level, count in most.items())
    return listed if len(counts) <= SHOWN else f"{listed}, …"


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
    return Schema(features=proposal.features, label=label, classes=proposal.classes)
