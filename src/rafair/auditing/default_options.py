"""The options that suit the data where a user gives none: epsilons, perturbation, instances."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rafair.auditing.audit_setup import AuditConfig
from rafair.auditing.whole_file_verdicts import rows_per_shard
from rafair.errors import InputError
from rafair.results.attack_runs import is_feasible, runs_of
from rafair.results.audit_options import Perturbation
from rafair.search.counterpart_evaluator import suitable_chunk_rows
from rafair.sources.row_sources import DataSource
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.streamed_table import TableFile

OWN_EPSILONS = (0.01, 0.02, 0.05)
"""The budgets of one's own data, as shares of each feature's usual spread."""

MOST_SAMPLED = 100_000
"""Rows that are sampled of a stream: they are held in memory, with all that attacks find."""


def options_for(data: DataSource, given: dict[str, Any], device: str) -> AuditConfig:
    """The options that are given, and what suits the data for the others.

    A user's own table is audited whole, under perturbations that could really happen, and at
    several budgets. Of a file that is streamed all rows are judged, and a sample of them is
    attacked.

    Args:
        data: The rows.
        given: Options of `AuditConfig` that differ from the defaults.
        device: Where the model computes.

    Raises:
        InputError: If an option is out of range, or does not fit the rows.
    """
    if data.schema.own:
        given = _own(given)
    if data.stream is not None:
        if data.stream.own:
            given = {"perturbation": Perturbation.FEASIBLE} | given
        config = AuditConfig(**given)
        return _of_stream(config, data.stream, device, given="instances" in given)
    if data.origin.file is not None:
        given = {"instances": None, "perturbation": Perturbation.FEASIBLE} | given
    return AuditConfig(**given)


def _own(given: dict[str, Any]) -> dict[str, Any]:
    said = {"epsilon", "epsilons", "step_size"} & given.keys()
    budgets = {} if said else {"epsilons": OWN_EPSILONS}
    return {"perturbation": Perturbation.FEASIBLE} | budgets | given


def _of_stream(config: AuditConfig, file: TableFile, device: str, *, given: bool) -> AuditConfig:
    if not given:
        config = replace(config, instances=min(config.instances or file.rows, file.rows))
    if config.chunk_rows is None:
        # one shape for all rows and for the sample: a row must get one verdict
        counterparts = Counterparts.of(file.schema).size
        rows = min(file.rows, rows_per_shard(counterparts))
        config = replace(config, chunk_rows=suitable_chunk_rows(rows * counterparts, device))
    return config


def check_against(data: DataSource, config: AuditConfig) -> None:
    """Refuses options that do not fit the rows.

    Raises:
        InputError: If nothing may move, or there are fewer rows.
    """
    for feasible in {is_feasible(name, config) for name in runs_of(config)[0]} or {False}:
        config.budget(data.schema, feasible=feasible)
    rows = data.n_rows
    if data.stream is not None and (config.instances or rows) > min(MOST_SAMPLED, rows):
        most = min(MOST_SAMPLED, rows)
        why = "held in memory at once" if most == MOST_SAMPLED else "of the file"
        raise InputError(
            f"instances: expected at most {most:,} rows, {why}; got {config.instances or 'all'} "
            f"(verdicts are given for all {rows:,} rows of '{data.stream.path}' in any case)"
        )
    if config.instances is not None and config.instances > rows:
        raise InputError(
            f"instances: expected at most {rows:,}, the rows of '{data.name}' that can be "
            f"audited, got {config.instances:,}"
        )
