"""Single cases: an instance, what was changed in it, and who is treated differently for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rafair.results.adversarial_rows import StoredRows
from rafair.results.case_selection import telling_rows
from rafair.results.epsilons import unit_of_epsilon
from rafair.tabular.schema import Feature, Schema
from rafair.verdicts import BAD, Verdict

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Case:
    """One instance that was in a bad cell under attack; values are in the data's own units.

    Args:
        instance: The row of the audited table.
        attack: The attack that found it.
        step: The first step at which it was found.
        verdict: The cell it was in then.
        clean_verdict: The cell of the row as it was.
        label: The true class.
        clean_prediction: The class predicted for the row as it was.
        prediction: The class predicted for the perturbed row.
        counterpart_prediction: The class predicted for the counterpart; None where all agree.
        clean: The row as it was.
        perturbed: The perturbed row.
        counterpart: The sensitive values of the first counterpart that is treated differently.
        schema: The features, to show values in their units.
        smallest_epsilon: The smallest budget at which any attack broke the instance; 0 where it was
            broken as it came, None where nobody knows.
        epsilon: The budget of the perturbed row.
    """

    instance: int
    attack: str
    step: int
    verdict: Verdict
    clean_verdict: Verdict
    label: str
    clean_prediction: str
    prediction: str
    counterpart_prediction: str | None
    clean: Mapping[str, object]
    perturbed: Mapping[str, object]
    counterpart: Mapping[str, object] | None
    schema: Schema
    smallest_epsilon: float | None = None
    epsilon: float | None = None

    @property
    def changed(self) -> tuple[str, ...]:
        """The features whose value, as shown, the perturbation changed."""
        return tuple(
            feature.name
            for feature in self.schema.features
            if show(feature, self.clean[feature.name])
            != show(feature, self.perturbed[feature.name])
        )

    @property
    def heading(self) -> str:
        """One line that names the case."""
        before = (
            "as it was already"
            if self.clean_verdict == self.verdict
            else f"was {self.clean_verdict}"
        )
        return (
            f"{str(self.verdict).capitalize()} ({before}): row {self.instance}, {self.attack} "
            f"step {self.step}"
        )

    @property
    def rows(self) -> list[tuple[str, str, str, str]]:
        """Feature, value as it was, perturbed, and of the counterpart; only what differs."""
        lines = []
        for feature in self.schema.features:
            name = feature.name
            if name not in self.changed and not (self.counterpart and feature.sensitive):
                continue
            before = show(feature, self.clean[name])
            after = show(feature, self.perturbed[name])
            other = after
            if self.counterpart and feature.sensitive:
                other = show(feature, self.counterpart[name])
                if before == after == other:
                    continue
            lines.append((name, before, after, other if self.counterpart else ""))
        return lines

    def largest_changes(self, most: int) -> list[tuple[str, str, str, str]]:
        """Some of the rows, in their order: the largest change, sensitive features, other changes.

        Args:
            most: How many.
        """
        rows = self.rows
        places = sorted(range(len(rows)), key=lambda place: self._rank(rows[place][0]))
        others = [place for place in places if not self.schema[rows[place][0]].sensitive]
        places = list(dict.fromkeys([*others[:1], *places]))
        return [rows[place] for place in sorted(places[:most])]

    def _rank(self, name: str) -> tuple[bool, float]:
        """Sensitive features first, then by how much of its range a number moved."""
        feature, before, after = self.schema[name], self.clean[name], self.perturbed[name]
        if not isinstance(before, float | int) or not isinstance(after, float | int):
            return not feature.sensitive, -1.0
        span = (feature.maximum or 0.0) - (feature.minimum or 0.0)
        return not feature.sensitive, -abs(after - before) / (span or 1.0)

    @property
    def summary(self) -> str:
        """Two sentences that say what went wrong."""
        before = (
            f"The true class is '{self.label}'. Predicted '{self.clean_prediction}' as it was, "
            f"'{self.prediction}' once perturbed"
        )
        enough = enough_of(self.smallest_epsilon, self.epsilon, self.schema)
        if self.counterpart is None:
            return f"{before}; every counterpart gets the same prediction.{enough}"
        return (
            f"{before}; a counterpart that differs only in sensitive features is predicted "
            f"'{self.counterpart_prediction}'.{enough}"
        )

    def __str__(self) -> str:
        shown = 3 if self.counterpart is None else 4
        lines = [
            line[:shown] for line in (("", "as it was", "perturbed", "counterpart"), *self.rows)
        ]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        body = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        if not self.rows:
            body = ["(no change is visible in these units)"]
        return "\n".join([self.heading, *body, self.summary])


def enough_of(epsilon: float | None, largest: float | None, schema: Schema) -> str:
    """A sentence that says how small a budget was enough to break an instance; empty of none.

    Args:
        epsilon: The smallest budget.
        largest: That of the row that is shown; None where features have their own.
        schema: The features.

    Example:
        >>> enough_of(0.02, 0.05, Schema(features=(), label="y", classes=("no", "yes")))
        " Another row, which curve.parquet holds, broke it within 2 % of each feature's range."
    """
    if not epsilon or epsilon == largest:
        return ""
    return (
        f" Another row, which curve.parquet holds, broke it within {100 * epsilon:g} % of each "
        f"feature's {unit_of_epsilon(schema)}."
    )


def find_cases(
    adversarial: pd.DataFrame,
    schema: Schema,
    verdict: Verdict | str | None = None,
    limit: int | None = None,
) -> list[Case]:
    """The instances that were in a cell under some attack, the most telling first.

    `telling_rows` says in which order.

    Args:
        adversarial: The content of `adversarial.parquet`.
        schema: The features.
        verdict: The cell; all three bad ones if None.
        limit: How many cases at the most; all if None.

    Raises:
        UnknownNameError: If there is no such verdict.
    """
    wanted = {Verdict.named(verdict)} if verdict is not None else BAD
    if not len(adversarial):
        return []
    rows, clean = telling_rows(StoredRows.of_frame(adversarial), wanted)
    pairs = zip(rows[: limit or None], clean[: limit or None], strict=True)
    return [_case(adversarial.iloc[row], adversarial.iloc[was], schema) for row, was in pairs]


def show(feature: Feature, value: Any) -> str:
    """A value as a person would write it."""
    if _is_missing(value):
        return "missing"
    if not feature.kind.is_number:
        return str(value)
    return f"{show_number(feature, value)} {feature.unit}".strip()


def show_number(feature: Feature, value: float) -> str:
    """A number with the decimals that suit its feature, without its unit.

    They are those of its step; and three digits of its usual spread, or of its range, since moves
    may be less than a step.

    Example:
        >>> rate = Feature(name="rate", kind="numeric", minimum=0, maximum=1e6, step=0.01)
        >>> show_number(rate, 5.25), show_number(rate.model_copy(update={"step": None}), 5.25)
        ('5.25', '5')
    """
    span = max((feature.maximum or 0) - (feature.minimum or 0), 1e-12)
    spread = min(feature.scale or span, span)
    decimals = int(np.clip(2 - np.floor(np.log10(spread)), 0, 6))
    if feature.grid and feature.grid < 1:
        decimals = max(decimals, int(np.clip(np.ceil(-np.log10(feature.grid) - 1e-9), 0, 6)))
    text = f"{float(value):,.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _is_missing(value: Any) -> bool:
    """Whether a value is none: only what is no number differs from itself."""
    return value is None or bool(value != value)


def _number(value: Any) -> float | None:
    return None if value is None or _is_missing(value) else float(value)


def _case(row: pd.Series[Any], clean: pd.Series[Any], schema: Schema) -> Case:
    sensitive = {name: row[f"counterpart.{name}"] for name in schema.sensitive}
    alone = _is_missing(row["counterpart_prediction"])
    return Case(
        instance=int(row["instance"]),
        attack=str(row["attack"]),
        step=int(row["step"]),
        verdict=Verdict.named(str(row["verdict"])),
        clean_verdict=Verdict.named(str(clean["verdict"])),
        label=schema.classes[int(row["label"])],
        clean_prediction=schema.classes[int(clean["prediction"])],
        prediction=schema.classes[int(row["prediction"])],
        counterpart_prediction=None
        if alone
        else schema.classes[int(row["counterpart_prediction"])],
        clean={name: clean[f"raw.{name}"] for name in schema.names},
        perturbed={name: row[f"raw.{name}"] for name in schema.names},
        counterpart=None if alone else sensitive,
        schema=schema,
        smallest_epsilon=_number(row.get("smallest_epsilon")),  # older runs do not know it
        epsilon=_number(row.get("epsilon")),
    )
