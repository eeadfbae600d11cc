"""Options that several commands share, written once: a dataclass as one parameter of a command."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the fields of dataclasses among its parameters as options of its own.

    Args:
        command: A function for Typer. Where a parameter's type is a dataclass, each of its fields
            is an option, with the field's own type and default.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Size:
        ...     width: int = 1
        ...     height: int = 1
        >>> @grouped
        ... def draw(name: str, size: Size) -> None:
        ...     print(name, size)
        >>> draw(name="box", width=2, height=3)
        box Size(width=2, height=3)
    """
    signature = inspect.signature(command, eval_str=True)
    groups: dict[str, Any] = {
        name: each.annotation
        for name, each in signature.parameters.items()
        if is_dataclass(each.annotation)
    }

    shared = {name: list(_options(signature.parameters[name])) for name in groups}

    @functools.wraps(command)
    def run(**values: Any) -> None:
        made = {
            name: group(**{option.name: values.pop(option.name) for option in shared[name]})
            for name, group in groups.items()
        }
        command(**values, **made)

    options = [option for each in signature.parameters.values() for option in _options(each)]
    run.__signature__ = signature.replace(parameters=options)  # type: ignore[attr-defined]
    run.__annotations__ = {option.name: option.annotation for option in options}
    return run


def _options(parameter: inspect.Parameter) -> Iterator[inspect.Parameter]:
    group = parameter.annotation
    if not is_dataclass(group):
        yield parameter
        return
    types = get_type_hints(group, include_extras=True)
    for field in fields(group):
        yield parameter.replace(
            name=field.name, annotation=types[field.name], default=field.default
        )
