"""A model of one's own in its wrapper, as a folder: its description, and its file beside it.

A file with a model is copied. Code and addresses are not: a folder that came from elsewhere must
not decide what runs here, or who is asked. They are named again, and what has a hash is compared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from rafair.engine.atomic_files import sha256_of, writing
from rafair.engine.digest_json import ALTERED, read_sealed, write_sealed
from rafair.errors import ModelError
from rafair.models.adapters.onnx_model import whole_onnx
from rafair.models.model_file import ModelFile
from rafair.models.model_folder import DESCRIPTION, ONNX, Hardened, model_folder
from rafair.models.model_kinds import ENDINGS, NAMED_AGAIN, kind_of_model
from rafair.models.model_options import ModelOptions, SaidOptions
from rafair.models.wrapper_description import Wrapper
from rafair.tabular.schema import Schema

OWN_VERSION = 3
"""The `model_version` of such a description: networks of rafair's own have 1 or 2."""

ORIGINAL = "original"
"""How the copy of the model is called, with the ending of its name."""

COPY = re.compile(rf"{ORIGINAL}(?:{'|'.join(map(re.escape, ENDINGS))})?", re.IGNORECASE)

LIBRARIES = {
    "scikit-learn": ("scikit-learn", "skops", "joblib"),
    "onnx": ("onnx", "onnxruntime"),
    "xgboost": ("xgboost",),
    "lightgbm": ("lightgbm",),
    "torch": ("torch",),
    "http": ("httpx",),
}


class Original(BaseModel):
    """The model inside a wrapper.

    Args:
        kind: What it is opened as, as `audit.json` calls it.
        name: What it was called: its file's name, `FILE.py:NAME`, or its address.
        file: What it is called in the folder; None where it has to be named again.
        file_sha256: The hash of that file.
        sha256: The hash of the model as it is opened; None of one without.
        said: What its user said of what it takes, gives and decides.
        trust: The types that its user trusted, who opens it has to trust them again.
        shortcut: Whether our faster arithmetic stands for it, which decided as it does.
        columns: The columns that it is asked about.
        libraries: The versions of what opened it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: str
    name: str
    file: str | None
    file_sha256: str | None
    sha256: str | None
    said: SaidOptions
    trust: tuple[str, ...] = ()
    shortcut: bool = True
    columns: tuple[str, ...]
    libraries: dict[str, str]

    @field_validator("file")
    @classmethod
    def _is_ours(cls, name: str | None) -> str | None:
        """Refuses a name that we do not give: it could be that of code, or of a file elsewhere."""
        if name is not None and not COPY.fullmatch(name):
            raise ValueError(f"expected '{ORIGINAL}' with the ending of a model's file")
        return name

    @property
    def option(self) -> str | None:
        """The option that has to be given again before it is opened."""
        if self.file is None:
            return f"--original {self.name}"
        if self.trust:
            return " ".join(f"--trust {name}" for name in self.trust)
        ending = Path(self.file).suffix.lower()
        if ending in (".pkl", ".pickle", ".joblib"):
            return "--trust-pickle"
        return "--trust-torchscript" if ending in (".pt", ".ts", ".torchscript") else None

    def needs(self) -> list[str]:
        """What the folder needs of the model, a sentence each."""
        copied = f"a copy of '{self.name}' lies in the folder as {self.file}"
        apart = f"it does not hold '{self.name}', which --original names again"
        said = [copied if self.file else apart]
        if self.sha256 is not None:
            said[0] += f", sha256 {self.file_sha256 or self.sha256}"
        if self.libraries:
            listed = ", ".join(f"{name} {number}" for name, number in self.libraries.items())
            said.append(f"libraries: {listed}")
        said.append(f"columns: {', '.join(self.columns)}")
        if self.file is not None and self.option:
            said.append(f"to open it takes {self.option} again")
        return said


class WrappedModel(BaseModel):
    """What `model.json` holds of a model of one's own in a wrapper.

    Args:
        model_version: 3.
        wrapper: What it is wrapped in.
        hardened: The method by name, and its options.
        original: The model inside.
        dataset: The name and the variant of the data set that it was hardened on; None of a table
            of one's own.
        table: The schema of the rows, whose sensitive values the wrapper goes through.
        onnx_sha256: The hash of `model.onnx`, which is the whole; None where there is none.
        no_onnx: Why there is none.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    model_version: int = OWN_VERSION
    wrapper: Wrapper
    hardened: Hardened
    original: Original
    dataset: tuple[str, str] | None
    table: Schema
    onnx_sha256: str | None = None
    no_onnx: str | None = None

    def needs(self) -> list[str]:
        """What the folder needs, and what it has, a sentence each."""
        has = f"{ONNX} is the whole of it" if self.onnx_sha256 else f"no {ONNX}: {self.no_onnx}"
        return [*self.original.needs(), has]


def original_of(
    source: str, opening: ModelOptions, sha256: str | None, schema: Schema, *, shortcut: bool
) -> tuple[Original, ModelFile | None]:
    """What a description says of a model that others made, and the file to copy, if there is one.

    Args:
        source: The model as it was named.
        opening: How it was opened.
        sha256: The hash of the model as it was opened.
        schema: The features that it is asked about.
        shortcut: Whether our faster arithmetic stands for it.

    Raises:
        ModelError: If the file is gone.
    """
    kind = kind_of_model(source, weights=opening.weights is not None)
    assert kind is not None  # it was opened
    file = None if kind in NAMED_AGAIN else ModelFile.read(Path(source))
    if file is not None and kind.name == "onnx":
        file = whole_onnx(file)
    told = Original(
        kind=kind.name,
        name=source if file is None else file.name,
        file=f"{ORIGINAL}{file.path.suffix}" if file else None,
        file_sha256=file.sha256 if file else None,
        sha256=sha256,
        said=opening.said,
        trust=opening.trust,
        shortcut=shortcut,
        columns=schema.names,
        libraries=libraries_of(kind.name),
    )
    return told, file


def libraries_of(kind: str) -> dict[str, str]:
    """The versions of what opens a kind of model, of those that are installed.

    Example:
        >>> sorted(libraries_of("torch"))
        ['torch']
    """
    found = {}
    for name in LIBRARIES.get(kind, ()):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def save_wrapped(
    folder: Path, described: WrappedModel, file: ModelFile | None, onnx: bytes | None
) -> WrappedModel:
    """Writes the copy, `model.onnx` if there is one, and last `model.json`.

    Args:
        folder: Where; it is there.
        described: What `model.json` says.
        file: The model's file.
        onnx: The whole as an ONNX graph.
    """
    if file is not None:
        with writing(folder / (described.original.file or ORIGINAL)) as path:
            path.write_bytes(file.content)
    if onnx is not None:
        with writing(folder / ONNX) as path:
            path.write_bytes(onnx)
        described = described.model_copy(update={"onnx_sha256": sha256_of(folder / ONNX)})
    content: Mapping[str, Any] = described.model_dump(mode="json")
    write_sealed(folder / DESCRIPTION, {**content, "needs": described.needs()})
    return described


def wrapped_in(model: str | Path) -> WrappedModel | None:
    """The description in a folder, or of a `model.json`, if it is that of a wrapped model.

    Raises:
        ModelError: If it is, but was altered, or none that rafair wrote.
    """
    path = model_folder(Path(model)) / DESCRIPTION
    try:
        content = read_sealed(path)
        if content.get("model_version") != OWN_VERSION:
            return None
    except (OSError, AttributeError):
        return None
    except ValueError as error:
        if str(error) == ALTERED:
            raise ModelError(f"'{path}': {ALTERED}") from error
        return None
    try:
        return WrappedModel.model_validate(content)
    except ValidationError as error:
        raise ModelError(f"'{path}': expected a model description written by rafair") from error


def check_wrapped(folder: Path, described: WrappedModel) -> None:
    """Refuses a folder whose files are not those that were saved.

    Raises:
        ModelError: If the copy is gone or altered, or `model.onnx` is another.
    """
    original = described.original
    pairs = ((original.file, original.file_sha256), (ONNX, described.onnx_sha256))
    for name, expected in pairs:
        if name is None or expected is None:
            continue
        path = folder / name
        if not path.is_file():
            if name == ONNX:
                continue
            raise ModelError(f"'{path}': expected the copy of the model, found no such file")
        if sha256_of(path) != expected:
            raise ModelError(f"'{path}': its hash is not the one in {DESCRIPTION}; it was altered")
