"""What a user may rely on: names, what an import costs, the commands that the README shows."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import commands
import rafair

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "pandas", "sklearn", "scipy", "statsmodels", "pyarrow", "onnx", "matplotlib"}


def loaded_by(program: str) -> set[str]:
    code = f"{program}\nimport sys; print(' '.join({{m.partition('.')[0] for m in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def of_command(arguments: list[str]) -> str:
    return f"from rafair.cli.main import run; assert run({arguments!r}) == 0"


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
        ["--version"],
        ["audit", "--help"],
        ["harden", "--help"],
        ["reproduce", "--help"],
        ["diff", "--help"],
        ["data", "--help"],
        ["data", "list"],
    ],
)
def test_help_loads_nothing_heavy(arguments):
    assert not loaded_by(of_command(arguments)) & HEAVY


READING = [
    (["gate", "RUN", "--policy", "policy.toml"], set()),
    (["gate", "RUN", "--policy", "policy.toml", "--format", "github"], set()),
    (["diff", "RUN", "RUN"], set()),
    (["report", "RUN", "--out", "report.html"], set()),
    (["report", "RUN", "--out", "report.md"], set()),
    (["report", "RUN", "--out", "cases.csv"], set()),
    # the bounds of its tests are told, which are functions of scipy's
    (["monitor", "report", "WATCHED", "--out", "monitor.html"], {"scipy"}),
]


@pytest.mark.parametrize(("arguments", "allowed"), READING, ids=lambda found: str(found)[:30])
def test_what_reads_a_finished_run_loads_no_model_and_no_frame(
    arguments, allowed, audited, watched_plainly, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy.toml").write_text(
        'version = 1\n[[rule]]\nrate = "robust.accurate_fairness"\nattack = "*"\nat_least = 0.0\n'
    )
    if "WATCHED" in arguments:
        shutil.copytree(watched_plainly, "run")
        checked = commands.call("monitor", "check", "run", "--data", rows_of_affairs(tmp_path))
        assert checked.code in (0, 1), checked.err
    else:
        words = ("--model", audited, "--steps", "2", "--instances", "20", "--labels", "true")
        attacks = ("--attack", "rafair", "--attack", "pgd:restarts=2", "--attack", "dice:width=0.1")
        commands.rafair("audit", *words, *attacks, "--out", "run")
    given = ["run" if word in ("RUN", "WATCHED") else word for word in arguments]
    assert loaded_by(of_command(given)) & HEAVY == {"pyarrow", *allowed}


def rows_of_affairs(folder: Path) -> Path:
    """Some rows of the data set, in a file."""
    table = rafair.load_dataset("affairs").test
    table.frame.head(50).to_csv(folder / "rows.csv", index_label="id")
    return folder / "rows.csv"


def test_python_m_rafair_is_the_program():
    command = [sys.executable, "-m", "rafair", "gate", "nothing"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("rafair: --policy: expected")


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
