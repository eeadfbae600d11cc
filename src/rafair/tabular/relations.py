"""Relations between numbers, such as `housing_debt <= 0.4 * income`: read, never run as code."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rafair.errors import InputError
from rafair.tabular.schema import Schema

SENSES = {ast.LtE: "<=", ast.GtE: ">=", ast.Eq: "=="}
MOST_CHARACTERS = 1_000
QUOTED = re.compile("`([^`]+)`")


@dataclass(frozen=True)
class Relation:
    """`lower <= Σ weight · value <= upper`, in the features' own units.

    Args:
        text: As the user wrote it.
        weights: By feature name.
        lower: The least value of the sum; may be -inf.
        upper: The largest one; may be inf.
    """

    text: str
    weights: Mapping[str, float]
    lower: float
    upper: float

    def holds(self, values: Mapping[str, object]) -> NDArray[np.bool_]:
        """Which rows satisfy it, up to rounding; a row where a value is missing does.

        Args:
            values: Numbers by feature name, each of shape `(n,)`, such as a frame of raw rows.
        """
        parts = [w * np.asarray(values[name], np.float64) for name, w in self.weights.items()]
        total: NDArray[np.float64] = np.sum(parts, axis=0)
        slack = 1e-6 * (1 + np.abs(parts).sum(axis=0))  # values went through single precision
        inside: NDArray[np.bool_] = (total >= self.lower - slack) & (total <= self.upper + slack)
        return inside | np.isnan(total)


def parse(text: str, schema: Schema) -> Relation:
    """Reads one relation: two linear expressions in features, compared with <=, >= or ==.

    Names that are no identifiers of Python stand between backquotes: "`education-num` >= 1".

    Args:
        text: The relation.
        schema: Its features; those of a relation must be numbers.

    Raises:
        InputError: If it is anything else: a call, a product of two features, an unknown name.

    Example:
        >>> from rafair.tabular.schema import Feature
        >>> debt = Feature(name="debt", kind="numeric", minimum=0, maximum=9)
        >>> income = Feature(name="income", kind="numeric", minimum=0, maximum=9)
        >>> schema = Schema(features=(debt, income), label="y", classes=("no", "yes"))
        >>> relation = parse("debt <= 0.4 * income + 1", schema)
        >>> dict(relation.weights), relation.upper
        ({'debt': 1.0, 'income': -0.4}, 1.0)
        >>> relation.holds({"debt": [1, 4], "income": [1, 5]}).tolist()
        [True, False]
    """
    where = f"relation '{' '.join(text.split())}'"
    quoted, names = unquoted(text.strip())
    try:
        if len(text) > MOST_CHARACTERS:
            raise SyntaxError
        tree = ast.parse(quoted, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(
            f"{where}: expected two sums of features, compared with <=, >= or =="
        ) from error
    if not isinstance(tree, ast.Compare) or len(tree.ops) != 1 or type(tree.ops[0]) not in SENSES:
        raise InputError(f"{where}: expected one comparison with <=, >= or ==")
    left, right = _linear(tree.left, where), _linear(tree.comparators[0], where)
    difference = left.plus(right, -1)
    weights: dict[str, float] = {}
    for identifier, weight in difference.weights.items():
        name = names.get(identifier, identifier)
        weights[name] = weights.get(name, 0.0) + weight
    weights = {name: weight for name, weight in weights.items() if weight != 0}
    if not weights:
        raise InputError(f"{where}: expected at least one feature")
    for name in weights:
        if name not in schema.names or not schema[name].kind.is_number:
            found = "a feature with levels" if name in schema.names else "an unknown name"
            raise InputError(f"{where}: expected features that are numbers, '{name}' is {found}")
    bound, sense = -difference.constant, SENSES[type(tree.ops[0])]
    lower = -math.inf if sense == "<=" else bound
    upper = math.inf if sense == ">=" else bound
    return Relation(text, weights, lower, upper)


def parse_all(schema: Schema) -> tuple[Relation, ...]:
    """All relations of a schema.

    Raises:
        InputError: If one cannot be read.
    """
    return tuple(parse(text, schema) for text in schema.relations)


def unquoted(text: str) -> tuple[str, dict[str, str]]:
    """The text with an identifier for each name between backquotes, and what they stand for."""
    prefix = "quoted"
    while prefix in text:
        prefix += "_"
    names: dict[str, str] = {}

    def identifier(found: re.Match[str]) -> str:
        names[f"{prefix}{len(names)}"] = found[1]
        return f" {prefix}{len(names) - 1} "

    return QUOTED.sub(identifier, text).strip(), names


@dataclass(frozen=True)
class _Sum:
    constant: float = 0.0
    weights: Mapping[str, float] = field(default_factory=dict)

    def plus(self, other: _Sum, factor: float = 1.0) -> _Sum:
        weights = dict(self.weights)
        for name, weight in other.weights.items():
            weights[name] = weights.get(name, 0.0) + factor * weight
        return _Sum(self.constant + factor * other.constant, weights)


def _linear(node: ast.expr, where: str) -> _Sum:
    """A sum of numbers and of features times numbers."""
    number = node.value if isinstance(node, ast.Constant) else None
    if isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number):
        return _Sum(float(number))
    if isinstance(node, ast.Name):
        return _Sum(weights={node.id: 1.0})
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        return _Sum().plus(_linear(node.operand, where), -1 if isinstance(node.op, ast.USub) else 1)
    if isinstance(node, ast.BinOp):
        return _combined(node, where)
    raise InputError(f"{where}: expected numbers and features, joined by +, -, * and /")


def _combined(node: ast.BinOp, where: str) -> _Sum:
    left, right = _linear(node.left, where), _linear(node.right, where)
    match node.op:
        case ast.Add():
            return left.plus(right)
        case ast.Sub():
            return left.plus(right, -1)
        case ast.Mult() if not left.weights:
            return _Sum().plus(right, left.constant)
        case ast.Mult() if not right.weights:
            return _Sum().plus(left, right.constant)
        case ast.Div() if not right.weights and right.constant:
            return _Sum().plus(left, 1 / right.constant)
    raise InputError(f"{where}: expected a linear relation: features times or over numbers only")
