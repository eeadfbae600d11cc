"""Policies: which rates an audit must reach."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from rafair.arguments import check_name, check_real, check_whole
from rafair.results.rate_names import PROVEN, needs_attack

THRESHOLDS = ("at_least", "at_most", "largest_gap", "largest_drop", "largest_rise")
COMPARING = ("largest_drop", "largest_rise")
"""The thresholds that need a baseline."""

MOST_INSTANCES = 1_000_000_000
OF_GROUPS = ("clean", "robust", *PROVEN)
"""The kinds of rates that an audit has by group."""

OTHER_ROWS = ("whole", "model")
"""The kinds of rates that do not count the audited instances."""

STRONGEST = "strongest"
"""The attack that a rule means where it names none."""

UNVERIFIED = "model"
"""The kind of rates that nothing in a run folder can be held against."""


class Rule(BaseModel):
    """One threshold on one rate.

    Args:
        rate: Which one, such as "robust.accurate_fairness".
        attack: Of which attack, where the rate is one of an attack; "*" for each that has it. None
            is the strongest.
        epsilon: At which budget, of robust rates and certificates; None is the largest that was
            audited, or certified.
        group: A sensitive feature, or a pair as in "age × gender": the rule is about its groups.
        value: One of its groups only.
        min_n: How many instances a group must have to be judged.
        at_least: The least that the rate may be.
        at_most: The most that it may be.
        largest_gap: The most that two groups may differ by.
        largest_drop: The most that it may lie below the baseline's.
        largest_rise: The most that it may lie above the baseline's, of rates that are bad if high.
        by: Whether the value itself must hold, or the bound of its 95 % interval that is against
            the release.
        if_not_measured: Whether the rule fails or passes where nothing was measured.

    Example:
        >>> Rule(rate="clean.accuracy", at_least=0.8).threshold
        ('at_least', 0.8)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rate: str
    attack: str | None = None
    epsilon: float | None = None
    group: str | None = None
    value: str | None = None
    min_n: int = 30
    at_least: float | None = None
    at_most: float | None = None
    largest_gap: float | None = None
    largest_drop: float | None = None
    largest_rise: float | None = None
    by: Literal["value", "interval"] = "value"
    if_not_measured: Literal["fail", "pass"] = "fail"

    @property
    def threshold(self) -> tuple[str, float]:
        """The name of the one threshold, and the number."""
        name = next(name for name in THRESHOLDS if getattr(self, name) is not None)
        return name, float(getattr(self, name))

    @property
    def kind(self) -> str:
        """The kind of its rate, such as "robust"."""
        return self.rate.partition(".")[0]

    @property
    def of_attack(self) -> str | None:
        """Of which attack the rate is; None where it depends on none.

        Example:
            >>> Rule(rate="robust.accuracy", at_least=0.8).of_attack
            'strongest'
        """
        return self.attack or (STRONGEST if needs_attack(self.rate) else None)

    @property
    def compares(self) -> bool:
        """Whether it needs a baseline."""
        return self.threshold[0] in COMPARING

    @field_validator("rate", "attack", "group", "value", mode="before")
    @classmethod
    def _text(cls, given: Any) -> Any:
        if not isinstance(given, str) or not given:
            raise ValueError(f"expected a text, got {given!r}")
        return given

    @field_validator(*THRESHOLDS, mode="before")
    @classmethod
    def _share(cls, given: Any) -> float:
        return check_real("", given, 0, 1, low_included=True)

    @field_validator("epsilon", mode="before")
    @classmethod
    def _budget(cls, given: Any) -> float:
        return check_real("", given, 0, 1)

    @field_validator("min_n", mode="before")
    @classmethod
    def _number(cls, given: Any) -> int:
        return check_whole("", given, 1, MOST_INSTANCES)

    @field_validator("by", mode="before")
    @classmethod
    def _by(cls, given: Any) -> Any:
        return check_name("choice", given, ["value", "interval"])

    @field_validator("if_not_measured", mode="before")
    @classmethod
    def _otherwise(cls, given: Any) -> Any:
        return check_name("choice", given, ["fail", "pass"])

    @model_validator(mode="after")
    def _sensible(self) -> Rule:
        given = [name for name in THRESHOLDS if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"expected exactly one of {', '.join(THRESHOLDS)}, found {found}")
        if self.kind == UNVERIFIED:
            raise ValueError(
                f"rate: '{self.rate}' does not follow from a run's files; give clean.accuracy, or "
                "whole.accuracy of a file"
            )
        if self.attack is not None and not needs_attack(self.rate):
            raise ValueError(f"attack: expected none for '{self.rate}', which depends on none")
        over_epsilon = needs_attack(self.rate) or self.kind in PROVEN
        if self.epsilon is not None and not over_epsilon:
            raise ValueError(f"epsilon: expected none for '{self.rate}', which depends on none")
        self._check_groups()
        self._check_comparison()
        return self

    def _check_groups(self) -> None:
        if self.group is None:
            for name in ("value", "min_n", "largest_gap"):
                if name in self.model_fields_set:
                    raise ValueError(f"{name}: expected a group with it, found none")
        elif self.kind not in OF_GROUPS:
            raise ValueError(
                f"group: expected a rate of one of the kinds {', '.join(OF_GROUPS)}, which alone "
                f"are known by group, got '{self.rate}'"
            )
        elif self.largest_gap is not None and self.value is not None:
            raise ValueError("value: expected none with largest_gap, which compares all groups")
        elif self.compares:
            raise ValueError(f"group: expected none with {self.threshold[0]}")

    def _check_comparison(self) -> None:
        if not self.compares:
            return
        name = self.threshold[0]
        fitting = "largest_rise" if is_bad_when_high(self.rate) else "largest_drop"
        if name != fitting:
            high = "bad" if is_bad_when_high(self.rate) else "good"
            raise ValueError(
                f"{name}: expected {fitting} for '{self.rate}', {high} when it is high"
            )
        if self.kind in OTHER_ROWS:
            raise ValueError(
                f"{name}: expected a rate of the audited instances, got '{self.rate}', which "
                "counts other rows"
            )


class Baseline(BaseModel):
    """The run that others are compared with.

    Args:
        run: Its folder, relative to that of the policy.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str

    @field_validator("run", mode="before")
    @classmethod
    def _text(cls, given: Any) -> Any:
        if not isinstance(given, str) or not given:
            raise ValueError(f"expected the path of a run folder, got {given!r}")
        return given


class Policy(BaseModel):
    """What an audit must reach.

    Args:
        version: The version of the format; 1.
        rule: The rules, in order.
        baseline: The run that it is compared with.

    Example:
        >>> policy = Policy(version=1, rule=[{"rate": "clean.accuracy", "at_least": 0.8}])
        >>> policy.rule[0].at_least
        0.8
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    rule: tuple[Rule, ...] = Field(min_length=1)
    baseline: Baseline | None = None

    @field_validator("version", mode="before")
    @classmethod
    def _version(cls, given: Any) -> Any:
        if isinstance(given, bool) or given != 1:
            raise ValueError(f"expected 1, got {given!r}")
        return given

    @field_validator("rule", mode="before")
    @classmethod
    def _rules(cls, given: Any) -> Any:
        tables = isinstance(given, list | tuple) and given
        if not tables or not all(isinstance(one, Mapping | Rule) for one in given):
            raise ValueError("expected one or more tables that begin with [[rule]]")
        return given

    @field_validator("baseline", mode="before")
    @classmethod
    def _baseline(cls, given: Any) -> Any:
        if given is not None and not isinstance(given, Mapping | Baseline):
            raise ValueError('expected a table [baseline] with a line such as run = "runs/last"')
        return given


def is_bad_when_high(rate: str) -> bool:
    """Whether a rate counts what should not happen.

    Example:
        >>> is_bad_when_high("exposed.true_biased"), is_bad_when_high("robust.accuracy")
        (True, False)
    """
    kind, _, metric = rate.partition(".")
    bad = {"true_biased", "false_fair", "false_biased"}
    return kind in ("exposed", "zero_gradient") or metric in bad
