"""Robust rates at the smaller budgets of an audit: the section `curve`, from `curve.parquet`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from rafair.metrics import verdict_rates
from rafair.results.attack_runs import members_of
from rafair.results.derived_rates import counted
from rafair.results.instance_outcomes import PerInstance
from rafair.results.rates_by_group import Bands, groups_document
from rafair.results.stored_verdicts import Verdicts, budget_key
from rafair.tabular.schema import Schema


def curve_document(
    gathered: Verdicts, folder: Path, schema: Schema, bands: Bands, attacks: Iterable[str]
) -> dict[str, Mapping[str, object]]:
    """By budget the robust rates of each attack, also by group, and what they cost.

    Args:
        gathered: The verdicts stored in the run folder.
        folder: The run folder.
        schema: The features.
        bands: The edges of the numbers' bands by feature.
        attacks: The attacks and unions of the section `attacks`.

    Raises:
        RunFolderError: If the folder's files are not of one audit.
    """
    names, each = list(attacks), PerInstance(gathered)
    spent = gathered.counters.get("curve", {})
    found: dict[str, Mapping[str, object]] = {}
    for epsilon in gathered.curve:
        here = each.at(epsilon)
        by_group = groups_document(here, folder, schema, bands, names)
        key = budget_key(epsilon)
        found[key] = {
            "robust": {name: verdict_rates.robust(here.pooled(name)) for name in names},
            "spent": {
                name: counted(spent, [f"{key}/{one}" for one in members_of(name)]) for name in names
            },
            **by_group._asdict(),
        }
    return found
