"""Rows of JSON lines: one object a line, its keys the columns."""

from __future__ import annotations

import json

from rafair.engine.strict_json import strict_json


def read_object(text: str) -> dict[str, object]:
    r"""The object in the text of a line.

    Values may be nested: what is no column of interest is ignored, whatever it is.

    Raises:
        ValueError: If there is none, a key stands there twice, or a number is none of JSON; says
            what was expected, and found.

    Example:
        >>> read_object('{"age": 20, "job": "cook"}\n')
        {'age': 20, 'job': 'cook'}
    """
    try:
        found = strict_json(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"expected JSON: {error.msg}, character {error.pos + 1:,}") from error
    except RecursionError as error:
        raise ValueError("expected a JSON object of plain values, found deep nesting") from error
    if not isinstance(found, dict):
        raise ValueError(f"expected a JSON object, found {_KINDS[type(found)]}")
    return found


_KINDS = {
    list: "a list",
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "a truth value",
    type(None): "null",
}
