"""A gate as an assertion, for tests of a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rafair.gating.gate_decision import Decision
    from rafair.gating.policy import Policy
    from rafair.results.audit_result import Audit


def assert_gate(
    run: Audit | str | Path,
    policy: Policy | Mapping[str, object] | str | Path,
    baseline: Audit | str | Path | None = None,
) -> None:
    """Fails where a finished audit does not reach what a policy asks for.

    Args:
        run: The audit, or its run folder.
        policy: The policy, its content, or its TOML file, as `rafair.gate` takes it.
        baseline: The run to compare with, in the place of the one that the policy names.

    Raises:
        AssertionError: If the gate fails; lists each failing rule in a sentence.
        InputError: If the policy is wrong, or a run does not follow from its files.
        UnfinishedRunError: If an audit was not carried to its end.

    Example:
        >>> import rafair
        >>> table = rafair.load_dataset("affairs").test
        >>> audit = rafair.audit(lambda rows: rows[:, :2], table, attacks=(), instances=50)
        >>> rule = {"rate": "clean.accuracy", "at_least": 0.05}
        >>> rafair.assert_gate(audit, {"version": 1, "rule": [rule]})
    """
    __tracebackhide__ = True  # pytest then shows the line of the test that asserts
    from rafair.errors import RafairError
    from rafair.gating.entry import gate

    try:
        decision = gate(run, policy, baseline)
    except RafairError as error:
        raise error.with_traceback(None) from None  # its one line says it all
    if not decision.passed:
        raise AssertionError(_complaint(decision))


def _complaint(decision: Decision) -> str:
    from rafair.sanitize import visible

    lines = [f"rafair gate {decision.verdict} in '{decision.run.folder}'"]
    lines += [
        f"  rule {finding.rule}, {finding.title}: {finding.sentence}"
        for finding in decision.findings
        if finding.blocks
    ]
    return "\n".join(map(visible, lines))
