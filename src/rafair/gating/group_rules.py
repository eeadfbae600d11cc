"""Rules about the groups of a sensitive feature: each of them, or the gap between two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rafair.arguments import check_name
from rafair.gating.gate_decision import Finding, Measured, Status
from rafair.gating.judged_runs import JudgedRun
from rafair.gating.rule_check import Holding, figures, measured_of, told_of
from rafair.metrics.rate_difference import independent_rates
from rafair.metrics.rate_format import as_fraction
from rafair.metrics.rates import Rate
from rafair.results.audit_record import Group
from rafair.results.rate_names import PROVEN

Groups = Mapping[str, Rate | None]
"""By group its rate, or None where nothing was counted."""


def of_groups(holding: Holding, run: JudgedRun) -> Iterator[Finding]:
    """Holds a rule against its groups, those that are too small left out and listed.

    Raises:
        InputError: If the run does not have the feature, the group, or its rate.
    """
    rule, groups = holding.rule, _groups(holding, run)
    large = {value: rate for value, rate in groups.items() if rate and rate.n >= rule.min_n}
    if rule.largest_gap is not None:
        yield _of_gap(holding, large)
    else:
        for value, rate in large.items():
            yield holding.judged(measured_of(rate), f"{told_of(rate)}{holding.where}", value)
        if not large:
            why = f"no group has {rule.min_n:,} instances"
            if rule.value is not None:
                why = _too_small(groups[rule.value], rule.min_n)
            yield holding.finding(Status.NOT_MEASURED, why, value=rule.value)
    if rule.value is None:
        for value in groups:
            if value not in large:
                why = _too_small(groups[value], rule.min_n)
                yield holding.finding(Status.NOT_JUDGED, why, value=value)


def _groups(holding: Holding, run: JudgedRun) -> Groups:
    rule, name = holding.rule, holding.name
    if name.kind in PROVEN:
        proven = run.by_group(name)
        feature = check_name("group", rule.group or "", proven)
        found = dict(proven[feature])
    else:
        groups = run.groups_at(name.epsilon)
        feature = check_name("group", rule.group or "", groups)
        found = {value: _told(holding, section) for value, section in groups[feature].items()}
    if rule.value is not None:
        check_name(f"value of '{feature}'", rule.value, found)
        return {rule.value: found[rule.value]}
    return found


def _told(holding: Holding, group: Group) -> Rate | None:
    name = holding.name
    rates = group.robust.get(name.attack, {}) if name.attack else group.clean
    check_name("rate by group", name.metric, rates)
    return rates[name.metric]


def _of_gap(holding: Holding, groups: Mapping[str, Rate]) -> Finding:
    if len(groups) < 2:
        least = f"{holding.rule.min_n:,} instances"
        return holding.finding(
            Status.NOT_MEASURED, f"expected two groups of at least {least}, found {len(groups)}"
        )
    low = min(groups, key=lambda value: groups[value].value)
    high = max(groups, key=lambda value: groups[value].value)
    one, other = groups[high], groups[low]
    gap = independent_rates(one.count, one.n, other.count, other.n)
    assert gap is not None  # both groups have instances
    measured = Measured(gap.value, gap.low, gap.high, gap.n_first + gap.n_second)
    told = (
        f"gap {figures(measured)}, between {high} ({as_fraction(one.value)}, n = {one.n:,}) "
        f"and {low} ({as_fraction(other.value)}, n = {other.n:,}){holding.where}"
    )
    return holding.judged(measured, told)


def _too_small(rate: Rate | None, least: int) -> str:
    n = rate.n if rate else 0
    return f"{n:,} instance{'' if n == 1 else 's'}, fewer than {least:,}"
