"""Derived columns: numbers that follow from others by a formula, and follow them when they move."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from rafair.errors import InputError
from rafair.tabular.encoding import MISSING, Rows, decode_values
from rafair.tabular.formulas import Formula, Values
from rafair.tabular.grids import ROUNDING, Grids
from rafair.tabular.relations import parse_all
from rafair.tabular.schema import Feature, Schema

Mask = NDArray[np.bool_]

RELATIVE = 1e-6
"""By what share of itself a value may miss its formula: what single precision makes of it."""


def formulas_of(schema: Schema) -> dict[str, Formula]:
    """The formulas of a schema's derived columns, by name.

    Raises:
        InputError: If one cannot be read; names what is no number, is sensitive, or is derived
            itself; or if its column is no number or is sensitive, or stands in a relation.

    Example:
        >>> ends = {"kind": "numeric", "minimum": 0, "maximum": 9}
        >>> loan, price = Feature(name="loan", **ends), Feature(name="price", **ends)
        >>> ratio = Feature(name="ratio", derive="loan / price", **ends)
        >>> schema = Schema(features=(loan, price, ratio), label="y", classes=("no", "yes"))
        >>> formulas_of(schema)["ratio"].names
        ('loan', 'price')
    """
    derived = {f.name: Formula(f.derive) for f in schema.features if f.derive is not None}
    for name, formula in derived.items():
        where = f"feature '{name}': derive '{' '.join(formula.text.split())}'"
        for why in _wrong(schema, name, formula):
            raise InputError(f"{where}: {why}")
    for relation in parse_all(schema) if derived else ():
        if both := [name for name in relation.weights if name in derived]:
            raise InputError(
                f"relation '{relation.text}': expected no derived feature, which follows from "
                f"others, found '{both[0]}'; write out its formula"
            )
    return derived


def _wrong(schema: Schema, name: str, formula: Formula) -> Iterator[str]:
    try:
        names = formula.names
    except InputError as error:
        yield str(error).partition("': ")[2]
        return
    if schema[name].sensitive:
        yield "expected of a feature that is not sensitive"
    if not names:
        yield "expected at least one feature"
    for part in names:
        if part not in schema.names or not schema[part].kind.is_number:
            found = f"is of the kind {schema[part].kind}" if part in schema.names else "is unknown"
            yield f"expected features that are numbers, '{part}' {found}"
        elif schema[part].derive is not None:
            yield f"expected features that are not derived themselves, '{part}' is"
        elif schema[part].sensitive:
            yield f"expected no sensitive feature, whose counterparts it would follow, got '{part}'"


def agrees(formula: Formula, feature: Feature, values: dict[str, Values]) -> Mask:
    """Which values are what a formula gives, rounded to their step; shape `(n,)`.

    A missing value agrees where the formula gives none.

    Args:
        formula: The formula.
        feature: The derived feature.
        values: Numbers by name, those of the feature and of what it follows from; `(n,)` each.
    """
    given, there = formula.of(values), values[feature.name]
    slack = (feature.grid or 0) / 2 * (1 + RELATIVE) + RELATIVE * np.abs(given)
    near: Mask = np.abs(there - given) <= slack
    return near | (np.isnan(there) & np.isnan(given))


@dataclass(frozen=True)
class Derivations:
    """The derived columns of a schema, by place.

    Args:
        features: All features, in column order.
        columns: The derived columns.
        formulas: Their formulas.
        takes: Which columns each follows from; shape `(m, d)`.
        together: Which columns hang together with each, itself included, by formulas and relations;
            shape `(m, d)`.
        grids: The values that features may take.
    """

    features: tuple[Feature, ...]
    columns: tuple[int, ...]
    formulas: tuple[Formula, ...]
    takes: Mask
    together: Mask
    grids: Grids

    @classmethod
    def of(cls, schema: Schema, grids: Grids, weights: Values) -> Derivations:
        """Those of a schema.

        Args:
            schema: The features.
            grids: The values that they may take.
            weights: The weights of its relations; shape `(r, d)`.

        Raises:
            InputError: As `formulas_of` does.
        """
        formulas = formulas_of(schema)
        columns = tuple(schema.columns(list(formulas)))
        takes = np.zeros((len(columns), len(schema)), bool)
        for row, formula in enumerate(formulas.values()):
            takes[row, list(schema.columns(formula.names))] = True
        linked = np.concatenate([takes, weights != 0])
        linked[np.arange(len(columns)), list(columns)] = True
        _, part = connected_components(linked.T.astype(np.int64) @ linked, directed=False)
        together = part[list(columns)][:, None] == part[None]
        return cls(schema.features, columns, tuple(formulas.values()), takes, together, grids)

    def hold(self, rows: Rows) -> Mask:
        """Which derived values are what their formulas give; shape `(n, m)`."""
        values = self._raw(rows)
        held = np.ones((len(rows), len(self.columns)), bool)
        for place, (formula, column) in enumerate(zip(self.formulas, self.columns, strict=True)):
            held[:, place] = agrees(formula, self.features[column], values)
        return held

    def follow(self, rows: Rows, before: Rows) -> Mask:
        """Writes into rows what formulas give where a feature that they take has moved.

        Args:
            rows: Rows of values that features may take; changed in place.
            before: Rows in which derived values are as they should be.

        Returns:
            Where a formula gives nothing, or a value outside the feature's range, of which the
            nearest end is written; shape `(n, m)`.
        """
        outside = np.zeros((len(rows), len(self.columns)), bool)
        if not self.columns:
            return outside
        values = self._raw(rows)
        for place, column in enumerate(self.columns):
            moved = (rows != before)[:, self.takes[place]].any(axis=1)
            rows[:, column] = before[:, column]
            given = self._on_grid(self.formulas[place].of(values), column)
            low, span = self.grids.minimum[column], self.grids.span[column]
            inside = np.abs(given - low - span / 2) <= (0.5 + ROUNDING) * span
            known = before[:, column] != MISSING
            outside[:, place] = moved & ~np.where(known, inside, np.isnan(given))
            code = np.clip((given - low) / (span or 1), 0, 1).astype(np.float32)
            told = moved & known & ~np.isnan(given)
            told &= np.abs(code - before[:, column].astype(np.float64)) > ROUNDING
            rows[told, column] = code[told]
        return outside

    def _on_grid(self, given: Values, column: int) -> Values:
        """The nearest values of the column's grid; of two decimals those of the usual rounding."""
        step, anchor = self.grids.step[column], self.grids.anchor[column]
        if not step:
            return given
        decimals = round(-np.log10(step))
        if np.isclose(step, 10.0**-decimals, rtol=1e-12, atol=0):
            given = np.round(given, decimals)
        points: Values = anchor + np.rint((given - anchor) / step) * step
        return points

    def _raw(self, rows: Rows) -> dict[str, Values]:
        """The values that formulas take and have, as they are shown and asked about."""
        wanted = np.asarray(self.takes.any(axis=0))
        wanted[list(self.columns)] = True
        return {
            self.features[column].name: decode_values(rows[:, column], self.features[column])
            for column in np.flatnonzero(wanted).tolist()
        }
