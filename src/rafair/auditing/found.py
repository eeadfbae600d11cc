"""What an audit has found, as sections of `audit.json`: rates, also by group and by budget."""

from __future__ import annotations

from pathlib import Path

from rafair.auditing.config import AuditConfig
from rafair.auditing.outcomes import Stored
from rafair.results.curve import curve_document
from rafair.results.derived_rates import plain, rates_document
from rafair.results.groups import groups_document
from rafair.results.per_instance import PerInstance
from rafair.results.stored_verdicts import Verdicts
from rafair.results.twins import unions_among
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
