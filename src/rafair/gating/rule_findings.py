"""One rule and the runs it speaks of in, findings out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rafair.arguments import check_name
from rafair.errors import InputError
from rafair.gating.change_rules import of_change
from rafair.gating.gate_decision import Finding, Status
from rafair.gating.group_rules import of_groups
from rafair.gating.judged_runs import JudgedRun, Runs
from rafair.gating.policy import Rule
from rafair.gating.rule_check import Holding, measured_of, told_of
from rafair.results.rate_names import RateName

EVERY = "*"


def findings_of(rule: Rule, number: int, runs: Runs) -> list[Finding]:
    """Holds a rule against every rate that it speaks of.

    Args:
        rule: The rule.
        number: Its number, from 1.
        runs: The run, and its baseline.

    Raises:
        InputError: If the run has no such rate, attack, feature or group; says the nearest.
    """
    try:
        return [
            finding
            for name in _rates(rule, runs.now)
            for finding in _of_rate(Holding(rule, number, name), runs)
        ]
    except InputError as error:
        raise InputError(f"rule {number}: {error}") from error


def _rates(rule: Rule, run: JudgedRun) -> Sequence[RateName]:
    if rule.attack is None and rule.of_attack:
        _check_strongest(rule, run)
    if rule.attack != EVERY:
        return [run.named(rule.rate, rule.of_attack, rule.epsilon)]
    check_name("rate", rule.rate, list(dict.fromkeys(name.short for name in run.rates)))
    having = [name for name in run.rates if name.short == rule.rate and name.epsilon is None]
    return [run.named(rule.rate, name.attack, rule.epsilon) for name in having]


def _check_strongest(rule: Rule, run: JudgedRun) -> None:
    """Says what a rule without an attack means where the run has no such rate."""
    rates = [name for name in run.rates if name.short == rule.rate]
    having = list(dict.fromkeys(name.attack for name in rates if name.attack))
    if not having or rule.of_attack in having:
        return
    what = f"rate '{rule.rate}' without an attack: it is that of '{rule.of_attack}', which"
    others = f"one of {', '.join(having)}"
    if rule.of_attack in run.record.attacks:
        raise InputError(f"{what} has none; expected {others}")
    command = f"`rafair attack {run.again} --attack {rule.of_attack}`"
    raise InputError(f"{what} the run lacks; {command} makes one that has it; or name {others}")


def _of_rate(holding: Holding, runs: Runs) -> Iterator[Finding]:
    rule = holding.rule
    if rule.group is not None:
        yield from of_groups(holding, runs.now)
    elif rule.compares:
        yield of_change(holding, runs)
    else:
        yield _of_all(holding, runs.now)


def _of_all(holding: Holding, run: JudgedRun) -> Finding:
    rate = run.rate(holding.name)
    if rate is None:
        return holding.finding(Status.NOT_MEASURED, "nothing was counted")
    return holding.judged(measured_of(rate), f"{told_of(rate)}{holding.where}")
