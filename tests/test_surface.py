"""What a user may rely on: names, what an import costs, the commands that the README shows."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import rafair

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "pandas", "sklearn", "scipy", "statsmodels", "pyarrow", "onnx", "matplotlib"}


def loaded_by(program: str) -> set[str]:
    code = f"{program}\nimport sys; print(' '.join({{m.partition('.')[0] for m in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_public_names_are_listed_and_there():
    for name in rafair.__all__:
        assert getattr(rafair, name) is not None
    assert set(rafair._HOMES) | {"__version__"} == set(rafair.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = rafair.nonsense


def test_no_module_bears_the_name_of_a_public_function():
    modules = {path.stem for path in (ROOT / "src/rafair").iterdir()}
    assert not modules & {name for name in rafair.__all__ if name.islower()}


def test_importing_rafair_loads_nothing_heavy():
    assert not loaded_by("import rafair") & (HEAVY | {"numpy"})


def test_the_pytest_plugin_loads_nothing_heavy():
    assert not loaded_by("import rafair.pytest_plugin") & (HEAVY | {"numpy", "typer", "rich"})


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["audit", "--help"],
        ["harden", "--help"],
        ["reproduce", "--help"],
        ["diff", "--help"],
        ["data", "list"],
    ],
)
def test_help_loads_nothing_heavy(arguments):
    assert not loaded_by(f"from rafair.cli.main import run; run({arguments!r})") & HEAVY


def test_importing_everything_changes_nothing_outside():
    program = """
import logging, os
def outside(): return len(logging.root.handlers), sorted(os.listdir('.'))
before = outside()
import rafair
for name in rafair.__all__: getattr(rafair, name)
assert before == outside()
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_no_file_is_too_long():
    for path in (ROOT / "src").rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 400, path


def test_every_public_function_and_class_says_what_it_is():
    for name in rafair.__all__:
        assert name == "__version__" or getattr(rafair, name).__doc__, name


def test_modules_have_one_sentence_of_purpose():
    for path in (ROOT / "src").rglob("*.py"):
        doc = ast.get_docstring(ast.parse(path.read_text()))
        assert doc, path
