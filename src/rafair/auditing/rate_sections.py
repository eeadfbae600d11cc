"""What an audit has found, as sections of `audit.json`: rates, also by group and by budget."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rafair.auditing.attack_outcomes import Stored
from rafair.auditing.audit_setup import AuditConfig
from rafair.results.attack_runs import unions_among
from rafair.results.audit_options import Perturbation
from rafair.results.audit_record import Feasible
from rafair.results.derived_rates import plain, rates_document
from rafair.results.epsilon_curve import curve_document
from rafair.results.instance_outcomes import PerInstance
from rafair.results.rates_by_group import groups_document
from rafair.results.stored_verdicts import Verdicts
from rafair.sources.row_sources import DataSource
from rafair.tabular.schema import Schema


def found_sections(
    gathered: Verdicts,
    folder: Path,
    schema: Schema,
    config: AuditConfig,
    stored: Stored | None,
) -> dict[str, object]:
    """The sections that hold rates.

    Args:
        gathered: The verdicts stored in the run folder.
        folder: The run folder.
        schema: The features.
        config: What was asked.
        stored: The outcomes that were repaired, whose attacks are those of their own run.
    """
    bands = config.bands or {}
    rates = rates_document(gathered, unions_among(gathered.attacked, config), config.seed)
    if stored:
        rates["attacks"] = stored.audit.document["attacks"]
    attacks = rates["attacks"]
    groups = groups_document(PerInstance(gathered), folder, schema, bands, attacks)
    if stored:
        curve = stored.audit.document.get("curve")
    else:
        curve = plain(curve_document(gathered, folder, schema, bands, attacks))
    drawn = gathered.counters.get("yardstick")
    return {
        **rates,
        **groups._asdict(),
        **({"curve": curve} if curve else {}),
        **({"yardstick": drawn} if drawn else {}),
    }


def feasible_section(
    config: AuditConfig, data: DataSource, instances: NDArray[np.int64]
) -> dict[str, Feasible]:
    """What a reader of feasible perturbations should know of the data, if there are any."""
    if config.perturbation == Perturbation.PAPER:
        return {}
    box = config.feasible_set(data.schema)
    return {"feasible": Feasible(list(box.coarse), dict(box.broken(data.table.rows[instances])))}
