"""One rule and the audits it speaks of in, findings out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rafair.arguments import check_name
from rafair.auditing.groups import groups_of
from rafair.auditing.per_instance import PerInstance
from rafair.auditing.rate_names import RateName, rate_named, rates_of
from rafair.auditing.result import Audit
from rafair.errors import InputError
from rafair.gating.decision import Finding, Measured, Status
from rafair.gating.policy import Rule
from rafair.metrics.differences import independent_rates, paired_rates

SLACK = 1e-12
"""So that 0.8 - 0.7, which is a little more than 0.1 to a computer, is not above 0.1."""

EVERY = "*"


@dataclass(frozen=True)
class Runs:
    """The run that is judged, and what it is compared with.

    Args:
        audit: The run.
        baseline: The other; None where no rule needs one.
    """

    audit: Audit
    baseline: Audit | None = None


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
            for name in _rates(rule, runs.audit.document)
            for finding in _of_rate(_Holding(rule, number, name), runs)
        ]
    except InputError as error:
        raise InputError(f"rule {number}: {error}") from error


@dataclass(frozen=True)
class _Holding:
    """A rule, and the one rate that it is held against."""

    rule: Rule
    number: int
    name: RateName

    def finding(
        self,
        status: Status,
        sentence: str,
        *,
        measured: Measured | None = None,
        value: str | None = None,
    ) -> Finding:
        rule = self.rule
        threshold, limit = rule.threshold
        unmeasured = status is Status.NOT_MEASURED and rule.if_not_measured == "fail"
        return Finding(
            rule=self.number,
            title=self.title(value),
            status=status,
            blocks=status is Status.FAILED or unmeasured,
            rate=rule.rate,
            attack=self.name.attack,
            group=rule.group,
            value=value,
            measured=measured,
            threshold=threshold,
            limit=limit,
            by=rule.by,
            sentence=sentence,
        )

    def title(self, value: str | None) -> str:
        where = ""
        if self.rule.group is not None:
            where = f", {self.rule.group}" if value is None else f", {self.rule.group} = {value}"
        threshold, limit = self.rule.threshold
        by = " (interval)" if self.rule.by == "interval" else ""
        return f"{self.name}{where}: {threshold.replace('_', ' ')} {limit:g}{by}"

    def judged(self, measured: Measured, told: str, value: str | None = None) -> Finding:
        """Holds the threshold against a value, or against the bound that is against the release."""
        threshold, limit = self.rule.threshold
        least = threshold == "at_least"
        held, what = measured.value, ""
        if self.rule.by == "interval":
            held = measured.low if least else measured.high
            what = f"{'lower' if least else 'upper'} bound {held:.3f} is "
        good = held >= limit - SLACK if least else held <= limit + SLACK
        sentence = f"{told}: {what}{_compared(held, limit)} {limit:g}"
        status = Status.PASSED if good else Status.FAILED
        return self.finding(status, sentence, measured=measured, value=value)


def _compared(held: float, limit: float) -> str:
    if abs(held - limit) <= SLACK:
        return "exactly"
    return "above" if held > limit else "below"


def _rates(rule: Rule, document: Mapping[str, Any]) -> Sequence[RateName]:
    if rule.attack != EVERY:
        return [rate_named(document, rule.rate, rule.attack)]
    known = list(rates_of(document))
    check_name("rate", rule.rate, list(dict.fromkeys(name.short for name in known)))
    return [name for name in known if name.short == rule.rate]


def _of_rate(holding: _Holding, runs: Runs) -> Iterator[Finding]:
    rule = holding.rule
    if rule.group is not None:
        yield from _of_groups(holding, _groups(rule, holding.name, runs.audit))
    elif rule.compares:
        yield _of_change(holding, runs)
    else:
        rate = rates_of(runs.audit.document)[holding.name]
        if rate is None:
            yield holding.finding(Status.NOT_MEASURED, "nothing was counted")
        else:
            yield holding.judged(_measured(rate), _told(rate))


# groups ---------------------------------------------------------------------------------------


def _groups(rule: Rule, name: RateName, audit: Audit) -> dict[str, Mapping[str, Any] | None]:
    """By group its rate, or None where nothing was counted."""
    assert rule.group is not None
    by_feature = groups_of(audit.document, audit.folder)["groups"]
    check_name("group", rule.group, by_feature)
    found = {}
    for value, section in by_feature[rule.group].items():
        part = section[name.kind]
        rates = part.get(name.attack, {}) if name.attack else part
        check_name("rate by group", name.metric, list(rates))
        found[value] = rates[name.metric]
    if rule.value is not None:
        check_name(f"value of '{rule.group}'", rule.value, found)
        return {rule.value: found[rule.value]}
    return found


def _of_groups(
    holding: _Holding, groups: Mapping[str, Mapping[str, Any] | None]
) -> Iterator[Finding]:
    rule = holding.rule
    large: dict[str, Mapping[str, Any]] = {
        value: rate for value, rate in groups.items() if rate and rate["n"] >= rule.min_n
    }
    if rule.largest_gap is not None:
        yield _of_gap(holding, large)
    else:
        for value, rate in large.items():
            yield holding.judged(_measured(rate), _told(rate), value)
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


def _of_gap(holding: _Holding, groups: Mapping[str, Mapping[str, Any]]) -> Finding:
    if len(groups) < 2:
        least = f"{holding.rule.min_n:,} instances"
        return holding.finding(
            Status.NOT_MEASURED, f"expected two groups of at least {least}, found {len(groups)}"
        )
    low = min(groups, key=lambda value: float(groups[value]["value"]))
    high = max(groups, key=lambda value: float(groups[value]["value"]))
    one, other = groups[high], groups[low]
    gap = independent_rates(one["count"], one["n"], other["count"], other["n"])
    assert gap is not None  # both groups have instances
    measured = Measured(gap.value, gap.low, gap.high, gap.n_first + gap.n_second)
    told = (
        f"gap {_figures(measured)}, between {high} ({one['value']:.3f}, n = {one['n']:,}) and "
        f"{low} ({other['value']:.3f}, n = {other['n']:,})"
    )
    return holding.judged(measured, told)


def _too_small(rate: Mapping[str, Any] | None, least: int) -> str:
    n = rate["n"] if rate else 0
    return f"{n:,} instance{'' if n == 1 else 's'}, fewer than {least:,}"


# changes --------------------------------------------------------------------------------------


def _of_change(holding: _Holding, runs: Runs) -> Finding:
    """The change since the baseline, of the instances that count in both."""
    baseline, name = runs.baseline, holding.name
    threshold = holding.rule.threshold[0]
    if baseline is None:
        raise InputError(
            f"{threshold}: expected a baseline run, found none; give --baseline, or [baseline] in "
            "the policy"
        )
    try:
        rate_named(baseline.document, name.short, name.attack)
    except InputError as error:
        raise InputError(f"baseline '{baseline.folder}': {error}") from error
    before, after = (_holds(audit, name) for audit in (baseline, runs.audit))
    change = None
    if before is not None and after is not None:
        falls = threshold == "largest_drop"
        change = paired_rates(before, after) if falls else paired_rates(after, before)
    if change is None:
        return holding.finding(Status.NOT_MEASURED, "nothing was counted in both runs")
    measured = Measured(change.value, change.low, change.high, change.n)
    was, is_now = (rates_of(audit.document)[name] for audit in (baseline, runs.audit))
    assert was is not None
    assert is_now is not None  # both were counted
    word = threshold.removeprefix("largest_")
    told = (
        f"{word} {_figures(measured)}, from {was['value']:.3f} to {is_now['value']:.3f}, "
        f"n = {change.n:,} pairs"
    )
    return holding.judged(measured, told)


def _holds(audit: Audit, name: RateName) -> Any:
    """What each instance has, in ascending order of the instances."""
    each = PerInstance.read(audit.folder)
    holds = each.holds(name)
    return None if holds is None else holds[each.instances.argsort()]


# words ----------------------------------------------------------------------------------------


def _measured(rate: Mapping[str, Any]) -> Measured:
    return Measured(rate["value"], rate["low"], rate["high"], rate["n"], rate["count"])


def _told(rate: Mapping[str, Any]) -> str:
    return f"{_figures(_measured(rate))}, {rate['count']:,} of {rate['n']:,}"


def _figures(measured: Measured) -> str:
    return f"{measured.value:.3f} [{measured.low:.3f}, {measured.high:.3f}]"
