"""A rule held against one thing that was measured."""

from __future__ import annotations

from dataclasses import dataclass

from rafair.gating.gate_decision import Finding, Measured, Status
from rafair.gating.policy import Rule
from rafair.metrics.rate_format import as_fraction
from rafair.metrics.rates import Rate
from rafair.results.rate_names import PROVEN, RateName
from rafair.results.run_files import CERTIFICATES

DECIMALS, MANY_DECIMALS = 3, 8

SLACK = 1e-12
"""So that 0.8 - 0.7, which is a little more than 0.1 to a computer, is not above 0.1."""


@dataclass(frozen=True)
class Holding:
    """A rule, and the one rate that it is held against.

    Args:
        rule: The rule.
        number: Its number, from 1.
        name: The rate.
    """

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
        """What became of it."""
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
            epsilon=self.name.epsilon if rule.epsilon is None else rule.epsilon,
            group=rule.group,
            value=value,
            measured=measured,
            threshold=threshold,
            limit=limit,
            by=rule.by,
            sentence=sentence,
        )

    @property
    def where(self) -> str:
        """Where it is counted, as a sentence goes on; empty of what stands in `audit.json`."""
        return f" in {CERTIFICATES}" if self.name.kind in PROVEN else ""

    def title(self, value: str | None) -> str:
        """What it asks for, of one group or of all."""
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
            what = f"{'lower' if least else 'upper'} bound {_told_apart(held, limit)} is "
        elif as_fraction(held) == as_fraction(limit) and _compared(held, limit) != "exactly":
            what = f"{_told_apart(held, limit)} is "
        good = held >= limit - SLACK if least else held <= limit + SLACK
        sentence = f"{told}: {what}{_compared(held, limit)} {limit:g}"
        status = Status.PASSED if good else Status.FAILED
        return self.finding(status, sentence, measured=measured, value=value)


def _told_apart(held: float, limit: float) -> str:
    """A figure with as many decimals as it takes to see on which side of the limit it is."""
    close = as_fraction(held) == as_fraction(limit) and _compared(held, limit) != "exactly"
    return as_fraction(held, MANY_DECIMALS if close else DECIMALS)


def _compared(held: float, limit: float) -> str:
    if abs(held - limit) <= SLACK:
        return "exactly"
    return "above" if held > limit else "below"


def measured_of(rate: Rate) -> Measured:
    """A rate of an audit."""
    return Measured(rate.value, rate.low, rate.high, rate.n, rate.count)


def told_of(rate: Rate) -> str:
    """A rate of an audit in words."""
    return f"{figures(measured_of(rate))}, {rate.count:,} of {rate.n:,}"


def figures(measured: Measured) -> str:
    """A value and its interval."""
    value, low, high = map(as_fraction, (measured.value, measured.low, measured.high))
    return f"{value} [{low}, {high}]"
