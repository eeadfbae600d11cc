"""Sums, products and ratios that hold between the numbers of a table, as formulas of columns.

What is sought: `c = a + b`, `a - b`, `a * b`, `a / b`, `a / (b * b)` and `k * a`, the products also
times a number that units are changed by, and sums of more columns; each up to rounding at the last
decimal of `c`. Every candidate is tried on some rows, and what is left on all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

FEWEST = 30
"""Rows in which a column must have another value than its most frequent one, for a formula of it to
be more than chance."""

FEW_VALUES = 10
"""A column of fewer different values, or an input of fewer than a third as many, follows nothing
that could not be chance."""

FIRST, SAMPLE = 48, 2_000
"""Rows on which all candidates are tried, and those that are left."""

MOST_TERMS = 12
"""Columns in a sum."""

FACTORS = (1.0, 100.0, 1000.0, 10_000.0, 12.0, 52.0, 365.0)
"""By what units are changed; also the other way round."""

ROUNDED, ROUNDED_SINGLE = 1e-9, 2.0**-22
"""How far a number without decimals of its own may miss its formula, as a share of itself; and
where all of a column are numbers of single precision, as other programs export them."""


@dataclass(frozen=True)
class Found:
    """A formula that holds.

    Args:
        target: The column that follows.
        inputs: The columns that it follows from.
        text: The formula, in names between backquotes where they are no plain words.
        broken: In how many rows it does not hold; 0 or hardly any.
    """

    target: str
    inputs: tuple[str, ...]
    text: str
    broken: int


@dataclass(frozen=True)
class _Form:
    """A way in which a column may follow from two others, but for a factor."""

    compute: Callable[[Values, Values], Values]
    text: str
    both_ways: bool
    scaled: bool


FORMS = (
    _Form(np.add, "{0} + {1}", False, False),
    _Form(np.subtract, "{0} - {1}", True, False),
    _Form(np.multiply, "{0} * {1}", False, True),
    _Form(np.divide, "{0} / {1}", True, True),
    _Form(lambda a, b: a / (b * b), "{0} / ({1} * {1})", True, True),
)


def likely_formulas(
    names: Sequence[str],
    values: Values,
    steps: Sequence[float | None],
    inputs: Sequence[bool],
    targets: Sequence[bool],
    quote: Callable[[str], str],
) -> list[Found]:
    """The formulas that hold in all rows, or in all but one of a thousand.

    A column follows from others by one formula at most, and nothing follows from what follows. Of
    several ways to read a formula, that one stands whose column has the finest decimals, as results
    have; of these, sums before products before ratios.

    Args:
        names: The columns that are numbers.
        values: Theirs, NaN where one is missing; shape `(n, m)`.
        steps: The last decimal of each, as a number; None where it has none.
        inputs: Which of them others may follow from.
        targets: Which of them may follow from others.
        quote: A name as it stands in a formula.

    Example:
        >>> draws = np.random.default_rng(0).integers(1, 99, (60, 2)).astype(float)
        >>> table = np.column_stack([draws, np.round(draws[:, 0] / draws[:, 1], 2)])
        >>> [found] = likely_formulas(["a", "b", "c"], table, [1, 1, 0.01], [1] * 3, [1] * 3, str)
        >>> found.target, found.text, found.broken
        ('c', 'a / b', 0)
    """
    search = _Search(names, values, steps, inputs, targets)
    found: list[Found] = []
    search.settle(search.of_few(), found, quote)
    search.settle(search.sums({one.target for one in found if not one.broken}), found, quote)
    return found


Candidate = tuple[int, tuple[int, ...], str, Callable[[Values], Values]]


class _Search:
    def __init__(
        self,
        names: Sequence[str],
        values: Values,
        steps: Sequence[float | None],
        inputs: Sequence[bool],
        targets: Sequence[bool],
    ) -> None:
        self.names, self.values = names, values
        single = [(np.float32(one) == one)[~np.isnan(one)].all() for one in values.T]
        self.rounded = np.where(single, ROUNDED_SINGLE, ROUNDED)
        self.slack = np.array([0.5 * (1 + 1e-6) * step if step else 0.0 for step in steps])
        rows = np.random.default_rng(0).permutation(len(values))
        self.sample = values[np.sort(rows[:SAMPLE])]
        counts = [np.unique(column[~np.isnan(column)], return_counts=True) for column in values.T]
        several = [len(seen) for seen, _ in counts]
        informs = [int(n.sum() - n.max(initial=0)) for _, n in counts]
        # decimals that are coarse beside a column's values agree with anything
        spread = np.array(
            [
                np.std(column[~np.isnan(column)]) if k else 0
                for column, k in zip(values.T, several, strict=True)
            ]
        )
        fine = 4 * self.slack < spread
        self.targets = np.flatnonzero(
            np.array(targets, bool)
            & fine
            & (np.array(several) >= FEW_VALUES)
            & (np.array(informs) >= FEWEST)
        )
        self.inputs = np.flatnonzero(np.array(inputs, bool) & (3 * np.array(several) > FEW_VALUES))

    def settle(
        self, candidates: Iterator[Candidate], found: list[Found], quote: Callable[[str], str]
    ) -> None:
        """Adds the candidates that hold in all rows, or hardly break, to what was found."""
        names = self.names
        for target, terms, text, compute in sorted(candidates, key=self._fineness):
            follows = {one.target for one in found if not one.broken}
            taken = {name for one in found for name in one.inputs}
            whole = tuple(names[place] for place in terms)
            if names[target] in follows | taken or follows & set(whole):
                continue
            broken = self.broken(target, compute(self.values.T), everywhere=True)
            if broken is not None:
                shown = text.format(*map(quote, whole))
                found.append(Found(names[target], whole, shown, broken))

    def _fineness(self, candidate: Candidate) -> tuple[float, int]:
        """The decimals of what follows, and what has to be taken away for it."""
        return float(self.slack[candidate[0]]), candidate[2].count("-")

    def of_few(self) -> Iterator[Candidate]:
        """What follows from one column or two in the sample."""
        yield from self._scaled()
        with np.errstate(all="ignore"):
            for form in FORMS:
                pairs = permutations if form.both_ways else combinations
                for a, b in pairs(self.inputs.tolist(), 2):
                    yield from self._of_two(form, a, b)

    def _scaled(self) -> Iterator[Candidate]:
        """A column that is another one in other units."""
        for a, c in permutations(self.inputs.tolist(), 2):
            if c not in self.targets:
                continue
            for factor in _factors():
                if self.broken(c, self.sample[:, a] * factor) is not None:
                    yield c, (a,), _times("{0}", factor), _scaling(a, factor)
                    break

    def _of_two(self, form: _Form, a: int, b: int) -> Iterator[Candidate]:
        first = self.sample[:FIRST]
        given = form.compute(first[:, a], first[:, b])
        others = self.targets[(self.targets != a) & (self.targets != b)]
        if not len(others):
            return
        near, factors = self._near(first[:, others], given, form, others)
        for place in np.flatnonzero(near).tolist():
            target, factor = int(others[place]), float(factors[place])
            whole = form.compute(self.sample[:, a], self.sample[:, b]) * factor
            if self.broken(target, whole) is not None:
                yield target, (a, b), _times(form.text, factor), _computing(form, a, b, factor)

    def _near(
        self, there: Values, given: Values, form: _Form, others: NDArray[np.int64]
    ) -> tuple[NDArray[np.bool_], Values]:
        """Which columns agree with what a form gives, times which factor, but for a row or two."""
        factors = np.ones(there.shape[1])
        if form.scaled:
            quotients = there / given[:, None]
            quotients[~np.isfinite(quotients) | (quotients == 0)] = np.nan
            known = ~np.isnan(quotients).all(axis=0)
            middle = np.ones_like(factors)
            if known.any():
                # of rounded numbers the largest tells the factor best
                size = np.where(np.isnan(quotients), -1, np.abs(there))
                best = size.argmax(axis=0)
                middle = quotients[best, np.arange(len(factors))]
            choices = np.array(_factors())
            logs = np.abs(np.log(np.abs(np.where(known, middle, 1)))[:, None] - np.log(choices))
            factors = choices[logs.argmin(axis=1)]
        expected = given[:, None] * factors
        off = np.abs(there - expected) > self.slack[others] + self.rounded[others] * np.abs(
            expected
        )
        known = ~np.isnan(there) & ~np.isnan(expected)
        return ((off & known).sum(axis=0) <= 1) & (known.sum(axis=0) > FIRST // 4), factors

    def sums(self, follows: set[str]) -> Iterator[Candidate]:
        """Columns that are the sum of three or more others, each once or less.

        Args:
            follows: Columns that follow from others, and so are no terms.
        """
        inputs = np.array(
            [i for i in self.inputs.tolist() if self.names[i] not in follows], np.int64
        )
        whole = self.sample[~np.isnan(self.sample[:, inputs]).any(axis=1)]
        if len(whole) < 2 * len(inputs) or len(whole) < FEWEST:
            return
        for target in self.targets.tolist():
            terms = inputs[inputs != target]
            scale = np.abs(whole[:, terms]).max(axis=0)
            scale[scale == 0] = 1
            weights, *_ = np.linalg.lstsq(whole[:, terms] / scale, whole[:, target], rcond=1e-10)
            weights = weights / scale
            near = np.rint(weights)
            used = np.flatnonzero(near)
            sums = 3 <= len(used) <= MOST_TERMS and set(np.abs(near[used])) == {1.0}
            if not sums or near.max() < 1 or np.abs(weights - near).max() > 0.05:
                continue
            chosen = sorted(
                zip(terms[used].tolist(), near[used].tolist(), strict=True), key=lambda one: -one[1]
            )
            signs = [sign for _, sign in chosen]
            text = "{0}" + "".join(
                f" {'+' if sign > 0 else '-'} {{{place}}}"
                for place, sign in enumerate(signs)
                if place
            )
            columns = tuple(column for column, _ in chosen)
            compute = _summing(columns, signs)
            if self.broken(target, compute(self.sample.T)) is not None:
                yield target, columns, text, compute

    def broken(self, target: int, given: Values, *, everywhere: bool = False) -> int | None:
        """In how many rows a column is not what a formula gives; None if in many of them."""
        there = (self.values if everywhere else self.sample)[:, target]
        off = np.abs(there - given) > self.slack[target] + self.rounded[target] * np.abs(given)
        finite = np.isfinite(given)
        off = (off & finite) | (np.isnan(there) == finite)
        count = int(off.sum())
        return count if count <= len(there) / 1000 else None


def _factors() -> list[float]:
    return [*FACTORS, *(1 / factor for factor in FACTORS[1:])]


def _times(text: str, factor: float) -> str:
    if factor == 1:
        return text
    if factor > 1:
        return f"{factor:g} * {text}" if "+" not in text else f"{factor:g} * ({text})"
    return f"{text} / {1 / factor:g}"


def _scaling(a: int, factor: float) -> Callable[[Values], Values]:
    return lambda columns: columns[a] * factor


def _computing(form: _Form, a: int, b: int, factor: float) -> Callable[[Values], Values]:
    def compute(columns: Values) -> Values:
        with np.errstate(all="ignore"):
            found: Values = form.compute(columns[a], columns[b]) * factor
        return found

    return compute


def _summing(columns: Sequence[int], signs: Sequence[float]) -> Callable[[Values], Values]:
    def compute(values: Values) -> Values:
        found: Values = np.sum([s * values[c] for c, s in zip(columns, signs, strict=True)], axis=0)
        return found

    return compute
