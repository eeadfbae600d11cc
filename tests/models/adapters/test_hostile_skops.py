"""A skops file makes what holds fitted numbers, and reaches nothing that these modules import."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from rafair.errors import ModelError
from rafair.models.adapters.skops_types import FUNCTIONS, NAMES, TYPES
from rafair.models.model_options import ModelOptions
from rafair.models.models_by_name import open_model

skops_io = pytest.importorskip("skops.io")

WAY_TO_SYSTEM = ("testing", "_private", "utils", "os", "system")
"""From numpy, which every module of scikit-learn imports, to a shell."""


def node(loader: str, module: str, name: str, **more: object) -> dict:
    return {"__loader__": loader, "__module__": module, "__class__": name, **more}


def text(value: object) -> dict:
    return node("JsonNode", "builtins", "str", content=json.dumps(value), is_json=True)


def sequence(*content: dict, loader: str = "ListNode", name: str = "list") -> dict:
    return node(loader, "builtins", name, content=list(content))


def system(module: str, name: str = "np") -> dict:
    """`os.system`, as an attribute of an attribute of … of what a module imports."""
    found = node("FunctionNode", module, name)
    for step in WAY_TO_SYSTEM:
        found = node("MethodNode", module, name, content={"func": step, "obj": found})
    return found


def called(function: dict, argument: str) -> dict:
    """A dictionary whose key has a type, which is what skops calls with the key's text."""
    return node(
        "DictNode",
        "builtins",
        "dict",
        key_types=sequence(function),
        content={argument: text(1)},
    )


def partial(function: dict, argument: str) -> dict:
    content = {
        "func": function,
        "args": sequence(text(argument), loader="TupleNode", name="tuple"),
        "kwds": node("DictNode", "builtins", "dict", key_types=sequence(), content={}),
        "namespace": text(None),
    }
    return node("PartialNode", "functools", "partial", content=content)


def operator(argument: str) -> dict:
    attrs = sequence(text(argument), loader="TupleNode", name="tuple")
    return node("OperatorFuncNode", "operator", "methodcaller", attrs=attrs)


def claimed(argument: str) -> dict:
    """A method of a text that says it is of a type that is trusted."""
    inner = text(argument) | {"__module__": "sklearn.tree._tree", "__class__": "Tree"}
    return node(
        "MethodNode", "sklearn.tree._tree", "Tree", content={"func": "format", "obj": inner}
    )


MODULES = ("sklearn._loss.loss", "sklearn.gaussian_process.kernels")
HOSTILE = {
    **{f"the shell by {m}": lambda line, m=m: called(system(m), line) for m in MODULES},
    "the shell by a type's module": lambda line: called(system("sklearn.calibration"), line),
    "a module": lambda _: node("FunctionNode", "sklearn._loss.loss", "np"),
    "a module as an object": lambda _: node("ObjectNode", "sklearn._loss.loss", "np", content=None),
    "what a module imports": lambda _: node("TypeNode", "sklearn._loss.loss", "numbers"),
    "a class called": lambda _: node(
        "ConstructorFromReduceNode",
        "sklearn.gaussian_process.kernels",
        "namedtuple",
        content=sequence(text("a"), text("b"), loader="TupleNode", name="tuple"),
    ),
    "a function": lambda _: node("FunctionNode", "sklearn.gaussian_process.kernels", "cdist"),
    "a type as a function": lambda _: node("FunctionNode", "sklearn.tree._tree", "Tree"),
    "a partial": lambda line: partial(node("FunctionNode", "numpy", "exp"), line),
    "an operator": operator,
    "a method of a text": claimed,
    "a method of a type": lambda _: node(
        "MethodNode",
        "sklearn.utils._bunch",
        "Bunch",
        content={
            "func": "__setstate__",
            "obj": node("ObjectNode", "sklearn.utils._bunch", "Bunch", content=None),
        },
    ),
}


def stored(path: Path, inner: dict) -> str:
    """A pipeline whose first step holds what is given."""
    model = make_pipeline(FunctionTransformer(), LogisticRegression())
    model.fit(np.array([[0.0], [1.0]]), [0, 1])
    with zipfile.ZipFile(io.BytesIO(skops_io.dumps(model))) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(files["schema.json"])
    steps = schema["content"]["content"]["steps"]["content"]
    transformer = steps[0]["content"][1]
    transformer["content"]["content"]["func"] = inner
    files["schema.json"] = json.dumps(schema).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return str(path)


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_a_file_reaches_nothing_that_modules_import(hostile, tmp_path, affairs):
    source = stored(tmp_path / "m.skops", hostile(f"touch '{tmp_path}/went off'"))
    with pytest.raises(ModelError, match=r"needs .* not scikit-learn's: .*; if you trust") as told:
        open_model(source, affairs.test.schema)
    assert "\n" not in str(told.value)
    assert [path.name for path in tmp_path.iterdir()] == ["m.skops"]


def test_such_files_are_the_real_thing(tmp_path):
    """What is refused above does run where it is trusted."""
    line = f"touch '{tmp_path}/went off'"
    source = Path(stored(tmp_path / "m.skops", called(system("sklearn._loss.loss"), line)))
    trusted = skops_io.get_untrusted_types(data=source.read_bytes())
    skops_io.loads(source.read_bytes(), trusted=trusted)
    assert (tmp_path / "went off").exists()


def test_who_names_them_gets_them(tmp_path, affairs):
    source = stored(tmp_path / "m.skops", node("FunctionNode", "numpy", "round"))
    with pytest.raises(ModelError, match=r"not scikit-learn's: numpy\.round; .* `trust=numpy\.ro"):
        open_model(source, affairs.test.schema)
    with pytest.raises(ModelError, match="a 1-column model"):
        open_model(source, affairs.test.schema, ModelOptions(trust=("numpy.round",)))


def test_every_name_that_is_trusted_is_a_type_of_its_own_module():
    missing = []
    for module, names in NAMES.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                place = import_module(module)
            except ModuleNotFoundError:  # of another version of the library
                missing.append(module)
                continue
        for name in names.split():
            thing = getattr(place, name, None)
            assert thing is None or (
                isinstance(thing, type) and thing.__module__ in (module, "numpy")
            )
            assert not isinstance(thing, ModuleType)
    assert len(missing) <= 2
    assert len(TYPES) > 80
    assert len(FUNCTIONS) == 1


def test_an_archive_that_grows_a_thousandfold_is_not_unpacked(tmp_path, affairs):
    source = tmp_path / "m.skops"
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b" " * 50_000_000)
    assert source.stat().st_size < 100_000
    with pytest.raises(ModelError, match="expected a skops file"):
        open_model(str(source), affairs.test.schema)
