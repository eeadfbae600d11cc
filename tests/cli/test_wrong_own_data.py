"""A user's own table and model, with what is wrong in them: exit code 2, one line, nothing left."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from torch import nn

import own_models
from commands import call, rafair

DEFAULTS = {
    "--data": "people.csv",
    "--label": "affair",
    "--sensitive": "age,religious",
    "--model": "pipeline.skops",
    "--instances": "10",
    "--steps": "2",
}


@pytest.fixture(scope="module")
def brought(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a user brings: a table and a model, both good."""
    folder = tmp_path_factory.mktemp("brought")
    own_models.write_people(folder)
    skops.io.dump(own_models.pipeline(), folder / "pipeline.skops")
    return folder


@pytest.fixture
def here(brought: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to be spoilt, in the folder where commands run."""
    shutil.copytree(brought, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def contents(folder: Path) -> dict[str, int]:
    """Every path below a folder with its size, but for what Python itself leaves."""
    paths = (path for path in folder.rglob("*") if "__pycache__" not in path.parts)
    return {str(path.relative_to(folder)): path.stat().st_size for path in paths}


def audit(**changes: str | None) -> list[str]:
    """The words of a command that would work, but for the changes; None leaves an option out."""
    options = DEFAULTS | {f"--{name.replace('_', '-')}": value for name, value in changes.items()}
    return ["audit", *(word for pair in options.items() if pair[1] is not None for word in pair)]


@dataclass(frozen=True)
class Case:
    """One way to be wrong.

    Args:
        spoil: Changes what is in the folder.
        command: What is run.
        words: What the line must say.
    """

    spoil: Callable[[Path], object]
    command: list[str]
    words: tuple[str, ...]


def nothing(folder: Path) -> None:
    """Leaves all as it is."""


def table(**columns: object) -> Callable[[Path], object]:
    """Spoils columns of the table."""
    return lambda folder: own_models.write_people(folder, own_models.people().assign(**columns))


def one(column: str, value: object, row: int = 7) -> Callable[[Path], object]:
    """Spoils one value of the table."""
    values = own_models.people()[column].tolist()
    values[row] = value
    return table(**{column: pd.Series(values, dtype=object)})


def file(name: str, content: bytes | str) -> Callable[[Path], object]:
    """Puts something else into a file."""
    found = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / name).write_bytes(found)


def frame(make: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], object]:
    """Puts another table into the file."""
    return lambda folder: own_models.write_people(folder, make(own_models.people()))


def parquet(make: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], object]:
    """Puts another table into a Parquet file beside it."""
    return lambda folder: make(own_models.people()).to_parquet(folder / "people.parquet")


def cut_short(folder: Path) -> None:
    path = folder / "people.parquet"
    own_models.people().to_parquet(path)
    path.write_bytes(path.read_bytes()[:3000])


def identities(folder: Path) -> None:
    people = pd.DataFrame({"who": np.arange(10**6), "pay": 1.5})
    people.assign(affair=np.where(people["who"] % 3 == 0, "yes", "no")).to_parquet(
        folder / "people.parquet"
    )


def header_twice(folder: Path) -> None:
    lines = (folder / "people.csv").read_text(encoding="utf-8").replace("children", "age", 1)
    (folder / "people.csv").write_text(lines, encoding="utf-8")


TABLES = {
    "label with one class": Case(table(affair="no"), audit(), ("'affair'", "two or more", "1")),
    "sensitive column with one value": Case(
        table(religious="not"), audit(), ("'religious'", "two or more", "1")
    ),
    "sensitive column with a million values": Case(
        identities,
        audit(data="people.parquet", sensitive="who"),
        ("who has 1,000,000 values", "domain"),
    ),
    "missing value in a sensitive column": Case(one("age", None), audit(), ("NaN",)),
    "missing label": Case(one("affair", None), audit(), ("'affair'", "row 7", "missing")),
    "infinity": Case(one("children", "inf"), audit(), ("'children'", "row 7", "inf")),
    "infinity in Parquet": Case(
        parquet(lambda people: people.assign(children=np.inf)),
        audit(data="people.parquet"),
        ("'children'", "row 0", "inf"),
    ),
    "numbers and words mixed": Case(
        one("children", "two"), audit(), ("'children'", "row 7", "'two'")
    ),
    "the same column twice": Case(header_twice, audit(), ("'age'", "once")),
    "a column without a name": Case(
        frame(lambda people: people.rename(columns={"educ": ""})), audit(), ("name",)
    ),
    "no rows": Case(frame(lambda people: people.head(0)), audit(), ("at least one row",)),
    "Parquet cut short": Case(cut_short, audit(data="people.parquet"), ("'people.parquet'",)),
    "CSV called Parquet": Case(
        lambda folder: shutil.copy(folder / "people.csv", folder / "people.parquet"),
        audit(data="people.parquet"),
        ("'people.parquet'", "Parquet"),
    ),
    "Parquet called CSV": Case(
        lambda folder: own_models.people().to_parquet(folder / "people.csv"),
        audit(),
        ("'people.csv'", "Parquet"),
    ),
    "CSV in UTF-16, with an index": Case(
        lambda folder: own_models.people().to_csv(folder / "people.csv", encoding="utf-16"),
        audit(),
        ("'people.csv'", "column 1: expected a name"),
    ),
    "CSV in Latin-1": Case(
        file("people.csv", "âge,pay,affair\n30,1,yes\n40,2,no\n".encode("latin-1")),
        audit(sensitive="âge"),
        ("'people.csv'", "UTF-8"),
    ),
    "CSV with semicolons": Case(
        lambda folder: own_models.people().to_csv(folder / "people.csv", sep=";", index=False),
        audit(),
        ("'people.csv'", "';'"),
    ),
    "CSV with lines of different length": Case(
        lambda folder: (folder / "people.csv").write_text(
            (folder / "people.csv").read_text(encoding="utf-8") + "fair,1,2\n", encoding="utf-8"
        ),
        audit(),
        ("'people.csv'",),
    ),
    "a file of no known kind": Case(
        lambda folder: shutil.copy(folder / "people.csv", folder / "people.ods"),
        audit(data="people.ods"),
        ("'people.ods'", ".csv", ".parquet"),
    ),
    "an empty file": Case(file("people.csv", ""), audit(), ("'people.csv'",)),
    "no file": Case(nothing, audit(data="nobody.csv"), ("'nobody.csv'", "no such file")),
    "a folder": Case(
        lambda folder: (folder / "folder.csv").mkdir(),
        audit(data="folder.csv"),
        ("'folder.csv'", "folder"),
    ),
}

OPTIONS = {
    "no label": Case(nothing, audit(label=None), ("--label: expected the column", "--schema")),
    "unknown label": Case(nothing, audit(label="affairs"), ("'affairs'", "mean 'affair'")),
    "no sensitive columns": Case(
        nothing, audit(sensitive=None), ("--sensitive: expected the columns", "--schema")
    ),
    "no name in sensitive": Case(nothing, audit(sensitive=","), ("sensitive",)),
    "unknown sensitive column": Case(
        nothing, audit(sensitive="age,religion"), ("'religion'", "mean 'religious'")
    ),
    "sensitive column twice": Case(nothing, audit(sensitive="age,age"), ("'age,age'", "once")),
    "label as sensitive": Case(nothing, audit(sensitive="affair"), ("'affair'", "both")),
    "no model": Case(nothing, audit(model=None), ("--model",)),
    "model options without data": Case(
        nothing,
        ["audit", "--trust-pickle", "--instances", "5"],
        ("--trust-pickle: ", "--model"),
    ),
    "schema without data": Case(nothing, ["audit", "--schema", "x.toml"], ("--schema: ", "--data")),
    "a data set beside data": Case(nothing, [*audit(), "--dataset", "adult"], ("dataset",)),
    "unknown input": Case(nothing, audit(model_input="row"), ("'row'", "mean 'raw'")),
    "unknown output": Case(nothing, audit(model_output="logit"), ("mean 'logits'",)),
    "more rows than there are": Case(nothing, audit(instances="601"), ("600", "601")),
    "the data as the run folder": Case(nothing, audit(out="people.csv"), ("out", "people.csv")),
    "the model as the run folder": Case(nothing, audit(out="pipeline.skops"), ("out",)),
}


MODULE = """
import numpy as np, torch

calls = 0
generator = np.random.default_rng()

def steady(rows):
    return np.stack([3 * rows[:, 0], 1 - rows[:, 0]], axis=1)

def likely(rows):
    return np.stack([rows[:, 0], 1 - rows[:, 0]], axis=1)

def second(rows):
    return rows[:, 0]

def named(rows):
    return np.where(rows[:, 0] < 0.5, "yes", "no")

def of_frames(rows):
    return rows["age"].to_numpy() - 30

def drunk(rows):
    return generator.normal(size=(len(rows), 2))

def counting(rows):
    global calls
    calls += 1
    return np.full((len(rows), 2), [2 * calls, 0.0])

def three(rows):
    return np.zeros((len(rows), 3))

def unknown(rows):
    return np.full((len(rows), 2), np.nan)

def broken(rows):
    raise KeyError("no such thing")

def network():
    return torch.nn.Sequential(torch.nn.Linear(10, 2))

number = 3
"""


def ten_columns(folder: Path) -> None:
    """A model of ten features, where the table has eight."""
    own_models.save_torchscript(nn.Sequential(nn.Linear(10, 2)), folder / "ten.pt", 10)


def another_column(folder: Path) -> None:
    columns = own_models.features().rename(columns={"children": "dogs"})
    skops.io.dump(own_models.pipeline(columns), folder / "pipeline.skops")


def pickled(folder: Path) -> None:
    (folder / "pipeline.pkl").write_bytes(pickle.dumps(own_models.pipeline()))


def code(folder: Path) -> None:
    (folder / "mine.py").write_text(MODULE)


def text(name: str) -> Callable[[Path], object]:
    return file(name, "this is no model\n")


MODELS = {
    "pickle without trust": Case(pickled, audit(model="pipeline.pkl"), ("--trust-pickle",)),
    "pickle called skops": Case(
        lambda folder: (pickled(folder), shutil.move(folder / "pipeline.pkl", "pipeline.skops")),
        audit(),
        ("'pipeline.skops'", "pickle"),
    ),
    "no file": Case(nothing, audit(model="nothing.onnx"), ("'nothing.onnx'", "no such file")),
    "a folder that is no model": Case(
        lambda folder: (folder / "model").mkdir(), audit(model="model"), ("model",)
    ),
    "a folder called ONNX": Case(
        lambda folder: (folder / "model.onnx").mkdir(), audit(model="model.onnx"), ("model.onnx",)
    ),
    "a kind that is not known": Case(
        text("model.h5"), audit(model="model.h5"), ("'model.h5'", ".onnx", ".skops")
    ),
    **{
        f"text called {name}": Case(text(name), audit(model=name), (f"'{name}'",))
        for name in ("a.onnx", "a.skops", "a.pt", "a.ubj", "a.json", "a.txt")
    },
    "text called pkl, trusted": Case(
        text("a.pkl"), [*audit(model="a.pkl"), "--trust-pickle"], ("'a.pkl'",)
    ),
    "ten columns for eight": Case(
        ten_columns, [*audit(model="ten.pt"), "--trust-torchscript"], ("10x2",)
    ),
    "another column": Case(another_column, audit(), ("dogs",)),
    "answers at random": Case(code, audit(model="mine.py:drunk"), ("asked again",)),
    "answers that grow": Case(code, audit(model="mine.py:counting"), ("asked again",)),
    "three classes for two": Case(code, audit(model="mine.py:three"), ("2 classes", "3")),
    "answers that are no numbers": Case(code, audit(model="mine.py:unknown"), ("NaN",)),
    "probabilities that nobody stated": Case(
        code, audit(model="mine.py:likely"), ("look like probabilities", "--model-output")
    ),
    "one probability that nobody stated": Case(
        code, audit(model="mine.py:second"), ("look like probabilities", "--model-output")
    ),
    "names of classes": Case(code, audit(model="mine.py:named"), ("texts, such as 'yes'",)),
    "a function of frames that gets codes": Case(
        code, audit(model="mine.py:of_frames"), ("--model-input raw",)
    ),
    "a function that fails": Case(code, audit(model="mine.py:broken"), ("no such thing",)),
    "no such function": Case(code, audit(model="mine.py:stedy"), ("'stedy'", "'steady'")),
    "no function": Case(code, audit(model="mine.py:number"), ("number",)),
    "a module that does not load": Case(
        file("mine.py", "import nonsense_of_mine\n"),
        audit(model="mine.py:steady"),
        ("mine.py", "nonsense_of_mine"),
    ),
    "no module": Case(nothing, audit(model="mine.py:steady"), ("'mine.py'", "no such file")),
    "a factory without weights": Case(code, audit(model="mine.py:network"), ("'network'",)),
    "no such weights": Case(
        code, audit(model="mine.py:network", weights="w.safetensors"), ("'w.safetensors'",)
    ),
    "weights that are none": Case(
        lambda folder: (code(folder), text("w.safetensors")(folder)),
        audit(model="mine.py:network", weights="w.safetensors"),
        ("'w.safetensors'",),
    ),
}


def schema(*changes: tuple[str, str]) -> Callable[[Path], object]:
    """Writes the schema that is proposed for the table, with some changes."""

    def write(folder: Path) -> None:
        named = ("--label", "affair", "--sensitive", "age,religious")
        text = rafair("schema", "infer", "people.csv", *named).out
        for before, after in changes:
            assert before in text
            text = text.replace(before, after, 1)
        (folder / "schema.toml").write_text(text, encoding="utf-8")

    return write


def related(relation: str) -> Callable[[Path], object]:
    """Adds a relation to the proposed schema."""
    # in the place of the one that is proposed
    return schema(('relations = ["yrs_married <= age"]', f"relations = ['{relation}']"))


DESCRIBED = audit(schema="schema.toml", label=None, sensitive=None)

SCHEMAS = {
    "no file": Case(nothing, DESCRIBED, ("'schema.toml'", "no such file")),
    "a folder": Case(lambda folder: (folder / "schema.toml").mkdir(), DESCRIBED, ("a folder",)),
    "no TOML": Case(file("schema.toml", "label ="), DESCRIBED, ("'schema.toml'", "TOML")),
    "unknown kind": Case(
        schema(('kind = "numeric"', 'kind = "number"')), DESCRIBED, ("'number'", "numeric")
    ),
    "unknown key": Case(schema(("minimum =", "least =")), DESCRIBED, ("'least'",)),
    "minimum above maximum": Case(schema(("minimum = ", "minimum = 90")), DESCRIBED, ("minimum",)),
    "a value beyond the range": Case(
        schema(("maximum = 42", "maximum = 40")), DESCRIBED, ("'age'", "row", "17.5 to 40", "42")
    ),
    "a level that is not listed": Case(
        schema(('"not", "strongly"]\nsens', '"not", "very"]\nsens')),
        DESCRIBED,
        ("'religious'", "row", "'strongly'"),
    ),
    "a column that is not there": Case(
        schema(('name = "educ"', 'name = "education"')), DESCRIBED, ("education",)
    ),
    "no relation": Case(related("age"), DESCRIBED, ("relation 'age'", "comparison")),
    "a relation with a call": Case(
        related('__import__("os").mkdir("owned") <= age'), DESCRIBED, ("__import__", "expected")
    ),
    "a relation with a power": Case(related("age ** 99 <= children"), DESCRIBED, ("relation",)),
    "a relation of an unknown name": Case(related("wage <= age"), DESCRIBED, ("'wage'",)),
    "a relation that no row satisfies": Case(
        related("children >= age"), DESCRIBED, ("children >= age", "none among 600")
    ),
    "a relation that some rows break": Case(
        related("yrs_married <= age - 18"), DESCRIBED, ("yrs_married <= age - 18", "row")
    ),
    "another label than its own": Case(
        schema(), audit(schema="schema.toml", label="children"), ("'affair'", "'children'")
    ),
    "nothing sensitive": Case(schema(*[("\nsensitive = true", "")] * 2), DESCRIBED, ("sensitive",)),
}


def refused(case: Case, here: Path) -> None:
    case.spoil(here)
    before = contents(here)
    done = call(*case.command)
    assert (done.code, done.out) == (2, ""), done.err
    assert done.err.startswith("rafair: ")
    assert done.err.count("\n") == 1, done.err
    for word in case.words:
        assert word in done.err
    assert contents(here) == before


@pytest.mark.parametrize("case", TABLES.values(), ids=TABLES)
def test_tables(case, here):
    refused(case, here)


@pytest.mark.parametrize("case", OPTIONS.values(), ids=OPTIONS)
def test_options(case, here):
    refused(case, here)


@pytest.mark.parametrize("case", MODELS.values(), ids=MODELS)
def test_models(case, here):
    refused(case, here)


@pytest.mark.parametrize("case", SCHEMAS.values(), ids=SCHEMAS)
def test_schemas(case, here):
    refused(case, here)
