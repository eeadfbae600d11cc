"""What one column of a table looks like: a feature, and what a person should ask about it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rafair.tabular.bands import MOST_VALUES, edges_of
from rafair.tabular.decimal_places import MOST_STEP_DECIMALS, decimals_of
from rafair.tabular.level_orders import likely_order
from rafair.tabular.likely_kinds import MANY_VALUES, two_levels, why_opaque
from rafair.tabular.plain_values import as_numbers
from rafair.tabular.schema import Feature, Kind, check_span
from rafair.tabular.similar_names import alike
from rafair.tabular.single_precision import TOLD_APART, check_told_apart, lost
from rafair.tabular.table_from_file import odd_values
from rafair.tabular.unusual_numbers import unusual
from rafair.tabular.value_types import Held, check_held, held_in, shown

MOST_STEPS = 1 << 22
"""Steps of a range beyond which a value, once encoded, need not come back exactly."""

UNKNOWN = frozenset({"?", "-", "none", "unknown", "unk", "n/a", "not available"})
"""Texts, in lower case, that often stand for a value that nobody knows."""

FEW_CODES = 10
"""Whole numbers from 0 or 1 up to less than this may be codes of levels."""

SHOWN = 10
"""Values that a comment shows."""


def described(
    values: pd.Series[Any], made: Callable[..., Feature], *, sensitive: bool, group: str | None
) -> tuple[Feature | None, list[str]]:
    """A feature for a column, if it can be one, and what was seen in it.

    Args:
        values: The column, plain.
        made: What makes a feature of the fields that are told by values.
        sensitive: Whether it is sensitive.
        group: The one-hot group that it is in.

    Raises:
        InputError: If it holds values of more than one kind.
    """
    present = values[values.notna().to_numpy()]
    why = _unfit(present, sensitive=sensitive)
    if why is not None:
        return None, [why]
    absent = len(values) - len(present)
    name = str(values.name)
    made = partial(made, name=name, missing=absent > 0)
    if not sensitive and group is None and (opaque := why_opaque(present)):
        feature, said = _opaque(present, made, opaque)
    elif group is not None:
        levels = (False, True) if held_in(present) is Held.TRUTHS else (0, 1)
        feature = made(kind=Kind.BOOLEAN, levels=levels)
        said = [f"one of the one-hot group '{group}': exactly one is true in every row"]
    elif (two := two_levels(present)) is not None:
        feature = made(kind=Kind.BOOLEAN, levels=two)
        said = [f"seen: {_counted(present.astype(np.int64).value_counts())}"]
    elif _is_number(present):
        feature, said = _number(present, made)
        if sensitive:
            check_told_apart(present[np.isfinite(as_numbers(present))], feature)
        elif found := lost(present, feature):
            return None, [f"it does not hold {TOLD_APART}: {found}"]
    else:
        feature, said = _levels(present, made)
    if sensitive:
        said += [_about_domain(present), *_about_bands(feature, present)]
    if absent:
        said.append(f"missing in {absent:,} of {len(values):,} rows")
    return feature, said


def _opaque(
    present: pd.Series[Any], made: Callable[..., Feature], why: str
) -> tuple[Feature, list[str]]:
    """A column that the model is given as it is."""
    n = present.nunique()
    said = f"seen: {_distinct(n, len(present))}, such as {present.iloc[0]}"
    way_out = "another kind lets it move, drop = true takes it out if the model never sees it"
    return made(kind=Kind.OPAQUE), [said, f"{why}: given to the model as it is; {way_out}"]


def _unfit(present: pd.Series[Any], *, sensitive: bool) -> str | None:
    """Why a column with these values can be no feature; None if it can.

    Raises:
        InputError: If it holds values of more than one kind.
    """
    if present.empty:
        return "no value was seen in it"
    kind = held_in(present)
    if kind is Held.TIMES:
        way_out = "make them numbers, such as years since then"
        return f"it holds times; {way_out}" if sensitive else None
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
    said += unusual(values)
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
    if not whole:
        return said
    few = seen[0] in (0, 1) and seen[-1] < FEW_CODES
    codes = list(map(int, seen)) if few else []
    if few and codes == list(range(codes[0], codes[-1] + 1)):
        return [
            f"codes of levels? then, without a range: levels = {codes}, and "
            'kind = "ordinal" if their order counts, else "categorical"'
        ]
    if len(seen) > MANY_VALUES and len(seen) == n_values:
        said.append(
            'another value in every row: is it a number of a case? then: kind = "opaque", without '
            "a range"
        )
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
