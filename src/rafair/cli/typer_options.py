"""Groups of options as parameters of a command: what Typer is told, and what the command gets."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import Field, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import typer
from typer.models import OptionInfo

from rafair.arguments import read_value
from rafair.errors import RafairError
from rafair.options import Given, Option, as_typed, check_option, default_said, options_of

NUMBERS = (int, float)
TYPES = {"int": int, "float": float, "str": str, "bool": bool, "Path": Path}


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options of its groups in their place, for Typer.

    A parameter that is a dataclass becomes its options; the command gets an instance. One that is
    `Given[...]` of a dataclass becomes the same options; the command gets those that were given.
    Errors name options as they are typed.

    Args:
        command: A function for Typer.

    Example:
        >>> from dataclasses import dataclass
        >>> from rafair.options import option
        >>> @dataclass
        ... class Size:
        ...     width: int = option(1, "How wide.", "N")
        ...     height: int = option(1, "How high.", "N")
        >>> @grouped
        ... def draw(name: str, size: Size) -> None:
        ...     print(name, size)
        >>> draw(name="box", width=2, height=3)
        box Size(width=2, height=3)
    """
    signature = inspect.signature(command, eval_str=True)
    groups = {
        name: _Group(each)
        for name, each in signature.parameters.items()
        if is_dataclass(each.annotation) or get_origin(each.annotation) is Given
    }
    names: dict[str, str] = {}
    parameters: list[inspect.Parameter] = []
    for name, each in signature.parameters.items():
        parameters += groups[name].parameters() if name in groups else [each]
        if name in groups:
            names |= groups[name].names
        elif any(isinstance(one, OptionInfo) for one in get_args(each.annotation)):
            names[name] = f"--{name.replace('_', '-')}"

    @functools.wraps(command)
    def run(**values: Any) -> None:
        try:
            made = {name: group.taken(values) for name, group in groups.items()}
            command(**values, **made)
        except RafairError as error:
            error.args = (as_typed(str(error), names), *error.args[1:])
            raise

    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


class _Group:
    """A parameter of a command that stands for options."""

    def __init__(self, parameter: inspect.Parameter) -> None:
        self._given = get_origin(parameter.annotation) is Given
        self._kind = get_args(parameter.annotation)[0] if self._given else parameter.annotation
        self._options = list(options_of(self._kind))

    @property
    def names(self) -> dict[str, str]:
        """The options as they are typed, by their names in Python."""
        return {each.name: _typed(each, one).partition("/")[0] for each, one in self._options}

    def parameters(self) -> Iterator[inspect.Parameter]:
        """The options for Typer."""
        for each, one in self._options:
            yield _parameter(each, one, given=self._given)

    def taken(self, values: dict[str, Any]) -> Any:
        """What the command gets; takes the group's options out of the values."""
        read = dict[str, Any]()
        for each, one in self._options:
            value = values.pop(_name(each, one))
            if value is None or (one.many and not value):
                continue
            if one.read is not None:
                value = one.read(each.name, value)
            elif one.many:
                value = tuple(value)
            elif _kind(each) in NUMBERS:
                value = _number(each, one, str(value))
            read[each.name] = value
        return Given(read) if self._given else self._kind(**read)


@functools.cache
def _parameter(each: Field[Any], one: Option, *, given: bool) -> inspect.Parameter:
    kind: Any = list[str] if one.many else str if one.read else _kind(each)
    kind = str if kind in NUMBERS else kind  # their errors tell the range
    default = None if given or one.many else each.default
    told = typer.Option(
        _typed(each, one),
        metavar=one.metavar,
        help=one.help + default_said(each.default, one),
        show_default=False,
        callback=one.callback,
    )
    return inspect.Parameter(
        _name(each, one),
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=default,
        annotation=Annotated[kind | None if default is None else kind, told],
    )


def _kind(each: Field[Any]) -> Any:
    return TYPES.get(str(each.type).removesuffix(" | None"), str)


def _number(each: Field[Any], one: Option, text: str) -> Any:
    """The number that was typed; one that is none is told like one out of its range."""
    try:
        return _kind(each)(text)
    except ValueError:
        check_option(each, one, text)
        return read_value(each.name, str(each.type), text)


def _typed(each: Field[Any], one: Option) -> str:
    return one.typed or f"--{each.name.replace('_', '-')}"


def _name(each: Field[Any], one: Option) -> str:
    """The name of Typer's parameter: two groups may have fields of one name, typed otherwise."""
    return _typed(each, one).partition("/")[0].lstrip("-").replace("-", "_")
