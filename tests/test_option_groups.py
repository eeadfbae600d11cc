"""Options that are declared once: what a command line, Python and an error make of a field."""

from __future__ import annotations

import inspect
import pkgutil
from dataclasses import dataclass, field, is_dataclass
from importlib import import_module
from pathlib import Path

import pytest
import typer.main

import rafair
from commands import call
from rafair import option_values, options
from rafair.cli.main import app
from rafair.cli.typer_options import grouped
from rafair.options import Given, as_typed, check_options, documented, option, options_of, takes

COMMANDS = Path(__file__).parent / "cli" / "commands.txt"
GROUPS = [
    "rafair.engine.option_groups",
    "rafair.models.train_options",
    "rafair.models.model_options",
    "rafair.models.http.http_options",
    "rafair.tabular.reading_options",
    "rafair.results.audit_option_groups",
    "rafair.hardening.option_groups",
    "rafair.monitoring.option_groups",
    "rafair.study.option_groups",
    *(
        f"rafair.cli.{found.name}"
        for found in pkgutil.iter_modules(import_module("rafair.cli").__path__)
    ),
]


@dataclass(frozen=True, kw_only=True)
class Sized:
    width: int | None = option(None, "How wide.", "N", low=1, high=9, said="as it is")
    weight: float = option(0.5, "How heavy.", "NUMBER", high=1)


@dataclass(frozen=True, kw_only=True)
class Box(Sized):
    names: tuple[str, ...] = option((), "What it is called.", "NAME", typed="--name", many=True)
    sizes: object = option(None, "Sizes.", "SIZE", read=option_values.sizes)
    open: bool = option(False, "Leave it open.")
    kept: int = 3


def lines(command, path: str = "rafair") -> list[str]:
    """A command's options and those of its commands, each with what stands for it by default."""
    told = []
    for each in command.params:
        if each.param_type_name == "option":
            default = (each.help or "").rpartition("[default: ")[2].removesuffix("]")
            given = f" [{default}]" if "[default: " in (each.help or "") else ""
            told.append(f"  {'/'.join([*each.opts, *each.secondary_opts])}{given}")
        else:
            told.append(f"  {each.name}")
    found = [path, *sorted(told)]
    for name, one in sorted(getattr(command, "commands", {}).items()):
        found += lines(one, f"{path} {name}")
    return found


def test_every_command_has_the_options_and_the_defaults_that_it_had():
    assert lines(typer.main.get_command(app)) == COMMANDS.read_text(encoding="utf-8").splitlines()


def test_no_option_is_described_twice():
    found = {}
    for name in GROUPS:
        for group in vars(import_module(name)).values():
            if is_dataclass(group) and isinstance(group, type):
                for each, one in options_of(group):
                    found.setdefault((each.name, one.help), {})[id(one)] = group
    assert len(found) > 90
    assert {key: kept for key, kept in found.items() if len(kept) > 1} == {}


def made(kind: object) -> tuple[list[object], object]:
    """A command that takes a group, and what it got."""
    got: list[object] = []

    def command(box: object) -> None:
        got.append(box)

    command.__annotations__["box"] = kind
    return got, grouped(command)


def test_a_command_gets_an_instance_with_the_defaults_of_the_group():
    got, command = made(Box)
    assert list(inspect.signature(command).parameters) == [
        *("name", "sizes", "open", "width", "weight"),  # its own, then those of what it builds on
    ]
    command(name=["a", "b"], sizes="x=.1", open=True, width=2, weight=0.5)
    assert got == [Box(names=("a", "b"), sizes={"x": 0.1}, open=True, width=2)]


def test_of_what_is_given_a_command_gets_nothing_else():
    got, command = made(Given[Box])
    nothing = dict.fromkeys(("name", "sizes", "open", "width", "weight"))
    assert {p.default for p in inspect.signature(command).parameters.values()} == {None}
    command(**nothing)
    command(**nothing | {"width": 2, "name": ["a"]})
    assert [each.values for each in got] == [{}, {"names": ("a",), "width": 2}]
    assert got[1].of(Sized) == {"width": 2}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"width": 0}, "width: expected a whole number from 1 to 9, got 0"),
        ({"width": 1.5}, "width: expected a whole number from 1 to 9, got 1.5"),
        ({"weight": 0.0}, "weight: expected a number above 0 up to 1, got 0.0"),
        ({"weight": None}, "weight: expected a number above 0 up to 1, got None"),
        ({"width": None}, None),
    ],
)
def test_ranges_are_those_of_the_fields(values, said):
    if said is None:
        check_options(Box(**values))
        return
    with pytest.raises(rafair.InputError) as caught:
        check_options(Box(**values))
    assert str(caught.value) == said


def test_a_function_takes_the_fields_as_parameters():
    @dataclass(frozen=True)
    class Drawn(Sized):
        place: str
        times: int = field(default=1, kw_only=True)

    @takes(Drawn)
    def draw(drawn: Drawn) -> str:
        """Draws.

        Args:
            place: Where.

        Returns:
            What.
        """
        return f"{drawn.place} {drawn.width} {drawn.times}"

    assert draw("here", width=2) == draw(place="here", width=2) == "here 2 1"
    parameters = inspect.signature(draw).parameters
    assert {name: each.default for name, each in parameters.items()} == {
        **{"place": inspect.Parameter.empty, "width": None, "weight": 0.5, "times": 1}
    }
    assert draw.__name__ == "draw"
    assert draw.__doc__ == (
        "Draws.\n\nArgs:\n    place: Where.\n    width: How wide.\n    weight: How heavy.\n\n"
        "Returns:\n    What.\n"
    )
    with pytest.raises(TypeError, match=r"^got an unexpected keyword argument 'heigth'"):
        draw("here", heigth=2)
    with pytest.raises(TypeError, match=r"^missing a required argument: 'place'"):
        draw()


def test_a_dataclass_without_args_gets_them_before_what_it_raises():
    @documented
    @dataclass(frozen=True)
    class Drawn(Sized):
        """A drawing.

        Raises:
            InputError: Never.
        """

    assert Drawn.__doc__ == (
        "A drawing.\n\nArgs:\n    width: How wide.\n    weight: How heavy.\n\n"
        "Raises:\n    InputError: Never.\n"
    )


def test_an_audit_in_python_takes_what_it_took():
    parameters = inspect.signature(rafair.audit).parameters
    found = {name: each.default for name, each in parameters.items()}
    assert set(list(parameters)[:2]) == {"model", "table"}
    del found["model"], found["table"], found["progress"]
    assert found == {
        "attacks": ("rafair", "strongest"),
        "steps": 20,
        "k": 0.0,
        "loss": "cross-entropy",
        "labels": "true",
        "seed": 0,
        "perturb_sensitive": False,
        "black_box": False,
        "max_category_changes": 1,
        "certify": False,
        "boxes": 50_000,
        "device": "cpu",
        "engine": "serial",
        "force": False,
        **dict.fromkeys(
            ("instances", "step_size", "epsilon", "epsilons", "max_gradient_rows", "max_queries"),
        ),
        **dict.fromkeys(("chunk_rows", "perturbation", "bands", "threads", "address", "workers")),
        **dict.fromkeys(
            ("threshold", "model_classes", "model_input", "model_output", "out"),
        ),
    }
    assert all(f"\n    {name}: " in rafair.audit.__doc__ for name in parameters)
    assert max(map(len, rafair.audit.__doc__.splitlines())) <= options.WIDTH


@pytest.mark.parametrize(
    ("message", "typed_so"),
    [
        ("max_queries: expected 1", "--max-queries: expected 1"),
        ("epsilon of 'age': expected 1", "--epsilon of 'age': expected 1"),
        ("epsilons: no", "epsilons: no"),
        ("'epsilon: x': no", "'epsilon: x': no"),
        ("the file: `force=True` replaces it", "the file: --force replaces it"),
        ("rows: `epsilon=0.1` and `epsilon`", "rows: --epsilon 0.1 and --epsilon"),
        ("`rafair gate --init` prints one", "`rafair gate --init` prints one"),
        ("`boxes` stays", "`boxes` stays"),
        ("label epsilon: no", "label epsilon: no"),
    ],
)
def test_a_message_names_options_as_they_are_typed(message, typed_so):
    names = {"max_queries": "--max-queries", "epsilon": "--epsilon", "force": "--force"}
    assert as_typed(message, names) == typed_so


ON_THE_COMMAND_LINE = [
    # a range, a text that is no value, a name that is typed otherwise, what belongs to another
    (("audit", "--max-queries", "0"), "--max-queries: expected a whole number from 1"),
    (("audit", "--budget", "gradient_rows=0"), "--budget: expected a whole number from 1"),
    (("audit", "--budget", "rows=2"), "--budget: expected gradient_rows=N"),
    (("audit", "--instances", "few"), "--instances: expected a whole number or all"),
    (("audit", "--bands", "age=a"), "--bands of 'age': expected numbers, got 'a'"),
    (("audit", "--boxes", "9"), "--boxes: expected with --certify, which it belongs to; got '9'"),
    (("audit", "--label", "a"), "--label: expected with --data, which it belongs to; got 'a'"),
    (("audit", "--engine", "ray", "--device", "cuda"), "--device: expected cpu with --engine ray"),
    (("train", "--learning-rate", "2"), "--learning-rate: expected a number above 0 up to 1"),
    (("harden", "--models", "0"), "--models: expected a whole number from 1"),
    (("reproduce", "table3", "--figure-steps", "1"), "--figure-steps: expected a whole number"),
    (("audit", "--model", "http://x/", "--timeout", "0"), "--timeout: expected a number above 0"),
    (("certify", "run", "--boxes", "many"), "--boxes: expected a whole number from 1 to"),
    (("audit", "--steps", "1.5"), "--steps: expected a whole number from 1 to 10,000, got '1.5'"),
    (("harden", "--learning-rate", "x"), "--learning-rate: expected a number above 0 up to 1, got"),
    (("monitor", "init", "run", "--alpha", "no"), "--alpha: expected a number above 0 up to 0.5"),
    (("gate", "run"), "--policy: expected FILE, got none"),
    (("audit", "--decimal", "ab", "--data", "a.csv"), "--decimal: expected one sign"),
    (("monitor", "init", "run", "--alpha", "2"), "--alpha: expected a number above 0 up to 0.5"),
    (("monitor", "check", "run", "--data", "x", "--least-judged", "2"), "--least-judged: expected"),
]


@pytest.mark.parametrize(("words", "said"), ON_THE_COMMAND_LINE, ids=lambda found: str(found)[:40])
def test_errors_of_a_command_line_name_what_was_typed(words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = call(*words)
    assert done.code == 2
    assert done.err.startswith(f"rafair: {said}"), done.err


def test_the_same_errors_in_python_name_the_parameter():
    table = rafair.load_dataset("affairs").test
    for name, value in (("max_queries", 0), ("max_gradient_rows", 0), ("k", -1)):
        with pytest.raises(rafair.InputError, match=f"^{name}: expected a "):
            rafair.audit(lambda rows: rows, table, **{name: value})
