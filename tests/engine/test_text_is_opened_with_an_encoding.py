"""No text file of ours is opened in whatever encoding a machine happens to have."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import rafair

SOURCES = sorted(Path(rafair.__file__).parent.rglob("*.py"))
OF_BYTES = ("os", "TableFile")
"""Owners of other functions with the name `open`."""


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def _mode(call: ast.Call, place: int) -> str:
    given = call.args[place] if len(call.args) > place else _keyword(call, "mode")
    return given.value if isinstance(given, ast.Constant) else "r"


def _is_left_open(call: ast.Call, mode: str) -> bool:
    """Whether a text is read in any encoding, or written with any ends of lines."""
    ends = "r" in mode or _keyword(call, "newline") is not None
    return "b" not in mode and not (ends and _keyword(call, "encoding") is not None)


def _faults(source: str) -> list[int]:
    """The lines of calls that leave an encoding, or ends of lines in a file, to the platform."""
    found = []
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call):
            continue
        match call.func:
            case ast.Name(id="open"):
                wrong = _is_left_open(call, _mode(call, 1))
            case ast.Attribute(attr="open", value=ast.Name(id=owner)) if owner in OF_BYTES:
                wrong = False
            case ast.Attribute(attr="open"):
                wrong = _is_left_open(call, _mode(call, 0))
            case ast.Attribute(attr="read_text"):
                wrong = not call.args and _keyword(call, "encoding") is None
            case ast.Attribute(attr="write_text"):
                wrong = True  # it ends lines as the platform does
            case ast.Attribute(attr="to_csv"):
                wrong = bool(call.args) or _keyword(call, "lineterminator") is None
            case ast.Attribute(attr="NamedTemporaryFile" | "TemporaryFile"):
                text = "b" not in _mode(call, 0) if call.args or _keyword(call, "mode") else False
                wrong = text and _keyword(call, "encoding") is None
            case ast.Attribute(attr="TextIOWrapper" | "fdopen"):
                wrong = _keyword(call, "encoding") is None
            case _:
                wrong = _keyword(call, "text") is not None and _keyword(call, "encoding") is None
                wrong &= isinstance(call.func, ast.Attribute)
                wrong &= getattr(call.func, "attr", "") in ("run", "Popen", "check_output")
        if wrong:
            found.append(call.lineno)
    return found


def test_no_text_file_is_opened_without_its_encoding():
    faults = {
        path.name: lines for path in SOURCES if (lines := _faults(path.read_text(encoding="utf-8")))
    }
    assert faults == {}


@pytest.mark.parametrize(
    "source",
    [
        "open(p)",
        "open(p, 'w')",
        "p.open()",
        "p.open(mode='a')",
        "p.open('w', encoding='utf-8')",
        "p.read_text()",
        "p.write_text(t)",
        "p.write_text(t, encoding='utf-8')",
        "f.to_csv(p)",
        "f.to_csv(index=False)",
        "tempfile.NamedTemporaryFile('w')",
        "io.TextIOWrapper(b)",
        "subprocess.run(c, text=True)",
    ],
)
def test_what_the_platform_would_decide_is_seen(source):
    assert _faults(source) == [1]


@pytest.mark.parametrize(
    "source",
    [
        "open(p, 'rb')",
        "p.open('wb')",
        "p.open('w', encoding='utf-8', newline='')",
        "p.read_text('utf-8')",
        "p.read_text(encoding='utf-8')",
        "write_text(p, t)",
        "f.to_csv(index=False, lineterminator='\\n')",
        "tempfile.NamedTemporaryFile(delete=False)",
        "os.open(p, os.O_RDONLY)",
        "subprocess.run(c, text=True, encoding='utf-8')",
    ],
)
def test_what_is_stated_is_let_through(source):
    assert _faults(source) == []
