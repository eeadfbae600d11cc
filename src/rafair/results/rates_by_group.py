"""Rates by sensitive group: who is in which group, and the document's sections `groups`, `gaps`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rafair.errors import InputError, RunFolderError
from rafair.metrics.group_gaps import Gap, largest_gap, rates_by_group
from rafair.metrics.rates import Rate
from rafair.results.audit_options import AuditOptions
from rafair.results.audit_record import AuditRecord, Gaps, Group
from rafair.results.group_names import MISSING, OTHER, band_names, unlike, value_name
from rafair.results.instance_outcomes import PerInstance
from rafair.results.parquet_columns import by_attack, columns_of, numbers
from rafair.results.rate_names import RateName
from rafair.results.run_files import ADVERSARIAL, AUDIT
from rafair.tabular.number_codes import number_codes
from rafair.tabular.schema import Feature, Schema

METRICS = ("accuracy", "individual_fairness", "accurate_fairness")
BOTH = " × "
"""Stands between the names of two features, and of two of their groups."""

Bands = Mapping[str, Sequence[float]]
Values = Mapping[str, NDArray[Any]]
Held = Mapping[str, NDArray[np.bool_]]


class ByGroup(NamedTuple):
    """The sections `groups` and `gaps` of `audit.json`, by feature or pair of them."""

    groups: Mapping[str, Mapping[str, Group]]
    gaps: Mapping[str, Gaps]


@dataclass(frozen=True)
class Grouping:
    """The groups of one sensitive feature, or of two together.

    Args:
        features: The feature, or both.
        names: What the groups are called; no two alike.
        codes: For each instance an index into `names`; shape `(n,)`.
    """

    features: tuple[str, ...]
    names: tuple[str, ...]
    codes: NDArray[np.int64]


def groups_document(
    each: PerInstance, folder: Path, schema: Schema, bands: Bands, attacks: Iterable[str]
) -> ByGroup:
    """The sections `groups` and `gaps` of `audit.json`.

    Args:
        each: The instances' verdicts.
        folder: The run folder, whose `adversarial.parquet` has the instances' own values.
        schema: The features.
        bands: The edges of the numbers' bands by feature, as `AuditOptions.bands_of` gives them.
        attacks: The attacks and unions of the section `attacks`.

    Raises:
        RunFolderError: If the file does not have one clean row for each instance.
    """
    sensitive = [schema[name] for name in schema.sensitive]
    found = groupings(own_values(folder, each, sensitive), schema, bands)
    held = _held(each, attacks)
    keys = unlike(BOTH.join(grouping.features) for grouping in found)
    groups, gaps = dict[str, dict[str, Group]](), dict[str, Gaps]()
    for key, grouping in zip(keys, found, strict=True):
        sizes = np.bincount(grouping.codes, minlength=len(grouping.names)).tolist()
        clean, *others = (_by_metric(holds, grouping) for holds in held.values())
        robust = dict(zip(list(held)[1:], others, strict=True))
        groups[key] = {
            name: Group(
                n,
                _of_group(clean, name),
                {attack: _of_group(rates, name) for attack, rates in robust.items()},
            )
            for name, n in zip(grouping.names, sizes, strict=True)
        }
        gaps[key] = Gaps(_gaps(clean), {attack: _gaps(rates) for attack, rates in robust.items()})
    return ByGroup(groups, gaps)


def groups_of(record: AuditRecord, folder: Path) -> ByGroup:
    """The sections `groups` and `gaps` of a run, derived from its files where it has none.

    Args:
        record: The run's; that of an older run need not have them.
        folder: The run folder.

    Raises:
        RunFolderError: If the files that they must be derived from cannot be read.
    """
    if record.groups is not None and record.gaps is not None:
        return ByGroup(record.groups, record.gaps)
    try:
        return derived_groups(record, PerInstance.read(folder), folder)
    except (OSError, pa.ArrowException, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise RunFolderError(
            f"'{folder / ADVERSARIAL}': expected the rows of the run: {reason}"
        ) from error


def derived_groups(record: AuditRecord, each: PerInstance, folder: Path) -> ByGroup:
    """The sections `groups` and `gaps` of a run, derived from its files.

    Args:
        record: The run's, of which schema, bands and attacks are taken.
        each: The instances' verdicts.
        folder: The run folder.

    Raises:
        RunFolderError: If the document's bands are none, or the files are not those of the run.
    """
    bands = _bands_of(record, folder)
    return groups_document(each, folder, record.dataset.schema, bands, record.attacks)


def rates_by_groups(
    record: AuditRecord, each: PerInstance, folder: Path, name: RateName
) -> dict[str, dict[str, Rate | None]]:
    """One rate by group, by feature or pair of them, counted in a run's files.

    Args:
        record: The run's.
        each: The instances' verdicts, and what was proven of them.
        folder: The run folder.
        name: The rate; who does not count for it is in no group.

    Raises:
        RunFolderError: If the document's bands are none, or the files are not those of the run.
    """
    schema, holds = record.dataset.schema, each.holds(name)
    assert holds is not None  # a rate that the run has
    counted = ~np.isnan(holds)
    values = own_values(folder, each, [schema[feature] for feature in schema.sensitive])
    found = groupings(values, schema, _bands_of(record, folder))
    keys = unlike(BOTH.join(grouping.features) for grouping in found)
    return {
        key: dict(
            zip(
                grouping.names,
                rates_by_group(holds[counted] > 0, grouping.codes[counted], len(grouping.names)),
                strict=True,
            )
        )
        for key, grouping in zip(keys, found, strict=True)
    }


def _bands_of(record: AuditRecord, folder: Path) -> Bands:
    given = record.config.get("bands")
    try:
        bands = AuditOptions(bands=given).bands_of(record.dataset.schema)
    except InputError as error:
        raise RunFolderError(f"'{folder / AUDIT}': config: {error}") from error
    # those of a run are complete: what is not among them has no bands
    return bands if given is None else {name: bands[name] for name in given}


def own_values(folder: Path, each: PerInstance, features: Sequence[Feature]) -> Values:
    """The instances' values as they were, by column: `encoded.`, of numbers also `raw.`.

    Args:
        folder: The run folder.
        each: The instances' verdicts, whose order the rows have.
        features: The features that are wanted.

    Raises:
        RunFolderError: If there is not one clean row for each instance.
    """
    path = folder / ADVERSARIAL
    table = columns_of(path, ["attack", "step", "instance", *_columns(features)])
    first = by_attack(table).get(each.attacks[0], np.empty(0, np.int64))
    clean = first[numbers(table["step"])[first] == 0]
    if not np.array_equal(numbers(table["instance"])[clean], each.instances):
        raise RunFolderError(f"'{path}': expected one row of step 0 for each instance")
    return {name: numbers(table[name])[clean] for name in _columns(features)}


def _columns(features: Iterable[Feature]) -> list[str]:
    """Codes of all features; of numbers the values too, by which bands are cut."""
    return [
        f"{kind}.{feature.name}"
        for feature in features
        for kind in ("encoded", *(["raw"] if feature.kind.is_number else []))
    ]


def groupings(values: Values, schema: Schema, bands: Bands) -> list[Grouping]:
    """The groups of every sensitive feature, and then of every pair of them, in schema order.

    A feature's levels, single values and bands are groups also where nobody is in them; a pair has
    those groups in which somebody is.

    Args:
        values: The columns that `own_values` reads.
        schema: The features.
        bands: The edges of the numbers' bands by feature.
    """
    single = [grouping_of(values, schema[name], bands.get(name)) for name in schema.sensitive]
    return [*single, *(_pair(first, second) for first, second in combinations(single, 2))]


def grouping_of(values: Values, feature: Feature, edges: Sequence[float] | None) -> Grouping:
    """The groups of one feature.

    Args:
        values: The columns that `own_values` reads.
        feature: The feature.
        edges: Of a number the edges of its bands; None where the values of its domain stand by
            themselves, and for levels.
    """
    encoded = values[f"encoded.{feature.name}"]
    absent = (encoded < 0) & feature.missing
    if not feature.kind.is_number:
        levels = feature.levels or ()
        names = [str(level) for level in levels]
        codes = np.rint(encoded * max(len(levels) - 1, 1)).astype(np.int64)
    elif edges is not None:
        raw = values[f"raw.{feature.name}"]
        names = band_names(feature, edges)
        below = len(edges) + 1 - len(names)  # none below where nothing can be there
        codes = np.searchsorted(np.asarray(edges, np.float64), raw, side="right") - below
        codes = np.maximum(codes, 0)  # the range's end may miss itself by a rounding
    else:
        domain = {_code(v, feature): v for v in feature.domain or ()}
        known = np.array(sorted(domain), np.float32)
        names = [value_name(feature, domain[float(code)]) for code in known]
        codes = np.searchsorted(known, encoded)
        strange = (known[np.minimum(codes, len(known) - 1)] != encoded) & ~absent
        codes, names = _with(OTHER, strange, codes, names)
    codes, names = _with(MISSING, absent, codes, names)
    return Grouping((feature.name,), unlike(names), codes)


def _code(value: float, feature: Feature) -> float:
    """The code of a value of a number's domain, as it is stored."""
    return float(number_codes(np.array([float(value)]), feature).astype(np.float32)[0])


def _with(
    name: str, who: NDArray[np.bool_], codes: NDArray[np.int64], names: list[str]
) -> tuple[NDArray[np.int64], list[str]]:
    """Another group, if somebody is in it."""
    if not who.any():
        return codes, names
    return np.where(who, len(names), codes), [*names, name]


def _pair(first: Grouping, second: Grouping) -> Grouping:
    size = len(second.names)
    there, codes = np.unique(first.codes * size + second.codes, return_inverse=True)
    names = [f"{first.names[code // size]}{BOTH}{second.names[code % size]}" for code in there]
    return Grouping((*first.features, *second.features), unlike(names), codes)


def _held(each: PerInstance, attacks: Iterable[str]) -> dict[str, Held]:
    """Per attack, the clean rows before them, and per metric whether each instance has it."""
    found: dict[str, Held] = {}
    for attack in ("", *attacks):
        kind = "robust" if attack else "clean"
        names = (RateName(kind, metric, attack or None) for metric in METRICS)
        each_metric = [each.holds(name) for name in names]
        found[attack] = {
            metric: holds > 0  # every audit has these
            for metric, holds in zip(METRICS, each_metric, strict=True)
            if holds is not None
        }
    return found


def _by_metric(held: Held, grouping: Grouping) -> dict[str, dict[str, Rate | None]]:
    """Per metric the rate of each group."""
    found = {}
    for metric, holds in held.items():
        rates = rates_by_group(holds, grouping.codes, len(grouping.names))
        found[metric] = dict(zip(grouping.names, rates, strict=True))
    return found


def _of_group(rates: Mapping[str, Mapping[str, Rate | None]], name: str) -> dict[str, Rate | None]:
    return {metric: by_group[name] for metric, by_group in rates.items()}


def _gaps(rates: Mapping[str, Mapping[str, Rate | None]]) -> dict[str, Gap | None]:
    return {metric: largest_gap(by_group) for metric, by_group in rates.items()}
