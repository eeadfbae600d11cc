"""Rules about what changed since a baseline."""

from __future__ import annotations

from rafair.errors import InputError
from rafair.gating.gate_decision import Finding, Measured, Status
from rafair.gating.judged_runs import Runs
from rafair.gating.rule_check import Holding, figures
from rafair.metrics.rate_difference import paired_rates
from rafair.metrics.rate_format import as_fraction


def of_change(holding: Holding, runs: Runs) -> Finding:
    """Holds a rule against the change since the baseline, of the instances that count in both.

    Raises:
        InputError: If there is no baseline, or it does not have the rate.
    """
    before, name = runs.before, holding.name
    threshold = holding.rule.threshold[0]
    if before is None:
        raise InputError(
            f"{threshold}: expected a baseline run, found none; give `baseline`, or [baseline] in "
            "the policy"
        )
    try:
        earlier = before.named(name.short, name.attack, name.epsilon or holding.rule.epsilon)
    except InputError as error:
        raise InputError(f"baseline '{before.audit.folder}': {error}") from error
    was, is_now = before.holds(earlier), runs.now.holds(name)
    change = None
    if was is not None and is_now is not None:
        pair = (was, is_now) if threshold == "largest_drop" else (is_now, was)
        change = paired_rates(*pair)
    if change is None:
        return holding.finding(Status.NOT_MEASURED, "nothing was counted in both runs")
    measured = Measured(change.value, change.low, change.high, change.n)
    one, other = before.rate(earlier), runs.now.rate(name)
    assert one is not None
    assert other is not None  # both were counted
    rates = f"from {as_fraction(one.value)} to {as_fraction(other.value)}"
    what = threshold.removeprefix("largest_")
    told = f"{what} {figures(measured)}, {rates}, n = {change.n:,} pairs{holding.where}"
    return holding.judged(measured, told)
