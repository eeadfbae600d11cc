"""Public functions of gates: a run against a policy, and against a baseline where one is given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rafair.errors import InputError, RunFolderError, UnfinishedRunError
from rafair.gating.baseline import check_baseline
from rafair.gating.gate_decision import Decision, RunFacts
from rafair.gating.judged_runs import Runs
from rafair.gating.policy import Policy
from rafair.gating.policy_file import as_policy
from rafair.gating.rule_findings import findings_of
from rafair.results.audit_result import Audit
from rafair.results.rate_names import PROVEN
from rafair.results.run_files import AUDIT
from rafair.results.verification import understanding, verified_run

REPAIRS = ("repaired", "corrected")


def gate(
    run: Audit | str | Path,
    policy: Policy | Mapping[str, object] | str | Path,
    baseline: Audit | str | Path | None = None,
) -> Decision:
    """Holds a finished audit against thresholds.

    Every rate is derived again from the run's files first; a run whose `audit.json` does not
    follow from them is refused, and so is such a baseline.

    Args:
        run: The audit, or its run folder.
        policy: The policy, its content, or its TOML file; `docs/gate.md` says what stands in it.
        baseline: The run to compare with, in the place of the one that the policy names.

    Returns:
        The decision: `passed`, and a finding for each rule, attack and group.

    Raises:
        InputError: If the policy is wrong, the run does not follow from its files, or the baseline
            cannot be compared with it.
        UnfinishedRunError: If an audit was not carried to its end.

    Example:
        >>> import rafair
        >>> table = rafair.load_dataset("affairs").test
        >>> result = rafair.audit(lambda rows: rows[:, :2], table, attacks=(), instances=50)
        >>> rule = {"rate": "clean.accuracy", "at_least": 0.99}
        >>> rafair.gate(result, {"version": 1, "rule": [rule]}).verdict
        'failed: 1 of 1 rule'
    """
    rules = as_policy(policy)
    return held(verified_run(_folder("run", run)), rules, policy, baseline)


def held(
    audit: Audit, policy: Policy, given: object, baseline: Audit | str | Path | None = None
) -> Decision:
    """Holds an audit whose figures follow from its files against a policy that was read.

    Args:
        audit: The audit.
        policy: The policy.
        given: What it was read from: a file is named where it asks for what there is not.
        baseline: The run to compare with, in the place of the one that the policy names.

    Raises:
        InputError: If the policy asks for what the run has not, or the baseline cannot be compared.
        UnfinishedRunError: If the baseline was not carried to its end.
    """
    if baseline is None and policy.baseline is not None:
        baseline = policy.baseline.run
    other = None if baseline is None else _baseline(audit, baseline, policy)
    with understanding(audit.folder / AUDIT):
        try:
            return decide(policy, audit, other)
        except InputError as error:
            where = f"'{given}': " if isinstance(given, str | Path) else ""
            raise InputError(f"{where}{error}") from error


def decide(policy: Policy, audit: Audit, baseline: Audit | None = None) -> Decision:
    """Thresholds and audits in, the decision out; both audits are taken at their word."""
    runs = Runs.of(audit, baseline)
    found = [
        finding
        for number, rule in enumerate(policy.rule, start=1)
        for finding in findings_of(rule, number, runs)
    ]
    return Decision(
        tuple(found), RunFacts.of(audit), RunFacts.of(baseline) if baseline is not None else None
    )


def _baseline(audit: Audit, given: Audit | str | Path, policy: Policy) -> Audit:
    try:
        baseline = verified_run(_folder("baseline", given))
    except (RunFolderError, UnfinishedRunError) as error:
        raise type(error)(f"baseline: {error}") from error
    compared = {rule.kind for rule in policy.rule if rule.compares}
    check_baseline(
        audit,
        baseline,
        repairs=not compared.isdisjoint(REPAIRS),
        certificates=not compared.isdisjoint(PROVEN),
    )
    return baseline


def _folder(what: str, run: Any) -> Path:
    if isinstance(run, Audit):
        return run.folder
    if not isinstance(run, str | Path):
        raise InputError(f"{what}: expected a path or a rafair.Audit, got {type(run).__name__}")
    return Path(run)
