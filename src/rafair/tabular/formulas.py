"""Formulas of derived columns, such as `round(loan / price, 2)`: read by a grammar, never run."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rafair.errors import InputError
from rafair.tabular.relations import MOST_CHARACTERS, unquoted

Values = NDArray[np.float64]

DEEPEST = 30
"""So many operations within each other are read."""

MOST_DIGITS = 12
"""`round` takes so many decimals at most."""

EXPECTED = "expected numbers and features, joined by +, -, * and /, and round, min or max of them"

OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
}
SIDES: dict[str, Callable[[Any, Any], Any]] = {"min": np.minimum, "max": np.maximum}


class Interval(NamedTuple):
    """Numbers between two ends, each of shape `(n,)`."""

    lower: Values
    upper: Values


@dataclass(frozen=True)
class Formula:
    """How a number follows from others, in the features' own units.

    Names that are no identifiers of Python stand between backquotes, as in relations.

    Args:
        text: As the user wrote it.

    Raises:
        InputError: When it is first used, if it is anything but numbers and names joined by +, -, *
            and /, and `round`, `min` and `max` of them.

    Example:
        >>> ratio = Formula("round(`loan amount` / price, 2)")
        >>> ratio.names
        ('loan amount', 'price')
        >>> ratio.of({"loan amount": np.array([2.0, 1.0]), "price": np.array([3.0, 0.0])})
        array([0.67,  nan])
    """

    text: str

    @property
    def names(self) -> tuple[str, ...]:
        """The features that it takes, in the order in which it names them."""
        tree, names = self._parsed
        nodes = sorted(
            (
                node
                for node in ast.walk(tree)
                if isinstance(node, ast.Name) and node.id not in CALLS
            ),
            key=lambda node: node.col_offset,
        )
        return tuple(dict.fromkeys(names.get(node.id, node.id) for node in nodes))

    def of(self, values: Mapping[str, Values]) -> Values:
        """What it gives; NaN where a value is missing, or nothing finite comes out; shape `(n,)`.

        Args:
            values: Numbers by feature name, each of shape `(n,)`.
        """
        tree, names = self._parsed
        with np.errstate(all="ignore"):
            found = _computed(tree, {key: values[name] for key, name in self._keys(names)})
        result: Values = np.where(np.isfinite(found), found, np.nan)
        return result

    def over(self, values: Mapping[str, Interval]) -> Interval:
        """An interval that holds what it gives over intervals; infinite where it divides by 0.

        Args:
            values: Intervals by feature name, with ends of shape `(n,)`.

        Example:
            >>> one = Interval(np.array([1.0]), np.array([2.0]))
            >>> Formula("x / y - x").over({"x": one, "y": one})
            Interval(lower=array([-1.5]), upper=array([1.]))
        """
        tree, names = self._parsed
        with np.errstate(all="ignore"):
            found = _bounded(tree, {key: values[name] for key, name in self._keys(names)})
        known = ~(np.isnan(found.lower) | np.isnan(found.upper))
        least, most = np.where(known, found.lower, -np.inf), np.where(known, found.upper, np.inf)
        return Interval(least, most)

    def _keys(self, names: Mapping[str, str]) -> list[tuple[str, str]]:
        tree, _ = self._parsed
        keys = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - CALLS
        return [(key, names.get(key, key)) for key in keys]

    @cached_property
    def _parsed(self) -> tuple[ast.expr, dict[str, str]]:
        where = f"derive '{' '.join(self.text.split())}'"
        quoted, names = unquoted(self.text.replace("\n", " ").strip())
        try:
            if len(self.text) > MOST_CHARACTERS:
                raise SyntaxError
            tree = ast.parse(quoted, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise InputError(f"{where}: {EXPECTED}") from error
        _check(tree, where, DEEPEST)
        return tree, names


CALLS = {"round", "min", "max"}


def _check(node: ast.expr, where: str, left: int) -> None:
    """Refuses whatever the grammar does not have."""
    if not left:
        raise InputError(f"{where}: expected at most {DEEPEST} operations within each other")
    for part in _parts(node, where):
        _check(part, where, left - 1)


def _parts(node: ast.expr, where: str) -> list[ast.expr]:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            if _is_finite(number):
                return []
        case ast.Name(id=name) if name not in CALLS:
            return []
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            return [operand]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATIONS:
            return [left, right]
        case ast.Call(func=ast.Name(id="round"), args=[value, ast.Constant(value=digits)]):
            if type(digits) is int and 0 <= digits <= MOST_DIGITS and not node.keywords:
                return [value]
        case ast.Call(func=ast.Name(id="min" | "max"), args=[_, _, *_] as args, keywords=[]):
            return list(args)
    raise InputError(f"{where}: {EXPECTED}")


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def _computed(node: ast.expr, values: Mapping[str, Values]) -> Any:
    match node:
        case ast.Constant(value=number):
            return np.float64(number)  # type: ignore[arg-type]  # the grammar has numbers only
        case ast.Name(id=name):
            return values[name]
        case ast.UnaryOp(op=op, operand=operand):
            found = _computed(operand, values)
            return -found if isinstance(op, ast.USub) else found
        case ast.BinOp(left=left, op=op, right=right):
            return OPERATIONS[type(op)](_computed(left, values), _computed(right, values))
        case ast.Call(func=ast.Name(id="round"), args=[value, ast.Constant(value=int(digits))]):
            return np.round(_computed(value, values), digits)
        case ast.Call(func=ast.Name(id=name), args=args):
            return reduce(SIDES[name], (_computed(part, values) for part in args))
    raise AssertionError("the grammar has been checked")


def _bounded(node: ast.expr, values: Mapping[str, Interval]) -> Interval:
    """Interval arithmetic; who asks allows for the rounding of its ends."""
    match node:
        case ast.Constant(value=number):
            point = np.array([number], np.float64)
            return Interval(point, point)
        case ast.Name(id=name):
            return values[name]
        case ast.UnaryOp(op=op, operand=operand):
            lower, upper = _bounded(operand, values)
            return Interval(-upper, -lower) if isinstance(op, ast.USub) else Interval(lower, upper)
        case ast.BinOp(left=left, op=op, right=right):
            return _joined(op, _bounded(left, values), _bounded(right, values))
        case ast.Call(func=ast.Name(id="round"), args=[value, ast.Constant(value=int(digits))]):
            return Interval(*(np.round(end, digits) for end in _bounded(value, values)))
        case ast.Call(func=ast.Name(id=name), args=args):
            ends = zip(*(_bounded(part, values) for part in args), strict=True)
            return Interval(*(reduce(SIDES[name], some) for some in ends))
    raise AssertionError("the grammar has been checked")


def _joined(op: ast.operator, left: Interval, right: Interval) -> Interval:
    match op:
        case ast.Add():
            return Interval(left.lower + right.lower, left.upper + right.upper)
        case ast.Sub():
            return Interval(left.lower - right.upper, left.upper - right.lower)
    corners = [OPERATIONS[type(op)](a, b) for a in left for b in right]
    least, most = reduce(np.minimum, corners), reduce(np.maximum, corners)
    if isinstance(op, ast.Div):
        crosses = (right.lower <= 0) & (right.upper >= 0)
        return Interval(np.where(crosses, -np.inf, least), np.where(crosses, np.inf, most))
    return Interval(least, most)
