"""Options, declared once: a field of a dataclass carries its help, its range and its default."""

from __future__ import annotations

import functools
import inspect
import re
import shlex
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, Generic, ParamSpec, TypeVar, dataclass_transform

from rafair.arguments import check_real, check_whole

P = ParamSpec("P")
G = TypeVar("G")
R = TypeVar("R")
ARGS = re.compile(r"^Args:\n(?: .*\n)*", re.M)
WIDTH = 100
LATER = re.compile(r"^(?:Returns|Raises|Example):\n", re.M)


@dataclass(frozen=True)
class Option:
    """What there is to say of an option, beside its name, its type and its default.

    Args:
        help: What it decides.
        metavar: What stands for its value on a command line.
        python: What it decides, where that reads otherwise in Python.
        low: The least number that it may be.
        high: The largest; None where nothing is checked.
        low_included: Whether a number that is not whole may be the least itself.
        said: How its default is told, where the default itself does not tell it.
        typed: Its name on a command line, where that is another.
        read: Makes a value of what is typed, from the option's name and the text.
        many: Whether it may be typed several times.
        callback: Checks what is typed before the command begins.
    """

    help: str
    metavar: str | None = None
    python: str | None = None
    low: float = 0
    high: float | None = None
    low_included: bool = False
    said: str | None = None
    typed: str | None = None
    read: Callable[[str, str], Any] | None = None
    many: bool = False
    callback: Callable[[str | None], str | None] | None = None


def option(
    default: Any, help: str, metavar: str | None = None, python: str | None = None, **more: Any
) -> Any:
    """A field of a dataclass that is an option: on command lines and in Python.

    Args:
        default: What it is where it is not given.
        help: What it decides.
        metavar: What stands for its value on a command line.
        python: What it decides, where that reads otherwise in Python.
        more: What else there is to say of it, as `Option` takes it.

    Example:
        >>> @dataclass(frozen=True)
        ... class Walking:
        ...     steps: int = option(20, "How many steps to take.", "N", low=1, high=100)
        >>> check_options(Walking(steps=0))
        Traceback (most recent call last):
        rafair.errors.InputError: steps: expected a whole number from 1 to 100, got 0
    """
    return field(default=default, metadata={Option.__name__: Option(help, metavar, python, **more)})


def redeclared(group: type, name: str, default: Any) -> Any:
    """The option of another group with another default, for a dataclass of its own."""
    one = next(one for each, one in options_of(group) if each.name == name)
    return field(default=default, metadata={Option.__name__: one})


@dataclass_transform(frozen_default=True, kw_only_default=True)
def group(kind: type[G]) -> type[G]:
    """A group of options: a frozen dataclass of keywords, without what nobody asks of a group.

    Every command loads the groups of all, so that they are to be made fast.
    """
    make = dataclass(frozen=True, kw_only=True, eq=False, repr=False, match_args=False)
    return make(kind)


def options_of(group: Any) -> Iterator[tuple[Field[Any], Option]]:
    """The options of a dataclass: its own first, then those of its bases."""
    known = {each.name: each for each in fields(group)}
    for kind in group.__mro__:
        for name in inspect.get_annotations(kind):
            each = known.pop(name, None)
            if each is not None and Option.__name__ in each.metadata:
                yield each, each.metadata[Option.__name__]


def check_options(group: Any) -> None:
    """Checks that the numbers of an instance are within their ranges.

    Raises:
        InputError: If one is not.
    """
    for each, one in options_of(type(group)):
        value = getattr(group, each.name)
        if (value is not None or "None" not in str(each.type)) and not isinstance(value, Mapping):
            check_option(each, one, value)


def check_option(each: Field[Any], one: Option, value: object) -> None:
    """Checks that a number is within the range of its option, if that has one.

    Args:
        each: The field.
        one: What is declared of it.
        value: The number, or what was typed instead.

    Raises:
        InputError: If it is not.
    """
    if one.high is None:
        return
    if str(each.type).startswith("int"):
        check_whole(each.name, value, int(one.low), int(one.high))
    else:
        check_real(each.name, value, one.low, one.high, low_included=one.low_included)


class Given(Generic[G]):
    """What a user gave of the options of a group, and nothing of the others.

    Args:
        values: The values by name.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def of(self, group: type) -> dict[str, Any]:
        """Those that are fields of a dataclass."""
        names = {each.name for each in fields(group)}
        return {name: value for name, value in self.values.items() if name in names}


def takes(group: Callable[P, G]) -> Callable[[Callable[[G], R]], Callable[P, R]]:
    """Lets a function be called with the fields of a dataclass as its parameters.

    Editors and type checkers see them as they see those of the dataclass. What the options decide
    is added to the function's own words.

    Args:
        group: The dataclass.

    Example:
        >>> @dataclass(frozen=True)
        ... class Walking:
        ...     steps: int = option(20, "How many steps to take.", "N", low=1, high=100)
        >>> @takes(Walking)
        ... def walk(walking):
        ...     return f"{walking.steps} steps"
        >>> walk(steps=3), inspect.signature(walk)
        ('3 steps', <Signature (steps: 'int' = 20)>)
    """

    def decorated(function: Callable[[G], R]) -> Callable[P, R]:
        parameters = inspect.signature(group)

        @functools.wraps(function)
        def run(*given: P.args, **named: P.kwargs) -> R:
            parameters.bind(*given, **named)  # else an error would name the dataclass
            return function(group(*given, **named))

        returned = inspect.signature(function).return_annotation
        run.__signature__ = parameters.replace(return_annotation=returned)  # type: ignore[attr-defined]
        run.__doc__ = _with_options(function.__doc__, group)
        return run

    return decorated


def documented(group: type[G]) -> type[G]:
    """Adds what its options decide to what a dataclass says of itself."""
    group.__doc__ = _with_options(group.__doc__, group)
    return group


def _with_options(doc: str | None, group: Any) -> str:
    """Words with a line for each option, at the end of their `Args`."""
    said = [
        textwrap.fill(
            f"{each.name}: {one.python or _in_python(one.help)}",
            WIDTH,
            initial_indent=" " * 4,
            subsequent_indent=" " * 8,
        )
        for each, one in options_of(group)
    ]
    words = inspect.cleandoc(doc or "") + "\n"
    args, later = ARGS.search(words), LATER.search(words)
    at = args.end() if args else later.start() if later else len(words)
    title = [] if args else ["", "Args:"]
    return "\n".join([words[:at].rstrip(), *title, *said, "", words[at:].lstrip("\n")])


def _in_python(help: str) -> str:
    return re.sub(r"--([a-z][a-z-]*)", lambda found: found[1].replace("-", "_"), help)


def part_of(asked: Any, group: type) -> dict[str, Any]:
    """The fields of a group among those of an instance, by name."""
    return {each.name: getattr(asked, each.name) for each in fields(group)}


def default_said(default: Any, one: Option) -> str:
    """How an option's default is told: in brackets, or not at all where it is nothing.

    Example:
        >>> default_said(0.05, Option("How far.")), default_said(None, Option("How far."))
        ('  [default: 0.05]', '')
    """
    said = one.said
    if said is None and default not in (None, "", (), MISSING) and not isinstance(default, bool):
        said = f"{default:g}" if isinstance(default, float) else str(default)
    return "" if said is None else f"  [default: {said}]"


def as_typed(message: str, names: Mapping[str, str]) -> str:
    """A message that names options as in Python, with their names on a command line.

    An option is named at the beginning, before a colon, or in backquotes, alone or with a value.

    Args:
        message: The message.
        names: Names on the command line by those in Python.

    Example:
        >>> as_typed("max_queries: expected a number", {"max_queries": "--max-queries"})
        '--max-queries: expected a number'
        >>> as_typed("it is there; `force=True` replaces it", {"force": "--force"})
        'it is there; --force replaces it'
    """

    def typed(found: re.Match[str]) -> str:
        name, value = found["name"], (found["value"] or "").strip("'")
        if name not in names:
            return found[0]
        if value == "False":
            return names[name].replace("--", "--no-", 1)
        return names[name] + (f" {shlex.quote(value)}" if value not in ("", "True") else "")

    message = re.sub(r"^(?P<name>\w+)(?P<value>)(?=:| of ')", _leading(names), message)
    return re.sub(r"`(?P<name>\w+)(?:=(?P<value>[^`]*))?`", typed, message)


def _leading(names: Mapping[str, str]) -> Callable[[re.Match[str]], str]:
    return lambda found: names.get(found[0], found[0])
