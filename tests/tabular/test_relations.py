from __future__ import annotations

import pytest

from rafair.errors import InputError
from rafair.tabular.relations import parse
from rafair.tabular.schema import Feature, Schema


def schema(*names: str) -> Schema:
    features = tuple(Feature(name=name, kind="numeric", minimum=0, maximum=9) for name in names)
    return Schema(features=features, label="y", classes=("no", "yes"))


ODD = schema("a-b", "class", "a b", "x", "quoted0", "2nd")


@pytest.mark.parametrize(
    ("text", "weights", "lower", "upper"),
    [
        ("`a-b` <= x", {"a-b": 1, "x": -1}, -float("inf"), 0),
        ("`class` >= 2 * `a b` + 1", {"class": 1, "a b": -2}, 1, float("inf")),
        ("`x` + x == 2", {"x": 2}, 2, 2),
        ("`2nd`<=quoted0", {"2nd": 1, "quoted0": -1}, -float("inf"), 0),
        ("2*`a-b`<=`a-b`+`x`", {"a-b": 1, "x": -1}, -float("inf"), 0),
    ],
)
def test_names_between_backquotes(text, weights, lower, upper):
    relation = parse(text, ODD)
    assert dict(relation.weights) == weights
    assert (relation.lower, relation.upper) == (lower, upper)


@pytest.mark.parametrize(
    "text",
    [
        "`a-b <= x",
        "`` <= x",
        "`a-b` `x` <= 1",
        "`c` <= 1",
        "`x`(1) <= 2",
        "`a-b` * `x` <= 1",
        "`__import__('os')` <= 1",
        "__import__('os').getcwd() <= 1",
        "x if x else 1 <= 2",
        "x <= x",
        "x <=\n\nsqrt(x)",
        "x < 1",
        "1 <= x <= 2",
        "x",
        "x <= 1e999",
        "x / 0 <= 1",
        "",
    ],
)
def test_what_is_no_relation(text):
    with pytest.raises(InputError, match=r"^relation '") as caught:
        parse(text, ODD)
    assert "\n" not in str(caught.value)
