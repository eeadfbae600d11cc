"""What changed between two audits for each group of people, by one sensitive feature."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rafair.gating.pairing import Pairing
from rafair.gating.rate_change import Change, compared
from rafair.results.audit_options import AuditOptions
from rafair.results.audit_result import Audit
from rafair.results.instance_outcomes import PerInstance
from rafair.results.rate_names import RateName
from rafair.results.rates_by_group import Grouping, grouping_of, own_values

METRIC = "accurate_fairness"
Side = tuple[Audit, PerInstance]
Cut = tuple[Grouping, list[float] | None]
"""A feature's groups, and the edges of the bands that made them."""


def group_changes(first: Side, second: Side, pairing: Pairing) -> list[Change]:
    """Clean and robust accurate fairness of every group that both audits have instances of.

    Groups are those of single features; where the audits cut a feature's numbers into other bands,
    its groups are not the same and are left out. Instances are paired within their group.

    Args:
        first: One audit, and its instances.
        second: The other.
        pairing: Which instances are compared.
    """
    one, other = (_groupings(*side) for side in (first, second))
    common = [name for name in one if name in other and _alike(one[name], other[name])]
    found = []
    for name in _rates(first[0], second[0]):
        held = first[1].holds(name), second[1].holds(name)
        if held[0] is None or held[1] is None:
            continue
        for feature in common:
            for group, members in _members(one[feature], other[feature], pairing):
                change = compared(name, *held, members)
                if change is not None:
                    found.append(replace(change, group=(feature, group)))
    return found


def _rates(first: Audit, second: Audit) -> Iterator[RateName]:
    yield RateName("clean", METRIC)
    for attack in first.record.attacks:
        if attack in second.record.attacks:
            yield RateName("robust", METRIC, attack)


def _groupings(audit: Audit, each: PerInstance) -> dict[str, Cut]:
    """The groups of each sensitive feature, and the bands that made them."""
    schema, bands = audit.schema, audit.options.bands
    if bands is None:  # of a run of before bands were known
        bands = AuditOptions().bands_of(schema)
    values = own_values(audit.folder, each, [schema[name] for name in schema.sensitive])
    found: dict[str, Cut] = {}
    for name in schema.sensitive:
        edges = bands.get(name)
        made = grouping_of(values, schema[name], edges)
        found[name] = made, None if edges is None else list(edges)
    return found


def _alike(one: Cut, other: Cut) -> bool:
    return one[1] == other[1]


def _members(one: Cut, other: Cut, pairing: Pairing) -> Iterator[tuple[str, Pairing]]:
    """Each group that both audits name, and its instances among those compared."""
    mine, theirs = one[0], other[0]
    for code, group in enumerate(mine.names):
        if group not in theirs.names:
            continue
        here = _of_group(mine, code, pairing.first)
        there = _of_group(theirs, theirs.names.index(group), pairing.second)
        yield group, replace(pairing, first=here, second=there)


def _of_group(grouping: Grouping, code: int, places: NDArray[np.int64]) -> NDArray[np.int64]:
    found: NDArray[np.int64] = places[grouping.codes[places] == code]
    return found
