"""What a report says, apart from how it looks: every format lays out these contents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rafair.blocks.block_types import Cells
from rafair.metrics.rate_format import as_fraction
from rafair.metrics.rates import Rate
from rafair.reports.first_half_page import First

Codes = NDArray[np.int32]
NONE = -1
"""A code that stands for no value."""

PARTS = {
    "verdict": "Verdict",
    "cards": "Three cases",
    "steps": "What can be done now",
    "rates": "Before, under and after perturbation",
    "budgets": "Over epsilon",
    "proven": "What is proven",
    "groups": "By group",
    "where": "Where violations concentrate",
    "moved": "Which features were moved",
    "cases": "All cases",
    "audited": "What was audited",
    "repeat": "To repeat the run",
    "reading": "How to read this",
}
"""The parts of a report, in every format by the same names and in this order."""


@dataclass(frozen=True)
class Bar:
    """One rate in a picture.

    Args:
        label: What it is of, such as "clean" or "25 to 34".
        rate: The rate; None where nothing was counted.
        kind: What decides how it looks: "robust", "proven", or empty.
        instead: What is said where no rate is drawn.
        upper: The other end of a bracket that begins at `rate`; None of a rate that stands alone.
    """

    label: str
    rate: Rate | None
    kind: str = ""
    instead: str = ""
    upper: Rate | None = None

    @property
    def told(self) -> tuple[str, str, str]:
        """The rate, its interval and its count as texts, of a bracket from end to end.

        Example:
            >>> from rafair.metrics.rates import rate
            >>> Bar("", rate(6, 10), upper=rate(7, 10)).told
            ('0.600–0.700', '0.313–0.892', '6–7 of 10')
        """
        low, high = self.rate, self.upper or self.rate
        assert low is not None  # whoever asks has looked
        assert high is not None
        value, count = as_fraction(low.value), f"{low.count:,}"
        if low.count != high.count:
            value, count = f"{value}–{as_fraction(high.value)}", f"{count}–{high.count:,}"
        ends = f"{as_fraction(low.low)}–{as_fraction(high.high)}"
        return value, ends, f"{count} of {low.n:,}"


@dataclass(frozen=True)
class Chart:
    """Rates that are drawn beside each other, on a scale from 0 to 1.

    Args:
        title: What it shows.
        groups: Bars that belong together under a heading, such as a metric or a feature.
        note: How to read it.
    """

    title: str
    groups: Sequence[tuple[str, Sequence[Bar]]]
    note: str = ""


@dataclass(frozen=True)
class Column:
    """A column of the table of cases, as an index into the distinct texts that occur in it.

    Args:
        name: Its name.
        texts: The distinct texts.
        codes: For each case an index into `texts`, or `NONE`; shape `(n,)`.
    """

    name: str
    texts: Sequence[str]
    codes: Codes


@dataclass(frozen=True)
class FeatureColumns:
    """A feature of the cases; its values are texts in the data's own units.

    Args:
        name: The feature.
        sensitive: Whether it is sensitive.
        texts: The distinct texts of all four.
        clean: The instance as it was: for each case an index into `texts`; shape `(n,)`.
        perturbed: The same once perturbed.
        counterpart: Of the counterpart that is treated differently; `NONE` where all agree.
        repaired: Of the repaired row; `NONE` where this row was not repaired.
        is_number: Whether the texts are of numbers.
        unit: What these numbers count; it ends every text.
    """

    name: str
    sensitive: bool
    texts: Sequence[str]
    clean: Codes
    perturbed: Codes
    counterpart: Codes
    repaired: Codes
    is_number: bool = False
    unit: str = ""


@dataclass(frozen=True)
class CaseTable:
    """All cases, the most telling first, column by column.

    Args:
        instance: The row of the audited table; shape `(n,)`.
        step: The first step at which the cell was reached; shape `(n,)`.
        attack: The attack that found it.
        verdict: The cell it was in under the attack.
        before: The cell of the row as it was.
        label: The true class.
        clean_prediction: The class predicted for the row as it was.
        prediction: The class predicted for the perturbed row.
        counterpart_prediction: That of the counterpart; `NONE` where all agree.
        repaired_prediction: That of the repaired row; `NONE` where this row was not repaired.
        repaired_verdict: Its cell, likewise.
        features: The features, in the schema's order.
        smallest_epsilon: The smallest budget that broke the instance, NaN where nobody knows; shape
            `(n,)`; None of older runs.
    """

    instance: NDArray[np.int64]
    step: NDArray[np.int64]
    attack: Column
    verdict: Column
    before: Column
    label: Column
    clean_prediction: Column
    prediction: Column
    counterpart_prediction: Column
    repaired_prediction: Column
    repaired_verdict: Column
    features: Sequence[FeatureColumns]
    smallest_epsilon: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.instance)

    @property
    def enough(self) -> Column | None:
        """The smallest budget that broke each instance, as a text; None of older runs."""
        if self.smallest_epsilon is None:
            return None
        known = np.nan_to_num(self.smallest_epsilon, nan=-1.0)
        values, codes = np.unique(known, return_inverse=True)
        texts = ["as it was" if value == 0 else f"{value:g}" for value in values]
        given: Codes = np.where(known < 0, NONE, codes).astype(np.int32)
        return Column("smallest_epsilon", texts, given)

    @property
    def newly_found(self) -> int:
        """How many cases are in another cell than the row as it was."""
        verdict, before = (
            np.array(column.texts, object)[column.codes] for column in (self.verdict, self.before)
        )
        return int(np.count_nonzero(verdict != before))

    @property
    def counted(self) -> str:
        """How many cases there are, and which of them were so before any attack."""
        new, known = self.newly_found, len(self) - self.newly_found
        return (
            f"{len(self):,} {'case' if len(self) == 1 else 'cases'}, of which {known:,} "
            f"{'was' if known == 1 else 'were'} in that cell before any step, and {new:,} "
            f"{'was' if new == 1 else 'were'} newly found"
        )


@dataclass(frozen=True)
class Contents:
    """A whole report.

    Args:
        title: What was audited.
        first: What stands first.
        summary: The verdict in more words: a few sentences, the most important first.
        facts: The data, the model and the audit, a line each.
        warnings: What a reader of the rates should know.
        rates: Clean, robust, attacked and repaired rates.
        groups: Clean and robust rates by sensitive value or band, a picture for each feature.
        pairs: The same for pairs of sensitive features, of groups that are large enough.
        gaps: The largest differences between groups.
        features: Where violations concentrate: rates by value or band of the other features, the
            most telling features first.
        moved: Of the rows that each attack broke, in which share each feature was moved.
        tables: How far features may move, and what it cost.
        cases: The cases.
        manifest: What is needed to repeat the run: names and values.
        repeat: The command that repeats it.
        reading: How to read the figures: terms and their meaning.
        budgets: How robust rates fall with epsilon: of all, then by sensitive feature; empty where
            there was one budget.
        proven: From certified to not refuted, over epsilon; None where nothing was to be proven, as
            `proven_figures` is, which has the other verdicts.
        features_note: How to read `features`.
        features_missing: Which features could not be compared, or why none is shown.
        evidence: What a model card says of each figure of `frameworks.FIGURES`, by its key.
    """

    title: str
    first: First
    summary: Sequence[str]
    facts: Sequence[tuple[str, str]]
    warnings: Sequence[str]
    rates: Sequence[Cells]
    groups: Sequence[Chart]
    pairs: Sequence[Chart]
    gaps: Cells | None
    features: Sequence[Chart]
    moved: Chart | None
    tables: Sequence[Cells]
    cases: CaseTable
    manifest: Sequence[tuple[str, str]]
    repeat: str
    reading: Sequence[tuple[str, str]]
    budgets: Sequence[Chart] = ()
    proven: Chart | None = None
    proven_figures: Cells | None = None
    features_note: str = ""
    features_missing: str = ""
    evidence: Mapping[str, str] = field(default_factory=dict)
