"""The figures of the house: sizes, what is untyped, and the ways that commands take through files.

    python -m benchmarks.house [--src DIR]

Of another version of rafair, name its `src` folder. Sizes are read from the code; ways are traced
while a small audit, a gate and a report run, so that what is loaded but not called is not counted.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import statistics
import subprocess
import sys
import tempfile
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

MANY = 7
"""So many parameters are too many."""

LAYERS = (
    {"errors"},
    {"arguments", "sanitize", "masking", "wording"},
    {"options", "option_values"},
    {"blocks"},
    {"engine"},
    {"tabular", "verdicts"},
    {"models", "datasets"},
    {"certify", "metrics"},
    {"search"},
    {"attacks", "repairs", "analysis"},
    {"results"},
    {"sources"},
    {"auditing"},
    {"gating", "hardening", "monitoring"},
    {"study", "reports"},
    {"cli", "pytest_plugin"},
)
"""The layers of `docs/design.md`, from the ground up."""

POLICY = """
version = 1
[[rule]]
rate = "robust.accurate_fairness"
attack = "rafair"
at_least = 0.1
"""

TRACED = """
import sys
from pathlib import Path
root = sys.argv[1]
edges, deepest = set(), [0]
SEARCH = Path(root, "rafair", "search")
SWEEPS = {str(SEARCH / name) for name in ("counterpart_evaluator.py", "sweep.py")}
def trace(frame, event, _):
    if event != "call" or not frame.f_code.co_filename.startswith(root):
        return
    caller = frame.f_back
    while caller and not caller.f_code.co_filename.startswith(root):
        caller = caller.f_back
    here, there = caller and caller.f_code.co_filename, frame.f_code.co_filename
    if here != there and frame.f_code.co_name != "<module>":
        edges.add((here or "", there))
    if there in SWEEPS:
        depth = 0
        while frame:
            depth += frame.f_code.co_filename.startswith(root)
            frame = frame.f_back
        deepest[0] = max(deepest[0], depth)
import threading
threading.setprofile(trace)
sys.setprofile(trace)
from rafair.cli.main import run
code = run(sys.argv[2:])
sys.setprofile(None)
print("FRAMES", deepest[0])
for here, there in sorted(edges):
    print("EDGE", here or "-", there)
sys.exit(code)
"""


def main() -> None:
    """Prints the figures, a line each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--src", type=Path, default=Path(__file__).parents[1] / "src")
    src = parser.parse_args().src.resolve()
    for name, value in [*sizes(src), *ways(src)]:
        print(f"{name:<60} {value}")


def sizes(src: Path) -> Iterator[tuple[str, object]]:
    """What is read from the code."""
    files = sorted((src / "rafair").rglob("*.py"))
    texts = {path: path.read_text(encoding="utf-8") for path in files}
    trees = {path: ast.parse(text) for path, text in texts.items()}
    lines = {path: text.count("\n") for path, text in texts.items()}
    yield "files", len(files)
    yield "lines", f"{sum(lines.values()):,}"
    yield "lines of code alone", f"{sum(map(_code_lines, texts.values())):,}"
    longest = max(lines, key=lambda path: lines[path])
    yield "longest file", f"{lines[longest]} ({longest.relative_to(src / 'rafair')})"
    functions = [
        node
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    sizes_ = [(node.end_lineno or node.lineno) - node.lineno + 1 for node in functions]
    yield "median function, lines", statistics.median(sizes_)
    yield (
        f"functions with {MANY} parameters or more",
        sum(_parameters(f) >= MANY for f in functions),
    )
    whole = "".join(texts.values())
    yield 'look-ups in documents, document["…"]', len(re.findall(r'document\["', whole))
    yield "mappings of anything, [str, Any]", whole.count("[str, Any]")
    yield "files that one other file alone imports", _imported_once(src, trees)


def ways(src: Path) -> Iterator[tuple[str, object]]:
    """What is traced while commands run."""
    with tempfile.TemporaryDirectory() as folder:
        run = str(Path(folder, "run"))
        quick = ("--epochs", "1", "--instances", "4", "--steps", "2", "--threads", "1")
        policy = Path(folder, "policy.toml")
        policy.write_text(POLICY, encoding="utf-8")
        gate = ("gate", run, "--policy", str(policy))
        for command in (("audit", *quick, "--out", run), gate, ("report", run)):
            said = subprocess.run(
                [sys.executable, "-c", TRACED, str(src), *command],
                capture_output=True,
                text=True,
                env={"PYTHONPATH": str(src), "PATH": "", "HOME": folder},
                check=False,
            ).stdout
            edges = [line.split()[1:] for line in said.splitlines() if line.startswith("EDGE ")]
            climbs = sum(_floor(src, there) > _floor(src, here) for here, there in edges)
            name = f"rafair {command[0]}"
            yield f"{name}: files that it enters", len({there for _, there in edges})
            yield f"{name}: ways from file to file, climbs", f"{len(edges)}, {climbs}"
            if command[0] == "audit":
                frames = re.search(r"^FRAMES (\d+)", said, re.M)
                yield f"{name}: frames from the command to the sweep", frames and frames[1]


def _code_lines(text: str) -> int:
    """Lines with code: no blank ones, no comments, no docstrings."""
    held: set[int] = set()
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    before = tokenize.NEWLINE
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        alone = before in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.NL)
        if token.type not in skipped and not (token.type == tokenize.STRING and alone):
            held.update(range(token.start[0], token.end[0] + 1))
        if token.type not in (tokenize.COMMENT, tokenize.NL):
            before = token.type
    return len(held)


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    return sum(each.arg not in ("self", "cls") for each in named)


def _imported_once(src: Path, trees: dict[Path, ast.Module]) -> int:
    importers: Counter[str] = Counter()
    for tree in trees.values():
        modules = {
            node.module
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rafair")
        } | {
            f"{node.module}.{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rafair")
            for alias in node.names
        }
        importers.update(modules)
    named = {
        ".".join(path.relative_to(src).with_suffix("").parts)
        for path in trees
        if path.name != "__init__.py"
    }
    return sum(importers[module] == 1 for module in named)


def _floor(src: Path, path: str) -> int:
    if path == "-":
        return len(LAYERS)
    room = Path(path).relative_to(src / "rafair").parts[0].removesuffix(".py")
    return next((floor for floor, rooms in enumerate(LAYERS) if room in rooms), len(LAYERS))


if __name__ == "__main__":
    main()
